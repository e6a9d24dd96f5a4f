"""Mouth open and neck bent: how the mean head's parts move against its cranium.

The jaw moves rigidly, in ct coordinates: it turns about the axis through its condyles, while these
glide forward and down under the articular eminence. At the widest opening people turn it by 34
(men) or 32 degrees (women; Ferrario et al. 2005, Arch Oral Biol 50:507), and their condyles travel
11.9 mm (Travers et al. 2000, Arch Oral Biol 45:267). The neck bends like a rod, by an angle that
grows with the depth under the skull base; flesh is stretched between. The cranium stays.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from .head_map import LOWEST_MM, ct_from_mean, mean_bounds
from .head_proportions import HeadShape
from .head_solids import Solid, ramp
from .volume import moved

Back = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
CONDYLE_MM = (53.0, 15.0, -2.8)  # centre, right side
GLIDE_MM, WIDEST_DEG = np.array([0.0, 10.7, -5.3]), 33.0
NECK_PIVOT_MM = np.array([0.0, -10.0, -22.0])  # between the occipital condyles
NECK_Z_MM = (-24.0, -130.0)  # from here on, and down to here, the neck bends
CHIN_ROOM_MM, NECK_ROOM_MM = 12.0, 15.0
LIPS_DEG, PARTED_DEG = 29.0, 4.0  # below the level of the condyles; lips part at so much
CHEEK_Y_MM, CHIN_Z_MM = (-14.0, 16.0), (-88.0, -175.0)  # where flesh no longer goes with the jaw


def open_from_closed(h: HeadShape) -> np.ndarray:
    """The jaw's rigid motion (4, 4) in ct mm, from the closed mouth to the open one."""
    x, y, z = CONDYLE_MM
    left, right = ct_from_mean(h, np.array([[-x, y, z], [x, y, z]]))
    axis = (right - left) / np.linalg.norm(right - left)
    turn = Rotation.from_rotvec(-np.deg2rad(h.jaw_opening_deg) * axis).as_matrix()
    middle = (left + right) / 2
    motion = np.eye(4)
    motion[:3, :3] = turn
    motion[:3, 3] = middle + _glide(h) - turn @ middle
    return motion


def scan_bounds(h: HeadShape) -> tuple[np.ndarray, np.ndarray]:
    """The scan's box in ct mm, `mean_bounds` and what an open jaw and a bent neck need beyond."""
    low, high = mean_bounds(h)
    fat = max(float(h.flesh_mm), 0.0)
    places = [low[None] - [fat, fat, 0], high[None] + fat]
    if h.jaw_opening_deg:
        chin_mm = np.array([[x, y, -89.0] for x in (-30, 30) for y in (40, 92)])
        places.append(moved(open_from_closed(h), ct_from_mean(h, chin_mm)) - [0, 0, CHIN_ROOM_MM])
    if neck_back(h):
        around = np.array([[x, y, LOWEST_MM] for x in (-66, 66) for y in (-84, 46)]) - NECK_PIVOT_MM
        share = ramp(np.array([-LOWEST_MM]), -NECK_Z_MM[0], -NECK_Z_MM[1])
        bent = Rotation.from_rotvec(_neck_turn(h) * share[0]).apply(around) + NECK_PIVOT_MM
        at_cut = np.column_stack([bent[:, :2], np.full(len(bent), LOWEST_MM)])
        room = np.array([[NECK_ROOM_MM, NECK_ROOM_MM, 0]])
        ends = ct_from_mean(h, np.clip(at_cut, -180, 180))
        places += [ends - room, ends + room]
    all_places = np.concatenate(places)
    return all_places.min(0), all_places.max(0)


def neck_back(h: HeadShape) -> Back | None:
    """Where points of the mean head with a bent neck are in the straight one; None if it is."""
    turn = _neck_turn(h)
    angle = float(np.linalg.norm(turn))
    if angle == 0:
        return None
    axis = (turn / angle).astype(np.float32)

    def back(x, y, z):
        share = ramp(-z, -NECK_Z_MM[0], -NECK_Z_MM[1])
        return turned_back((x, y, z), NECK_PIVOT_MM.astype(np.float32), axis, share * angle)

    return back


def turned_back(
    points: tuple[np.ndarray, np.ndarray, np.ndarray],
    pivot: np.ndarray,
    axis: np.ndarray,
    angle: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points turned about an axis through a pivot by minus an angle of their own (Rodrigues)."""
    v = [c - p for c, p in zip(points, pivot, strict=True)]
    cos, sin = np.cos(angle), np.sin(-angle)
    along = (axis[0] * v[0] + axis[1] * v[1] + axis[2] * v[2]) * (1 - cos)
    a, b, c = axis
    turned = (
        v[0] * cos + (b * v[2] - c * v[1]) * sin + a * along,
        v[1] * cos + (c * v[0] - a * v[2]) * sin + b * along,
        v[2] * cos + (a * v[1] - b * v[0]) * sin + c * along,
    )
    return turned[0] + pivot[0], turned[1] + pivot[1], turned[2] + pivot[2]


def flesh_back(h: HeadShape) -> Back | None:
    """Where flesh of the open mouth is in the closed one, mean head; None if it is closed."""
    rigid = jaw_back(h)
    if rigid is None:
        return None
    _, y_0, z_0 = (CONDYLE_MM + _glide(h)).tolist()
    edge = 3.0 + 0.25 * h.jaw_opening_deg

    def back(x, y, z):
        below_deg = np.rad2deg(np.arctan2(z_0 - z, y - y_0))
        share = ramp(below_deg, LIPS_DEG - edge, LIPS_DEG + h.jaw_opening_deg + edge)
        share = share * ramp(y, *CHEEK_Y_MM) * (1 - ramp(-z, -CHIN_Z_MM[0], -CHIN_Z_MM[1]))
        _, there_y, there_z = rigid(x, y, z)
        return x, y + share * (there_y - y), z + share * (there_z - z)

    return back


def jaw_back(h: HeadShape) -> Back | None:
    """Where what moves with the jaw, in the mean head, is when the mouth is closed."""
    if h.jaw_opening_deg == 0:
        return None
    _, y_0, z_0 = CONDYLE_MM
    _, glide_y, glide_z = _glide(h).tolist()
    cos, sin = (f(math.radians(h.jaw_opening_deg)) for f in (math.cos, math.sin))

    def back(x, y, z):
        forward, up = y - y_0 - glide_y, z - z_0 - glide_z
        return x, y_0 + cos * forward - sin * up, z_0 + sin * forward + cos * up

    return back


def mouth_gap(h: HeadShape) -> Solid | None:
    """The air between the parted lips and over the tongue, mean head; None while lips touch."""
    if h.jaw_opening_deg < PARTED_DEG:
        return None
    _, y_0, z_0 = (CONDYLE_MM + _glide(h)).tolist()
    first = math.radians(LIPS_DEG)
    last = first + math.radians(0.85 * h.jaw_opening_deg)

    def distance(x, y, z):
        forward, up = y - y_0, z - z_0
        above = math.sin(first) * forward + math.cos(first) * up  # over the upper plane
        under = -math.sin(last) * forward - math.cos(last) * up
        side = np.abs(x) - 21
        flat = np.maximum(np.maximum(above, under), np.maximum(side, 50 - y)) + 3
        return flat - 3 + 0.25 * np.maximum(flat, 0)

    reach = 130 * math.sin(last) + 10
    return Solid(distance, np.array([-22.0, 50, z_0 - reach]), np.array([22.0, 140, -20]))


def posed(solid: Solid, back: Back | None) -> Solid:
    """A solid of the mean head, moved by the posture; `back` undoes the motion."""
    if back is None:
        return solid

    def distance(x, y, z):
        return solid.distance(*back(x, y, z))

    return Solid(distance, *_moved_box(solid, back))


def _moved_box(solid: Solid, back: Back) -> tuple[np.ndarray, np.ndarray]:
    """A box that holds a solid that was moved: it grows by the largest motion in and around it."""
    low, high = np.asarray(solid.low, float), np.asarray(solid.high, float)
    axes = [np.linspace(a - 60, b + 60, 9) for a, b in zip(low, high, strict=True)]
    points = np.meshgrid(*axes, indexing="ij")
    there = back(*points)
    near = np.ones(points[0].shape, bool)
    for a, b, c in zip(low, high, there, strict=True):
        near &= (c >= a - 12) & (c <= b + 12)
    if not near.any():
        return low - 60, high + 60
    inside = [p[near] for p in points]
    margin = [axis[1] - axis[0] for axis in axes]
    lowest = np.array([p.min() - m for p, m in zip(inside, margin, strict=True)])
    return lowest, np.array([p.max() + m for p, m in zip(inside, margin, strict=True)])


def _neck_turn(h: HeadShape) -> np.ndarray:
    """Rotation vector of the lowest neck against the head, rad."""
    return np.deg2rad([h.neck_flexion_deg, -h.neck_tilt_deg, h.neck_turn_deg])


def _glide(h: HeadShape) -> np.ndarray:
    return GLIDE_MM * (h.jaw_opening_deg / WIDEST_DEG)
