"""Cervical spine, hyoid and airway of the digital head."""

from .head_paint import AIR_HU, Part, bone_hu
from .head_posture import jaw_back, mouth_gap, neck_back, posed
from .head_proportions import HeadShape
from .head_solids import Solid, chain, ellipsoid, rod, union

LEVELS = {3: (-3.0, -69.0), 4: (-3.5, -86.0), 5: (-5.5, -103.0), 6: (-9.0, -119.5)}  # y, z


def spine(h: HeadShape) -> list[Part]:
    """C1 to C6, the lower ones cut by the end of the scan."""
    bone = bone_hu(1.3, 1100 * h.bone_density, 350 * h.bone_density)
    solids = [atlas(), axis()] + [vertebra(y, z) for y, z in LEVELS.values()]
    back = neck_back(h)
    horns = [(s * x, y, z) for s, x, y, z in [(-1, 21, 22, -84), (-1, 15, 38, -90)]]
    body = [*horns, (0, 46, -92), *[(-x, y, z) for x, y, z in horns[::-1]]]
    hyoid = chain(body, [1.8, 2.6, 3.6, 2.6, 1.8])
    return [Part("spine", posed(solid, back), bone, is_bone=True) for solid in [*solids, hyoid]]


def atlas() -> Solid:
    """C1: a ring without a body."""
    front = [(-17, -3, -35), (-9, 4, -35), (0, 6.5, -35), (9, 4, -35), (17, -3, -35)]
    back = [(-21, -20, -36), (-16, -32, -37), (0, -41, -38), (16, -32, -37), (21, -20, -36)]
    solids = [chain(front, [4, 3.2, 3.8, 3.2, 4]), chain(back, [3.2, 2.8, 3.6, 2.8, 3.2])]
    for s in (-1, 1):
        solids.append(ellipsoid((s * 21, -11, -35), (7.5, 9.5, 7.5), power=2.5))
        solids.append(rod((s * 26, -12, -36), (s * 38, -13, -37), 4.0, 3.5))
    return union(solids, 2.0)


def axis() -> Solid:
    """C2 with the dens, which stands behind the front arch of C1."""
    solids = [
        chain([(0, -2.5, -54), (0, -3, -42), (0, -4, -30)], [7.0, 4.6, 4.2]),
        ellipsoid((0, -3, -54), (9, 7.5, 6.5), power=3.0),
        rod((0, -36, -55), (0, -54, -63), 4.0, 5.0),
    ]
    for s in (-1, 1):
        solids.append(ellipsoid((s * 16, -9, -48), (9, 8, 5.5)))
        solids.append(rod((s * 16, -12, -50), (s * 21, -17, -61), 5.5, 5.0))
        solids.append(rod((s * 19, -18, -56), (0, -36, -56), 3.0, 3.5))
        solids.append(rod((s * 18, -9, -52), (s * 27, -12, -56), 3.0, 2.5))
    return union(solids, 2.0)


def vertebra(y: float, z: float) -> Solid:
    """A typical cervical vertebra about the middle of its body."""
    solids = [
        ellipsoid((0, y, z), (10, 8, 6.4), power=3.5),
        rod((0, y - 33, z - 3), (0, y - 46, z - 9), 3.5, 3.0),
    ]
    for s in (-1, 1):
        solids.append(rod((s * 19, y - 12, z + 6), (s * 20, y - 16, z - 6), 5.6, 5.4))
        solids.append(rod((s * 19, y - 16, z), (0, y - 33, z - 3), 2.8, 3.2))
        solids.append(rod((s * 10, y - 3, z), (s * 24, y - 6, z - 2), 3.0, 2.6))
        solids.append(rod((s * 10, y - 6, z), (s * 19, y - 13, z), 3.0, 3.5))
    return union(solids, 2.0)


def airway(h: HeadShape) -> list[Part]:
    """Air from the nostrils to the windpipe, a film of it over the tongue, and in an open mouth."""
    throat = chain(
        [(0, 27, -22), (0, 19, -42), (0, 20, -74), (0, 25, -96), (0, 24, -260)],
        [9.0, 8.0, 9.0, 7.0, 8.5],
        squash=(1, 0.6, 1),
    )
    solids = [ellipsoid((0, 32, -14), (12, 8.5, 11)), throat]
    for s in (-1, 1):
        solids.append(rod((s * 6, 46, -10), (s * 5, 34, -13), 5.5, 5.5))
        nostril = [(s * 6.5, 112, -23), (s * 6.5, 105, -16), (s * 6, 90, -12)]
        solids.append(chain(nostril, [4.0, 4.2, 4.5]))
    mouth = ellipsoid((0, 62, -31), (20, 20, 2.0))
    air = posed(union(solids, 3.0), neck_back(h))
    parts = [Part("soft", air, -990.0), Part("soft", mouth, -950.0)]
    gap = mouth_gap(h)
    if gap is None:
        return parts
    tongue = posed(ellipsoid((0, 60, -46), (19, 27, 13)), jaw_back(h))
    return [*parts, Part("soft", gap, AIR_HU), Part("soft", tongue, 50.0)]
