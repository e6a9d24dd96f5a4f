import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from drr.deformation import (
    deformed,
    displacement,
    jacobian,
    largest_stretch,
    new_points,
    old_points,
    random_deformation,
    warped,
)
from drr.volume import Volume

# Unequal spacings, a left-handed grid, turned by 10 degrees about z.
TURN = np.deg2rad(10)
CT_FROM_VOXEL = np.array(
    [
        [-1.5 * np.cos(TURN), -1.2 * np.sin(TURN), 0, 60.0],
        [-1.5 * np.sin(TURN), 1.2 * np.cos(TURN), 0, -40.0],
        [0, 0, 2.0, 300.0],
        [0, 0, 0, 1],
    ]
)
SHAPE = (60, 70, 45)


def volume_of(data: np.ndarray) -> Volume:
    return Volume(data, CT_FROM_VOXEL)


def empty() -> Volume:
    return volume_of(np.zeros(SHAPE, np.int16))


def points_in(volume: Volume, count: int, margin: float = 8.0) -> np.ndarray:
    voxels = np.random.default_rng(5).uniform(margin, np.array(volume.shape) - margin, (count, 3))
    return volume.points_ct(voxels)


@pytest.mark.parametrize("seed", range(4))
def test_there_and_back_is_where_it_was(seed):
    change = random_deformation(empty(), seed, 4.0, 50.0)
    points = points_in(empty(), 200, margin=-10.0)  # outside of the volume too
    np.testing.assert_allclose(new_points(change, old_points(change, points)), points, atol=1e-8)
    np.testing.assert_allclose(old_points(change, new_points(change, points)), points, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_a_bead_moves_with_its_landmark(seed):
    """To 0.05 mm: the centre of mass of a blurred bead, against the landmark's new place."""
    centres = points_in(empty(), 3, margin=14.0)
    grid = volume_of(np.zeros(SHAPE, np.float32))
    places = grid.points_ct(np.moveaxis(np.indices(SHAPE), 0, -1).reshape(-1, 3).astype(float))
    for centre in centres:
        bead = 1000 * np.exp(-((places - centre) ** 2).sum(-1) / (2 * 3.0**2))
        moved, landmarks = deformed(
            volume_of(bead.reshape(SHAPE).astype(np.float32)), {"bead": centre}, seed, 3.0, 60.0
        )
        weight = moved.data_hu.ravel().astype(float)
        found = (weight[:, None] * places).sum(0) / weight.sum()
        assert np.linalg.norm(landmarks["bead"] - centre) > 0.3  # it did move
        change = random_deformation(grid, seed, 3.0, 60.0)
        wide = middle_of_a_blur(change, centre, 3.0) - landmarks["bead"]  # of the second order
        assert np.linalg.norm(found - wide - landmarks["bead"]) < 0.05


def middle_of_a_blur(change, centre, sd_mm):
    """The centre of mass of a round blur in the new head, by sampling the map."""
    offsets = np.random.default_rng(0).normal(0, sd_mm, (3000, 3))
    new = new_points(change, centre + np.concatenate([offsets, -offsets]))
    mass = 1 / np.linalg.det(jacobian(change, new))
    return (mass[:, None] * new).sum(0) / mass.sum()


def test_voxels_are_those_of_the_old_places():
    data = np.random.default_rng(0).normal(0, 300, SHAPE).astype(np.float32)
    volume = volume_of(data)
    change = random_deformation(volume, 3, 2.0, 40.0)
    new = warped(volume, change)
    voxels = np.random.default_rng(1).integers(6, np.array(SHAPE) - 6, (500, 3))
    at = volume.voxels(old_points(change, volume.points_ct(voxels)))
    expected = map_coordinates(data, at.T, order=1, mode="nearest")
    np.testing.assert_allclose(new.data_hu[tuple(voxels.T)], expected, atol=0.05)


def test_the_jacobian_is_the_slope_and_its_determinant_above_zero():
    change = random_deformation(empty(), 1, 4.0, 45.0)
    points, h = points_in(empty(), 50), 1e-4
    slopes = [
        (old_points(change, points + h * e) - old_points(change, points - h * e)) / (2 * h)
        for e in np.eye(3)
    ]
    np.testing.assert_allclose(jacobian(change, points), np.stack(slopes, axis=-1), atol=1e-6)
    many = points_in(empty(), 20_000)
    assert np.linalg.det(jacobian(change, many)).min() > 0
    stretch = np.linalg.norm(jacobian(change, many) - np.eye(3), 2, axis=(1, 2)).max()
    assert stretch <= largest_stretch(change) * 1.02


def test_the_amplitude_is_the_standard_deviation_of_the_displacement():
    volume = Volume(np.zeros((80, 80, 80), np.int16), np.diag([5.0, 5, 5, 1]))
    points = points_in(volume, 3000)
    change = random_deformation(volume, 0, 3.0, 40.0)
    assert displacement(change, points).std() == pytest.approx(3.0, rel=0.1)


def test_no_amplitude_changes_nothing():
    data = np.random.default_rng(0).integers(-1000, 2000, SHAPE).astype(np.int16)
    new, landmarks = deformed(volume_of(data), {"a": np.array([1.0, 2, 3])}, 0, 0)
    np.testing.assert_array_equal(new.data_hu, data)
    np.testing.assert_allclose(landmarks["a"], [1, 2, 3])


def test_a_seed_gives_the_same_head_again_and_the_type_stays():
    data = np.random.default_rng(0).integers(-1000, 2000, SHAPE).astype(np.int16)
    first, again, other = (deformed(volume_of(data), {}, seed)[0] for seed in (7, 7, 8))
    assert first.data_hu.dtype == np.int16
    np.testing.assert_array_equal(first.data_hu, again.data_hu)
    assert (first.data_hu != other.data_hu).any()
    assert deformed(volume_of(data.astype(np.float32)), {}, 7)[0].data_hu.dtype == np.float32


def test_a_volume_of_one_slice_is_deformed_in_its_plane():
    flat = Volume(np.arange(900, dtype=np.float32).reshape(30, 30, 1), np.diag([2.0, 2, 2, 1]))
    new, _ = deformed(flat, {}, 0, 1.0, 20.0)
    assert new.shape == flat.shape and np.isfinite(new.data_hu).all()


def test_a_deformation_that_would_fold_is_refused_with_the_amplitude_that_would_not():
    with pytest.raises(ValueError, match=r"amplitude_mm 15 is too large .* take less than"):
        deformed(empty(), {}, 0, 15.0, 40.0)


@pytest.mark.parametrize("amplitude", [-1.0, np.nan, np.inf])
def test_an_amplitude_that_is_none_is_refused(amplitude):
    with pytest.raises(ValueError, match="amplitude_mm must be 0 or more"):
        deformed(empty(), {}, 0, amplitude)


@pytest.mark.parametrize("length", [0.0, 7.9, np.nan, np.inf])
def test_a_length_below_a_few_voxels_is_refused(length):
    with pytest.raises(ValueError, match=r"length_mm must be at least 4 voxels \(8 mm\)"):
        deformed(empty(), {}, 0, 1.0, length)
