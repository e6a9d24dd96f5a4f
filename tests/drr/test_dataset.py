import json
import shutil
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
import torch

from calibration import Camera, Rig, Rigid
from drr import dataset
from drr.dataset import read_dataset, read_manifest, write_dataset
from drr.digital_head import digital_head
from drr.labelled_radiograph import Studio, draw_labelled, resized_rig
from drr.material_model import material_model

ABOUT = {"landmarks": ["a", "b"]}


def rig(size=64, focal_px=230.0, angle_rad=1.1):
    """Two views of a place 700 mm ahead of each."""
    K = [[focal_px, 0, size / 2], [0, focal_px, size / 2 - 3], [0, 0, 1]]
    K = torch.tensor(K, dtype=torch.float64)
    cameras = []
    for name, turn in (("A", 0.0), ("B", angle_rad)):
        R = Rigid.exp(torch.tensor([0, 0, 0, 0, turn, 0], dtype=torch.float64)).R
        pose = Rigid(R, torch.tensor([0, 0, 700.0], dtype=torch.float64))
        cameras.append(Camera(K, pose, size, size, name=name))
    return Rig(tuple(cameras))


@cache
def studio():
    head = digital_head(0, 4.0)
    points = np.array([head.landmarks[n] for n in ("nasion", "inion", "gonion_left", "vertex")])
    return Studio(material_model(head.volume), points, rig())


def test_a_radiograph_depends_on_seed_and_number_alone():
    first = draw_labelled(studio(), 3, 5)
    draw_labelled(studio(), 3, 4)
    again = draw_labelled(studio(), 3, 5)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.uv_px, again.uv_px)
    assert abs(first.image - draw_labelled(studio(), 4, 5).image).max() > 0.1


def test_labels_are_where_opencv_projects_the_landmarks():
    for number in range(6):
        drawn = draw_labelled(studio(), 0, number)
        rotation, _ = cv2.Rodrigues(drawn.cam_from_ct[:3, :3])
        expected, _ = cv2.projectPoints(
            studio().points_ct, rotation, drawn.cam_from_ct[:3, 3], drawn.K, None
        )
        np.testing.assert_allclose(drawn.uv_px, expected[:, 0], atol=1e-6)


def test_views_of_a_pose_follow_each_other():
    a, b, other = (draw_labelled(studio(), 0, number) for number in range(3))
    assert (a.view, b.view, other.view) == ("A", "B", "A")
    b_from_a = rig()["B"].cam_from_world.matrix() @ rig()["A"].cam_from_world.inverse().matrix()
    np.testing.assert_allclose(b.cam_from_ct, b_from_a.numpy() @ a.cam_from_ct, atol=1e-9)
    assert abs(other.cam_from_ct - a.cam_from_ct).max() > 0.1


def test_heads_stand_where_the_beams_cross():
    middles = [draw_labelled(studio(), 1, number) for number in range(60)]
    centre = studio().points_ct.mean(0)
    places = np.array([m.cam_from_ct[:3, :3] @ centre + m.cam_from_ct[:3, 3] for m in middles])
    spread = 25.0 / np.sqrt(len(places) / 2)
    assert abs(places.mean(0) - [0, 0, 700]).max() < 5 * spread
    # the principal points are at (32, 29), the images' middles at (31.5, 31.5)


def test_in_field_agrees_with_opencv_and_with_the_image():
    seen = 0
    for number in range(12):
        drawn = draw_labelled(studio(), 2, number)
        polygon = drawn.field_polygon_px.astype(np.float32)
        for uv, on_image, in_field in zip(drawn.uv_px, drawn.on_image, drawn.in_field, strict=True):
            distance = cv2.pointPolygonTest(polygon, (float(uv[0]), float(uv[1])), True)
            if abs(distance) > 0.1:
                assert in_field == (on_image and distance > 0)
                seen += 1
            assert on_image == bool((uv > -0.5).all() and (uv < 63.5).all())
    assert seen > 30


def test_what_is_written_is_read(tmp_path):
    write_dataset(tmp_path, studio(), 7, 0, ABOUT)
    read = list(read_dataset(tmp_path))
    assert len(read) == 7 and read_manifest(tmp_path)["count"] == 7
    for number, radiograph in enumerate(read):
        drawn = draw_labelled(studio(), 0, number)
        assert abs(radiograph.image - drawn.image).max() <= 0.5001 / 65535
        for name in ("K", "cam_from_ct", "uv_px", "on_image", "in_field", "field_polygon_px"):
            np.testing.assert_array_equal(getattr(radiograph, name), getattr(drawn, name))
        assert radiograph.fluoroscope == drawn.fluoroscope


def test_a_run_that_was_cut_short_goes_on_and_ends_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "SHARD", 4)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    manifest = write_dataset(whole, studio(), 7, 0, ABOUT)
    write_dataset(cut, studio(), 2, 0, ABOUT)
    (cut / ".77.shard-00001.npz").write_bytes(b"half")  # what a kill leaves behind
    write_dataset(cut, studio(), 7, 0, ABOUT)
    assert read_manifest(cut) == json.loads(manifest.read_text())
    stamp = (cut / "shard-00000.npz").stat().st_mtime_ns
    write_dataset(cut, studio(), 7, 0, ABOUT)
    assert (cut / "shard-00000.npz").stat().st_mtime_ns == stamp


def test_a_damaged_shard_is_refused_and_made_anew(tmp_path):
    write_dataset(tmp_path, studio(), 3, 0, ABOUT)
    shard = tmp_path / "shard-00000.npz"
    good = shard.read_bytes()
    shard.write_bytes(good[:-50])
    with pytest.raises(ValueError, match=r"shard-00000.npz: not the file that the manifest"):
        list(read_dataset(tmp_path))
    write_dataset(tmp_path, studio(), 3, 0, ABOUT)
    assert len(list(read_dataset(tmp_path))) == 3


def test_another_data_set_in_the_folder_is_refused(tmp_path):
    write_dataset(tmp_path, studio(), 2, 0, ABOUT)
    with pytest.raises(ValueError, match="holds another data set, which differs in seed"):
        write_dataset(tmp_path, studio(), 2, 1, ABOUT)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"format": "dualfluoro-dataset", "version": 2, "shards": []}', "\xff",
     '{"format": "dualfluoro-dataset", "version": 1, "parameters": {}, "shards": '
     '[{"file": "../x.npz", "count": 1, "sha256": ""}]}', "[" * 100_000],
)  # fmt: skip
def test_a_hostile_manifest_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"manifest.json: not the manifest"):
        read_manifest(tmp_path)


def test_a_rig_is_resized_without_its_distortion():
    distortion = {"model": "opencv", "coefficients": [0.1, 0, 0, 0, 0]}
    cameras = tuple(replace(camera, distortion=distortion) for camera in rig())
    small = resized_rig(Rig(cameras), 32)
    assert all(c.distortion is None and max(c.width, c.height) == 32 for c in small)


def test_beams_that_do_not_cross_are_refused():
    one = Rig(rig().cameras[:1])
    with pytest.raises(ValueError, match="do not cross"):
        draw_labelled(replace(studio(), rig=one), 0, 0)


def test_shards_hold_no_pickles(tmp_path):
    write_dataset(tmp_path, studio(), 2, 0, ABOUT)
    with np.load(tmp_path / "shard-00000.npz", allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)
    shutil.rmtree(tmp_path)
