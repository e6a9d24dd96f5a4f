from itertools import islice

import numpy as np
import pytest
import torch

from calibration import Camera, Rig, Rigid
from detector import TrainingConfig, train_network
from detector.dataset_views import dataset_views, view_of
from detector.network_input import INPUT_PX
from drr import dataset as of_radiographs
from drr.dataset import read_dataset, write_dataset
from drr.labelled_radiograph import Studio
from drr.material_model import material_model

COUNT = 20  # two shards of at most 16


def rig():
    K = torch.tensor([[240.0, 0, 40], [0, 240, 30], [0, 0, 1]], dtype=torch.float64)
    cameras = []
    for name, turn in (("A", 0.0), ("B", 1.2)):
        R = Rigid.exp(torch.tensor([0, 0, 0, 0, turn, 0], dtype=torch.float64)).R
        pose = Rigid(R, torch.tensor([0, 0, 700.0], dtype=torch.float64))
        cameras.append(Camera(K, pose, 80, 60, name=name))
    return Rig(tuple(cameras))


@pytest.fixture(scope="module")
def dataset(volume, landmarks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    points = np.array(list(landmarks.values()))
    studio = Studio(material_model(volume.resampled(8.0)), points, rig())
    about = {"landmarks_ct": {name: point.tolist() for name, point in landmarks.items()}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_radiographs, "SHARD", 16)
        write_dataset(folder, studio, COUNT, 0, about)
    return folder, points


def test_every_radiograph_comes_once_in_each_pass(dataset):
    views = list(islice(dataset_views(*dataset, seed=0), 2 * COUNT))
    first, second = ({v.uv.tobytes() for v in part} for part in (views[:COUNT], views[COUNT:]))
    assert len(first) == COUNT and first == second
    assert [v.uv.tobytes() for v in views[:COUNT]] != [v.uv.tobytes() for v in views[COUNT:]]


@pytest.mark.parametrize("start", [1, 15, 17, 45])
def test_a_sequence_goes_on_where_it_was_left(dataset, start):
    whole = list(islice(dataset_views(*dataset, seed=5), start + 3))[start:]
    for view, expected in zip(dataset_views(*dataset, seed=5, start=start), whole, strict=False):
        np.testing.assert_array_equal(view.planes, expected.planes)


def test_landmarks_lie_where_the_window_shows_them(dataset):
    folder, points = dataset
    for radiograph in islice(read_dataset(folder), 20):
        view = view_of(radiograph, points)
        inside = view.in_field > 0
        assert view.planes.shape == (4, INPUT_PX, INPUT_PX) and np.isfinite(view.planes).all()
        u, v = np.rint(view.uv[inside]).astype(int).T
        assert (view.planes[2, v, u] > 0).mean() > 0.8 or not inside.any()  # some on the edge
        spread_mm = np.linalg.norm(view.uv - view.uv.mean(0), axis=1).max() * view.mm_per_px
        assert 20 < spread_mm < 130  # the landmarks lie on a sphere of 75 mm, some nearer


def test_the_face_looks_at_the_source_or_away(dataset):
    folder, points = dataset
    for radiograph in islice(read_dataset(folder), 10):
        forward_cam = radiograph.cam_from_ct[:3, :3] @ [0, 1, 0]
        assert view_of(radiograph, points).planes[3, 0, 0] == (1 if forward_cam[2] < 0 else -1)


def test_a_network_trains_on_it(dataset, tiny, tmp_path):
    folder, points = dataset
    config = TrainingConfig(steps=3, batch=4)
    projector = None  # not needed: nothing is rendered
    network = train_network(projector, points, tmp_path, config, shape=tiny, dataset=folder)
    assert all(parameter.isfinite().all() for parameter in network.parameters())
    assert (tmp_path / "training.csv").read_text().splitlines()[0].endswith(",waiting")


def test_other_landmarks_are_refused(dataset):
    folder, points = dataset
    with pytest.raises(ValueError, match="the data set has other landmarks"):
        next(dataset_views(folder, points + 1, seed=0))
    with pytest.raises(ValueError, match="the data set has other landmarks"):
        next(dataset_views(folder, points[:3], seed=0))
