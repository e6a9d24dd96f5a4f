from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from drr.couch import without_couch
from drr.volume import Volume

HEADS = Path(__file__).parents[2] / "../shared/data/heads"
SPACING_MM = 2.5
SHAPE = (96, 96, 72)
CT_FROM_VOXEL = np.diag([-SPACING_MM, -SPACING_MM, SPACING_MM, 1.0])


def grid_mm():
    """Coordinates about the middle of the grid, one array an axis."""
    return [SPACING_MM * (c - n / 2 + 0.5) for c, n in zip(np.indices(SHAPE), SHAPE, strict=True)]


def head_and_ears():
    """A ball of 70 mm radius, and two thin ears on it."""
    x, y, z = grid_mm()
    ball = x**2 + y**2 + z**2 < 70**2
    ears = (np.abs(x) < 88) & (np.abs(x) > 60) & (np.abs(y) < 4) & (np.abs(z) < 25)
    return ball, ears & ~ball


def scanned(*solids):
    data = np.full(SHAPE, -990, np.int16)
    for solid in solids:
        data[solid] = 40
    return Volume(data, CT_FROM_VOXEL)


def test_a_couch_that_the_head_rests_on_is_taken_and_the_head_stays():
    ball, ears = head_and_ears()
    couch = (grid_mm()[1] > 66) & (grid_mm()[1] < 100)
    data = without_couch(scanned(ball | ears, couch)).data_hu
    apart = grid_mm()[1] < 60
    assert (data[(ball | ears) & apart] == 40).all()
    assert (data[couch & ~ball] == -1000).all()


def test_a_thin_head_rest_around_the_head_is_taken():
    ball, ears = head_and_ears()
    x, y, _ = grid_mm()
    radius = np.hypot(x, y)
    rest = (radius > 76) & (radius < 84) & (y > 30)
    contact = (np.abs(x) < 4) & (y > 60) & (y < 78) & (np.abs(grid_mm()[2]) < 30)
    data = without_couch(scanned(ball | ears, rest, contact)).data_hu
    assert (data[ball | ears] == 40).mean() > 0.995
    assert (data[rest] == -1000).mean() > 0.97  # but for the stump of the contact


def test_air_around_the_head_becomes_exactly_air():
    ball, ears = head_and_ears()
    x, y, z = grid_mm()
    inside = x**2 + y**2 + z**2 < 20**2
    volume = scanned(ball | ears)
    volume.data_hu[inside] = -950
    data = without_couch(volume).data_hu
    assert (data[x**2 + y**2 + z**2 > 100**2] == -1000).all()
    assert (data[inside] == -950).all()
    assert volume.data_hu.min() == -990  # the given CT is left alone


def test_a_couch_under_a_tilted_gantry_is_taken():
    """The slices are turned by 20 deg against a couch that runs along the scanner's z."""
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("x", 20, degrees=True).as_matrix()
    middle = np.eye(4)
    middle[:3, 3] = -CT_FROM_VOXEL[:3, :3] @ (np.array(SHAPE) - 1) / 2
    affine = turn @ middle @ CT_FROM_VOXEL
    data = np.full(SHAPE, -990, np.int16)
    points = Volume(data, affine).points_ct(np.moveaxis(np.indices(SHAPE), 0, -1))
    ball = np.linalg.norm(points, axis=-1) < 70
    couch = (points[..., 1] < -67) & (points[..., 1] > -95)
    data[ball | couch] = 40
    kept = without_couch(Volume(data, affine)).data_hu
    assert (kept[ball & (points[..., 1] > -62)] == 40).all()
    assert (kept[couch & ~ball] == -1000).mean() > 0.99


def test_a_piece_of_bone_alone_is_left_as_it_is():
    data = np.full((20, 20, 40), -1000, np.int16)
    data[8:12, 8:12, 2:38] = 900
    assert np.array_equal(without_couch(Volume(data, np.eye(4))).data_hu, data)


def test_air_alone_is_refused():
    with pytest.raises(ValueError, match="no tissue"):
        without_couch(Volume(np.full((9, 9, 9), -1000, np.int16), np.eye(4)))


def test_the_phantom_rises_from_its_couch():
    if not HEADS.exists():
        pytest.skip("needs the shared real heads")
    volume = Volume.read(HEADS / "imagex_phantom.nii.gz")
    data = without_couch(volume).data_hu
    # The couch's surface is at y = 106 mm and its bottom below 95; the occiput dents it.
    assert 101 < volume.points_ct(np.argwhere(data > -300))[:, 1].min() < 107
    assert (data[:, 231:] > -300).mean() < 0.02
    assert (data[:, :230] > -300).sum() == pytest.approx(
        (volume.data_hu[:, :230] > -300).sum(), rel=1e-3
    )


def test_ears_of_a_real_head_stay():
    if not HEADS.exists():
        pytest.skip("needs the shared real heads")
    volume = Volume.read(HEADS / "vtk_fullhead.nii.gz")
    above_neck = (slice(None), slice(None), slice(0, 60))
    before, after = volume.data_hu[above_neck], without_couch(volume).data_hu[above_neck]
    assert (after > -300).sum() > 0.999 * (before > -300).sum()
