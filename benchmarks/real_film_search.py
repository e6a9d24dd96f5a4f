"""A first pose of each bone, from no start but where its shaft is seen in both views.

Two points a view and bone were read off the films by eye, at the joint and low on the shaft; either
of the two shafts in the side view may be either bone. The line through them leaves open which end
is up and the turn about it, and all of these are tried.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from calibration import Rig, Rigid
from drr import Volume
from drr.volume import moved
from registration.head_model import HeadModel
from registration.radiograph import Radiograph
from registration.refine_pose import RefinedPose, refine_pose

SIDE_VIEW_PX = {
    ("0002", "left"): ((855, 1232), (819, 1614)),
    ("0002", "right"): ((919, 1193), (923, 1614)),
    ("0099", "left"): ((782, 1206), (770, 1614)),
    ("0099", "right"): ((859, 1187), (893, 1614)),
}
FRONT_VIEW_PX = {
    ("0002", "radius"): ((605, 1206), (567, 1614)),
    ("0002", "ulna"): ((758, 1225), (755, 1614)),
    ("0099", "radius"): ((709, 1206), (658, 1614)),
    ("0099", "ulna"): ((849, 1244), (830, 1614)),
}
"""(u, v) at the joint and on the shaft."""
SHAFTS = {"radius": "right", "ulna": "left"}
"""Which shaft of the side view is which bone, as the search found it (docs/real_film.md)."""
FAR_MM, NEAR_MM = 6.0, 10.0
"""Lengths of the ends of the bone whose middles lie on the line."""
KEPT = 5


class Found(NamedTuple):
    """A pose, and the start that led to it."""

    pose: RefinedPose
    hand_end_first: bool
    turn_deg: float


def searched(
    radiographs: tuple[Radiograph, ...],
    model: HeadModel,
    starts: Iterator[tuple[bool, float, Rigid]],
) -> list[Found]:
    """The most similar of the starts after two coarse levels, refined to the end, best first."""
    coarse = [
        Found(refine_pose(radiographs, model, start, 0, 2), first, turn_deg)
        for first, turn_deg, start in starts
    ]
    coarse.sort(key=lambda found: -found.pose.similarity.mean())
    ends = [
        found._replace(pose=refine_pose(radiographs, model, found.pose.world_from_ct, 1))
        for found in coarse[:KEPT]
    ]
    return sorted(ends, key=lambda found: -found.pose.similarity.mean())


def starts_along(
    volume: Volume,
    joint_world: Float[np.ndarray, "3"],
    shaft_world: Float[np.ndarray, "3"],
    turns: int = 18,
    both_ends: bool = True,
) -> Iterator[tuple[bool, float, Rigid]]:
    """Whether the first slice is at the joint, the turn about the line (deg), and world_from_ct."""
    line = (shaft_world - joint_world) / np.linalg.norm(shaft_world - joint_world)
    first, last = _ends_ct(volume)
    for hand_end_first in (True, False)[: 1 + both_ends]:
        at_joint, axis = (first, last - first) if hand_end_first else (last, first - last)
        axis = axis / np.linalg.norm(axis)
        for turn_deg in np.arange(turns) * 360 / turns:
            turn = _rotation(line * np.radians(turn_deg)) @ _carrying(axis, line)
            yield hand_end_first, float(turn_deg), Rigid(turn, joint_world - turn @ at_joint)


def line_of(rig: Rig, frame: str, bone: str, shaft: str) -> tuple[np.ndarray, np.ndarray]:
    """The bone's points at the joint and on the shaft, world mm.

    The point of the side view slides along its line to where it meets the front view's ray.
    """
    side, front = np.array(SIDE_VIEW_PX[frame, shaft], float), FRONT_VIEW_PX[frame, bone]
    points = []
    for end, pixel in enumerate(front):
        slides = [side[end] + s * (side[1] - side[0]) for s in np.linspace(-0.6, 0.6, 241)]
        meetings = [_meeting(rig, (slide, np.array(pixel, float))) for slide in slides]
        points.append(min(meetings, key=lambda found: found[0])[1])
    return points[0], points[1]


def _meeting(rig: Rig, pixels: tuple[np.ndarray, ...]) -> tuple[float, np.ndarray]:
    """How far (mm, summed) two rays pass each other, and the point between them."""
    normal, right, lines = np.zeros((3, 3)), np.zeros(3), []
    for camera, pixel in zip(rig, pixels, strict=True):
        ray = camera.rays(pixel).numpy()
        across = np.eye(3) - np.outer(ray, ray)
        lines.append((across, camera.center_world.numpy()))
        normal += across
        right += across @ lines[-1][1]
    point = np.linalg.solve(normal, right)
    return sum(float(np.linalg.norm(a @ (point - c))) for a, c in lines), point


def _ends_ct(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Middles of the bone's first and last slices, ct mm."""
    filled = np.argwhere(np.asarray(volume.data_hu) > -200)
    k, step_mm = filled[:, 2], volume.spacing_mm[2]
    first = filled[(k - k.min()) * step_mm < FAR_MM].mean(0)
    last = filled[(k.max() - k) * step_mm < NEAR_MM].mean(0)
    return moved(volume.ct_from_voxel, first), moved(volume.ct_from_voxel, last)


def _carrying(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The shortest rotation from one unit vector to another."""
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis)
    if sine < 1e-9:
        axis, sine = np.cross(a, np.eye(3)[np.abs(a).argmin()]), 1.0
        axis, sine = axis / np.linalg.norm(axis), 0.0 if a @ b > 0 else 1e-12
        return _rotation(axis * np.arctan2(sine, a @ b))
    return _rotation(axis / sine * np.arctan2(sine, a @ b))


def _rotation(w: np.ndarray) -> np.ndarray:
    return Rigid.exp(np.concatenate([np.zeros(3), w])).R.numpy()
