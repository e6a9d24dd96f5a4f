"""ct_preview.png: what was kept of a CT, what was taken out, and where its cranium is.

Three projections along the head's axes and three slices through the cranium's middle, drawn with
the patient's right on the left.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from calibration.atomic import whole
from drr import HeadAnatomy
from drr.resample import nearest_mask

from .subject import Scan, Subject

PX_PER_MM = 1.5
DARKEST_HU, BRIGHTEST_HU = -1000.0, 1400.0
VEIL_MM, VEIL, VEIL_OVER_HEAD = 40.0, 0.8, 0.3
"""Removed tissue this thick covers as much as it ever does: beside the head, and in front of it."""
TISSUE_HU = -300.0
REMOVED, CRANIUM, DOT = (0, 140, 255), (80, 220, 80), (255, 150, 40)  # blue, green, red
CAPTION_PX, MARGIN_PX = 26, 22
KEY = "grey: kept   orange: taken out   green: cranium   blue: landmarks"


class View(NamedTuple):
    """How one of the pictures looks at (right, anterior, superior)."""

    name: str
    along: int
    across: tuple[int, int]  # axes that run to the left and up on the screen
    letters: str  # left, right, top, bottom


VIEWS = (
    View("coronal", 1, (0, 2), "RLSI"),
    View("sagittal", 0, (1, 2), "APSI"),
    View("axial", 2, (0, 1), "RLAP"),
)
Mask = Bool[np.ndarray, "i j k"]
Image = UInt8[np.ndarray, "height width 3"]


def write_preview(path: Path, subject: Subject) -> None:
    """Draw the CT of a subject into a PNG, whole or not at all."""
    notes = list(subject.volume.notes)
    if not subject.anatomy.is_head:
        notes.append("no head was found in it")
    image = preview(subject.scan, subject.anatomy, subject.landmarks_ct, notes)
    done, encoded = cv2.imencode(".png", image)
    if not done:
        raise OSError(f"{path}: the picture could not be encoded")
    with whole(path) as unfinished:
        unfinished.write_bytes(encoded.tobytes())


def preview(
    scan: Scan, anatomy: HeadAnatomy, landmarks_ct: dict[str, np.ndarray], notes: list[str]
) -> Image:
    """The picture, blue first, with notes below."""
    overview = scan.overview
    cranium = nearest_mask(
        anatomy.cranium, anatomy.ct_from_voxel, overview.shape, overview.ct_from_voxel
    )
    order, flips = along_ras(overview.ct_from_voxel)
    data, kept, cranium = (
        np.flip(np.transpose(part, order), tuple(flips))
        for part in (overview.data_hu, scan.kept, cranium)
    )
    points = np.array(list(landmarks_ct.values()) or np.zeros((0, 3)))
    voxels = overview.voxels(points)[:, order]
    for axis in flips:
        voxels[:, axis] = data.shape[axis] - 1 - voxels[:, axis]
    middle = [int(np.median(places)) for places in np.nonzero(cranium)]
    spacing_mm = overview.spacing_mm[order]
    rows = [
        [_projected(data, kept, cranium, voxels, view, spacing_mm) for view in VIEWS],
        [_sliced(data, kept, cranium, middle, view, spacing_mm) for view in VIEWS],
    ]
    return _with_caption(np.vstack([_beside(row) for row in rows]), [KEY, *notes])


def along_ras(ct_from_voxel: Float[np.ndarray, "4 4"]) -> tuple[list[int], list[int]]:
    """The voxel axes nearest to right, anterior and superior, and which of these run backwards."""
    steps = ct_from_voxel[:3, :3] / np.linalg.norm(ct_from_voxel[:3, :3], axis=0)
    order: list[int] = []
    for row in range(3):
        free = [axis for axis in range(3) if axis not in order]
        order.append(max(free, key=lambda axis, row=row: abs(steps[row, axis])))
    return order, [row for row in range(3) if steps[row, order[row]] < 0]


def _projected(
    data: np.ndarray,
    kept: Mask,
    cranium: Mask,
    voxels: Float[np.ndarray, "n 3"],
    view: View,
    spacing_mm: Float[np.ndarray, "3"],
) -> Image:
    """Kept tissue at its densest; what was taken out shines over it where it is thick."""
    along, (right, down) = view.along, view.across
    brightest = np.where(kept, data, DARKEST_HU).max(axis=along)
    removed_mm = ((data > TISSUE_HU) & ~kept).sum(axis=along) * spacing_mm[along]
    most = np.where(brightest > TISSUE_HU, VEIL_OVER_HEAD, VEIL)
    veil = most * np.clip(removed_mm / VEIL_MM, 0, 1)
    top_hu = max(BRIGHTEST_HU, float(np.percentile(brightest, 99.5)))
    image = _coloured(brightest, veil, top_hu)
    outlined = np.asarray(cranium.any(axis=along))
    return _finished(image, outlined, voxels[:, [right, down]], view, spacing_mm)


def _sliced(
    data: np.ndarray,
    kept: Mask,
    cranium: Mask,
    middle: list[int],
    view: View,
    spacing_mm: Float[np.ndarray, "3"],
) -> Image:
    """The slice through the cranium's middle."""
    along = view.along
    hu, inside, bone = (np.take(part, middle[along], along) for part in (data, kept, cranium))
    image = _coloured(hu, np.where((hu > TISSUE_HU) & ~inside, VEIL, 0.0), BRIGHTEST_HU)
    return _finished(image, bone, np.zeros((0, 2)), view, spacing_mm)


def _coloured(hu: np.ndarray, removed: np.ndarray, brightest_hu: float) -> np.ndarray:
    """Grey, with the removed share in its colour; (a, b, 3) with axes still to the R, A or S."""
    grey = np.clip((hu - DARKEST_HU) / (brightest_hu - DARKEST_HU), 0, 1)[..., None] * 255
    share = removed[..., None]
    return (1 - share) * grey + share * np.array(REMOVED, float)


def _finished(
    image: np.ndarray,
    outlined: Bool[np.ndarray, "a b"],
    dots: Float[np.ndarray, "n 2"],
    view: View,
    spacing_mm: Float[np.ndarray, "3"],
) -> Image:
    """Turned and enlarged for the eye, with outline, dots and letters.

    Right is on the left, anterior on the left of a sagittal view and on top of an axial one: both
    axes of every view run against the screen.
    """
    right, down = view.across
    size = [
        round(image.shape[n] * spacing_mm[axis] * PX_PER_MM) for n, axis in ((0, right), (1, down))
    ]
    turned, mask = (np.flip(np.swapaxes(part, 0, 1), (0, 1)) for part in (image, outlined))
    shown = cv2.resize(turned.astype(np.uint8), size, interpolation=cv2.INTER_LINEAR)
    mask = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(shown, outlines, -1, CRANIUM, 1, cv2.LINE_AA)
    scale = np.array(size) / image.shape[:2]
    for dot in (np.array(image.shape[:2]) - 1 - dots + 0.5) * scale - 0.5:
        cv2.circle(shown, [round(float(x)) for x in dot], 3, DOT, -1, cv2.LINE_AA)
    border = ((MARGIN_PX, MARGIN_PX), (MARGIN_PX, MARGIN_PX), (0, 0))
    framed = np.pad(shown, border, constant_values=20)
    width, height = framed.shape[1], framed.shape[0]
    places = (
        (5, height // 2),
        (width - 17, height // 2),
        (width // 2, 16),
        (width // 2, height - 6),
    )
    for letter, place in zip(view.letters, places, strict=True):
        _write(framed, letter, place, (255, 255, 255))
    _write(framed, view.name, (MARGIN_PX, 16), (170, 170, 170))
    return framed


def _write(image: np.ndarray, text: str, place: tuple[int, int], color: tuple) -> None:
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, color, 1, cv2.LINE_AA)


def _beside(images: list[np.ndarray]) -> np.ndarray:
    height = max(len(image) for image in images)
    return np.hstack([_padded(image, height, image.shape[1]) for image in images])


def _padded(image: np.ndarray, height: int, width: int) -> np.ndarray:
    below, right = height - image.shape[0], width - image.shape[1]
    return np.pad(image, ((0, below), (0, right), (0, 0)), constant_values=20)


def _with_caption(image: np.ndarray, lines: list[str]) -> Image:
    caption = np.full((CAPTION_PX * len(lines), image.shape[1], 3), 20, np.uint8)
    for n, line in enumerate(lines):
        _write(caption, line, (MARGIN_PX, CAPTION_PX * n + 18), (230, 230, 230))
    return np.vstack([image, caption])
