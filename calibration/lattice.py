"""Which hole of a square or hexagonal lattice each spot is.

A spot and two of its offsets start the lattice; it grows from neighbour to neighbour, the offsets
following the image's stretch and turn, then a smooth map of the whole lattice finds what lies
beyond gaps and drops what does not fit. Numbers are relative: which hole is (0, 0) is free.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

from .distortion_terms import monomials

LATTICES = ("square", "hexagonal")
HEX_FROM_INDEX = np.array([[1.0, 0.0], [0.5, np.sqrt(0.75)]])
TOLERANCE = 0.25  # of the spacing: how far from its expected place a spot may lie
SEEDS = 25
LEAST, LEAST_SHARE = 9, 0.25  # spots of the smallest lattice that counts, and of all spots
NEAR_ROWS = 3  # how far beyond the holes that are known the smooth map is trusted
Pixels = Float[np.ndarray, "spot 2"]


def lattice_points(index: Int[np.ndarray, "*n 2"], lattice: str) -> Float[np.ndarray, "*n 2"]:
    """Places of lattice numbers on the plate, in pitches."""
    return index @ HEX_FROM_INDEX if lattice == "hexagonal" else index.astype(float)


def index_lattice(
    uv_px: Pixels, lattice: str
) -> tuple[Int[np.ndarray, "spot 2"], Bool[np.ndarray, "spot"]]:
    """Lattice numbers of the spots, and which spots have one.

    Numbers run along +u and, turned by 90 (hexagonal: 60) degrees towards +v, along the other axis.

    Raises:
        ValueError: an unknown lattice, or spots that lie on none.
    """
    if lattice not in LATTICES:
        raise ValueError(f"lattice is {lattice!r}, must be one of {', '.join(LATTICES)}")
    steps = _steps(lattice)
    best = np.zeros((len(uv_px), 2), dtype=int), np.zeros(len(uv_px), dtype=bool)
    if len(uv_px) >= LEAST:
        tree = KDTree(uv_px)
        from_middle = np.hypot(*(uv_px - np.median(uv_px, axis=0)).T)
        for seed in np.argsort(from_middle, kind="stable")[:: max(len(uv_px) // 60, 1)][:SEEDS]:
            basis = _basis(uv_px, tree, int(seed), lattice)
            if basis is None:
                continue
            found = _grown(uv_px, tree, int(seed), basis, steps)
            best = max(best, found, key=lambda each: each[1].sum())
            if best[1].mean() > 0.7:
                break
    needed = max(LEAST, int(LEAST_SHARE * len(uv_px)))
    if best[1].sum() < needed:
        raise ValueError(
            f"no {lattice} lattice found among {len(uv_px)} spots: only {best[1].sum()} of them "
            f"are neighbours in one, needed are {needed}; are the lattice and the polarity right?"
        )
    return _completed(uv_px, tree, *best)


def _steps(lattice: str) -> Int[np.ndarray, "step 2"]:
    """To a hole's nearest neighbours."""
    forward = [[1, 0], [0, 1]] if lattice == "square" else [[1, 0], [0, 1], [-1, 1]]
    return np.array(forward + [[-i, -j] for i, j in forward])


def _basis(uv, tree, seed: int, lattice: str) -> Float[np.ndarray, "2 2"] | None:
    """The two shortest offsets that repeat about a spot; None where none do."""
    around = tree.query(uv[seed], k=min(len(uv), 14))[1]
    offsets = uv[around[1:13]] - uv[seed]
    length = np.hypot(*offsets.T)
    distance = tree.query(uv[around][None] + offsets[:, None])[0]
    repeats = (distance < TOLERANCE * length[:, None]).mean(axis=1)
    offsets = offsets[(repeats > 0.5) & (length > 0)]
    if len(offsets) < 2:
        return None
    a, others = offsets[0], offsets[1:]
    sine = np.abs(a[0] * others[:, 1] - a[1] * others[:, 0])
    sine /= np.hypot(*a) * np.hypot(*others.T)
    if not (sine > 0.35).any():
        return None
    b = others[np.argmax(sine > 0.35)]
    b = b if a @ b >= 0 else -b
    a, b = (a, b) if a[0] * b[1] - a[1] * b[0] > 0 else (b, a)
    turned = [(a, b), (b, -a)] if lattice == "square" else [(a, b), (b, b - a), (b - a, -a)]
    same = [sign * np.array(turn) for turn in turned for sign in (1, -1)]
    return max(same, key=lambda basis: basis[0, 0])


def _grown(uv, tree, seed: int, basis, steps):
    """Numbers of the spots that hang together with the seed, and which those are."""
    index, known = np.zeros((len(uv), 2), dtype=int), np.zeros(len(uv), dtype=bool)
    bases = np.broadcast_to(basis, (len(uv), 2, 2)).copy()
    known[seed], taken, front = True, {(0, 0)}, np.array([seed])
    while len(front):
        expected = uv[front, None] + steps @ bases[front]
        parent = np.repeat(front, len(steps))
        step = np.tile(steps, (len(front), 1))
        error, near = tree.query(expected.reshape(-1, 2))
        spacing = np.linalg.norm(bases[parent], axis=-1).min(axis=-1)
        good = np.flatnonzero((error < TOLERANCE * spacing) & ~known[near])
        fresh = []
        for k in good[np.argsort(error[good] / spacing[good], kind="stable")]:
            number = tuple(index[parent[k]] + step[k])
            if known[near[k]] or number in taken:
                continue
            child, dad = near[k], parent[k]
            miss = uv[child] - uv[dad] - step[k] @ bases[dad]
            bases[child] = bases[dad] + 0.5 * np.outer(step[k], miss) / (step[k] @ step[k])
            index[child], known[child] = number, True
            taken.add(number)
            fresh.append(child)
        front = np.array(fresh, dtype=int)
    return index, known


def _completed(uv, tree, index, known):
    """Numbers from a smooth map of the lattice, grown by some rows at a time until it stands."""
    for _ in range(20):
        at, spacing = _smooth_map(index[known], uv[known])
        low, high = index[known].min(axis=0) - NEAR_ROWS, index[known].max(axis=0) + NEAR_ROWS
        numbers = np.stack(np.meshgrid(*map(np.arange, low, high + 1), indexing="ij"), -1)
        numbers = numbers.reshape(-1, 2)
        numbers = numbers[KDTree(index[known]).query(numbers)[0] < NEAR_ROWS + 0.5]
        error, near = tree.query(at(numbers))
        good = np.flatnonzero(error < TOLERANCE * spacing)
        good = good[np.argsort(-error[good], kind="stable")]
        before, index, known = known, np.zeros_like(index), np.zeros_like(known)
        index[near[good]], known[near[good]] = numbers[good], True  # the last, nearest, stays
        if np.array_equal(before, known):
            break
    known[known] = _has_company(index[known])
    return index, known


def _has_company(index) -> Bool[np.ndarray, "spot"]:
    """Which spots have two others among the eight numbers about theirs: one alone is chance."""
    gaps = KDTree(index).query(index, k=min(3, len(index)))[0]
    return gaps[:, -1] < 1.5


def _smooth_map(index, uv):
    """A polynomial from lattice numbers to pixels that outliers do not bend, and its spacing."""
    middle, reach = index.mean(axis=0), max(np.abs(index - index.mean(axis=0)).max(), 1.0)
    degree = next(n for n in (5, 3, 1) if len(index) >= 2 * (n + 1) * (n + 2) // 2 or n == 1)
    terms, _ = monomials((index - middle) / reach, degree)
    weight = np.ones(len(index))
    for _ in range(5):
        coefficients = np.linalg.lstsq(terms * weight[:, None], uv * weight[:, None], rcond=None)[0]
        miss = np.hypot(*(uv - terms @ coefficients).T)
        weight = 1 / (1 + (miss / (3 * np.median(miss) + 1e-9)) ** 2)
    _, slopes = monomials(np.zeros((1, 2)), degree)
    steps = np.einsum("tc,td->dc", coefficients, slopes[0]) / reach
    spacing = np.linalg.norm(steps, axis=1).min()
    return lambda n: monomials((n - middle) / reach, degree)[0] @ coefficients, spacing
