import math
from pathlib import Path

import numpy as np
import pytest

from drr.couch import without_couch
from drr.volume import Volume
from exposure import Skin
from exposure.cavities import averaged, enclosed, without_blank_slices

AFFINES = {
    "RAS": np.diag([1.5, 1.5, 2.0, 1.0]),
    "LPS": np.diag([-1.5, -1.5, 2.0, 1.0]),
    "LPI, left-handed": np.diag([-1.5, -1.5, -2.0, 1.0]),
    "axes exchanged": np.array([[0, 0, 2.0, 0], [1.5, 0, 0, 0], [0, -1.5, 0, 0], [0, 0, 0, 1]]),
}


def ball(affine, radius_mm=30.0, half_mm=42.0, center=(0.0, 0.0, 0.0), blur_mm=2.0):
    """A ball of water in air with an edge as soft as a scanner's, in a centred volume."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    shape = tuple(2 * (half_mm / spacing).astype(int) + 1)
    affine = affine.copy()
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    points = index @ affine[:3, :3].T + affine[:3, 3] - center
    depth = radius_mm - np.linalg.norm(points, axis=-1)
    # -300 HU, the threshold, lies exactly on the sphere.
    hu = np.clip(-300 + 350 * depth / blur_mm, -1000, 50).astype(np.float32)
    return Volume(hu, affine), points


def is_closed(skin):
    """True where each edge is walked as often in one direction as in the other."""
    edges = np.concatenate([skin.faces[:, [0, 1]], skin.faces[:, [1, 2]], skin.faces[:, [2, 0]]])
    there = np.sort(edges[:, 0] * len(skin.vertices_ct) + edges[:, 1])
    back = np.sort(edges[:, 1] * len(skin.vertices_ct) + edges[:, 0])
    return np.array_equal(there, back)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_a_ball_has_a_closed_skin_with_outward_normals_whatever_the_axes(affine):
    skin = Skin.from_volume(ball(affine)[0])
    radii = np.linalg.norm(skin.vertices_ct, axis=1)
    assert np.abs(radii - 30).max() < 0.05
    middle = skin.vertices_ct[skin.faces].mean(axis=1)
    assert ((middle * skin.face_vectors).sum(axis=1) >= 0).all()
    assert skin.area_mm2.sum() == pytest.approx(4 * math.pi * 900, rel=5e-3)
    assert not skin.on_cut.any()
    assert is_closed(skin)


def test_the_path_through_a_ball_is_its_chord():
    skin = Skin.from_volume(ball(AFFINES["LPI, left-handed"])[0])
    for offset in (0.0, 10.0, 20.0):
        found = skin.crossings(np.array([offset, 3.3, -500.0]), np.array([0.0, 0.0, 1.0]))
        chord = 2 * math.sqrt(900 - offset**2 - 3.3**2)
        assert found.paired
        assert found.length_inside_mm() == pytest.approx(chord, abs=0.1)


def test_a_cavity_open_in_one_direction_is_filled_and_a_dent_is_not():
    volume, points = ball(AFFINES["RAS"])
    tube = np.hypot(points[..., 0], points[..., 1]) < 6  # open at the top: enclosed in axial slices
    canal = tube & (points[..., 2] > 0)
    bite = (points[..., 0] > 20) & (np.abs(points[..., 1]) < 40)  # a side cut away is no cavity
    hu = np.where(canal | bite, -1000, volume.data_hu)
    skin = Skin.from_volume(Volume(hu.astype(np.float32), volume.ct_from_voxel))
    across = skin.crossings(np.array([-500.0, 0.1, 10.0]), np.array([1.0, 0.0, 0.0]))
    assert len(across.face) == 2
    assert across.distance_mm[1] - 500 == pytest.approx(20, abs=1.0)


def test_enclosed_means_within_a_slice_along_any_axis():
    body = np.ones((7, 7, 7), bool)
    body[3, 3, :] = False  # a canal through the whole block, along the last axis
    assert np.array_equal(enclosed(body), ~body)
    body[3, :, :] = False  # a slit that cuts the block in two
    assert not enclosed(body).any()


def test_where_the_ct_ends_in_the_head_a_flat_cap_closes_the_skin():
    volume, _ = ball(AFFINES["LPS"])
    k = slice(0, 25)  # z from -42 to +6 mm
    skin = Skin.from_volume(Volume(volume.data_hu[:, :, k], volume.ct_from_voxel))
    cap = skin.vertices_ct[skin.faces[skin.on_cut]]
    assert np.abs(cap[..., 2] - 6).max() < 0.01
    assert skin.area_mm2[skin.on_cut].sum() == pytest.approx(math.pi * (900 - 36), rel=0.01)
    found = skin.crossings(np.array([1.0, 2.0, 500.0]), np.array([0.0, 0.0, -1.0]))
    assert found.paired
    assert skin.on_cut[found.face].tolist() == [True, False]


def test_blank_end_slices_are_no_air_and_the_cut_before_them_is_found():
    volume, _ = ball(AFFINES["RAS"])
    hu = volume.data_hu + np.random.default_rng(0).normal(0, 5, volume.shape).astype(np.float32)
    hu[:, :, 25:] = -1024
    skin = Skin.from_volume(Volume(hu, volume.ct_from_voxel))
    assert np.abs(skin.vertices_ct[skin.faces[skin.on_cut]][..., 2] - 6).max() < 0.01
    assert len(np.unique(skin.faces[skin.on_cut])) > 500


@pytest.mark.parametrize(("padding_hu", "cut"), [(-1024, True), (-1000, False)])
def test_the_flat_back_of_a_head_that_lay_on_a_couch_is_skin(padding_hu, cut):
    volume, points = ball(AFFINES["RAS"])
    hu = np.where(points[..., 1] < -10, padding_hu, volume.data_hu).astype(np.float32)
    assert Skin.from_volume(Volume(hu, volume.ct_from_voxel)).on_cut.any() == cut


def test_air_without_noise_is_no_blank_slice():
    volume, _ = ball(AFFINES["RAS"], radius_mm=70.0, half_mm=80.0)
    kept, first = without_blank_slices(volume.data_hu, volume.ct_from_voxel, -300.0)
    assert kept.shape == volume.shape
    assert first == (0, 0, 0)


def test_small_pieces_beside_the_head_are_no_skin():
    volume, points = ball(AFFINES["RAS"])
    speck = np.linalg.norm(points - [36, 36, 30], axis=-1) < 4
    hu = np.where(speck, 100, volume.data_hu).astype(np.float32)
    with_speck = Skin.from_volume(Volume(hu, volume.ct_from_voxel))
    assert len(with_speck.faces) == len(Skin.from_volume(volume).faces)


def test_fine_voxels_are_averaged_where_they_lie():
    fine, spacing = np.arange(24.0).reshape(4, 3, 2), np.array([0.5, 0.4, 2.0])
    coarse, sizes = averaged(fine, spacing)
    assert sizes == (2, 2, 1)
    assert coarse.shape == (2, 2, 2)
    assert coarse[0, 0, 0] == fine[:2, :2, 0].mean()
    volume, _ = ball(np.diag([0.5, 0.5, 0.5, 1.0]), radius_mm=10.0, half_mm=14.0)
    radii = np.linalg.norm(Skin.from_volume(volume).vertices_ct, axis=1)
    assert np.abs(radii - 10).max() < 0.1


def test_a_volume_without_a_head_is_refused():
    with pytest.raises(ValueError, match="no voxel reaches -300 HU"):
        Skin.from_volume(Volume(np.full((5, 5, 5), -1000.0, np.float32), np.eye(4)))


def test_a_mesh_that_is_none_is_refused():
    corners = np.eye(3)
    with pytest.raises(ValueError, match="0 faces"):
        Skin.from_mesh(corners, np.zeros((0, 3), int))
    with pytest.raises(ValueError, match="1 faces on 3 vertices"):
        Skin.from_mesh(corners, np.array([[0, 1, 3]]))
    with pytest.raises(ValueError, match="not finite"):
        Skin.from_mesh(corners * np.nan, np.array([[0, 1, 2]]))


def test_a_mesh_turned_inside_out_is_turned_back(coarse_sphere):
    turned = Skin.from_mesh(coarse_sphere.vertices_ct, coarse_sphere.faces[:, ::-1])
    assert np.allclose(turned.face_vectors, coarse_sphere.face_vectors)


def test_the_normal_of_a_stepped_surface_is_smoothed():
    hu = np.full((40, 40, 40), -1000.0, np.float32)
    i, _, k = np.meshgrid(*[np.arange(40)] * 3, indexing="ij")
    hu[(k < 15 + i / 4) & (k > 3) & (i > 3) & (i < 36)] = 50  # a slope of 1 in 4, in voxel steps
    hu[:, :3], hu[:, -3:] = -1000, -1000
    skin = Skin.from_volume(Volume(hu, np.eye(4)))
    normals = []
    for x in np.linspace(14, 26, 25):
        origin, down = np.array([x, 20.2, 100.0]), np.array([0.0, 0.0, -1.0])
        found = skin.crossings(origin, down)
        normals.append(skin.normal_ct(origin + found.distance_mm[0] * down, int(found.face[0])))
    slope_deg = np.degrees(np.arctan2(-np.array(normals)[:, 0], np.array(normals)[:, 2]))
    assert slope_deg == pytest.approx(math.degrees(math.atan(0.25)), abs=4)


def test_the_skin_of_a_real_head_is_one_closed_sheet_without_the_couch():
    path = Path(__file__).parents[2] / "../shared/data/heads/imagex_phantom.nii.gz"
    if not path.exists():
        pytest.skip(f"needs the data folder beside the repository: {path.name}")
    volume = without_couch(Volume.read(path))
    skin = Skin.from_volume(volume)
    assert is_closed(skin)
    low, high = skin.vertices_ct.min(axis=0), skin.vertices_ct.max(axis=0)
    assert (high - low < [190, 260, 280]).all()
