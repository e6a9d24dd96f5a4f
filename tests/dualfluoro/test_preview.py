"""What ct_preview.png shows, and on which side."""

import os
from typing import NamedTuple

import cv2
import numpy as np
import pytest

import dualfluoro
from drr.anatomy import HeadAnatomy
from drr.volume import Volume
from dualfluoro import load_trial
from dualfluoro.preview import CRANIUM, DOT, MARGIN_PX, PX_PER_MM, along_ras, preview
from dualfluoro.stages.landmarks import _is_current
from dualfluoro.subject import Scan

SIDE, MM = 60, 2.0


class Shown(NamedTuple):
    scan: Scan
    anatomy: HeadAnatomy
    landmarks_ct: dict
    notes: list


@pytest.fixture
def shown():
    """A ball of bone to the right, in front and above; a plate behind that was taken out."""
    affine = np.diag([MM, MM, MM, 1.0])
    affine[:3, 3] = -MM * SIDE / 2
    x, y, z = (MM * (axis - SIDE / 2) for axis in np.indices([SIDE] * 3))
    ball = (x - 30) ** 2 + (y - 20) ** 2 + (z - 10) ** 2 < 18**2
    plate = y < -50
    data = np.full([SIDE] * 3, -1000, np.int16)
    data[ball], data[plate] = 1200, 0
    volume = Volume(data, affine)
    anatomy = HeadAnatomy(ball, ball, None, affine, True, 260.0)
    middle = {"middle": np.array([30.0, 20, 10])}
    return Shown(Scan(volume, volume, ~plate), anatomy, middle, ["something was odd"])


def tile(image, row, column):
    """One of the six views without its frame; all are squares here."""
    side = round(SIDE * MM * PX_PER_MM) + 2 * MARGIN_PX
    view = image[row * side : (row + 1) * side, column * side : (column + 1) * side]
    return view[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX].astype(int)


def middle_of(view, color):
    """Column and row (shares of the view) of the pixels of about that colour."""
    near = np.abs(view - np.array(color)).max(axis=2) < 60
    assert near.any()
    rows, columns = np.nonzero(near)
    return columns.mean() / view.shape[1], rows.mean() / view.shape[0]


def share_from_left(mm):
    """Of a place along an axis that runs against the screen."""
    return (SIDE / 2 - mm / MM) / SIDE


@pytest.mark.parametrize(("column", "right", "down"), [(0, 30, 10), (1, 20, 10), (2, 30, 20)])
def test_right_is_left_front_is_left_or_up_and_above_is_up(shown, column, right, down):
    image = preview(*shown)
    place = share_from_left(right), share_from_left(down)
    for row, color in ((0, DOT), (0, CRANIUM), (1, CRANIUM)):
        assert middle_of(tile(image, row, column), color) == pytest.approx(place, abs=0.03)


def test_what_was_taken_out_is_orange_and_behind(shown):
    for row in (0, 1):
        sagittal = tile(preview(*shown), row, 1)
        blue, green, red = sagittal[80, -8]
        assert red > 180 and green > 80 and blue < 60
        assert np.ptp(sagittal[80, 8]) == 0  # nothing in front


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 2, 0)])
def test_the_order_of_the_voxels_does_not_show(shown, order):
    volume, kept = shown.scan.volume, shown.scan.kept
    swap = np.zeros((4, 4))
    swap[3, 3] = 1
    for new, old in enumerate(order):
        swap[old, new] = -1
        swap[old, 3] = SIDE - 1
    affine = volume.ct_from_voxel @ swap
    moved = [np.flip(part.transpose(order)) for part in (volume.data_hu, kept)]
    turned = Volume(moved[0], affine)
    ball = np.flip(shown.anatomy.cranium.transpose(order))
    anatomy = HeadAnatomy(ball, ball, None, affine, True, 260.0)
    other = Shown(Scan(turned, turned, moved[1]), anatomy, *shown[2:])
    assert along_ras(affine)[1] == [0, 1, 2]
    off = np.abs(preview(*shown).astype(int) - preview(*other)).max(axis=2)
    assert (off > 20).mean() < 0.002


def test_notes_stand_below(shown):
    more = preview(*shown[:3], [*shown.notes, "and odder"])
    assert len(more) > len(preview(*shown))


def test_landmarks_draws_the_picture_once(trial):
    dualfluoro.landmarks(trial)
    picture = trial / "ct_preview.png"
    height, width, _ = cv2.imread(str(picture)).shape
    assert height > 300 and width > 500
    picture.write_bytes(b"left alone")
    dualfluoro.landmarks(trial)
    assert picture.read_bytes() == b"left alone"
    loaded = load_trial(trial)
    assert _is_current(picture, loaded)
    for changed in (loaded.ct, loaded.landmarks):
        later = picture.stat().st_mtime + 5
        os.utime(changed, (later, later))
        assert not _is_current(picture, loaded)
        os.utime(picture, (later, later))
    picture.unlink()
    assert not _is_current(picture, loaded)
