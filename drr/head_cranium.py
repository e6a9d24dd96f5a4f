"""The braincase of the digital head: vault of three layers, skull base, temporal bones, brain."""

import numpy as np
from scipy.interpolate import PchipInterpolator

from .head_paint import Part, bone_hu, cellular_hu
from .head_proportions import HeadShape
from .head_solids import (
    Solid,
    box,
    chain,
    ellipsoid,
    ramp,
    rod,
    smooth_min,
    super_distance,
    union,
)

POWER = 2.2  # between an ellipsoid and a box
TABLE_MM = 1.6
LOW, HIGH = np.array([-72.0, -87, -30]), np.array([72.0, 100, 120])

# Height of the endocranial floor in the midline: clivus, dorsum, sella, planum, cribriform plate.
MIDLINE = PchipInterpolator(
    [-200, -30, -6, 10.5, 14, 17, 20, 25, 28, 31, 38, 50, 80, 92, 200],
    [-90, -90, -19, 22.5, 24, 16, 14, 14, 17, 23, 25, 26, 28, 34, 40],
)


def vault_distance(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """To the outer surface of an egg: widest behind the ears, flat below."""
    back, front = np.float32(75), np.float32(108)
    radii = (np.float32(70), np.where(y < -10, back, front), np.where(z < 40, 66, 78))
    return super_distance((np.abs(x), np.abs(y + 10), np.abs(z - 40)), radii, POWER)


def floor_height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Height of the endocranial floor: three fossae, and the midline's profile between."""
    off_middle = np.abs(x)
    anterior = 29 + 8 * ramp(y, 50, 92) + 2 * np.exp(-(((off_middle - 33) / 13) ** 2))
    bowl = 3 + 5 * np.clip(((y - 28) / 18) ** 2, 0, 1.5) + 4 * ramp(off_middle, 44, 60)
    wing = 29 + 0.42 * off_middle  # the edge of the sphenoid between the front two fossae
    middle = bowl + (anterior - bowl) * ramp(y, wing, wing + 10)
    petrous_ridge = 21 - 0.5 * (off_middle - 14)
    lateral = -38 + (middle + 38) * ramp(y, petrous_ridge - 34, petrous_ridge)
    midline = MIDLINE(y).astype(np.float32)
    return midline + (lateral - midline) * ramp(off_middle, 7, 15)


def floor_distance(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """To the endocranial floor: negative above it."""
    height, h = floor_height(x, y), np.float32(0.25)
    slope = (floor_height(x + h, y) - height) ** 2 + (floor_height(x, y + h) - height) ** 2
    return (height - z) / np.sqrt(1 + slope / h**2)


def vault_thickness(h: HeadShape, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Thin at the temples, thick at the frontal sinus and the inion, a little uneven."""
    squama = np.exp(-(((y - 22) / 34) ** 2)) * np.exp(-(((z - 22) / 24) ** 2))
    squama = squama * ramp(np.abs(x), 40, 55)
    wide = max(h.frontal_sinus * (1 + abs(h.frontal_sinus_skew - 0.125)), 1.0)
    sinus = np.exp(-((x / (20 * wide)) ** 2)) * np.exp(-(((z - 36) / (13 * wide)) ** 2))
    sinus = sinus * ramp(y, 60, 90)
    inion = np.exp(-((x / 22) ** 2)) * np.exp(-((z / 18) ** 2)) * ramp(-y, 40, 70)
    phase = np.random.default_rng(h.seed + 1000).uniform(0, 6.28, 3).astype(np.float32)
    uneven = np.sin(x / 13 + phase[0]) * np.sin(y / 15 + phase[1]) * np.sin(z / 14 + phase[2])
    return h.vault_thickness_mm * (1 - 0.55 * squama + 0.12 * uneven) + 7 * sinus + 5 * inion


def cavity(h: HeadShape) -> Solid:
    """The inside of the braincase."""

    def distance(x, y, z):
        vault, floor = vault_distance(x, y, z), floor_distance(x, y, z)
        return _cavity_distance(vault + vault_thickness(h, x, y, z), floor)

    return Solid(distance, LOW + 3, HIGH - 3)


def _cavity_distance(inner: np.ndarray, floor: np.ndarray) -> np.ndarray:
    return -smooth_min(-inner, -floor, 4.0)


def braincase(h: HeadShape) -> Part:
    """The bone around the brain: inner and outer table with the diploe, and the skull base."""

    def distance(x, y, z):
        vault, floor = vault_distance(x, y, z), floor_distance(x, y, z)
        base_mm = 2.8 + 10 * (1 - ramp(np.abs(x), 6, 15)) * ramp(y, -14, 6) * ramp(-y, -50, -34)
        outer = -smooth_min(-vault, base_mm - floor, 5.0)
        inside = _cavity_distance(vault + vault_thickness(h, x, y, z), floor)
        return np.maximum(outer, -inside)

    def hu(x, y, z, distance):
        core = np.clip((-distance - TABLE_MM) / 0.7 + 0.5, 0, 1)
        open_seam = 0.55 * h.sutures * suture(x, y, z)
        return h.bone_density * (1450 - core * 900) * (1 - open_seam)

    return Part("cranium", Solid(distance, LOW, HIGH), hu, is_bone=True)


def suture(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """1 on the coronal, sagittal and lambdoid sutures, 0 from 1 mm off them."""
    wave = 1.2 * np.sin(x * 1.1) + 0.8 * np.sin(x * 2.3 + 1)
    coronal = np.abs(y - 20 + 0.1 * (np.abs(x)) - 0.12 * (z - 112) + wave)
    lambdoid = np.abs((y + 79) + 0.9 * (z - 76) - 0.7 * np.abs(x) + wave)
    sagittal = np.abs(x + 1.1 * np.sin(y * 1.2)) + 50 * ((y > 20) | (z < 70))
    lines = np.minimum(coronal + 50 * (z < 30), lambdoid + 50 * ((y > -20) | (z < 5)))
    return np.clip(1.6 - np.minimum(lines, sagittal), 0, 1)


def brain(h: HeadShape) -> list[Part]:
    """Brain with ventricles, sulci and falx."""

    def hu(x, y, z, distance):
        folds = np.sin(x / 2.9 + np.sin(y / 9)) * np.sin(y / 3.4) + np.sin(z / 3.1 + np.sin(x / 8))
        sulcus = np.clip(folds - 0.9, 0, 0.6) * np.clip(1 + (distance + 12) / 6, 0, 1)
        falx = (np.abs(x) < 0.9) & (z > 45)
        return np.float32(35) - 35 * sulcus + 25 * falx

    wide = h.ventricles

    def ventricle(s: int) -> Solid:
        body = [(5, 42, 50), (9, 20, 58), (12, -15, 58), (20, -32, 48), (24, -20, 32), (26, 12, 20)]
        return chain(
            [(s * x, y, z) for x, y, z in body], [r * wide for r in (4, 5.5, 5, 6, 3.5, 2)]
        )

    third = union([box((0, 12, 38), (1.8, 13, 10), 1.5), rod((0, -22, 6), (0, -14, 18), 5, 1.5)])
    sides = union([ventricle(1), ventricle(-1), third])
    pineal = ellipsoid((0, -4, 45), (2, 3, 2))
    return [
        Part("soft", cavity(h), hu),
        Part("soft", sides, 8.0),
        Part("soft", pineal, h.pineal_hu),
    ]


def foramen_magnum() -> Part:
    """The hole between basion (y = -4) and opisthion (y = -39), with cord and fluid."""
    hole = ellipsoid((0, -21.5, -24), (15, 17.5, 16), power=2.0)
    return Part("cranium", hole, 30.0)


def temporal_bones(h: HeadShape) -> list[Part]:
    """Petrous pyramids, mastoids with air cells, styloids, condyles, and the knob of the inion."""
    parts: list[Part] = []
    dense, c = bone_hu(2.0, 1500 * h.bone_density, 900 * h.bone_density), h.mastoid_cells
    for s in (-1, 1):
        petrous = rod((s * 57, -4, 3), (s * 16, 17, 7), 11.5, 5.5)
        mastoid = rod((s * 52, -15, -4), (s * 53, -11, -21), 13.5, 8.0, squash=(0.8, 1, 1))
        canal_wall = ellipsoid((s * 56.5, -1, 2), (8, 13, 10))
        styloid = rod((s * 47, 1, -12), (s * 40, 11, -40), 2.6, 1.2)
        eminence = ellipsoid((s * 54, 26, 4), (9, 4.5, 5))
        condyle = ellipsoid((s * 18, -11, -21), (6.5, 10, 6))
        solids = [petrous, mastoid, canal_wall, styloid, eminence, condyle]
        parts.append(Part("cranium", union(solids, 3.0), dense, is_bone=True))
        capsule = rod((s * 43, 2, 4), (s * 27, 11, 5), 4.5, 3.5)
        parts.append(Part("cranium", capsule, 2000.0 * h.bone_density, is_bone=True))
        cells = union(
            [
                rod((s * 52, -15, -4), (s * 53, -11, -20), 10.5 * c, 5.0 * c, squash=(0.75, 1, 1)),
                ellipsoid((s * 52, -14, 6), (8 * c, 9 * c, 8 * c)),
            ]
        )
        parts.append(Part("cranium", cells, cellular_hu(3.6, -780, 700)))
        meatus = rod((s * 34, 4, 8), (s * 20, 8, 8), 1.5, 3.0)
        parts.append(Part("cranium", meatus, 20.0))
        labyrinth = chain([(s * 39, 0, 4), (s * 37, 5, 6), (s * 33, 7, 3)], [1.2, 1.2, 1.5])
        parts.append(Part("cranium", labyrinth, 30.0))
    parts.append(Part("cranium", ellipsoid((0, -70, -3), (11, 5, 8)), dense, is_bone=True))
    return parts


def ears_inside() -> list[Part]:
    """Ear canal and middle ear, air. The porion is the highest point of the canal's edge."""
    parts: list[Part] = []
    for s in (-1, 1):
        canal = rod((s * 84, 0, -3.5), (s * 47, 0, -3.5), 3.5, 3.5)
        middle_ear = ellipsoid((s * 44, 2.5, -1), (3, 4, 6))
        parts.append(Part("cranium", union([canal, middle_ear]), -950.0))
    return parts
