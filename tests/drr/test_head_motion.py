from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from drr.anatomy import HeadAnatomy, find_anatomy
from drr.digital_head import bone_labels, head_of, head_parts
from drr.head_jaw import condyles_ct, jaw_motion
from drr.head_landmarks import MANDIBLE_LANDMARKS, landmarks_of
from drr.head_motion import (
    least_volume,
    neck_bend,
    unbent_points,
    with_jaw_opened,
    with_neck_bent,
)
from drr.head_shape import HeadShape
from drr.resample import nearest_mask
from drr.volume import Volume

HEADS = Path(__file__).parents[2] / "../shared/data/heads"
SHAPE = HeadShape()
CRANIUM, MANDIBLE, SPINE = 1, 2, 3
IN_NECK_CT = np.array([2.0, -19.0, -60.0])


@cache
def head():
    return head_of(SHAPE, 3.0)


@cache
def anatomy() -> HeadAnatomy:
    return find_anatomy(head().volume)


@cache
def labels() -> np.ndarray:
    return bone_labels(SHAPE, head().volume)


def middle_ct(volume: Volume, mask: np.ndarray) -> np.ndarray:
    return volume.points_ct(np.argwhere(mask).mean(0))


def test_a_straight_neck_is_the_same_ct():
    volume, landmarks = with_neck_bent(head().volume, head().landmarks, anatomy())
    np.testing.assert_array_equal(volume.data_hu, head().volume.data_hu)
    np.testing.assert_allclose(list(landmarks.values()), list(head().landmarks.values()))


@pytest.mark.parametrize("angles", [{"flexion_deg": 18}, {"turn_deg": 25, "tilt_deg": -8}])
def test_no_voxel_of_cranium_jaw_or_cavity_changes_when_the_neck_is_bent(angles):
    volume, landmarks = with_neck_bent(head().volume, head().landmarks, anatomy(), **angles)
    still = np.isin(labels(), (CRANIUM, MANDIBLE))
    # find_anatomy leaves a seam of 3 mm around the condyles to no one: what it calls cranium
    cranium = nearest_mask(
        anatomy().cranium, anatomy().ct_from_voxel, volume.shape, volume.ct_from_voxel
    )
    cavity = anatomy().cavity
    assert cavity is not None
    brain = nearest_mask(cavity, anatomy().ct_from_voxel, volume.shape, volume.ct_from_voxel)
    for mask in (cranium, brain, still & (labels() == MANDIBLE)):
        np.testing.assert_array_equal(volume.data_hu[mask], head().volume.data_hu[mask])
    assert (volume.data_hu[still] != head().volume.data_hu[still]).mean() < 0.01
    np.testing.assert_allclose(list(landmarks.values()), list(head().landmarks.values()))
    spine = labels() == SPINE
    assert (volume.data_hu[spine] != head().volume.data_hu[spine]).mean() > 0.7


def test_the_spine_goes_the_way_of_the_trunk_and_stays_whole():
    def lowest_spine(volume):
        low = np.zeros(volume.shape, bool)
        low[:, :, :7] = volume.data_hu[:, :, :7] > 300
        return middle_ct(volume, low)

    start = lowest_spine(head().volume)
    for angles, axis, sign in (
        ({"flexion_deg": 18}, 1, 1),
        ({"flexion_deg": -18}, 1, -1),
        ({"tilt_deg": 15}, 0, 1),
    ):
        bent, _ = with_neck_bent(head().volume, {}, anatomy(), **angles)
        assert sign * (lowest_spine(bent) - start)[axis] > 8
        bone, was = ((v.data_hu > 300).sum() for v in (bent, head().volume))
        assert bone == pytest.approx(was, rel=0.03)  # none doubled, none lost


def test_landmarks_of_the_neck_go_with_its_voxels():
    """A bead in the neck lies where its landmark is said to be, to a fifth of a voxel."""
    empty = Volume(np.zeros(head().volume.shape, np.float32), head().volume.ct_from_voxel)
    grid = np.moveaxis(np.indices(empty.shape), 0, -1).reshape(-1, 3).astype(float)
    places = empty.points_ct(grid)
    bead_ct = IN_NECK_CT
    bead = np.exp(-((places - bead_ct) ** 2).sum(-1) / (2 * 4.0**2)).reshape(empty.shape) * 1000
    beaded = Volume(head().volume.data_hu * 0.0 + bead.astype(np.float32), empty.ct_from_voxel)
    bend = neck_bend(anatomy(), flexion_deg=15, turn_deg=10)
    flesh_less, landmarks = with_neck_bent(
        beaded, {"bead": bead_ct}, anatomy(), flexion_deg=15, turn_deg=10
    )
    weight = flesh_less.data_hu.ravel().astype(float)
    found = (weight[:, None] * places).sum(0) / weight.sum()
    assert np.linalg.norm(landmarks["bead"] - bead_ct) > 3
    assert np.linalg.norm(found - landmarks["bead"]) < 0.5
    np.testing.assert_allclose(unbent_points(bend, landmarks["bead"][None])[0], bead_ct, atol=1e-6)


def test_flesh_of_a_bent_neck_is_never_folded():
    for angles in ({"flexion_deg": 20}, {"flexion_deg": -20}, {"turn_deg": 30}, {"tilt_deg": 15}):
        assert least_volume(neck_bend(anatomy(), **angles), head().volume) > 0.15


def test_a_neck_that_is_bent_too_far_or_has_no_head_is_refused():
    with pytest.raises(ValueError, match="can be bent by 40 degrees in all, found flexion 41"):
        neck_bend(anatomy(), flexion_deg=41)
    with pytest.raises(ValueError, match="can be bent by 40 degrees in all, found flexion nan"):
        neck_bend(anatomy(), flexion_deg=float("nan"))
    with pytest.raises(ValueError, match=r"would fold the neck's flesh \(volumes shrink"):
        with_neck_bent(head().volume, {}, anatomy(), flexion_deg=-40)
    with pytest.raises(ValueError, match="no endocranial cavity: is it a CT of a head"):
        neck_bend(replace(anatomy(), is_head=False, cavity=None), flexion_deg=10)


@cache
def opened(opening_deg: float):
    volume, landmarks = head()
    return with_jaw_opened(
        volume, landmarks, labels() == MANDIBLE, opening_deg, still=labels() == CRANIUM
    )


def test_the_condyles_are_found():
    jaw = labels() == MANDIBLE
    for found, side in zip(condyles_ct(head().volume, jaw), ("left", "right"), strict=True):
        assert np.linalg.norm(found - head().landmarks[f"condylion_{side}"]) < 8


def test_landmarks_of_the_jaw_move_rigidly_and_as_in_the_family():
    _, landmarks = opened(20.0)
    motion = jaw_motion(head().volume, labels() == MANDIBLE, 20.0)
    shape = replace(SHAPE, jaw_opening_deg=20.0)
    family = landmarks_of(shape, head_parts(shape))
    for name, point in landmarks.items():
        start = head().landmarks[name]
        expected = start
        if name in MANDIBLE_LANDMARKS:
            expected = motion[:3, :3] @ start + motion[:3, 3]
            assert np.linalg.norm(point - family[name]) < 2  # the axis was found in the voxels
        np.testing.assert_allclose(point, expected, atol=1e-9, err_msg=name)


def test_the_open_jaw_is_where_its_landmarks_are_and_nowhere_else():
    volume, landmarks = opened(20.0)
    was = head().volume.data_hu
    bone_before, bone = was > 300, volume.data_hu > 300
    jaw = labels() == MANDIBLE
    np.testing.assert_array_equal(volume.data_hu[labels() == CRANIUM], was[labels() == CRANIUM])
    np.testing.assert_array_equal(volume.data_hu[labels() == SPINE], was[labels() == SPINE])
    # what was jaw and is not overlapped by the open one holds no bone
    motion = jaw_motion(volume, jaw, 20.0)
    grid = np.argwhere(np.ones(volume.shape, bool)).astype(float)
    back = np.linalg.inv(motion)
    at = volume.voxels(volume.points_ct(grid) @ back[:3, :3].T + back[:3, 3])
    there = ndimage.map_coordinates(
        ndimage.binary_dilation(jaw, iterations=2).astype(np.float32), at.T, order=1
    ).reshape(volume.shape)
    left_alone = jaw & (there == 0)
    assert left_alone.sum() > 300
    near_cranium = ndimage.binary_dilation(labels() == CRANIUM, iterations=2)
    assert bone[left_alone & ~near_cranium].mean() < 0.01
    assert bone.sum() == pytest.approx(bone_before.sum(), rel=0.03)
    for name in ("menton", "gonion_left", "gonion_right"):
        place = np.rint(volume.voxels(landmarks[name])).astype(int)
        box = tuple(slice(max(c - 2, 0), c + 3) for c in place)
        assert bone[box].any() and not bone[box].all(), name


def test_a_closed_jaw_is_the_same_ct():
    volume, landmarks = opened(0.0)
    assert volume is head().volume
    np.testing.assert_allclose(list(landmarks.values()), list(head().landmarks.values()))


def test_only_the_landmarks_that_are_said_to_move_do():
    volume, landmarks = head()
    own = {"chin": landmarks["menton"], "brow": landmarks["glabella"]}
    jaw = labels() == MANDIBLE
    _, moved = with_jaw_opened(volume, own, jaw, 10, moving={"chin"})
    assert np.linalg.norm(moved["chin"] - own["chin"]) > 10
    np.testing.assert_array_equal(moved["brow"], own["brow"])


@pytest.mark.parametrize("opening", [-1.0, 36.0, float("nan")])
def test_an_opening_that_no_jaw_makes_is_refused(opening):
    with pytest.raises(ValueError, match="opening_deg must be 0 to 35"):
        with_jaw_opened(head().volume, {}, labels() == MANDIBLE, opening)


def test_maps_of_another_shape_and_of_no_jaw_are_refused():
    volume = head().volume
    jaw = labels() == MANDIBLE
    with pytest.raises(ValueError, match=r"the map mandible has shape \(3, 4\)"):
        with_jaw_opened(volume, {}, np.zeros((3, 4)), 10)
    with pytest.raises(ValueError, match=r"the map still has shape"):
        with_jaw_opened(volume, {}, jaw, 10, still=jaw[:-1])
    with pytest.raises(ValueError, match="the mandible's map is empty"):
        with_jaw_opened(volume, {}, np.zeros(volume.shape, bool), 10)
    half = jaw.copy()
    half[: volume.shape[0] // 2 + 4] = False
    with pytest.raises(ValueError, match=r"ramus on one side|mm apart"):
        with_jaw_opened(volume, {}, half, 10)
    tiny = Volume(volume.data_hu, np.diag([0.3, 0.3, 0.3, 1]) @ volume.ct_from_voxel)
    with pytest.raises(ValueError, match=r"condyles lie 3\d mm apart"):
        with_jaw_opened(tiny, {}, jaw, 10)


def test_the_neck_of_a_real_head_bends():
    if not HEADS.exists():
        pytest.skip("needs the shared real heads")
    volume = Volume.read(HEADS / "vtk_fullhead.nii.gz").resampled(3.0)
    found = find_anatomy(volume)
    bent, _ = with_neck_bent(volume, {}, found, flexion_deg=15)
    cranium = nearest_mask(found.cranium, found.ct_from_voxel, volume.shape, volume.ct_from_voxel)
    np.testing.assert_array_equal(bent.data_hu[cranium], volume.data_hu[cranium])
    assert (bent.data_hu != volume.data_hu).mean() > 0.05
