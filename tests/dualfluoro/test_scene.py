"""What is drawn of a trial: light surfaces and their cache, what beams hit, errors of points."""

import csv
import json
import shutil

import numpy as np
import pytest

from calibration import Rigid
from drr import Volume
from dualfluoro import load_trial
from dualfluoro.recording import open_tracked
from dualfluoro.scene import faces_hit, light_skin, scene_of
from dualfluoro.scene_exposure import point_covariance, read_scene_exposure
from dualfluoro.scene_surfaces import (
    FOLDER,
    light_surfaces,
    read_surfaces,
    surfaces_of,
    write_surfaces,
)


@pytest.fixture(scope="module")
def ball():
    """A head of soft tissue of 80 mm about a skull of 70 to 62 mm, 3 mm voxels."""
    index = np.indices((64, 64, 64)).reshape(3, -1).T
    radius = np.linalg.norm((index - 31.5) * 3, axis=1).reshape(64, 64, 64)
    hu = np.select([radius < 62, radius < 70, radius < 80], [40, 1200, 40], -1000)
    ct_from_voxel = np.diag([3.0, 3, 3, 1])
    ct_from_voxel[:3, 3] = -31.5 * 3
    return Volume(hu.astype(np.int16), ct_from_voxel)


def test_light_surfaces_lie_where_the_ct_has_them(ball):
    surfaces = light_surfaces(ball, -300.0)
    bone, skin = (np.linalg.norm(s.vertices_ct, axis=1) for s in (surfaces.bone, surfaces.skin))
    assert abs(bone.max() - 70) < 3 and abs(bone.min() - 62) < 3  # a voxel
    assert abs(np.median(skin) - 80) < 1.0 and skin.std() < 1.0
    assert not surfaces.skin_on_cut.any()
    assert len(surfaces.skin.faces) < 16_000


def test_the_cache_gives_back_what_was_written_and_refuses_what_is_not_its_own(ball, tmp_path):
    surfaces, file = light_surfaces(ball, -300.0), tmp_path / "surfaces-a.npz"
    write_surfaces(file, surfaces)
    again = read_surfaces(file)
    assert again is not None
    np.testing.assert_array_equal(again.bone.vertices_ct, surfaces.bone.vertices_ct)
    np.testing.assert_array_equal(again.skin_on_cut, surfaces.skin_on_cut)
    whole = file.read_bytes()
    arrays = dict(np.load(file))
    no_vertex, no_place = arrays["bone_faces"] + 10**8, arrays["skin_vertices"] * np.nan
    objects, few = np.array([object()]), np.zeros(3, bool)
    spoilt = {
        "cut short": lambda: file.write_bytes(whole[: len(whole) // 2]),
        "not a zip": lambda: file.write_bytes(b"surfaces"),
        "face of no vertex": lambda: np.savez(file, **arrays | {"bone_faces": no_vertex}),
        "not finite": lambda: np.savez(file, **arrays | {"skin_vertices": no_place}),
        "pickled": lambda: np.savez(file, **arrays | {"skin_on_cut": objects}),
        "flags of other faces": lambda: np.savez(file, **arrays | {"skin_on_cut": few}),
        "a part missing": lambda: np.savez(file, bone_faces=arrays["bone_faces"]),
    }  # fmt: skip
    for what, spoil in spoilt.items():
        spoil()
        assert read_surfaces(file) is None, what
    assert read_surfaces(tmp_path / "missing.npz") is None


def test_another_ct_has_another_cache_and_the_old_one_goes(trial):
    loaded = load_trial(trial)
    first = surfaces_of(loaded)
    (known,) = (trial / FOLDER).iterdir()
    known.write_bytes(b"damaged")
    np.testing.assert_array_equal(surfaces_of(loaded).bone.faces, first.bone.faces)
    import nibabel

    image = nibabel.load(loaded.ct)
    moved = image.affine @ np.diag([1, 1, 1, 1.0])
    moved[0, 3] += 10
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), moved), loaded.ct)
    second = surfaces_of(loaded)
    shift = second.bone.vertices_ct.mean(0) - first.bone.vertices_ct.mean(0)
    np.testing.assert_allclose(shift, [10, 0, 0], atol=0.2)
    assert [path.name for path in (trial / FOLDER).iterdir()] != [known.name]
    assert len(list((trial / FOLDER).iterdir())) == 1


def test_covariance_of_a_point_is_that_of_small_twists():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6)) * 1e-3
    offset = np.array([[40.0, -70, 25], [0, 0, 0]])
    twists = rng.normal(size=(40_000, 6)) @ root.T
    moved = (Rigid.exp(twists)[:, None] @ offset).numpy() - offset
    for i, found in enumerate(point_covariance(root @ root.T, offset)):
        measured = np.cov(moved[:, i].T)
        np.testing.assert_allclose(found, measured, atol=0.03 * np.abs(measured).max())


def test_faces_that_beams_hit_have_the_area_of_exposure_csv(tracked_trial):
    loaded = load_trial(tracked_trial)
    file = tracked_trial / "track.csv"
    views, track = open_tracked(loaded, file)
    scene = scene_of(loaded, views, track, file)
    area_mm2 = light_skin(scene.surfaces).area_mm2
    with (tracked_trial / "exposure.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows[:4]:
        view = scene.rig.names.index(row["view"])
        hit = faces_hit(scene, int(row["frame"])) >> view & 1
        assert area_mm2 @ hit == pytest.approx(float(row["skin_area_mm2"]), rel=0.06)


def test_an_exposure_of_another_track_is_left_aside_and_a_damaged_one_refused(
    tracked_trial, tmp_path
):
    for name in ("track.csv", "exposure.json"):
        shutil.copy(tracked_trial / name, tmp_path)
    file, target = tmp_path / "track.csv", tmp_path / "exposure.json"
    known = read_scene_exposure(file, ("A", "B"), 3)
    assert set(known.outline_px) == {(f, v) for f in range(3) for v in range(2)}
    assert np.isfinite(known.covariance).all()
    content = json.loads(target.read_text())
    for spoil in (
        lambda c: c["rows"][0].update(frame=9),
        lambda c: c["rows"][0].update(view="C"),
        lambda c: c["rows"][0].update(field=99),
        lambda c: c["fields_px"].__setitem__(0, [[0, 0], [1, None]]),
        lambda c: c["rows"][0].update(pose_covariance="no"),
        lambda c: c.pop("rows"),
    ):
        spoilt = json.loads(json.dumps(content))
        spoil(spoilt)
        target.write_text(json.dumps(spoilt))
        with pytest.raises(ValueError, match=r"exposure.json: damaged .*; make it again"):
            read_scene_exposure(file, ("A", "B"), 3)
    target.write_text(json.dumps(content))
    file.write_text(file.read_text() + "\n")
    with pytest.warns(UserWarning, match="it is of another track"):
        assert not read_scene_exposure(file, ("A", "B"), 3).outline_px
