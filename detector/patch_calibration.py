"""Honest deviations: how far the votes' spread must be stretched to be that of the errors."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

INSIDE_ONE_SD = 0.6827
TRUSTED_AFTER = 40
"""Errors of a landmark (an axis counts one) that weigh as much as those of all landmarks."""
LEAST = 8


class Stretch(NamedTuple):
    """sd = factor * sqrt(variance of the votes + floor), for each landmark."""

    factor: Float[np.ndarray, "landmark"]
    floor: float

    def sd(self, variance: Float[np.ndarray, "*n landmark"]) -> Float[np.ndarray, "*n landmark"]:
        """Standard deviation per axis."""
        return self.factor * np.sqrt(variance + self.floor)


def fitted_stretch(
    error: Float[np.ndarray, "image landmark dim"], variance: Float[np.ndarray, "image landmark"]
) -> Stretch:
    """The stretch under which 68 % of the errors along an axis are within one deviation.

    A landmark's own factor is drawn to that of all landmarks, the more so the fewer its errors.
    Landmarks that are not known are NaN in `error`.
    """
    known = np.asarray(np.isfinite(error).all(axis=-1))
    count = error.shape[1]
    if known.sum() < LEAST:
        return Stretch(np.ones(count), 0.0)
    floor = float(np.median(variance[known])) + 1e-12
    scaled = np.abs(error) / np.sqrt(variance + floor)[..., None]
    of_all = max(float(np.quantile(scaled[known], INSIDE_ONE_SD)), 1e-6)
    factor = np.full(count, of_all)
    for n in range(count):
        own = scaled[known[:, n], n].ravel()
        if len(own) >= LEAST:
            weight = len(own) / (len(own) + TRUSTED_AFTER)
            own_factor = max(float(np.quantile(own, INSIDE_ONE_SD)), 1e-6)
            factor[n] = own_factor**weight * of_all ** (1 - weight)
    left = np.quantile((scaled / factor[:, None])[known], INSIDE_ONE_SD)
    return Stretch(factor * float(left), floor)


def share_within(
    error: Float[np.ndarray, "image landmark dim"],
    sd: Float[np.ndarray, "image landmark"],
    times: float | int,
) -> float:
    """Share of the errors along an axis that are within so many deviations."""
    known = np.isfinite(error).all(axis=-1)
    return float((np.abs(error) < times * sd[..., None])[known].mean())
