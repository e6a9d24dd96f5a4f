from dataclasses import replace
from time import process_time

import numpy as np
import pytest

from drr.materials import hu_per_iodine_mg_ml, material_attenuation
from drr.vessel_paint import vessel_share, with_contrast
from drr.vessels import VesselGrowth, VesselTree, grow_vessels
from drr.volume import Volume

FIRST_MM, STEP_MM, COUNT = -64.0, 2.0, 64
ROOTS = np.array([[-14.0, 4, -62], [15, 4, -62], [2, -12, -62]])
GROWTH = VesselGrowth(reached=250)


def ct_from_voxel(spacing_mm: float = STEP_MM, first_mm: float = FIRST_MM) -> np.ndarray:
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = first_mm
    return affine


def brain_and_neck() -> tuple[np.ndarray, np.ndarray]:
    """The brain, an ellipsoid, and that with a neck below."""
    x, y, z = FIRST_MM + STEP_MM * np.mgrid[:COUNT, :COUNT, :COUNT]
    brain = (x / 50) ** 2 + (y / 58) ** 2 + ((z - 18) / 42) ** 2 < 1
    return brain, brain | ((np.hypot(x, y) < 26) & (z < 0))


BRAIN, MASK = brain_and_neck()
TREE = grow_vessels(MASK, ct_from_voxel(), ROOTS, 3, GROWTH, ends_inside=BRAIN)


def in_mask(points: np.ndarray, mask: np.ndarray = MASK) -> np.ndarray:
    voxels = np.rint((points - FIRST_MM) / STEP_MM).astype(int)
    return mask[tuple(voxels.T)]


def one_vessel(start, end, radius_mm: float) -> VesselTree:
    pair = (np.array([start], float), np.array([end], float))
    return VesselTree(*pair, np.array([radius_mm]), np.array([-1]))


def test_vessels_stay_in_the_mask_and_reach_the_brain():
    assert in_mask(TREE.starts_ct).all() and in_mask(TREE.ends_ct).all()
    along = TREE.starts_ct + 0.5 * (TREE.ends_ct - TREE.starts_ct)
    assert in_mask(along).mean() > 0.999
    ends = np.setdiff1d(np.arange(len(TREE.parents)), TREE.parents)
    assert in_mask(TREE.ends_ct[ends], BRAIN).mean() > 0.95
    brain_mm = np.argwhere(BRAIN) * STEP_MM + FIRST_MM
    distance = np.linalg.norm(brain_mm[::97, None] - TREE.ends_ct[None], axis=-1).min(axis=1)
    assert np.percentile(distance, 95) < 20  # no lobe is left out


def test_each_piece_begins_where_the_one_that_feeds_it_ends():
    fed = TREE.parents >= 0
    np.testing.assert_array_equal(TREE.starts_ct[fed], TREE.ends_ct[TREE.parents[fed]])
    assert set(map(tuple, TREE.starts_ct[~fed])) == set(map(tuple, ROOTS))
    assert (TREE.parents < np.arange(len(TREE.parents))).all()  # no loops


@pytest.mark.parametrize("murray", [2.0, 3.0])
def test_radii_obey_murrays_law(murray: float):
    growth = replace(GROWTH, murray=murray, root_radius_mm=2.0)
    tree = grow_vessels(MASK, ct_from_voxel(), ROOTS, 3, growth, ends_inside=BRAIN)
    fed = np.zeros(len(tree.parents))
    np.add.at(fed, tree.parents[tree.parents >= 0], tree.radii_mm[tree.parents >= 0] ** murray)
    branching = fed > 0
    np.testing.assert_allclose(tree.radii_mm[branching] ** murray, fed[branching], rtol=1e-9)
    at_roots = np.zeros(3)
    for n in np.flatnonzero(tree.parents < 0):
        at_roots[np.abs(ROOTS - tree.starts_ct[n]).sum(1).argmin()] += tree.radii_mm[n] ** murray
    np.testing.assert_allclose(at_roots, 2.0**murray, rtol=1e-9)
    assert np.bincount(tree.parents[tree.parents >= 0]).max() >= 2


def test_a_seed_gives_the_same_tree_and_another_seed_another():
    again = grow_vessels(MASK, ct_from_voxel(), ROOTS, 3, GROWTH, ends_inside=BRAIN)
    np.testing.assert_array_equal(again.ends_ct, TREE.ends_ct)
    np.testing.assert_array_equal(again.radii_mm, TREE.radii_mm)
    other = grow_vessels(MASK, ct_from_voxel(), ROOTS, 4, GROWTH, ends_inside=BRAIN)
    assert other.ends_ct.shape != TREE.ends_ct.shape or (other.ends_ct != TREE.ends_ct).any()


def test_a_way_round_a_wall_is_found():
    x, _, z = FIRST_MM + STEP_MM * np.mgrid[:COUNT, :COUNT, :COUNT]
    box = (np.abs(z) < 50) & (np.abs(x) < 60) & ~((np.abs(z) < 4) & (x < 30))
    aim = box & (z > 20)
    tree = grow_vessels(box, ct_from_voxel(), np.array([[0.0, 0, -40]]), 0, GROWTH, aim)
    assert in_mask(tree.ends_ct, box).all()
    assert (tree.ends_ct[:, 2] > 20).any()


@pytest.mark.parametrize("spacing_mm", [0.8, 1.5, 3.0])
def test_the_iodine_is_that_of_the_cylinders(spacing_mm: float):
    grid = Volume(np.zeros([int(130 / spacing_mm)] * 3, np.int16), ct_from_voxel(spacing_mm))
    _, iodine = with_contrast(grid, TREE, 12.0)
    mg = iodine.sum(dtype=float) * spacing_mm**3 / 1000
    assert mg == pytest.approx(12.0 * TREE.volume_mm3 / 1000, rel=0.05)  # branches overlap


@pytest.mark.parametrize("radius_mm", [0.05, 0.3, 1.0, 4.0])
def test_a_single_vessel_loses_nothing_in_flat_and_sheared_voxels(radius_mm: float):
    affine = np.diag([0.7, 0.7, 2.5, 1.0])
    affine[0, 1] = 0.2
    affine[:3, 3] = [-20, -18, -45]
    grid = Volume(np.full((55, 50, 36), 40, np.int16), affine)
    tree = one_vessel([-1, -2, -20], [3.3, 2.7, 18], radius_mm)
    share = vessel_share(tree, grid)
    found_mm3 = share.sum(dtype=float) * abs(np.linalg.det(affine[:3, :3]))
    assert found_mm3 == pytest.approx(tree.volume_mm3, rel=1e-3)


def test_a_wide_vessel_is_full_inside_and_leaves_the_rest_alone():
    grid = Volume(np.full((64, 64, 64), 40, np.int16), ct_from_voxel(1.0, -32.0))
    tree = one_vessel([0, 0, -20], [0, 0, 20], 5.0)
    filled, iodine = with_contrast(grid, tree, 10.0)
    x, y, z = -32.0 + np.mgrid[:64, :64, :64]
    inside = (np.hypot(x, y) < 4.4) & (np.abs(z) < 19)
    outside = (np.hypot(x, y) > 5.6) | (np.abs(z) > 20.6)
    np.testing.assert_allclose(iodine[inside], 10, rtol=0.02)
    assert iodine[outside].max() == 0 and (filled.data_hu[outside] == 40).all()
    np.testing.assert_allclose(filled.data_hu[inside], 40 + 10 * hu_per_iodine_mg_ml(), rtol=0.02)
    assert grid.data_hu.max() == 40  # the CT that was given is as it was


def test_iodine_and_hu_of_painted_vessels_belong_together():
    grid = Volume(np.full((64, 64, 64), 40, np.float32), ct_from_voxel())
    filled, iodine = with_contrast(grid, TREE, 12.0)
    water, bone, contrast = material_attenuation(filled.data_hu, 1.0, iodine)
    np.testing.assert_allclose(water, 1.04, rtol=1e-4)
    assert bone.max() < 1e-4
    expected = iodine * np.float32(hu_per_iodine_mg_ml() / 1000)
    np.testing.assert_allclose(contrast, expected, rtol=1e-4)


def test_a_dense_injection_stops_at_the_top_of_sixteen_bits():
    grid = Volume(np.zeros((40, 40, 40), np.int16), ct_from_voxel(1.0, -20.0))
    filled, _ = with_contrast(grid, one_vessel([0, 0, -9], [0, 0, 9], 4.0), 4000.0)
    assert filled.data_hu.max() == 32767 and filled.data_hu.min() == 0


def test_what_leaves_the_grid_and_what_is_no_vessel_is_not_painted():
    grid = Volume(np.zeros((20, 20, 20), np.int16), ct_from_voxel(1.0, 0.0))
    for start, end in (([-50, 0, 0], [-40, 0, 0]), ([5, 5, 5], [5, 5, 5])):
        assert vessel_share(one_vessel(start, end, 2.0), grid).max() == 0
    half = vessel_share(one_vessel([-10, 10, 10], [9.5, 10, 10], 2.0), grid)
    assert half.sum() == pytest.approx(np.pi * 4 * 10, rel=0.05)


def test_a_head_is_painted_in_less_than_a_second():
    grid = Volume(np.zeros((256, 256, 256), np.int16), ct_from_voxel(0.5))
    vessel_share(TREE, Volume(np.zeros((2, 2, 2), np.int16), np.eye(4)))
    start = process_time()
    with_contrast(grid, TREE)
    assert process_time() - start < 1.0  # 0.2 s alone


def test_hostile_masks_roots_and_numbers_are_refused():
    with pytest.raises(ValueError, match="where vessels should grow is empty"):
        grow_vessels(MASK, ct_from_voxel(), ROOTS, 0, GROWTH, np.zeros_like(MASK))
    for far in ([200.0, 0, 0], [-1e9, 0, 0]):
        with pytest.raises(ValueError, match="is outside of the vessels' mask"):
            grow_vessels(MASK, ct_from_voxel(), np.array([far]), 0, GROWTH)
    with pytest.raises(ValueError, match="step_mm must be above 0, found 0"):
        VesselGrowth(step_mm=0)
    with pytest.raises(ValueError, match="iodine_mg_per_ml must be 0 or more, found nan"):
        with_contrast(Volume(np.zeros((2, 2, 2), np.int16), np.eye(4)), TREE, np.nan)
