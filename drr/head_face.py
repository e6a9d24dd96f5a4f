"""The face of the digital head: orbits, zygomas, nose, maxilla, sinuses, eyes."""

import numpy as np

from .head_cranium import braincase
from .head_paint import Part, bone_hu, cellular_hu
from .head_proportions import HeadShape
from .head_solids import Solid, box, chain, ellipsoid, inside_of, rod, union
from .head_teeth import UPPER_ARCH, ridge

SIDES = (-1, 1)
BROW = ellipsoid((0, 89.5, 36), (20, 7.5, 7))
ORBIT_Z, RIM_MM = 18.0, 2.7


def jaw_and_brow(h: HeadShape) -> list[Part]:
    """Brow, upper jaw with the bones of the nose, pterygoids."""
    bone, thin = _bones(h)
    parts = [
        Part("cranium", BROW, bone, is_bone=True),
        Part("cranium", maxilla(h), bone, is_bone=True),
    ]
    for s in SIDES:
        pterygoid = chain([(s * 13, 42, -2), (s * 15, 39, -14), (s * 17, 35, -28)], [5, 4, 2.5])
        parts.append(Part("cranium", pterygoid, thin, is_bone=True))
    return parts


def orbits_and_cheeks(h: HeadShape) -> list[Part]:
    """Orbital rims and walls (they also close the sinuses), cheek bones with their arches."""
    bone, thin = _bones(h)
    parts: list[Part] = []
    for s in SIDES:
        parts.append(Part("cranium", orbit_wall(s), thin, is_bone=True))
        parts.append(Part("cranium", zygoma(s), bone, is_bone=True))
    return parts


def _bones(h: HeadShape):
    return (
        bone_hu(1.6, 1400 * h.bone_density, 500 * h.bone_density),
        bone_hu(2.5, 1250 * h.bone_density, 500 * h.bone_density),
    )


def rim_points(s: int) -> list[tuple[float, float, float]]:
    """Centres along the orbit's rim, from the inner side over the top."""
    angles = np.deg2rad(np.arange(180, -181, -30))
    return [
        (
            float(s * (34 + 17.5 * np.cos(a))),
            float(80.5 - 9.5 * np.cos(a) + 4.5 * np.sin(a) - 1.5 * np.sin(a) ** 2),
            float(ORBIT_Z + (20.0 if np.sin(a) > 0 else ORBIT_Z + RIM_MM) * np.sin(a)),
        )
        for a in angles
    ]


def orbit_wall(s: int) -> Solid:
    """The rim and the bony cone behind it."""
    rim = rim_points(s)
    cone = behind_rim(rod((s * 33, 81, ORBIT_Z), (s * 13, 42, 17), 18.6, 5.8), 0.0)
    return union([chain(rim, [RIM_MM] * len(rim)), cone], 1.5)


def behind_rim(solid: Solid, ahead_mm: float) -> Solid:
    """What of a solid lies behind the plane of the orbit's opening, moved forward."""

    def distance(x, y, z):
        plane = 80.5 - 0.54 * (np.abs(x) - 34) + 0.2 * (z - ORBIT_Z) + ahead_mm
        return np.maximum(solid.distance(x, y, z), (y - plane) * np.float32(0.87))

    return Solid(distance, solid.low, solid.high)


def zygoma(s: int) -> Solid:
    """Cheek bone, its pillars to the brow and the jaw, and the arch to the ear."""
    body = ellipsoid((s * 46, 69, -5), (10, 7.5, 10.5))
    frontal = chain([(s * 49, 68, 2), (s * 49.5, 71, 18), (s * 48.5, 73, 34)], [5, 3.8, 5])
    pillar = rod((s * 43, 67, -9), (s * 32, 60, -27), 6.0, 4.5)
    path = [
        (s * 51, 64, -5),
        (s * 62.5, 50, -4),
        (s * 64.7, 38, -3),
        (s * 63, 22, 1),
        (s * 59, 9, 4),
    ]
    arch = chain(path, [5.5, 4.2, 3.8, 4.0, 5.5], squash=(0.6, 1, 1))
    return union([body, frontal, pillar, arch], 3.0)


def maxilla(h: HeadShape) -> Solid:
    """Upper jaw with the frame of the nose, the palate and the ridge of the teeth."""
    solids = [
        ridge(*UPPER_ARCH, z_low=-42.0 + h.upper_ridge_loss_mm, z_high=-25.0, half_mm=5.6),
        box((0, 67, -24.5), (27, 23, 1.7), 1.2),  # palate
        rod((0, 84, -25), (0, 94, -24.2), 3.0, 1.0),  # anterior nasal spine
        rod((0, 46, -24.2), (0, 43.5, -23.6), 2.0, 1.2),  # posterior nasal spine
        chain([(0, 88.5, 30), (0, 95, 20), (0, 103.5, 9.5)], [4.2, 3.2, 2.2]),
    ]
    for s in SIDES:
        solids += [
            ellipsoid((s * 25, 65, -11), (16.5, 18.5, 18), power=2.2),
            chain([(s * 6, 88, 29), (s * 6, 91, 19), (s * 5.5, 97.5, 10)], [3.6, 2.6, 2.0]),
            chain(
                [(s * 9, 87, 27), (s * 13, 86, 10), (s * 17, 84, -8), (s * 13, 86, -24)], [4] * 4
            ),
        ]
    return union(solids, 2.5)


def sinuses(h: HeadShape) -> list[Part]:
    """Air in the frontal, sphenoid, maxillary and ethmoid sinuses; the bone around must exist."""
    parts: list[Part] = []
    jaw = maxilla(h)
    for s in SIDES:
        size = h.frontal_sinus * (0.975 + s * h.frontal_sinus_skew)
        frontal = union(
            [
                ellipsoid((s * 8.5 * size, 90.5, 38), (7.5 * size, 3.4, 7.5 * size)),
                ellipsoid((s * 17 * size, 87.5, 39), (6.0 * size, 3.0, 5.0 * size)),
            ],
            2.0,
        )
        if size > 1.1:  # as large as the mean head's: it fits
            frontal = inside_of(frontal, union([braincase(h).solid, BROW]), 1.3)
        m = h.maxillary_sinus
        maxillary = union(
            [
                ellipsoid((s * 26, 66, -7), (12.5 * m, 12.5 * m, 11 * m)),
                ellipsoid((s * 22.5, 59, -13), (9.5 * m, 11 * m, 9 * m)),
                ellipsoid((s * 25, 68, -17), (8 * m, 9 * m, 7 * m)),
            ],
            5.0,
        )
        if m > 1:
            maxillary = inside_of(maxillary, jaw, 1.5)
        p = h.sphenoid_sinus
        sphenoid = ellipsoid((s * 7.2, 30, 5.5), (6.3 * p, 9.5 * p, 6.5 * p), power=2.5)
        ethmoid = box((s * 9.0, 67, 15), (5.0, 17, 10), 3.0)
        parts += [Part("cranium", solid, -980.0) for solid in (frontal, maxillary, sphenoid)]
        parts.append(Part("cranium", ethmoid, cellular_hu(4.0, -900, 300)))
    return parts


def nasal_cavity() -> list[Part]:
    """Two passages with septum and turbinates."""
    parts: list[Part] = []
    for s in SIDES:
        lower = box((s * 6.2, 66, -10.5), (5.4, 25, 11), 4.0)
        upper = box((s * 3.6, 66, 7), (2.6, 21, 12), 2.0)
        parts.append(Part("cranium", union([lower, upper], 2.0), -980.0))
        inferior = rod((s * 8.2, 52, -13.5), (s * 7.8, 84, -12), 3.4, 2.8, squash=(0.8, 1, 1.1))
        middle = rod((s * 6.5, 52, -3), (s * 5.5, 80, 1), 2.6, 2.2, squash=(0.8, 1, 1.3))
        parts.append(Part("cranium", union([inferior, middle]), 40.0))
        core = rod((s * 9.0, 54, -12.5), (s * 8.6, 83, -11), 0.8, 0.8)
        parts.append(Part("cranium", core, 500.0, is_bone=True))
    septum = box((0.4, 66, 0), (0.9, 22, 21), 0.4)
    parts.append(Part("cranium", septum, 350.0, is_bone=True))
    return parts


def orbit_contents() -> list[Part]:
    """Fat, eye, lens, optic nerve and muscles."""
    parts: list[Part] = []
    for s in SIDES:
        fat = union(
            [
                behind_rim(rod((s * 33.3, 81, ORBIT_Z), (s * 13, 42, 17), 17.2, 4.2), 1.5),
                rod((s * 15, 46, 17), (s * 11, 36, 18), 2.2, 2.0),  # optic canal
            ]
        )
        parts.append(Part("cranium", fat, -85.0))
        apex, eye = (s * 13, 42, 17), eye_centre(s)
        for dx, dz in ((11, 0), (-11, 0), (0, 11), (0, -11)):
            insertion = (eye[0] + dx, eye[1] - 1, eye[2] + dz)
            parts.append(Part("soft", rod(apex, insertion, 1.5, 1.8), 50.0))
        parts.append(Part("soft", rod(apex, (eye[0] - s * 2, eye[1] - 11, eye[2]), 2, 2), 35.0))
        parts.append(Part("soft", ellipsoid(eye, (12, 12, 12)), 55.0))  # the coats of the eye
        parts.append(Part("soft", ellipsoid(eye, (10.9, 10.9, 10.9)), 12.0))
        parts.append(Part("soft", ellipsoid(lens_centre(s), (4.7, 2.2, 4.7)), 80.0))
    return parts


def eye_centre(s: int) -> tuple[float, float, float]:
    """Centre of the eyeball, radius 12 mm."""
    return (s * 32.0, 77.5, 18.0)


def lens_centre(s: int) -> tuple[float, float, float]:
    """Centre of the lens: 7.2 mm before the eye's."""
    return (s * 32.0, 84.7, 18.0)
