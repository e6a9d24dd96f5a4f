"""Which kind of distortion map foretells left-out holes of a plate best."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from .distortion_fit import (
    knots_over,
    polynomial,
    polynomial_left_out,
    root_mean_square,
    thin_plate,
    thin_plate_left_out,
)
from .distortion_json import DECIMALS
from .distortion_map import GridMap, undistorted_from_raw
from .outline import outline_of
from .plate_pose import agreeing_at, mapped, untilted

MODELS = ("none", "polynomial", "thin_plate")  # the simplest first
DEGREES = (3, 5, 7)
# A richer map must take away more than this of the miss of left-out points, in quadrature: a share
# of the best map's miss, and px.
GAIN = {"model": (0.2, 0.02), "degree": (0.15, 0.01)}
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Choice:
    """A map, None for no distortion, and the homography of the plate (pitches) that goes with it.

    `cross_validation_px` has the root mean square miss of left-out points for every model tried.
    """

    model: str
    grid_map: GridMap | None
    undistorted_from_plate: Float[np.ndarray, "3 3"]
    cross_validation_px: dict[str, float]


def choose_map(
    plate: Float[np.ndarray, "hole 2"],
    raw_px: Float[np.ndarray, "hole 2"],
    weight: Float[np.ndarray, "hole"],
    fold: Int[np.ndarray, "hole"],
    size: tuple[int, int],
    model: str = "auto",
) -> Choice:
    """The map of one model, or of the simplest that is about as good as the best.

    `size` is the image's width and height; ValueError where a model was asked for that the number
    of holes does not bear.
    """
    center, scale = (np.array(size) - 1) / 2, max(size) / 2
    flat = untilted(center, plate, raw_px, weight, degree=1)
    flat = agreeing_at(center, mapped(flat, plate), raw_px, weight, degree=1) @ flat
    miss = polynomial_left_out(mapped(flat, plate), raw_px, weight, 1, fold)
    scores = {"none": root_mean_square(miss)}
    maps: dict[str, tuple[GridMap | None, np.ndarray]] = {"none": (None, flat)}
    degrees = [n for n in DEGREES if len(plate) >= _needed(n)]
    if degrees and model != "none":
        w_from_plate = untilted(center, plate, raw_px, weight, min(degrees[-1], 5))
        w = mapped(w_from_plate, plate)
        misses = {n: polynomial_left_out(w, raw_px, weight, n, fold) for n in degrees}
        by_degree = {n: root_mean_square(miss) for n, miss in misses.items()}
        degree = _simplest(by_degree, *GAIN["degree"])
        bent = agreeing_at(center, w, raw_px, weight, degree) @ w_from_plate
        xy, seen = ((px - center) / scale for px in (mapped(bent, plate), raw_px))
        scores["polynomial"] = by_degree[degree]
        terms = polynomial(xy, seen - xy, weight, degree)
        maps["polynomial"] = _map(center, scale, degree, None, terms, xy), bent
        if model != "polynomial":
            spacing = float(np.sqrt(np.ptp(xy, axis=0).prod() / len(xy)))
            knots = knots_over(xy, spacing)
            miss, smoothness = thin_plate_left_out(xy, seen - xy, weight, knots, fold)
            scores["thin_plate"] = root_mean_square(miss) * scale
            plate_map = _thin_plate_map(center, scale, knots, xy, seen, weight, smoothness)
            # Its slope at the centre follows each hole there; only its place is made to agree.
            shift = center - undistorted_from_raw(((1.0, plate_map),), center[None])[0]
            bent = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]]) @ bent
            xy = xy + shift / scale
            plate_map = _thin_plate_map(center, scale, knots, xy, seen, weight, smoothness)
            maps["thin_plate"] = plate_map, bent
    chosen = _simplest(scores, *GAIN["model"]) if model == "auto" else model
    if chosen not in maps:
        raise ValueError(
            f"a {chosen} map needs at least {_needed(DEGREES[0])} holes in the lattice, found "
            f'{len(plate)}; expose the whole plate, or ask for the model "none"'
        )
    return Choice(chosen, *maps[chosen], cross_validation_px=scores)


def _needed(degree: int) -> int:
    """Points for a polynomial: more than twice its terms, so that every fold leaves some over."""
    return int(1.2 * (degree + 1) * (degree + 2)) + 1


def _simplest(scores: dict, share: float, least_px: float):
    """The first key, the simplest, whose score is about as good as the best."""
    best = min(scores.values())
    return next(key for key in scores if scores[key] <= np.hypot(best, max(share * best, least_px)))


def _thin_plate_map(center, scale, knots, xy, seen, weight, smoothness) -> GridMap:
    terms = thin_plate(xy, seen - xy, weight, knots, smoothness)
    return _map(center, scale, None, knots, terms, xy)


def _map(center, scale, degree, knots, terms, xy) -> GridMap:
    """The map, its numbers rounded to what is stored."""
    terms, outline = np.round(terms, DECIMALS), np.round(outline_of(xy), DECIMALS)
    return GridMap(center, float(scale), degree, knots, terms, outline)
