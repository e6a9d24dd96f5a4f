"""Distortion maps from grids as they stand in rig.json.

    {"model": "polynomial-1", "center_px": [u, v], "scale_px": s, "degree": n,
     "coefficients": [[...], [...]], "outline": [[x, y], ...]}
    {"model": "thin-plate-1", "center_px": [u, v], "scale_px": s,
     "knots": [[start, step, count], [start, step, count]],
     "coefficients": [[...], [...]], "outline": [[x, y], ...]}

raw = undistorted + scale_px * displacement((undistorted - center_px) / scale_px). The two lists of
coefficients are the displacements along u and v: of the monomials 1, x, y, x^2, x y, y^2, ... up to
the total degree, or of uniform cubic B-splines, those along y fastest; spline k peaks at
start + (k - 1) step. `outline` goes round the grid, convex, x turning towards y.
"""

import numpy as np

from .distortion_map import GridMap
from .outline import checked_outline

POLYNOMIAL, THIN_PLATE = "polynomial-1", "thin-plate-1"
SHARED_KEYS = {"model", "center_px", "scale_px", "coefficients", "outline"}
MOST_DEGREE = 9
MOST_KNOTS = 64  # along an axis
DECIMALS = 10  # of what is stored, in units of scale_px: far finer than a grid can tell


def to_json(grid_map: GridMap) -> dict:
    """The map as it is stored; a map that `rounded` gave comes back exactly from `from_json`."""
    if grid_map.knots is None:
        kind = {"model": POLYNOMIAL, "degree": grid_map.degree}
    else:
        kind = {"model": THIN_PLATE, "knots": [list(axis) for axis in grid_map.knots]}
    return kind | {
        "center_px": grid_map.center_px.tolist(),
        "scale_px": grid_map.scale_px,
        "coefficients": grid_map.coefficients.tolist(),
        "outline": grid_map.outline.tolist(),
    }


def from_json(stored: dict) -> GridMap:
    """The map of a stored one; ValueError, naming the key, where it is none."""
    polynomial = stored.get("model") == POLYNOMIAL
    expected = SHARED_KEYS | {"degree" if polynomial else "knots"}
    if set(stored) != expected:
        raise ValueError(
            f"distortion of model {stored.get('model')!r} must have the keys "
            f"{', '.join(sorted(expected))}; found {', '.join(sorted(map(str, stored)))}"
        )
    center = _array(stored, "center_px", (2,))
    scale = float(_array(stored, "scale_px", ()))
    if not 0 < scale <= 1e6 or np.abs(center).max() > 1e7:
        raise ValueError(
            f"distortion has scale_px {scale:g} and center_px {center.tolist()}: no image is so"
        )
    degree, knots = None, None
    if polynomial:
        degree = stored["degree"]
        if (
            isinstance(degree, bool)
            or not isinstance(degree, int)
            or not 0 <= degree <= MOST_DEGREE
        ):
            raise ValueError(
                f"distortion has degree {degree!r}, must be a whole number from 0 to {MOST_DEGREE}"
            )
        count = (degree + 1) * (degree + 2) // 2
    else:
        knots = _knots(_array(stored, "knots", (2, 3)))
        count = knots[0][2] * knots[1][2]
    coefficients = _array(stored, "coefficients", (2, count))
    if np.abs(coefficients).max() > 1e6:
        raise ValueError("distortion has coefficients beyond 1e6 image sizes: no image is so bent")
    outline = checked_outline(_array(stored, "outline", (None, 2)))
    return GridMap(center, scale, degree, knots, coefficients, outline)


def _knots(rows: np.ndarray):
    """Start, step and count along each axis."""
    start, step, count = rows.T
    whole = (count == np.round(count)) & (count >= 4) & (count <= MOST_KNOTS)
    if not whole.all() or not ((step > 1e-4) & (step < 1e4) & (np.abs(start) < 1e6)).all():
        raise ValueError(
            f"distortion has knots {rows.tolist()}, must be [start, step, count] along x and y "
            f"with a positive step and 4 to {MOST_KNOTS} splines"
        )
    x, y = ((float(s), float(d), int(n)) for s, d, n in rows)
    return x, y


def _array(stored: dict, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """Finite numbers of a shape (None: any length); ValueError naming the key."""
    wanted = " x ".join("n" if side is None else str(side) for side in shape) or "one"
    problem = f"distortion has {key} that is not {wanted} finite numbers"
    if not _only_numbers(stored[key], len(shape)):
        raise ValueError(problem)
    try:
        found = np.array(stored[key], dtype=np.float64)
    except (ValueError, TypeError, OverflowError):  # rows of unequal length, a number too large
        raise ValueError(problem) from None
    if found.ndim != len(shape) or any(
        side is not None and side != has for side, has in zip(shape, found.shape, strict=True)
    ):
        raise ValueError(f"{problem}; found {' x '.join(map(str, found.shape)) or 'one'}")
    if not np.isfinite(found).all():
        raise ValueError(problem)
    return found


def _only_numbers(values: object, depth: int) -> bool:
    """Whether lists nested so deep hold nothing but numbers; True and False are none."""
    if depth == 0:
        return isinstance(values, int | float) and not isinstance(values, bool)
    return isinstance(values, list | tuple) and all(_only_numbers(v, depth - 1) for v in values)
