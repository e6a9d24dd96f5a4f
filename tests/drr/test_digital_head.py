import math
import re
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from drr.digital_head import DigitalHead, bone_labels, digital_head, head_of, head_parts
from drr.head_anthropometry import CORRELATION, FEMALE, MALE, SD, WIDER, drawn_howells
from drr.head_dentition import ALL_TEETH
from drr.head_landmark_names import GROUPS, LANDMARK_NAMES, MANDIBLE_LANDMARKS, names_in
from drr.head_landmarks import landmarks_of
from drr.head_paint import AIR_HU, bone_share, paint
from drr.head_posture import flesh_back, jaw_back, neck_back, open_from_closed
from drr.head_proportions import LIMITS, HeadShape
from drr.head_shape import ct_from_mean, drawn_shape, mean_from_ct, without_posture
from drr.head_solids import ellipsoid, rod, union
from drr.head_voxels import LABELS, painted
from drr.volume import Volume

ON_NO_SURFACE = {
    "sella",
    "internal_acoustic",
    "eye",
    "lens",
    "incision_superius",
    "incision_inferius",
}
# Of the mean head at 4 mm, when the weights in detector/weights were made.
MEAN_HU, SD_HU = -536.8545, 605.1465
SELLA_CT, GONION_LEFT_CT = (2.0, 8.5, 54.5), (-43.141045, -0.226489, -30.768182)
DOCS = Path(__file__).parents[2] / "docs" / "landmarks.md"
POSED = replace(
    drawn_shape(9),
    jaw_opening_deg=18.0,
    neck_flexion_deg=14.0,
    neck_turn_deg=20.0,
    chin_deviation_mm=4.0,
)


@cache
def head(seed: int, spacing_mm: float = 4.0) -> DigitalHead:
    return digital_head(seed, spacing_mm)


@cache
def landmarks(shape: HeadShape) -> dict[str, np.ndarray]:
    return landmarks_of(shape, head_parts(shape))


def hu_at(head: DigitalHead, point_ct: np.ndarray) -> float:
    voxel = head.volume.voxels(point_ct)
    return float(map_coordinates(head.volume.data_hu.astype(float), voxel[:, None], order=1)[0])


def stem(name: str) -> str:
    return name.removesuffix("_left").removesuffix("_right")


def test_the_same_seed_gives_the_same_head_and_another_seed_another():
    first, again, other = (digital_head(seed, 6.0) for seed in (5, 5, 1))
    np.testing.assert_array_equal(first.volume.data_hu, again.volume.data_hu)
    assert not np.allclose(other.landmarks["menton"], again.landmarks["menton"])


def test_the_mean_head_stays_as_the_released_weights_saw_it():
    """Machines differ in the last digit, and so in a few voxels."""
    mean = head(0, 4.0)
    assert mean.volume.shape == (46, 61, 62)
    hu = mean.volume.data_hu.astype(float)
    assert hu.mean() == pytest.approx(MEAN_HU, abs=0.01)
    assert hu.std() == pytest.approx(SD_HU, abs=0.01)
    np.testing.assert_allclose(mean.landmarks["sella"], SELLA_CT, atol=1e-6)
    np.testing.assert_allclose(mean.landmarks["gonion_left"], GONION_LEFT_CT, atol=1e-3)


def test_the_head_is_a_ct_in_hounsfield_units_with_air_around_and_neck_below():
    volume = head(0, 2.0).volume
    assert volume.data_hu.dtype == np.int16
    np.testing.assert_allclose(volume.spacing_mm, 2.0)
    edges = [volume.data_hu[0], volume.data_hu[-1], volume.data_hu[:, -1], volume.data_hu[..., -1]]
    assert max(edge.max() for edge in edges) < -850
    assert (volume.data_hu[..., 0] > 0).sum() * 4 > 5000  # mm2 of neck in the lowest slice
    assert volume.data_hu.max() > 2000  # enamel


def test_there_are_55_landmarks_of_which_two_are_lenses_and_the_docs_list_them():
    assert len(LANDMARK_NAMES) == 55 == len(set(LANDMARK_NAMES))
    assert sum(name.startswith("lens") for name in LANDMARK_NAMES) == 2
    assert tuple(landmarks(HeadShape())) == LANDMARK_NAMES
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \| (\w+) \|", DOCS.read_text(), re.MULTILINE)
    listed = {}
    for name, group, sides, moves_with in rows:
        full = [name] if sides == "midline" else [f"{name}_left", f"{name}_right"]
        listed |= dict.fromkeys(full, (group, moves_with))
    coded = {}
    for group in GROUPS:
        for name in names_in(group):
            moves_with = "jaw" if name in MANDIBLE_LANDMARKS else "cranium"
            coded[name] = (group.removesuffix(" pairs"), moves_with)
    assert listed == coded


@pytest.mark.parametrize("shape", [HeadShape(), drawn_shape(5), POSED], ids=["mean", "5", "posed"])
def test_landmarks_of_bone_lie_on_its_surface_in_a_finely_painted_volume(shape: HeadShape):
    """Within half a voxel of 0.4 mm: bone and none within it of the landmark."""
    parts = head_parts(shape)

    def of(group):
        return lambda part: float(part.is_bone and part.group == group)

    for name, point_ct in landmarks(shape).items():
        if stem(name) in ON_NO_SURFACE:
            continue
        group = "mandible" if name in MANDIBLE_LANDMARKS else "cranium"
        axes = [c + np.arange(-2, 3) * 0.1 for c in point_ct]  # half a voxel either way
        alone = [part for part in parts if part.group == group]
        share, _ = painted(shape, alone, axes, edge_mm=0.0, value=of(group), background=0.0)
        assert share.max() == 1 and share.min() == 0, name


@pytest.mark.parametrize("seed", [0, 5, 13])
def test_landmarks_lie_as_in_a_person(seed: int):
    p = landmarks(without_posture(drawn_shape(seed)))
    for name in p:
        if name.endswith("_left"):  # RAS: x to the right
            assert p[name][0] < p[name[:-4] + "right"][0], name
    assert p["vertex"][2] > p["nasion"][2] > p["anterior_nasal_spine"][2] > p["prosthion"][2]
    assert p["prosthion"][2] > p["infradentale"][2] > p["menton"][2]
    assert p["anterior_nasal_spine"][1] > p["posterior_nasal_spine"][1] > p["basion"][1]
    assert p["basion"][1] > p["opisthion"][1] > p["inion"][1]
    assert p["dorsum_sellae"][1] < p["sella"][1] and p["dorsum_sellae"][2] > p["sella"][2]
    frankfort = [p[name][2] for name in ("porion_left", "porion_right", "orbitale_left")]
    assert np.ptp(frankfort) < 1e-6
    assert 55 < np.linalg.norm(p["sella"] - p["nasion"]) < 85  # adults: about 70
    assert 110 < p["vertex"][2] - p["basion"][2] < 170


def test_a_symmetric_head_has_symmetric_landmarks():
    even = replace(drawn_shape(7), left_breadth=1.0, skew=0.0, chin_deviation_mm=0.0)
    p = landmarks(without_posture(even))
    middle = p["sella"][0]
    for name, point in p.items():
        if name.endswith("_left"):
            other = p[name[:-4] + "right"]
            np.testing.assert_allclose(point[0] + other[0], 2 * middle, atol=0.02, err_msg=name)
            np.testing.assert_allclose(point[1:], other[1:], atol=0.02, err_msg=name)
        elif not name.endswith("_right"):
            assert point[0] == pytest.approx(middle), name


def test_the_sizes_that_were_asked_for_are_those_between_the_landmarks():
    shape = replace(
        HeadShape(left_breadth=1.0, skew=0.0),
        cranial_length_mm=172.0,
        cranial_breadth_mm=150.0,
        auricular_height_mm=125.0,
        prosthion_depth_mm=90.0,
        pogonion_depth_mm=80.0,
        face_height_mm=125.0,
        upper_face_height_mm=74.0,
        bigonial_mm=90.0,
        chin_deviation_mm=5.0,
    )
    p = landmarks(shape)
    porion = (p["porion_left"] + p["porion_right"]) / 2
    apart = {"length": p["glabella"] - p["opisthocranion"], "breadth": p["euryon_right"]}
    assert apart["length"][1] == pytest.approx(172, abs=2)
    assert (p["euryon_right"] - p["euryon_left"])[0] == pytest.approx(150, abs=1)
    assert (p["vertex"] - porion)[2] == pytest.approx(125, abs=0.1)
    assert (p["prosthion"] - porion)[1] == pytest.approx(90, abs=0.1)
    assert (p["pogonion"] - porion)[1] == pytest.approx(80, abs=0.1)
    assert (p["menton"] - p["nasion"])[2] == pytest.approx(-125, abs=2)
    assert (p["gonion_right"] - p["gonion_left"])[0] == pytest.approx(90 * 91.2 / 99, abs=1)
    assert (p["pogonion"] - porion)[0] == pytest.approx(5, abs=0.1)


def test_the_jaw_moves_rigidly_and_nothing_else_does():
    closed = without_posture(POSED)
    still, open_ = landmarks(closed), landmarks(POSED)
    motion = open_from_closed(POSED)
    turn = motion[:3, :3]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    angle = np.rad2deg(np.arccos((np.trace(turn) - 1) / 2))
    assert angle == pytest.approx(POSED.jaw_opening_deg)
    for name, point in open_.items():
        expected = still[name]
        if name in MANDIBLE_LANDMARKS:
            expected = turn @ expected + motion[:3, 3]
        np.testing.assert_allclose(point, expected, atol=1e-9, err_msg=name)
    gap = (still["incision_inferius"] - open_["incision_inferius"])[2]
    assert gap > 15  # mm of mouth opening
    assert (open_["condylion_right"] - still["condylion_right"])[1] > 4  # it glides forward


def test_jaw_and_neck_leave_every_voxel_of_the_cranium():
    axes = [np.arange(-75.0, 80, 4), np.arange(-110.0, 100, 4), np.arange(-20.0, 160, 4)]
    straight, posed = (
        painted(s, head_parts(s), axes, edge_mm=4.0)[0] for s in (without_posture(POSED), POSED)
    )
    labels = [
        painted(
            s,
            head_parts(s),
            axes,
            edge_mm=0.0,
            value=lambda part: float(LABELS[part.group]) if part.is_bone else 0.0,
            background=0.0,
        )[0]
        for s in (without_posture(POSED), POSED)
    ]
    still = (labels[0] == 1) & (labels[1] == 1)
    assert still.sum() > 0.99 * (labels[0] == 1).sum()  # the condyles lie over some of it
    apart = np.abs(straight - posed)[still]
    assert (apart > 1).mean() < 0.01  # edges that jaw or neck come to lie at
    above = axes[2] > 60
    np.testing.assert_allclose(straight[:, :, above], posed[:, :, above], atol=0.01)


def test_the_neck_follows_the_trunk_when_the_head_nods_turns_and_tilts():
    deep = [np.array([c]) for c in (0.0, -10.0, -125.0)]
    x, y, z = 0, 1, 2

    def where_from(**angles):
        back = neck_back(HeadShape(**angles))
        assert back is not None
        return [float(c[0]) for c in back(*deep)]

    assert where_from(neck_flexion_deg=20.0)[y] < -10 - 20  # the chest has come to the chin
    assert where_from(neck_tilt_deg=20.0)[x] < -20  # the right shoulder has come to the ear
    side = [np.array([c]) for c in (40.0, -10.0, -125.0)]
    back = neck_back(HeadShape(neck_turn_deg=20.0))
    assert back is not None
    assert float(back(*side)[y][0]) < -10  # what is right now was behind before
    assert where_from(neck_turn_deg=20.0)[z] == pytest.approx(-125, abs=0.1)
    assert neck_back(HeadShape()) is None and flesh_back(HeadShape()) is None


@pytest.mark.parametrize(
    "shape",
    [
        HeadShape(jaw_opening_deg=28.0),
        HeadShape(neck_flexion_deg=25.0),
        HeadShape(neck_flexion_deg=-25.0),
        HeadShape(neck_turn_deg=40.0, neck_tilt_deg=12.0),
    ],
)
def test_flesh_is_stretched_but_not_folded(shape: HeadShape):
    """The Jacobian determinant of the way back is above 0 where the neck's and face's flesh is."""
    back = flesh_back(shape) or neck_back(shape)
    assert back is not None
    front = 105 if shape.jaw_opening_deg else 50
    axes = [np.arange(-60.0, 61, 6), np.arange(-75.0, front, 6), np.arange(-118.0, 20, 6)]
    points, h = np.meshgrid(*axes, indexing="ij"), 1e-3
    columns = []
    for a in range(3):
        ahead, behind = ([p + s * h * (b == a) for b, p in enumerate(points)] for s in (1, -1))
        columns.append(np.stack(back(*ahead), -1) - np.stack(back(*behind), -1))
    size = np.linalg.det(np.stack(columns, -1) / (2 * h))
    assert (size <= 0.05).mean() < 0.003  # a seam at the corner of the mouth, see docs


def test_what_moves_with_the_jaw_is_taken_back_exactly():
    shape = HeadShape(jaw_opening_deg=20.0)
    back = jaw_back(shape)
    assert back is not None
    points = np.random.default_rng(0).uniform(-90, 90, (20, 3))
    moved = np.stack(back(*points.T), axis=1)
    before, after = (np.linalg.norm(p[:, None] - p[None], axis=-1) for p in (points, moved))
    np.testing.assert_allclose(before, after, atol=1e-9)


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


def hu_near(shape: HeadShape, mean_mm: tuple[float, float, float]) -> np.ndarray:
    """HU without noise in a box of 3 mm about a place of the mean head."""
    middle = ct_from_mean(shape, np.array([mean_mm]))[0]
    axes = [c + np.arange(-1.5, 1.6, 0.5) for c in middle]
    return painted(shape, head_parts(shape), axes, edge_mm=0.5)[0]


def test_teeth_are_there_missing_filled_or_crowned_as_asked():
    molar = (22.3, 61.7, -47.0)  # 16, near its middle
    assert hu_near(HeadShape(), molar).mean() > 1400
    assert hu_near(HeadShape(missing_teeth=(16,)), molar).mean() < 300
    assert hu_near(HeadShape(missing_teeth=(26,)), molar).mean() > 1400
    assert hu_near(HeadShape(metal_crowns=(16,)), molar).mean() > 2900
    assert 1600 < hu_near(HeadShape(fillings=(16,)), molar).max() <= 3071
    none = landmarks(HeadShape(missing_teeth=ALL_TEETH, upper_ridge_loss_mm=4.0))
    all_ = landmarks(HeadShape())
    assert set(none) == set(all_)
    np.testing.assert_allclose(none["incision_superius"], all_["incision_superius"])
    assert (none["prosthion"] - all_["prosthion"])[2] == pytest.approx(4, abs=0.2)


@pytest.mark.parametrize(
    ("field", "less", "more", "place"),
    [
        ("frontal_sinus", 1.3, 0.4, (8.5, 90.5, 44.0)),
        ("maxillary_sinus", 1.2, 0.6, (36.0, 66.0, -7.0)),
        ("sphenoid_sinus", 1.2, 0.6, (11.0, 30.0, 9.5)),
        ("mastoid_cells", 1.0, 0.3, (52.0, -18.0, 8.0)),
        ("sutures", 1.4, 0.0, (0.0, 0.0, 115.0)),
        ("bone_density", 0.7, 1.2, (0.0, -75.0, 70.0)),
        ("pineal_hu", 0.0, 400.0, (0.0, -4.0, 45.0)),
    ],
)
def test_a_field_changes_what_it_says(field, less, more, place):
    thin, dense = (hu_near(HeadShape(**{field: value}), place).mean() for value in (less, more))
    assert thin < dense - 20


def test_drawn_skulls_have_the_published_means_spreads_and_ties():
    rng = np.random.default_rng(0)
    for sex, mean in (("male", MALE), ("female", FEMALE)):
        drawn = np.stack([drawn_howells(rng, sex) for _ in range(4000)])
        np.testing.assert_allclose(drawn.mean(0), mean, atol=0.4)
        np.testing.assert_allclose(drawn.std(0), WIDER * SD, rtol=0.05)
        np.testing.assert_allclose(np.corrcoef(drawn.T), CORRELATION, atol=0.06)


def test_any_seed_gives_a_head_that_can_be_built_and_sex_and_age_show():
    shapes = [drawn_shape(seed) for seed in range(150)]
    assert shapes[0] == HeadShape()
    assert len({s.cranial_breadth_mm for s in shapes}) > 144  # a few are cut at the limits
    women, men = ([drawn_shape(s, sex, 40) for s in range(1, 50)] for sex in ("female", "male"))
    length = [np.mean([s.cranial_length_mm for s in people]) for people in (women, men)]
    assert 4 < length[1] - length[0] < 13
    young, old = ([drawn_shape(s, "female", age) for s in range(1, 50)] for age in (25, 80))
    assert np.mean([s.bone_density for s in old]) < np.mean([s.bone_density for s in young]) - 0.1
    assert (
        np.mean([len(s.missing_teeth) for s in old])
        > 8
        > np.mean([len(s.missing_teeth) for s in young])
    )
    assert any(s.missing_teeth == ALL_TEETH for s in old)
    assert drawn_shape(3, "female", 30) == drawn_shape(3, "female", 30)


def test_labels_say_whose_bone_a_voxel_is():
    shape = without_posture(drawn_shape(5))
    volume = head_of(shape, 5.0).volume
    labels = bone_labels(shape, volume)
    assert set(np.unique(labels)) == {0, 1, 2, 3}
    bone = labels > 0
    assert volume.data_hu[bone].mean() > 600 > -100 > volume.data_hu[~bone].mean()
    turned = np.array([[0, 1.0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    with pytest.raises(ValueError, match="this one is turned"):
        bone_labels(shape, Volume(volume.data_hu, turned))


def test_a_coarse_head_is_the_mean_of_a_fine_one():
    coarse, fine = head(0, 4.0).volume, head(0, 2.0).volume
    i, j, k = np.meshgrid(*(np.arange(5, n - 5, 3) for n in coarse.shape), indexing="ij")
    voxels = np.stack([i, j, k], axis=-1).reshape(-1, 3)
    here = coarse.data_hu[tuple(voxels.T)].astype(float)
    there = map_coordinates(fine.data_hu.astype(float), fine.voxels(coarse.points_ct(voxels)).T)
    assert np.corrcoef(here, there)[0, 1] > 0.98


@pytest.mark.parametrize("seed", [0, 7, 13])
def test_the_map_to_the_mean_head_is_undone_exactly(seed: int):
    shape = drawn_shape(seed)
    points = np.random.default_rng(1).uniform(-90, 90, size=(50, 3))
    ct = ct_from_mean(shape, points)
    back = np.stack(mean_from_ct(shape, *ct.T), axis=1)
    np.testing.assert_allclose(back, points, atol=1e-9)


@pytest.mark.parametrize("spacing_mm", [0.0, -1.0, math.nan, math.inf])
def test_a_head_without_spacing_is_refused(spacing_mm):
    with pytest.raises(ValueError, match="spacing_mm must be positive, found"):
        digital_head(0, spacing_mm)


def test_a_head_of_too_many_voxels_is_refused_before_memory_is_asked_for():
    with pytest.raises(ValueError, match=r"spacing_mm 0.001 makes .* voxels along an axis"):
        digital_head(0, 0.001)


def test_a_negative_seed_and_an_age_of_no_adult_are_refused():
    with pytest.raises(ValueError, match="a head's seed is 0 or more, found -1"):
        digital_head(-1, 4.0)
    with pytest.raises(ValueError, match="age_years must be 18 to 90, found 12"):
        drawn_shape(1, age_years=12)


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_sizes_beyond_what_can_be_built_are_refused_by_name(name):
    low, high = LIMITS[name]
    for value in (low - 1, high + 1) if name == "seed" else (low - 1, high + 1, math.nan):
        with pytest.raises(ValueError, match=f"{name} must be"):
            HeadShape(**{name: value})


def test_every_number_of_a_shape_has_limits_that_hold_its_mean():
    numbers = {f.name: f.default for f in fields(HeadShape) if not isinstance(f.default, tuple)}
    assert set(numbers) == set(LIMITS)
    assert all(low <= numbers[name] <= high for name, (low, high) in LIMITS.items())


def test_teeth_that_nobody_has_and_a_face_without_a_jaw_are_refused():
    with pytest.raises(ValueError, match=r"missing_teeth holds FDI numbers .* found 19"):
        HeadShape(missing_teeth=(11, 19))
    with pytest.raises(ValueError, match="face_height_mm must be 30 mm above"):
        HeadShape(face_height_mm=95.0)


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
    assert (bone_share([], np.zeros((3, 3))) == 0).all()
