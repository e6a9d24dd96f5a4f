"""Named landmarks of the digital head: points of its construction, or where lines meet its bone."""

from collections.abc import Sequence

import numpy as np

from .head_face import eye_centre, lens_centre
from .head_landmark_names import MANDIBLE_LANDMARKS
from .head_mandible import ramus_x
from .head_map import ct_from_mean
from .head_paint import Part, first_bone
from .head_posture import open_from_closed
from .head_proportions import HeadShape
from .head_teeth import (
    LOWER_ARCH,
    LOWER_EDGE_Z,
    LOWER_TEETH_MM,
    UPPER_ARCH,
    UPPER_EDGE_Z,
    UPPER_TEETH_MM,
    teeth,
)

__all__ = ["MANDIBLE_LANDMARKS", "landmarks_of"]
SIDES = {"left": -1, "right": 1}
FAR_MM = 160.0

# In the midline: (name, y, z, direction in which the line looks).
MIDLINE = [
    ("nasion", None, 27.5, "back"),
    ("glabella", None, 35.0, "back"),
    ("rhinion", None, 9.5, "back"),
    ("anterior_nasal_spine", None, -24.2, "back"),
    ("subspinale", None, -32.0, "back"),
    ("inion", None, -2.0, "front"),
    ("opisthocranion", None, 40.0, "front"),
    ("lambda", None, 76.0, "front"),
    ("vertex", -10.0, None, "down"),
    ("bregma", 19.5, None, "down"),
    ("basion", -3.0, None, "up"),
    ("opisthion", -40.5, None, "up"),
]
MANDIBLE_MIDLINE = [
    ("pogonion", None, -82.0, "back"),
    ("supramentale", None, -71.0, "back"),
    ("menton", 80.0, None, "up"),
]
# On the right side, mirrored: (name, start, toward).
LATERAL = [
    ("orbitale", (34, FAR_MM, 0), (34, 40, 0)),
    ("zygion", (FAR_MM, 38, -3), (0, 38, -3)),
    ("frontozygomatic", (FAR_MM, 71, 24), (0, 71, 24)),
    ("euryon", (FAR_MM, -10, 40), (0, -10, 40)),
    ("pterion", (FAR_MM, 42, 30), (0, 42, 30)),
    ("asterion", (FAR_MM, -48, 8), (0, -48, 8)),
    ("mastoid_tip", (53, -11.5, -FAR_MM), (53, -11.5, 0)),
    ("zygomaxillare", (40, FAR_MM, -16), (40, 0, -16)),
    ("maxillofrontale", (10, FAR_MM, 22), (10, 0, 22)),
]


def landmarks_of(h: HeadShape, parts: Sequence[Part]) -> dict[str, np.ndarray]:
    """All named landmarks, (3,) ct mm each, in the order of their names."""
    skull = [part for part in parts if part.group == "cranium"]
    jaw = [part for part in parts if part.group == "mandible"]
    points = {name: _midline(skull, y, z, look) for name, y, z, look in MIDLINE}
    points |= {name: _midline(jaw, y, z, look) for name, y, z, look in MANDIBLE_MIDLINE}
    upper_z, lower_z = -40.0 + h.upper_ridge_loss_mm, -63.0 - h.lower_ridge_loss_mm
    points["prosthion"] = _midline(skull, None, upper_z, "back")
    points["infradentale"] = _midline(jaw, None, lower_z, "back")
    points["posterior_nasal_spine"] = first_bone(skull, (0, 20, -23.8), (0, 80, -23.8))
    points["sella"] = np.array([0.0, 22.5, 18.5])  # the middle of the pit
    points["dorsum_sellae"] = first_bone(skull, (0, 14, 36), (0, 14, 0))
    points["gnathion"] = first_bone(jaw, (0, 150, -155), (0, 50, -55))
    points["incision_superius"] = _incision(UPPER_ARCH, UPPER_TEETH_MM, UPPER_EDGE_Z)
    points["incision_inferius"] = _incision(LOWER_ARCH, LOWER_TEETH_MM, LOWER_EDGE_Z)
    for side, s in SIDES.items():
        points |= {f"{name}_{side}": p for name, p in _lateral(skull, jaw, s).items()}
    names = sorted(points)
    places = dict(zip(names, ct_from_mean(h, np.stack([points[n] for n in names])), strict=True))
    if h.jaw_opening_deg:
        motion = open_from_closed(h)
        places |= {
            name: motion[:3, :3] @ places[name] + motion[:3, 3] for name in MANDIBLE_LANDMARKS
        }
    return places


def _midline(parts: Sequence[Part], y: float | None, z: float | None, look: str) -> np.ndarray:
    """Where a line in the plane x = 0, at one height or one depth, first meets bone."""
    start, toward = {
        "back": ((0, FAR_MM, z), (0, -20, z)),
        "front": ((0, -FAR_MM, z), (0, 0, z)),
        "down": ((0, y, FAR_MM), (0, y, 0)),
        "up": ((0, y, -FAR_MM), (0, y, 20)),
    }[look]
    return first_bone(parts, start, toward)


def _lateral(skull: Sequence[Part], jaw: Sequence[Part], s: int) -> dict[str, np.ndarray]:
    """The landmarks of one side."""
    mirror = np.array([s, 1.0, 1.0])
    points = {name: first_bone(skull, a * mirror, b * mirror) for name, a, b in LATERAL}
    x = ramus_x(s)(-66.0)
    return points | {
        "porion": np.array([s * 61.0, 0.0, 0.0]),  # the top of the ear canal, radius 3.5
        "gonion": first_bone(jaw, (x, -40, -120), (x, 30, -50)),
        "condylion": first_bone(jaw, (s * 53, 15, 60), (s * 53, 15, -20)),
        "coronion": first_bone(jaw, (ramus_x(s)(-8), 42.5, 60), (ramus_x(s)(-8), 42.5, -40)),
        "internal_acoustic": np.array([s * 20.0, 8.0, 8.0]),  # the middle of its opening
        "eye": np.array(eye_centre(s)),
        "lens": np.array(lens_centre(s)),
    }


def _incision(arch: tuple[float, float], widths_mm: tuple[float, ...], edge_z: float) -> np.ndarray:
    """Midway between the biting edges of the two middle incisors."""
    (right, _), (left, _) = teeth(arch, widths_mm, edge_z)[:2]
    return (np.array(right) + np.array(left)) / 2
