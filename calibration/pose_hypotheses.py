"""Poses of a bead object that would explain the spots of an image, none of them being named.

Three spots are taken for every three beads that fit their size in turn (Fischler and Bolles 1981,
carried out in full): each gives two poses under weak perspective (Alter 1994, eq. 5 to 8), made
perspective by the scaling of DeMenthon and Davis (1995). A pose counts the spots that its beads
fall on.
"""

import numpy as np
from jaxtyping import Float, Int

CELL_PX = 2.0
MOST_TRIPLES = 400_000
SAMPLE, FINALISTS = 12, 1000
"""A first count over so many beads leaves a tenth of the poses, and so many more, to be counted."""
CHUNK = 4096  # poses counted at once: bounds the memory


def poses_from_three(
    xy: Float[np.ndarray, "3 2"],
    focal_px: float,
    points_mm: Float[np.ndarray, "bead 3"],
    scale_range: tuple[float, float],
    spot_map: Int[np.ndarray, "row column"],
    most: int,
) -> tuple[Float[np.ndarray, "pose 3 4"], Int[np.ndarray, "pose"]]:
    """cam_from_object of the poses that hit the most spots, best first, and how many they hit.

    Args:
        xy: three spots, px from the principal point.
        focal_px: focal length.
        points_mm: the beads.
        scale_range: least and largest px per mm at the object.
        spot_map: which spot is near (`spot_map_of`), its middle at the principal point.
        most: how many poses to keep.
    """
    centre = points_mm.mean(0)
    points = points_mm - centre
    triples = _triples(points, xy, scale_range[1])
    poses = np.concatenate([_poses(points[triples], xy, focal_px, s, scale_range) for s in (1, -1)])
    for beads, kept in (
        (points[_sample(len(points))], len(poses) // 10 + FINALISTS),
        (points, most),
    ):
        hits = np.zeros(len(poses), dtype=np.int64)
        for start in range(0, len(poses), CHUNK):
            some = slice(start, start + CHUNK)
            hits[some] = _hits(poses[some], focal_px, beads, spot_map)
        chosen = np.argsort(-hits, kind="stable")[:kept]
        poses, hits = poses[chosen], hits[chosen]
    poses[:, :, 3] -= poses[:, :, :3] @ centre
    return poses[hits > 3], hits[hits > 3]


def spot_map_of(
    xy: Float[np.ndarray, "spot 2"], near_px: float, half_px: float
) -> Int[np.ndarray, "row column"]:
    """For cells of 2 px, the spot that is nearest to the cell and at most `near_px` away, or -1."""
    side = int(np.ceil(half_px / CELL_PX))
    nearest = np.full((2 * side, 2 * side), -1, dtype=np.int64)
    distance = np.full(nearest.shape, near_px**2)
    reach = int(np.ceil(near_px / CELL_PX)) + 1
    for index, (x, y) in enumerate(xy):
        column, row = int(x // CELL_PX) + side, int(y // CELL_PX) + side
        rows = np.arange(max(row - reach, 0), min(row + reach + 1, 2 * side))
        columns = np.arange(max(column - reach, 0), min(column + reach + 1, 2 * side))
        gap = ((rows + 0.5 - side) * CELL_PX - y)[:, None] ** 2
        gap = gap + ((columns + 0.5 - side) * CELL_PX - x)[None] ** 2
        part = np.ix_(rows, columns)
        better = gap < distance[part]
        distance[part] = np.where(better, gap, distance[part])
        nearest[part] = np.where(better, index, nearest[part])
    return nearest


def _triples(points, xy, largest_scale: float) -> Int[np.ndarray, "triple 3"]:
    """Ordered triples of beads that are at least as far apart as the spots show, not in a line."""
    apart = np.linalg.norm(points[:, None] - points, axis=-1)
    far = [apart * largest_scale >= np.linalg.norm(xy[k] - xy[k - 2]) for k in range(3)]
    found = np.argwhere(far[0][:, :, None] & far[1][None] & far[2].T[:, None])
    found = found[
        (found[:, 0] != found[:, 1]) & (found[:, 1] != found[:, 2]) & (found[:, 0] != found[:, 2])
    ]
    if len(found) > MOST_TRIPLES:
        found = found[np.random.default_rng(0).permutation(len(found))[:MOST_TRIPLES]]
    return found


def _sample(count: int) -> Int[np.ndarray, "sampled"]:
    return np.random.default_rng(0).permutation(count)[:SAMPLE]


def _poses(
    three: Float[np.ndarray, "triple 3 3"],
    xy: Float[np.ndarray, "3 2"],
    focal: float,
    sign: int,
    scale_range: tuple[float, float],
) -> Float[np.ndarray, "pose 3 4"]:
    """The poses that put three beads on three spots, with one of the two ways to tilt."""
    first, second = three[:, 1] - three[:, 0], three[:, 2] - three[:, 0]
    R01, R02 = (first**2).sum(1), (second**2).sum(1)
    R12 = ((second - first) ** 2).sum(1)
    a = 4 * R01 * R02 - (R01 + R02 - R12) ** 2
    fine = a > 1e-6 * R01 * R02
    a = np.where(fine, a, 1.0)
    x, y = (np.broadcast_to(axis, (len(three), 3)) for axis in xy.T)
    depth, scale = np.zeros((len(three), 3)), np.ones(len(three))
    for _ in range(4):
        stretch = 1 + depth * scale[:, None] / focal  # of the image, to weak perspective
        u, v = x * stretch, y * stretch
        d01, d02, d12 = (
            (u[:, i] - u[:, j]) ** 2 + (v[:, i] - v[:, j]) ** 2 for i, j in ((0, 1), (0, 2), (1, 2))
        )
        b = d01 * (R02 + R12 - R01) + d02 * (R01 + R12 - R02) + d12 * (R01 + R02 - R12)
        c = 4 * d01 * d02 - (d01 + d02 - d12) ** 2
        scale2 = np.maximum(b + np.sqrt(np.maximum(b * b - a * c, 0)), 1e-300) / a
        scale = np.sqrt(scale2)
        depth[:, 1] = sign * np.sqrt(np.maximum(scale2 * R01 - d01, 0)) / scale
        depth[:, 2] = sign * np.sqrt(np.maximum(scale2 * R02 - d02, 0)) / scale
        depth[:, 2] *= np.where(d01 + d02 - d12 > scale2 * (R01 + R02 - R12), -1, 1)
        depth = np.where(np.abs(depth * scale[:, None]) < 0.7 * focal, depth, np.nan)
        fine &= np.isfinite(depth).all(1)
        depth = np.nan_to_num(depth)
    fine &= (scale >= scale_range[0]) & (scale <= scale_range[1])
    places = np.stack([u, v, depth * scale[:, None]], axis=-1)[fine] / scale[fine, None, None]
    R = _axes(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0]).mT
    R = R @ _axes(first[fine], second[fine])
    start = places[:, 0] + np.stack([0 * scale, 0 * scale, focal / scale], axis=-1)[fine]
    t = start - np.einsum("nij,nj->ni", R, three[fine, 0])
    return np.concatenate([R, t[:, :, None]], axis=2)


def _axes(first: Float[np.ndarray, "n 3"], second: Float[np.ndarray, "n 3"]):
    """Orthonormal axes, as rows: along the first, in the plane of both, across."""
    along = first / np.linalg.norm(first, axis=1, keepdims=True)
    across = np.cross(along, second)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-300)
    return np.stack([along, np.cross(across, along), across], axis=1)


def _hits(poses, focal: float, points, spot_map) -> Int[np.ndarray, "pose"]:
    """How many spots have a bead near them; a spot counts once."""
    half = len(spot_map) // 2
    cam = poses[:, :, :3] @ points.T + poses[:, :, 3:]
    depth = np.maximum(cam[:, 2], 1e-6)
    column = np.floor(cam[:, 0] * (focal / CELL_PX) / depth).astype(np.int64) + half
    row = np.floor(cam[:, 1] * (focal / CELL_PX) / depth).astype(np.int64) + half
    inside = (column >= 0) & (column < 2 * half) & (row >= 0) & (row < 2 * half)
    spot = np.where(inside, spot_map[np.where(inside, row, 0), np.where(inside, column, 0)], -1)
    count = np.zeros(len(poses), dtype=np.int64)
    for word in range(int(spot_map.max()) // 64 + 1):  # a bit for each spot
        bit = spot - 64 * word
        mine = (bit >= 0) & (bit < 64)
        bits = np.where(mine, np.uint64(1) << np.where(mine, bit, 0).astype(np.uint64), 0)
        count += np.bitwise_count(np.bitwise_or.reduce(bits.astype(np.uint64), axis=1))
    return count
