"""The lower jaw of the digital head."""

import numpy as np

from .head_paint import Part, bone_hu
from .head_proportions import HeadShape
from .head_solids import Number, Solid, ellipsoid, plate, ramp, rod, union
from .head_teeth import LOWER_ARCH, lower_teeth, ridge

RAMUS_YZ = [(12, -66), (17, -69), (46, -70), (44, -50), (40, -24), (44, -8), (41, -6)]
RAMUS_YZ += [(31, -17), (22, -11), (19, -2), (11, -2), (9, -12), (10, -40)]


def mandible(h: HeadShape) -> list[Part]:
    """Body, chin, rami, condyles and lower teeth."""
    bone = bone_hu(2.4, 1550 * h.bone_density, 450 * h.bone_density)
    solids = [
        body(h.lower_ridge_loss_mm),
        ridge(*LOWER_ARCH, z_low=-78.0, z_high=-61.0 - h.lower_ridge_loss_mm, half_mm=5.2),
        ellipsoid((0, 83.5, -82), (14, 6.5, 7.5)),
    ]
    for s in (-1, 1):
        solids.append(plate(np.array(RAMUS_YZ), ramus_x(s), half_x=3.8, rounding=2.5))
        solids.append(ellipsoid((s * 53, 15, -2.8), (9.0, 4.4, 6.0)))
    parts = [Part("mandible", union(solids, 3.0), bone, is_bone=True)]
    for s in (-1, 1):
        canal = rod((s * 48, 26, -40), (s * 40, 42, -68), 1.3, 1.3)
        parts.append(Part("mandible", canal, 60.0))
    return parts + lower_teeth(h)


def ramus_x(s: int):
    """Middle of the ramus at a height: it leans outward to the condyle."""

    def centre_x(z):
        return s * (45.5 + 6.5 * np.clip((z + 67) / 67, 0, 1))

    return centre_x


def body(ridge_loss_mm: Number) -> Solid:
    """The horseshoe from angle to angle; its lower border falls to the chin."""
    front, k, half = np.float32(83.5), np.float32(45.5**2 / 66), np.float32(5.4)

    def distance(x, y, z):
        side = np.abs(y - front + x * x / k) / np.sqrt(1 + (2 * x / k) ** 2) - half + 2.5
        low, high = -67.5 - 21.5 * ramp(y, 6, 92), -43 - ridge_loss_mm - 15 * ramp(y, 14, 50)
        level = np.abs(z - (low + high) / 2) - (high - low) / 2 + 2.5
        flat = np.maximum(side, 18 - y)
        outside = np.maximum(flat, 0) ** 2 + np.maximum(level, 0) ** 2
        return np.sqrt(outside) + np.minimum(np.maximum(flat, level), 0) - 2.5

    return Solid(distance, np.array([-54, 14, -92]), np.array([54, 92, -43]))
