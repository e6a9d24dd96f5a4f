"""The distortion of a view from one image of a perforated or beaded plate."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Num
from scipy.spatial import KDTree

from .blobs import Spots, find_spots, prominence
from .distortion_fit import polynomial
from .distortion_json import to_json
from .distortion_map import raw_from_undistorted
from .distortion_terms import monomials
from .lattice import LATTICES, index_lattice, lattice_points
from .map_choice import FOLDS, MODELS, choose_map
from .plate_pose import mapped

FLOOR_PX = 0.03  # what no spot's centre is better than, for its weight
NEIGHBOURS, OUTLIER = 8, 5.0  # a spot may lie so many medians off where they foretell it
STEEPEST = 1.5  # a plate's stretches in two directions: sqrt(3) is what a wrong lattice gives


@dataclass(frozen=True, eq=False)
class GridFit:
    """A distortion map and the holes it came from; `distortion` goes into a `Camera`.

    `distortion` is None where model "none" foretells left-out holes as well as any. `points_px` are
    raw pixels, `undistorted_px` where the plate's lattice has them. `cross_validation_px` is, for
    each model, the root mean square distance by which holes that took no part are missed.
    `pitch_px` is the lattice's pitch at the image centre: pixel spacing = pitch_mm / pitch_px for a
    plate on the detector's face.
    """

    distortion: dict | None
    model: str
    width: int
    height: int
    pitch_mm: float
    pitch_px: float
    spots_found: int
    index: Int[np.ndarray, "hole 2"]
    points_px: Float[np.ndarray, "hole 2"]
    undistorted_px: Float[np.ndarray, "hole 2"]
    residual_px: Float[np.ndarray, "hole 2"]
    cross_validation_px: dict[str, float]


def fit_grid(
    image: Num[np.ndarray, "height width"],
    pitch_mm: float | int,
    lattice: str,
    polarity: str = "auto",
    model: str = "auto",
    radius_px: tuple[float | int, float | int] | None = None,
) -> GridFit:
    """The distortion map that one image of a plate gives.

    Args:
        image: raw grey values, any scale with black at 0.
        pitch_mm: between neighbouring holes.
        lattice: "square" or "hexagonal".
        polarity: "bright" holes, "dark" beads, or "auto".
        model: "none", "polynomial", "thin_plate", or "auto": what foretells left-out holes best.
        radius_px: smallest and largest radius of the spots, where it is known.

    Raises:
        ValueError: an image that is none, in which no such lattice is found, or an unknown word.
    """
    if model not in ("auto", *MODELS):
        raise ValueError(f"model is {model!r}, must be one of auto, {', '.join(MODELS)}")
    if not 0 < pitch_mm < np.inf:
        raise ValueError(f"pitch_mm is {pitch_mm}, must be a positive length in mm")
    found = find_spots(image, polarity, radius_px)
    spots = alike(found)
    index, known = index_lattice(spots.uv_px, lattice)
    spots, index = spots[known], index[known]
    plate = lattice_points(index, lattice)
    _check_lattice(plate, spots.uv_px, lattice)
    sound = _beside_neighbours(plate, spots.uv_px)
    spots, index, plate = spots[sound], index[sound], plate[sound]
    raw, fold = spots.uv_px, (index[:, 0] + 2 * index[:, 1]) % FOLDS
    weight = 1 / (spots.sd_px**2 + FLOOR_PX**2)
    height, width = image.shape
    choice = choose_map(plate, raw, weight / weight.mean(), fold, (width, height), model)
    undistorted = mapped(choice.undistorted_from_plate, plate)
    parts = () if choice.grid_map is None else ((1.0, choice.grid_map),)
    return GridFit(
        distortion=None if choice.grid_map is None else to_json(choice.grid_map),
        model=choice.model,
        width=width,
        height=height,
        pitch_mm=float(pitch_mm),
        pitch_px=_pitch_px(choice.undistorted_from_plate, (width, height)),
        spots_found=len(found),
        index=index,
        points_px=raw,
        undistorted_px=undistorted,
        residual_px=raw - raw_from_undistorted(parts, undistorted),
        cross_validation_px=choice.cross_validation_px,
    )


def _pitch_px(undistorted_from_plate, size: tuple[int, int]) -> float:
    """Undistorted pixels of a pitch at the image centre, the geometric mean over directions."""
    plate_from_undistorted = np.linalg.inv(undistorted_from_plate)
    center = (np.array(size) - 1) / 2
    corners = mapped(plate_from_undistorted, center + np.array([[0, 0], [1, 0], [0, 1]]))
    (a, b), (c, d) = corners[1:] - corners[0]
    return float(abs(a * d - b * c) ** -0.5)


def alike(spots: Spots) -> Spots:
    """The spots of the prevailing size and contrast: those of one plate."""
    if not len(spots):
        return spots
    weight = prominence(spots)
    radius = _weighted_median(spots.radius_px, weight)
    contrast = _weighted_median(np.abs(spots.contrast), weight)
    similar = np.abs(np.log(spots.radius_px / radius)) < np.log(1.6)
    return spots[similar & (np.abs(spots.contrast) > 0.4 * contrast)]


def _weighted_median(values, weight) -> float:
    order = np.argsort(values)
    share = np.cumsum(weight[order]) / weight.sum()
    return float(values[order[np.searchsorted(share, 0.5)]])


def _beside_neighbours(plate, uv_px) -> Bool[np.ndarray, "spot"]:
    """Which spots lie where their neighbours in the lattice would have them: none pulled aside."""
    unit = (plate - plate.mean(axis=0)) / np.ptp(plate, axis=0).max()
    degree = 5 if len(plate) > 80 else 3 if len(plate) > 40 else 2 if len(plate) > 12 else 1
    smooth = polynomial(unit, uv_px, np.ones(len(plate)), degree)
    miss = uv_px - monomials(unit, degree)[0] @ smooth.T
    found = KDTree(plate).query(plate, k=min(NEIGHBOURS + 1, len(plate)))[1]
    near = np.asarray(found)[:, 1:]
    aside = np.hypot(*(miss - np.median(miss[near], axis=1)).T)
    limit = OUTLIER * float(np.median(aside)) * (1 + 40 / len(plate))  # few scatter more
    return aside < max(limit, 4 * FLOOR_PX)


def _check_lattice(plate, uv_px, lattice: str) -> None:
    """ValueError where the picture of the lattice is sheared as that of another kind would be."""
    affine = np.linalg.lstsq(np.column_stack([plate, np.ones(len(plate))]), uv_px, rcond=None)[0]
    longest, shortest = np.linalg.svd(affine[:2], compute_uv=False)
    if longest > STEEPEST * shortest:
        other = LATTICES[1 - LATTICES.index(lattice)]
        raise ValueError(
            f"as a {lattice} lattice the {len(plate)} spots would be stretched "
            f"{longest / shortest:.2f} times along one direction; is the plate's lattice {other}?"
        )
