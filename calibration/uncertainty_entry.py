"""What a calibration knows of its own accuracy, and the entry of rig.json that keeps it."""

import sys
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .bundle_projection import LENS_TERMS, MOTION

KEYS = ("parameters", "sd", "covariance")
OF_A_VIEW = ("fx_px", "fy_px", "cx_px", "cy_px", *LENS_TERMS, *MOTION)
ROUNDING = 1e-6
"""What nine digits may leave of symmetry, and of eigenvalues of the correlation below zero."""


@dataclass(frozen=True, eq=False)
class RigUncertainty:
    """Deviations and covariance of the free parameters, in px, mm and rad by their names.

    A view's `t` and `w` are a step of cam_from_world in the camera's axes: x_cam = exp(w) R x_world
    + (t + step). A position's are those of world_from_object.
    """

    names: tuple[str, ...]
    covariance: Float[np.ndarray, "parameter parameter"]

    @property
    def sd(self) -> Float[np.ndarray, "parameter"]:
        """The parameters' standard deviations."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0))

    def sd_of(self, name: str) -> float:
        """The deviation of one parameter by its name, such as "A.fx_px"."""
        return float(self.sd[self.names.index(name)])


def uncertainty_entry(found: RigUncertainty) -> dict:
    """The uncertainty as rig.json keeps it, to nine digits."""
    rows = [[float(f"{x:.9g}") for x in row] for row in found.covariance]
    sd = [float(f"{x:.9g}") for x in found.sd]
    return {"parameters": list(found.names), "sd": sd, "covariance": rows}


def uncertainty_of(where: str, entry: object, views: tuple[str, ...]) -> RigUncertainty:
    """The uncertainty of an entry.

    Raises:
        ValueError: naming the place, where it is not a covariance of the parameters of these views.
    """
    if not isinstance(entry, dict) or set(entry) != set(KEYS):
        found = ", ".join(map(repr, entry)) if isinstance(entry, dict) else type(entry).__name__
        raise ValueError(
            f"{where}: expected an object with the keys {', '.join(KEYS)}, found {found[:200]}; "
            "leave the whole entry out, or calibrate again"
        )
    names = _names(f"{where}.parameters", entry["parameters"], views)
    sd = _numbers(f"{where}.sd", entry["sd"], len(names))
    rows = entry["covariance"]
    if not isinstance(rows, list) or len(rows) != len(names):
        found = f"{len(rows)} rows" if isinstance(rows, list) else type(rows).__name__
        raise ValueError(f"{where}.covariance: expected {len(names)} rows, found {found}")
    places = [f"{where}.covariance[{i}]" for i in range(len(rows))]
    covariance = np.array([_numbers(p, r, len(names)) for p, r in zip(places, rows, strict=True)])
    _check_covariance(f"{where}.covariance", names, covariance)
    if (np.abs(sd - np.sqrt(np.diag(covariance))) > ROUNDING * np.abs(sd)).any():
        first = names[int(np.argmax(np.abs(sd - np.sqrt(np.diag(covariance)))))]
        raise ValueError(f"{where}.sd: {first} is not the root of its variance in covariance")
    return RigUncertainty(names, covariance)


def _names(where: str, found: object, views: tuple[str, ...]) -> tuple[str, ...]:
    """Parameters by name, each once; of a view that there is, or of a position."""
    if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
        raise ValueError(f"{where}: expected a list of names, found {type(found).__name__}")
    for name in found:
        owner, _, parameter = name.rpartition(".")
        of_view = owner in views and parameter in OF_A_VIEW
        of_position = owner.startswith("position ") and parameter in MOTION
        if not of_view and not of_position:
            raise ValueError(
                f"{where}: unknown parameter {name[:80]!r}; the rig's views are {', '.join(views)}"
            )
    if len(set(found)) < len(found):
        twice = next(name for name in found if found.count(name) > 1)
        raise ValueError(f"{where}: {twice!r} is given twice")
    return tuple(found)


def _numbers(where: str, found: object, count: int) -> Float[np.ndarray, "count"]:
    if not isinstance(found, list) or len(found) != count:
        what = f"{len(found)}" if isinstance(found, list) else type(found).__name__
        raise ValueError(f"{where}: expected {count} numbers, found {what}")
    for value in found:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not abs(value) <= sys.float_info.max:
            raise ValueError(f"{where}: expected finite numbers, found {str(value)[:80]}")
    return np.array(found, dtype=np.float64)


def _check_covariance(where: str, names: tuple[str, ...], covariance: np.ndarray) -> None:
    """ValueError unless symmetric and positive semidefinite, within the rounding of the file."""
    variance = np.diag(covariance)
    if (variance < 0).any():
        raise ValueError(f"{where}: the variance of {names[int(variance.argmin())]} is negative")
    size = np.where(variance > 0, np.sqrt(variance), np.inf)
    scaled = covariance / size / size[:, None]
    empty = (variance == 0)[:, None] & (covariance != 0)
    uneven = np.abs(scaled - scaled.T) > ROUNDING
    beyond = np.abs(scaled) > 1 + ROUNDING
    for wrong, what in (
        (empty | empty.T, "a covariance without a variance"),
        (uneven, "not symmetric"),
        (beyond, "a correlation beyond 1"),
    ):
        if wrong.any():
            i, j = np.unravel_index(int(wrong.argmax()), wrong.shape)
            raise ValueError(f"{where}: {what} at {names[i]} and {names[j]}")
    of_views = [i for i, name in enumerate(names) if name.rpartition(".")[2] in OF_A_VIEW]
    least = np.linalg.eigvalsh(scaled[np.ix_(of_views, of_views)])[0] if of_views else 0.0
    if least < -ROUNDING * len(names):
        raise ValueError(
            f"{where}: not a covariance, its least eigenvalue is {least:.3g} of the largest there "
            "can be; it must not be negative"
        )
