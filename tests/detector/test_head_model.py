"""The network of any head: what it learns from, how it is stored, what it says."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from calibration import Camera
from detector import Shape, head_family
from detector.head_calibration import calibrated_head
from detector.head_family import FamilyRange, Head, family_views, stretched
from detector.head_model import HeadModel, in_field_probability
from detector.head_shapes import shape_model
from detector.network import LandmarkNetwork
from detector.train_head import HeadTrainingConfig, train_head_network
from detector.training import TrainingConfig
from detector.views import ViewRange, draw_radiograph
from drr import LANDMARK_NAMES, Volume, material_model

FEW = FamilyRange(at_once=2, spacing_mm=5.0, vessel_share=0.0)
TINY = Shape(len(LANDMARK_NAMES), 5, 8, 12.0, 2.0, 8, 16)


@pytest.fixture(scope="module", autouse=True)
def small_blocks():
    """Six radiographs are drawn from one set of heads, in place of 96."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(head_family, "BLOCK", 6)
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory, family_points):
    torch.manual_seed(0)
    made = calibrated_head(
        LandmarkNetwork(TINY), FEW, ViewRange(), {}, heads=range(2), views_each=2,
        shapes=shape_model(family_points, modes=12),
    )  # fmt: skip
    path = tmp_path_factory.mktemp("head") / "head.safetensors"
    made.write(path)
    return path, made


def test_a_stretched_head_casts_its_shadow_where_its_landmarks_are():
    """Four beads are found in the image by their shadow alone."""
    beads_mm = np.array([[-40.0, 10, 5], [35, -20, 30], [5, 45, -25], [-10, -35, -40]])
    hu = np.full((61, 61, 61), -1000, np.int16)
    ct_from_voxel = np.diag([2.0, 2, 2, 1])
    ct_from_voxel[:3, 3] = -60
    volumes = []
    for bead in beads_mm:
        one = hu.copy()
        one[tuple(np.rint((bead + 60) / 2).astype(int))] = 3000
        volumes.append(Volume(one, ct_from_voxel))
    views = ViewRange(field_mm=(200.0, 201.0), off_centre_sd=0.02)
    placed = np.rint((beads_mm + 60) / 2) * 2 - 60
    for seed in range(4):
        change = stretched(
            Head(material_model(volumes[0]), placed), np.random.default_rng(seed), 0.1
        )
        for n, volume in enumerate(volumes):
            rng = np.random.default_rng((seed, 5))
            drawn = draw_radiograph(material_model(volume), placed, rng, views, True, change)
            shadow = drawn.line_integrals.sum(0)
            rows, columns = np.mgrid[: shadow.shape[0], : shadow.shape[1]]
            seen = np.array([(shadow * axis).sum() for axis in (columns, rows)]) / shadow.sum()
            assert np.abs(seen - drawn.uv[n]).max() < 0.3


def test_views_are_the_same_from_any_start():
    ranges = (ViewRange(), replace(FEW, blocks_each=1))
    first = family_views(*ranges, seed=1, looks_each=1)
    for _ in range(9):
        last = next(first)
    again = next(family_views(*ranges, seed=1, looks_each=1, start=8))
    assert np.array_equal(last.planes, again.planes) and np.array_equal(last.uv, again.uv)


def test_training_goes_on_from_its_checkpoint(tmp_path):
    def pull_the_plug(share, figures):
        if share >= 0.5:
            raise KeyboardInterrupt

    training = TrainingConfig(steps=4, batch=4, warm_start=False, looks_each=1)
    config = HeadTrainingConfig(training, FEW)
    with pytest.raises(KeyboardInterrupt):
        train_head_network(tmp_path / "cut", config, shape=TINY, progress=pull_the_plug)
    resumed = train_head_network(tmp_path / "cut", config, shape=TINY)
    whole = train_head_network(tmp_path / "whole", config, shape=TINY)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_written_and_read_again(model):
    path, made = model
    image = np.random.default_rng(0).uniform(0.2, 0.8, (200, 240)).astype(np.float32)
    one, two = made(image), HeadModel.read(path)(image)
    assert one.names == LANDMARK_NAMES == two.names
    assert np.abs(one.uv_px - two.uv_px).max() < 3  # half precision
    assert one.xyz_cam is None and one.sd_mm is None
    assert one.in_field.dtype == bool and (one.in_field == (one.in_field_probability > 0.5)).all()


def test_a_camera_gives_places_that_project_to_the_pixels(model):
    _, made = model
    K = np.array([[900.0, 0, 120], [0, 900, 100], [0, 0, 1]])
    image = np.random.default_rng(1).uniform(0.2, 0.8, (200, 240)).astype(np.float32)
    at = made(image, Camera(K, np.eye(4), 240, 200), depth_mm=(700.0, 20.0))
    assert at.xyz_cam is not None and at.sd_mm is not None
    uv = at.xyz_cam[:, :2] / at.xyz_cam[:, 2:] * 900 + [120, 100]
    assert np.allclose(uv, at.uv_px) and (at.sd_mm > 0).all()
    with pytest.raises(ValueError, match="the image is 240 x 200 pixels, camera"):
        made(image, Camera(K, np.eye(4), 256, 200))
    with pytest.raises(ValueError, match="NaN"):
        made(np.full((64, 64), np.nan, np.float32))


def test_an_unknown_facing_widens_the_deviations(model):
    _, made = model
    image = np.random.default_rng(3).uniform(0.2, 0.8, (160, 160)).astype(np.float32)
    open_, toward, away = (made(image, facing=said) for said in ("unknown", "toward", "away"))
    given = {"toward": toward, "away": away}[open_.facing]
    assert np.allclose(open_.uv_px, given.uv_px) and given.facing_probability == 1
    assert 0.5 <= open_.facing_probability < 1
    apart = np.sqrt(((toward.uv_px - away.uv_px) ** 2).mean(1))
    share = (1 - open_.facing_probability) ** 0.5
    assert (open_.sd_px >= 0.99 * share * apart).all()
    assert given.fit.cost == min(toward.fit.cost, away.fit.cost)


def test_attenuation_is_the_inverse(model):
    _, made = model
    image = np.random.default_rng(2).uniform(0, 1, (160, 160)).astype(np.float32)
    image[0, 0], image[0, 1] = 0, 1
    edges = np.array([[-0.5, -0.5], [159.5, -0.5], [159.5, 159.5], [-0.5, 159.5]])
    one = made(image, field_polygon_px=edges)
    two = made(1 - image, field_polygon_px=edges, transmission=False)
    assert np.allclose(one.uv_px, two.uv_px, atol=1e-3)


def test_probability_of_the_field():
    square = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
    uv = np.array([[5.0, 5], [10, 5], [13, 5], [-2, 5]])
    p = in_field_probability(uv, np.array([1.0, 1, 3, 1]), square)
    assert p[0] > 0.999 and p[1] == pytest.approx(0.5)
    assert p[2] == pytest.approx(0.1587, abs=1e-3) and p[3] < 0.03


@pytest.mark.parametrize(
    ("entry", "value", "says"),
    [
        ("modes", 0, "'modes' must be"),
        ("sd_factor", -1, "'sd_factor' must be above 0"),
        ("landmarks", ["a", "a"], "a name stands twice"),
        ("shape", {"landmarks": 3}, "a network of 55 landmarks"),
        ("shape", {"landmarks": 55, "depth": 1e9}, "'depth' of 'shape'"),
        ("modes", 5, "shapes.modes_mm"),
    ],
)
def test_cards_that_do_not_fit_are_refused(model, tmp_path, entry, value, says):
    path, _ = model
    content = json.loads(path.with_suffix(".json").read_text()) | {entry: value}
    other = tmp_path / "x.safetensors"
    other.write_bytes(path.read_bytes())
    other.with_suffix(".json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=says):
        HeadModel.read(other)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        HeadModel.read(tmp_path / "none.safetensors")
