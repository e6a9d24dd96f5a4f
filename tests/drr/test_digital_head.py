from functools import cache

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from drr.digital_head import DigitalHead, digital_head, head_parts
from drr.head_landmarks import MANDIBLE_LANDMARKS
from drr.head_paint import AIR_HU, bone_share, paint
from drr.head_shape import ct_from_mean, drawn_shape, mean_from_ct
from drr.head_solids import ellipsoid, rod, union

ON_NO_SURFACE = {"sella", "eye", "lens", "incision_superius", "incision_inferius"}


@cache
def head(seed: int, spacing_mm: float = 4.0) -> DigitalHead:
    return digital_head(seed, spacing_mm)


def hu_at(head: DigitalHead, point_ct: np.ndarray) -> float:
    voxel = head.volume.voxels(point_ct)
    return float(map_coordinates(head.volume.data_hu.astype(float), voxel[:, None], order=1)[0])


def test_the_same_seed_gives_the_same_head_and_another_seed_another():
    again, other = digital_head(5, 4.0), digital_head(1, 4.0)
    np.testing.assert_array_equal(head(5).volume.data_hu, again.volume.data_hu)
    assert not np.allclose(other.landmarks["menton"], again.landmarks["menton"])


def test_the_head_is_a_ct_in_hounsfield_units_with_air_around_and_neck_below():
    volume = head(0, 2.0).volume
    assert volume.data_hu.dtype == np.int16
    np.testing.assert_allclose(volume.spacing_mm, 2.0)
    edges = [volume.data_hu[0], volume.data_hu[-1], volume.data_hu[:, -1], volume.data_hu[..., -1]]
    assert max(edge.max() for edge in edges) < -850
    assert (volume.data_hu[..., 0] > 0).sum() * 4 > 5000  # mm2 of neck in the lowest slice
    assert volume.data_hu.max() > 2000  # enamel


@pytest.mark.parametrize("seed", [0, 5])
def test_landmarks_of_bone_lie_on_its_surface(seed: int):
    shape = drawn_shape(seed)
    bones = [part for part in head_parts(shape) if part.group in ("cranium", "mandible")]
    around = np.random.default_rng(0).normal(size=(200, 3))
    around *= 0.4 / np.linalg.norm(around, axis=1, keepdims=True)
    for name, point_ct in head(seed).landmarks.items():
        if name.rsplit("_", 1)[0] in ON_NO_SURFACE or name in ON_NO_SURFACE:
            continue
        group = "mandible" if name in MANDIBLE_LANDMARKS else "cranium"
        near = [c.ravel() for c in mean_from_ct(shape, *(point_ct + around).T)]
        share = bone_share([b for b in bones if b.group == group], np.stack(near, axis=1))
        assert share.max() > 0.5 and share.min() < 0.5, name


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_landmarks_lie_as_in_a_person(seed: int):
    p = head(seed).landmarks
    assert len(p) >= 50
    for name in p:
        if name.endswith("_left"):  # RAS: x to the right
            assert p[name][0] < p[name[:-4] + "right"][0], name
    assert p["vertex"][2] > p["nasion"][2] > p["anterior_nasal_spine"][2] > p["prosthion"][2]
    assert p["prosthion"][2] > p["infradentale"][2] > p["menton"][2]
    assert p["anterior_nasal_spine"][1] > p["posterior_nasal_spine"][1] > p["basion"][1]
    assert p["basion"][1] > p["opisthion"][1] > p["inion"][1]
    frankfort = [p[name][2] for name in ("porion_left", "porion_right", "orbitale_left")]
    assert np.ptp(frankfort) < 1e-6
    assert 60 < np.linalg.norm(p["sella"] - p["nasion"]) < 85  # adults: about 70
    assert 115 < p["vertex"][2] - p["basion"][2] < 165


def test_the_lens_is_dense_in_a_watery_eye_and_the_ear_canal_is_air_below_the_porion():
    fine = head(0, 2.0)
    for side in ("left", "right"):
        lens, eye = fine.landmarks[f"lens_{side}"], fine.landmarks[f"eye_{side}"]
        assert np.linalg.norm(lens - eye) < 12  # the eye's radius
        assert lens[1] > eye[1]
        assert hu_at(fine, lens) > hu_at(fine, eye) + 30
        porion = fine.landmarks[f"porion_{side}"]
        up = np.array([0, 0, 1.0])
        assert hu_at(fine, porion - 3 * up) < -700 < 300 < hu_at(fine, porion + 2 * up)


def test_a_coarse_head_is_the_mean_of_a_fine_one():
    coarse, fine = head(0, 4.0).volume, head(0, 2.0).volume
    i, j, k = np.meshgrid(*(np.arange(5, n - 5, 3) for n in coarse.shape), indexing="ij")
    voxels = np.stack([i, j, k], axis=-1).reshape(-1, 3)
    here = coarse.data_hu[tuple(voxels.T)].astype(float)
    there = map_coordinates(fine.data_hu.astype(float), fine.voxels(coarse.points_ct(voxels)).T)
    assert np.corrcoef(here, there)[0, 1] > 0.98


@pytest.mark.parametrize("seed", [0, 7])
def test_the_map_to_the_mean_head_is_undone_exactly(seed: int):
    shape = drawn_shape(seed)
    points = np.random.default_rng(1).uniform(-90, 90, size=(50, 3))
    ct = ct_from_mean(shape, points)
    back = np.stack(mean_from_ct(shape, *ct.T), axis=1)
    np.testing.assert_allclose(back, points, atol=1e-9)


def test_a_head_without_spacing_is_refused():
    with pytest.raises(ValueError, match="spacing_mm must be positive, found 0"):
        digital_head(0, 0.0)


def test_distances_to_a_ball_and_a_rod_are_exact():
    x, y, z = np.random.default_rng(0).uniform(-9, 9, (3, 100)).astype(np.float32)
    ball = ellipsoid((1, 2, 3), (4, 4, 4)).distance(x, y, z)
    np.testing.assert_allclose(ball, np.hypot(np.hypot(x - 1, y - 2), z - 3) - 4, atol=1e-3)
    straight = rod((0, 0, -5), (0, 0, 5), 2, 2).distance(x, y, z)
    beyond = np.maximum(np.abs(z) - 5, 0)
    np.testing.assert_allclose(straight, np.hypot(np.hypot(x, y), beyond) - 2, atol=1e-4)
    both = union([ellipsoid((1, 2, 3), (4, 4, 4)), rod((0, 0, -5), (0, 0, 5), 2, 2)], 2.0)
    assert (both.distance(x, y, z) <= np.minimum(ball, straight) + 1e-6).all()


def test_nothing_painted_is_air():
    axis = np.zeros((2, 2, 2), np.float32)
    assert (paint([], axis, axis, axis, 1.0) == AIR_HU).all()
