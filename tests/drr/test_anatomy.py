from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from drr.anatomy import bone_centroid_ct, bone_threshold_hu, find_anatomy
from drr.anatomy_cavity import enclosure, line_ends
from drr.digital_head import digital_head
from drr.head_mandible import mandible
from drr.head_neck import spine
from drr.head_paint import bone_share
from drr.head_shape import drawn_shape, mean_from_ct
from drr.volume import Volume, moved

HEADS = Path(__file__).parents[2] / "../shared/data/heads"


@cache
def head():
    return digital_head(0, 2.0)


@cache
def anatomy():
    return find_anatomy(head().volume)


def in_jaw_or_neck(points_ct, seed=0):
    """Whether points lie in the digital head's own mandible or spine."""
    shape = drawn_shape(seed)
    points_mean = np.stack(mean_from_ct(shape, *points_ct.T), axis=-1)
    return bone_share([*mandible(shape), *spine(shape)], points_mean) > 0.5


def voxels_ct(mask, found):
    return moved(found.ct_from_voxel, np.argwhere(mask))


def test_the_middle_of_a_box_of_bone_is_enclosed_and_its_outside_is_not():
    bone = np.zeros((11, 11, 11), bool)
    bone[2:9, 2:9, 2:9] = True
    bone[3:8, 3:8, 3:8] = False
    share = enclosure(bone, np.ones_like(bone))
    assert share[5, 5, 5] == 1
    open_box = bone.copy()
    open_box[:, :, 8] = False
    assert enclosure(open_box, bone)[5, 5, 5] == pytest.approx(17 / 26)  # 9 lines leave through air
    assert enclosure(open_box, np.ones_like(bone))[5, 5, 5] == 1  # those leave the CT: no witnesses
    assert enclosure(bone, bone)[0, 0, 0] <= 7 / 26


@pytest.mark.parametrize("direction", [(0, 0, 1), (0, -1, 1), (-1, 1, 1), (1, 0, 0)])
def test_lines_end_where_a_walk_along_them_ends(direction):
    rng = np.random.default_rng(3)
    bone = rng.random((5, 6, 7)) < 0.15
    head_there = bone | (rng.random(bone.shape) < 0.7)
    hit, cut = line_ends(bone, head_there, direction)
    for start in np.ndindex(bone.shape):
        here, seen = np.array(start), bone[start]
        while not seen and ((here + direction >= 0) & (here + direction < bone.shape)).all():
            here = here + direction
            seen = bone[tuple(here)]
        assert hit[start] == seen
        assert cut[start] == (not seen and head_there[tuple(here)])


def test_the_jaw_and_the_neck_are_no_cranium():
    found = anatomy()
    assert found.is_head
    assert in_jaw_or_neck(voxels_ct(found.bone, found)).mean() > 0.1
    # At 2 mm the joint's gap is blurred: the condyles' heads slip in (0.0001 of a CT at 1 mm).
    assert in_jaw_or_neck(voxels_ct(found.cranium, found)).mean() < 0.005
    assert not (found.cranium & ~found.bone).any()


def test_the_cranium_reaches_its_own_landmarks():
    cranium_ct = voxels_ct(anatomy().cranium, anatomy())
    names = "nasion bregma opisthion opisthocranion frontozygomatic_left frontozygomatic_right"
    for name in set(names.split()) & set(head().landmarks):
        apart_mm = np.linalg.norm(cranium_ct - head().landmarks[name], axis=1).min()
        assert apart_mm < 6, name


def test_the_cavity_is_as_large_as_a_brain_and_holds_no_bone():
    found = anatomy()
    assert found.cavity is not None
    assert 1000e3 < found.cavity.sum() * 1.5**3 < 1900e3
    assert not (found.cavity & found.bone).any()


def test_the_centroid_is_that_of_the_cranium():
    middle = bone_centroid_ct(anatomy())
    assert middle == pytest.approx(voxels_ct(anatomy().cranium, anatomy()).mean(axis=0))
    left, right = head().landmarks["porion_left"], head().landmarks["porion_right"]
    assert np.linalg.norm(middle - (left + right) / 2) < 70


@pytest.mark.parametrize(("axis", "angle_deg"), [("x", -20), ("y", 20)])
def test_a_tilted_head_has_the_same_cranium(axis, angle_deg):
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler(axis, angle_deg, degrees=True).as_matrix()
    volume = head().volume
    found = find_anatomy(Volume(volume.data_hu, turn @ volume.ct_from_voxel))
    level_ct = moved(np.linalg.inv(turn), voxels_ct(found.cranium, found))
    assert in_jaw_or_neck(level_ct).mean() < 0.01
    assert found.cranium.sum() == pytest.approx(anatomy().cranium.sum(), rel=0.15)


def test_voxel_order_does_not_matter():
    volume = head().volume
    swap = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    swap[1] = [0, -1, 0, volume.shape[1] - 1]
    turned = volume.data_hu.transpose(2, 1, 0)[:, ::-1]
    found = find_anatomy(Volume(turned, volume.ct_from_voxel @ swap))
    assert bone_centroid_ct(found) == pytest.approx(bone_centroid_ct(anatomy()), abs=0.5)
    assert found.cranium.sum() == pytest.approx(anatomy().cranium.sum(), rel=0.02)


def test_a_head_without_its_vault_and_its_neck_is_still_one():
    volume = head().volume
    nx, ny, nz = volume.shape
    found = find_anatomy(volume.cropped((0, 0, int(0.1 * nz)), (nx, ny, int(0.8 * nz))))
    assert found.is_head
    assert in_jaw_or_neck(voxels_ct(found.cranium, found)).mean() < 0.01


def test_a_long_bone_is_no_head():
    data = np.full((40, 40, 80), -1000, np.int16)
    i, j, _ = np.indices(data.shape)
    radius = np.hypot(i - 20, j - 20)
    data[radius < 16] = 40
    data[(radius < 8) & (radius > 4)] = 1200
    found = find_anatomy(Volume(data, np.eye(4)))
    assert not found.is_head
    assert found.cavity is None
    assert np.array_equal(found.cranium, found.bone)
    assert bone_centroid_ct(found) == pytest.approx([20, 20, 39.5], abs=0.8)


def test_a_ct_without_bone_is_refused():
    data = np.full((30, 30, 30), -1000, np.int16)
    data[5:25, 5:25, 5:25] = 40
    with pytest.raises(ValueError, match="no bone: nothing is above 260 HU"):
        find_anatomy(Volume(data, np.eye(4)))


def test_the_threshold_follows_a_scale_that_is_short():
    rng = np.random.default_rng(0)
    data = rng.choice([-1000.0, 40.0, 900.0], 3000)[:, None, None]
    assert bone_threshold_hu(data) == pytest.approx(260)
    assert bone_threshold_hu(0.93 * (data + 1000) - 920) == pytest.approx(0.93 * 1260 - 920)
    assert bone_threshold_hu(np.full((2, 2, 2), 900.0)) == pytest.approx(260)


@pytest.mark.parametrize(
    ("name", "cranium_cm3", "base_mm", "face_mm"),
    [("imagex_phantom", (450, 620), 358, 380), ("vtk_fullhead", (230, 340), -60, -55)],
)
def test_real_crania_end_at_the_base(name, cranium_cm3, base_mm, face_mm):
    """Heights in the CT of the atlas and of the upper teeth, read off by eye."""
    if not HEADS.exists():
        pytest.skip("needs the shared real heads")
    found = find_anatomy(Volume.read(HEADS / f"{name}.nii.gz"))
    cranium_ct = voxels_ct(found.cranium, found)
    assert cranium_cm3[0] < found.cranium.sum() * 1.5**3 / 1000 < cranium_cm3[1]
    assert cranium_ct[:, 2].min() > base_mm
    front = cranium_ct[:, 1] > np.percentile(cranium_ct[:, 1], 60)
    assert cranium_ct[front, 2].min() > face_mm
