import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calibration import Rigid
from drr.volume import Volume

SHEARED = np.array([[0.0, -0.9, 0.1, 12], [-0.8, 0, 0.2, -7], [0, 0, 2.5, 300], [0, 0, 0, 1]])


def ramp(shape, ct_from_voxel, slope_hu_per_mm=(1.0, -2.0, 3.0)):
    """A CT whose HU are linear in the position."""
    empty = Volume(np.zeros(shape, np.float32), ct_from_voxel)
    positions = empty.points_ct(np.moveaxis(np.indices(shape), 0, -1))
    return Volume((positions @ np.array(slope_hu_per_mm)).astype(np.float32), ct_from_voxel)


def test_a_voxel_centre_is_at_its_integer_index():
    volume = Volume(np.zeros((4, 5, 6), np.int16), SHEARED)
    assert volume.points_ct(np.array([[0, 0, 0], [1, 0, 2]])) == pytest.approx(
        np.array([[12, -7, 300], [12.2, -7.4, 305]])
    )
    assert volume.spacing_mm == pytest.approx([0.8, 0.9, np.sqrt(0.05 + 2.5**2)])


def test_points_go_there_and_back():
    volume = Volume(np.zeros((4, 5, 6), np.int16), SHEARED)
    points_ct = np.random.default_rng(0).normal(size=(2, 7, 3)) * 100
    assert volume.points_ct(volume.voxels(points_ct)) == pytest.approx(points_ct, abs=1e-9)


def test_integers_of_16_bits_and_floats_of_32_are_not_copied():
    for kind in (np.int16, np.float32):
        data = np.zeros((2, 3, 4), kind)
        assert Volume(data, np.eye(4)).data_hu is data
    assert Volume(np.zeros((2, 3, 4)), np.eye(4)).data_hu.dtype == np.float32


def test_tensors_and_motions_are_taken():
    motion = Rigid(torch.eye(3), torch.tensor([1.0, 2, 3]))
    volume = Volume(torch.zeros(2, 3, 4), motion)
    assert volume.center_ct == pytest.approx([1.5, 3, 4.5])


def test_a_crop_stays_in_place():
    volume = ramp((8, 9, 7), SHEARED)
    part = volume.cropped((1, 2, 3), (5, 9, 4))
    assert part.shape == (4, 7, 1)
    assert part.data_hu == pytest.approx(ramp((4, 7, 1), part.ct_from_voxel).data_hu, abs=1e-3)


@given(st.floats(0.4, 5))
def test_a_linear_ramp_is_resampled_exactly_where_edges_do_not_reach(spacing_mm):
    volume = ramp((20, 24, 16), SHEARED)
    new = volume.resampled(spacing_mm)
    assert new.spacing_mm == pytest.approx([spacing_mm] * 3)
    assert new.center_ct == pytest.approx(volume.center_ct)
    expected = ramp(new.shape, new.ct_from_voxel).data_hu
    reach = np.ceil(np.maximum(volume.spacing_mm / spacing_mm, 1)).astype(int) + 1
    inner = tuple(slice(n, max(n, size - n)) for n, size in zip(reach, new.shape, strict=True))
    assert new.data_hu[inner] == pytest.approx(expected[inner], abs=0.02)


def test_a_step_of_two_is_the_mean_of_blocks():
    data = np.random.default_rng(1).normal(0, 300, (6, 8, 4)).astype(np.float32)
    blocks = data.reshape(3, 2, 4, 2, 2, 2).mean(axis=(1, 3, 5))
    new = Volume(data, np.eye(4)).resampled(2.0)
    assert new.data_hu == pytest.approx(blocks, abs=1e-3)
    assert new.ct_from_voxel[:3, 3] == pytest.approx([0.5, 0.5, 0.5])


def test_the_same_spacing_changes_nothing():
    data = np.random.default_rng(1).integers(-1000, 3000, (5, 4, 3)).astype(np.int16)
    volume = Volume(data, np.diag([-1.5, 1.5, 1.5, 1]))
    assert np.array_equal(volume.resampled(1.5).data_hu, data)


def test_detail_finer_than_the_new_voxels_does_not_alias():
    stripes = np.where(np.arange(64) % 2, 1000, -1000).astype(np.float32)
    new = Volume(np.tile(stripes[:, None, None], (1, 4, 4)), np.eye(4)).resampled(3.0)
    assert np.abs(new.data_hu[2:-2]).max() < 1e-3


def test_a_volume_smaller_than_a_voxel_becomes_one():
    new = Volume(np.full((2, 2, 2), 40, np.int16), np.eye(4)).resampled(10.0)
    assert new.shape == (1, 1, 1)
    assert new.data_hu[0, 0, 0] == 40


@pytest.mark.parametrize(
    ("data", "affine", "says"),
    [
        (np.zeros((3, 4)), np.eye(4), "3 axes, found shape"),
        (np.zeros((3, 4, 0)), np.eye(4), "must have voxels"),
        (np.zeros((3, 4, 2), bool), np.eye(4), "real numbers, found bool"),
        (np.full((3, 4, 2), np.nan), np.eye(4), "finite HU"),
        (np.zeros((3, 4, 2)), np.full((4, 4), np.inf), "must be finite"),
        (np.zeros((3, 4, 2)), np.diag([1.0, 1, 0, 1]), "no inverse"),
        (np.zeros((3, 4, 2)), np.diag([1.0, 1, 1, 2]), "last row"),
    ],
)
def test_a_malformed_volume_is_refused(data, affine, says):
    with pytest.raises(ValueError, match=says):
        Volume(data, affine)


def test_a_box_that_is_not_inside_is_refused():
    with pytest.raises(ValueError, match="not inside"):
        Volume(np.zeros((3, 4, 2)), np.eye(4)).cropped((0, 0, 0), (3, 5, 2))


def test_a_spacing_of_zero_is_refused():
    with pytest.raises(ValueError, match="above 0 mm"):
        Volume(np.zeros((3, 4, 2)), np.eye(4)).resampled(0.0)
