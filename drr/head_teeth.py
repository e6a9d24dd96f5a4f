"""The teeth of the digital head, on the ridges of the two jaws, with what a dentist added."""

import numpy as np

from .head_paint import Part, bone_hu
from .head_proportions import HeadShape
from .head_solids import Solid, ellipsoid, rod

SIDES = (-1, 1)
UPPER_ARCH = (91.0, 17.0)  # y = front - x^2 / k
LOWER_ARCH = (88.0, 15.5)
UPPER_TEETH_MM = (8.6, 6.8, 7.8, 7.0, 6.8, 10.2, 9.6, 8.8)  # widths, from the midline
LOWER_TEETH_MM = (5.4, 6.0, 7.0, 7.0, 7.2, 11.2, 10.6, 10.0)
UPPER_CREST_Z, UPPER_EDGE_Z = -41.0, -52.0
LOWER_CREST_Z, LOWER_EDGE_Z = -61.5, -51.0
METAL_HU = 3071.0


def upper_teeth(h: HeadShape) -> list[Part]:
    """Up to sixteen teeth of the maxilla, crest at z = -41, edge at z = -52."""
    return tooth_parts(h, "cranium", UPPER_ARCH, UPPER_TEETH_MM, UPPER_CREST_Z, UPPER_EDGE_Z)


def lower_teeth(h: HeadShape) -> list[Part]:
    """Up to sixteen teeth of the mandible."""
    return tooth_parts(h, "mandible", LOWER_ARCH, LOWER_TEETH_MM, LOWER_CREST_Z, LOWER_EDGE_Z)


def ridge(front: float, k: float, z_low: float, z_high: float, half_mm: float) -> Solid:
    """A horseshoe about the arch y = front - x^2 / k, open to the back, with rounded edges."""

    def distance(x, y, z):
        side = np.abs(y - front + x * x / k) / np.sqrt(1 + (2 * x / k) ** 2) - half_mm + 2
        level = np.abs(z - (z_low + z_high) / 2) - (z_high - z_low) / 2 + 2
        flat = np.maximum(side, front - 46 - y)
        outside = np.maximum(flat, 0) ** 2 + np.maximum(level, 0) ** 2
        return np.sqrt(outside) + np.minimum(np.maximum(flat, level), 0) - 2

    reach = float(np.sqrt(46 * k)) + half_mm + 2
    low = np.array([-reach, front - 50, z_low])
    return Solid(distance, low, np.array([reach, front + half_mm + 1, z_high]))


def teeth(
    arch: tuple[float, float], widths_mm: tuple[float, ...], edge_z: float
) -> list[tuple[tuple[float, float, float], float]]:
    """Middle of the biting edge and width of each tooth, set along the arch from the midline."""
    front, k = arch
    x = np.linspace(0, 40, 4001)
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(x * x / k)))])
    ends = np.cumsum(widths_mm)
    at = np.interp(ends - np.asarray(widths_mm) / 2, length, x)
    return [
        ((float(s * a), float(front - a * a / k), edge_z), width)
        for a, width in zip(at, widths_mm, strict=True)
        for s in SIDES
    ]


def tooth_parts(
    h: HeadShape, group: str, arch: tuple, widths_mm: tuple, crest_z: float, edge_z: float
) -> list[Part]:
    """Crowns of enamel over dentine or of metal, fillings, and roots with their pulp."""
    up = float(np.sign(crest_z - edge_z))  # from the biting edge to the root
    enamel = bone_hu(1.0, 2600, 1600)
    crown_mm = abs(crest_z - edge_z)
    parts: list[Part] = []
    for place, ((x, y, z), width) in enumerate(teeth(arch, widths_mm, edge_z)):
        number = fdi_number(up > 0, x > 0, place // 2 + 1)
        if number in h.missing_teeth:
            continue
        broad = width > 8.7 and abs(x) > 15
        depth = 5.2 if broad else 3.8 if abs(x) > 13 else 3.2
        half = (width * 0.49 if abs(x) < 13 else depth, depth if abs(x) < 13 else width * 0.49)
        centre = (x, y, z + up * (crown_mm / 2 + 0.5))
        crown = ellipsoid(centre, (*half, crown_mm / 2 + 0.5), power=3.0)
        root_z = (crest_z - up * 1.0, crest_z + up * 12.0)
        root = rod((x, y, root_z[0]), (x, y - 1, root_z[1]), width * 0.38, width * 0.16)
        pulp = rod((x, y, root_z[0]), (x, y - 1, root_z[1]), 0.8, 0.4)
        crown_hu = METAL_HU if number in h.metal_crowns else enamel
        parts += [
            Part(group, root, 1500.0, is_bone=True),
            Part(group, crown, crown_hu, is_bone=True),
            Part(group, pulp, 500.0, is_bone=True),
        ]
        if number in h.fillings:
            filling = ellipsoid((x, y, z + up * 2.5), (half[0] * 0.55, half[1] * 0.55, 2.2))
            parts.append(Part(group, filling, METAL_HU, is_bone=True))
    return parts


def fdi_number(is_upper: bool, is_right: bool, place: int) -> int:
    """The FDI number of the tooth at a place from the midline, 1 to 8."""
    quarter = (1 if is_right else 2) if is_upper else (4 if is_right else 3)
    return 10 * quarter + place
