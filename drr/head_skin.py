"""The soft outside of the digital head: scalp, face, nose, lips, chin, ears, neck."""

import numpy as np
from scipy.interpolate import PchipInterpolator

from .head_cranium import POWER
from .head_face import eye_centre
from .head_map import HIGHEST_MM, along
from .head_paint import Part
from .head_posture import flesh_back, neck_back, posed
from .head_proportions import HeadShape
from .head_solids import (
    Solid,
    chain,
    ellipsoid,
    grown,
    rod,
    smooth_min,
    super_distance,
    union,
    without,
)

SCALP_MM = 5.5
FACE_BLEND_MM, NECK_BLEND_MM = 9.0, 14.0
LOWEST = -400.0  # the neck does not end in the scan
# Height, front y in the midline, half width: the face without nose.
FACE = np.array(
    [
        (62, 88, 52),
        (40, 102, 62),
        (28, 99, 65),
        (12, 96, 69),
        (-8, 98, 71),
        (-24, 104, 70),
        (-36, 108, 67),
        (-43, 109.5, 65),
        (-50, 105.5, 63),
        (-57, 107, 61),
        (-67, 99, 58),
        (-80, 101, 54),
        (-91, 96, 49),
        (-98, 84, 43),
        (-103, 66, 38),
    ],
    dtype=float,
)
# Height, front y, back y, half width of the neck.
NECK = np.array(
    [
        (10, 20, -72, 58),
        (-25, 30, -74, 58),
        (-60, 40, -72, 59),
        (-92, 44, -73, 60),
        (-110, 43, -76, 62),
        (-130, 44, -82, 68),
        (LOWEST, 44, -82, 68),
    ]
)
FACE_BACK_Y = 12.0


def outside(h: HeadShape) -> Solid:
    """Everything inside the skin but nose, lids and ears."""
    low, high = np.array([-80.0, -100, LOWEST]), np.array([80.0, 120, HIGHEST_MM])
    face = posed(Solid(face_distance, low, high), flesh_back(h))
    neck = posed(Solid(neck_distance, low, high), neck_back(h))
    highest = FACE[0, 0] + FACE_BLEND_MM + 3

    def distance(x, y, z):
        whole = scalp_distance(x, y, z)
        whole = _joined_below(highest, whole, face, FACE_BLEND_MM, x, y, z)
        return _joined_below(NECK[0, 0] + NECK_BLEND_MM + 3, whole, neck, NECK_BLEND_MM, x, y, z)

    return grown(
        Solid(distance, np.minimum(low, neck.low), np.maximum(high, neck.high)), h.flesh_mm
    )


def _joined_below(height_mm, whole, more: Solid, blend_mm, x, y, z):
    """Two solids blended; of the second one only what lies below a height is looked at."""
    if z.ndim != 3 or z.size != z.shape[2]:  # no grid of the mean head
        return smooth_min(whole, more.distance(x, y, z), blend_mm)
    count = int(np.searchsorted(z[0, 0], height_mm))
    if count:
        low = (c[..., :count] if c.shape[2] > 1 else c for c in (x, y, z))
        below = whole[..., :count]
        below[...] = smooth_min(below, more.distance(*low), blend_mm)
    return whole


def scalp_distance(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The vault's egg, thicker by the scalp."""
    g = SCALP_MM
    radii = (70 + g + 1, np.where(y < -10, 75 + g, 108 + g), np.where(z < 40, 66, 78 + g))
    return super_distance((np.abs(x), np.abs(y + 10), np.abs(z - 40)), radii, POWER)


def face_distance(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Half ellipses before the ears, as far forward as the profile."""
    front, width = (_along(FACE, column, z) for column in (1, 2))
    radii = (width, np.where(y < FACE_BACK_Y, 40, front - FACE_BACK_Y))
    flat = super_distance((np.abs(x), np.abs(y - FACE_BACK_Y)), radii, 2.3)
    return np.maximum(flat, np.maximum(z - FACE[0, 0], FACE[-1, 0] - z))


def neck_distance(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Ellipses between the throat and the nape."""
    front, back, width = (_along(NECK, column, z) for column in (1, 2, 3))
    middle = (front + back) / 2
    flat = super_distance((np.abs(x), np.abs(y - middle)), (width, (front - back) / 2), 2.2)
    return np.maximum(flat, z - NECK[0, 0])


def _along(table: np.ndarray, column: int, z: np.ndarray) -> np.ndarray:
    """A column of a table of heights, smooth, constant beyond its ends."""
    curve = PchipInterpolator(table[::-1, 0], table[::-1, column])
    return along(curve, np.clip(z, table[-1, 0], table[0, 0])).astype(np.float32)


def nose(h: HeadShape) -> Solid:
    """Bridge, tip and wings."""
    n = h.nose
    tip = (0, 96 + 21 * n, -11)
    bridge = chain([(0, 95, 27), (0, 96 + 12 * n, 6), tip], [5.0, 5.5, 8.0])
    solids = [bridge, rod((0, 96 + 17 * n, -16), (0, 101, -25), 6.0, 6.0)]
    for s in (-1, 1):
        solids.append(ellipsoid((s * 10.5, 94 + 11 * n, -16), (7, 11, 8)))
    return union(solids, 7.0)


def ear(s: int) -> Solid:
    """A shell that stands off the head, hollow to the front and side."""
    auricle = chain(
        [
            (s * 71, -2, -24),
            (s * 76, -8, -12),
            (s * 81, -17, 6),
            (s * 80, -14, 20),
            (s * 74, -2, 23),
        ],
        [5.0, 6.5, 9.0, 7.5, 4.0],
        squash=(0.55, 1, 1),
    )
    plate = ellipsoid((s * 75, -9, 3), (5, 13, 22))
    hollow = ellipsoid((s * 81, -6, 1), (6, 8, 13))
    return without(union([auricle, plate], 4.0), hollow)


def skin_parts(h: HeadShape) -> list[Part]:
    """Skin, fat and muscle, with nose, lids, lips and ears blended on."""
    whole = outside(h)
    extras = [nose(h)]
    for s in (-1, 1):
        extras.append(ellipsoid(eye_centre(s), (15.5, 14.0, 13.5)))
        extras.append(ear(s))
    extras.append(chain([(-19, 99.5, -45), (0, 106.5, -44), (19, 99.5, -45)], [1.5, 5.0, 1.5]))
    lower_lip = chain([(-17, 99, -56), (0, 104.0, -56), (17, 99, -56)], [1.5, 5.0, 1.5])
    extras.append(posed(lower_lip, flesh_back(h)))
    parts = [Part("soft", whole, flesh_hu)]
    for extra in extras:
        low, high = extra.low - 4, extra.high + 4
        parts.append(Part("soft", Solid(_joined(whole, extra), low, high), flesh_hu))
    return parts


def _joined(whole: Solid, extra: Solid):
    def distance(x, y, z):
        return smooth_min(whole.distance(x, y, z), extra.distance(x, y, z), 3.0)

    return distance


def flesh_hu(x: np.ndarray, y: np.ndarray, z: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Skin, then fat, then muscle in bundles with fat between."""
    depth = -distance
    fat = np.clip(depth - 1.5, 0, 1) * np.clip(6.5 - depth, 0, 1)
    planes = np.sin(x / 5.2 + np.sin(z / 17)) + np.sin(y / 6.1 + np.sin(x / 13)) + np.sin(z / 19)
    between = np.clip(np.abs(planes) * -6 + 1.2, 0, 1) * np.clip(depth - 6, 0, 1)
    return 52 - 140 * np.maximum(fat, between)
