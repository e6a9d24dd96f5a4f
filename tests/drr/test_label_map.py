import nibabel
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from drr.anatomy import find_anatomy
from drr.label_map import PlacedMask, placed_on, read_labels
from drr.volume import Volume

AFFINE = np.array([[-0.8, 0, 0, 30], [0, 0.8, 0, -20], [0, 0, -2.5, 90], [0, 0, 0, 1]])


def write(path, labels, affine=AFFINE):
    nibabel.save(nibabel.Nifti1Image(labels, affine), path)
    return path


def labels_1_2():
    labels = np.zeros((6, 5, 4), np.uint8)
    labels[1:4, 2, 1], labels[3, 3, 3] = 1, 2
    return labels


def test_labels_are_masks_where_they_lie(tmp_path):
    path = write(tmp_path / "labels.nii.gz", labels_1_2())
    assert np.array_equal(read_labels(path).mask, labels_1_2() > 0)
    assert np.array_equal(read_labels(path, [2]).mask, labels_1_2() == 2)
    assert read_labels(path).ct_from_voxel == pytest.approx(AFFINE, abs=1e-5)


@pytest.mark.parametrize(
    ("labels", "values", "says"),
    [
        (labels_1_2(), [3, 1], r"l\.nii: the label map has no label 3; its labels are 0, 1, 2"),
        (np.zeros((3, 3, 3), np.uint8), [], r"the label map marks nothing; its labels are 0"),
        (np.full((3, 3, 3), 0.5, np.float32), [], "whole numbers, found fractions"),
        (np.zeros((3, 3), np.uint8), [], "3 axes"),
        (np.full((3, 3, 3), np.nan, np.float32), [], "finite"),
    ],
)
def test_a_label_map_that_is_none_is_refused(tmp_path, labels, values, says):
    with pytest.raises(ValueError, match=says):
        read_labels(write(tmp_path / "l.nii", labels), values)


def test_a_label_map_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="label map not found"):
        read_labels(tmp_path / "none.nii")


def test_a_mask_on_its_own_grid_is_itself():
    mask = labels_1_2() > 0
    assert np.array_equal(placed_on(PlacedMask(mask, AFFINE), mask.shape, AFFINE), mask)


def test_a_ball_is_a_ball_on_a_turned_and_mirrored_grid():
    def ball(shape, ct_from_voxel):
        empty = Volume(np.zeros(shape, np.int16), ct_from_voxel)
        points = empty.points_ct(np.moveaxis(np.indices(shape), 0, -1))
        return np.linalg.norm(points - [3, -2, 5], axis=-1) < 14

    turned = np.diag([-1.1, 0.9, 1.3, 1])
    turned[:3, :3] = Rotation.from_euler("xyz", [20, -30, 40], True).as_matrix() @ turned[:3, :3]
    turned[:3, 3] = [3, -2, 5] - turned[:3, :3] @ [20, 20, 20]
    straight = np.diag([1.0, 1, 1, 1])
    straight[:3, 3] = -20
    found = placed_on(PlacedMask(ball((41, 41, 41), turned), turned), (50, 50, 50), straight)
    expected = ball((50, 50, 50), straight)
    assert (found & expected).sum() * 2 / (found.sum() + expected.sum()) > 0.95


def long_bone():
    data = np.full((40, 40, 80), -1000, np.int16)
    i, j, k = np.indices(data.shape)
    radius = np.hypot(i - 20, j - 20)
    data[radius < 16] = 40
    data[radius < 8] = 1200
    return Volume(data, np.eye(4)), (radius < 8) & (k < 30)


def test_a_cranium_of_ones_own_takes_the_place_of_the_found_one():
    volume, half = long_bone()
    found = find_anatomy(volume, PlacedMask(half, np.eye(4)))
    expected = placed_on(PlacedMask(half, np.eye(4)), found.bone.shape, found.ct_from_voxel)
    assert np.array_equal(found.cranium, expected)
    assert (found.bone & ~found.cranium).any() and not (found.cranium & ~found.bone).any()


@pytest.mark.parametrize(
    ("shift_mm", "says"), [(500.0, "outside of the CT"), (25.0, "only 0 % .* as dense as bone")]
)
def test_a_cranium_of_another_ct_is_refused(shift_mm, says):
    volume, half = long_bone()
    moved = np.eye(4)
    moved[0, 3] = shift_mm
    if shift_mm < 100:
        half = half & (np.indices(half.shape)[0] < 16)
    with pytest.raises(ValueError, match=says):
        find_anatomy(volume, PlacedMask(half, moved))
