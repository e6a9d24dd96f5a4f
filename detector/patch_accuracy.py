"""How well a landmark model does on images it was not trained on: what its card says."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from .patch_calibration import LEAST, fitted_stretch, share_within


def measured(
    error: Float[np.ndarray, "image landmark dim"],
    variance: Float[np.ndarray, "image landmark"],
    global_error: Float[np.ndarray, "image landmark dim"],
    names: Sequence[str],
) -> dict:
    """Errors in the model's unit (pixels or mm); shares within the deviations, cross-validated.

    The images are those that also chose the best weights; the shares are of each half of the
    images, with deviations fitted on the other half.
    """
    radial = np.linalg.norm(error, axis=-1)
    known = radial[np.isfinite(radial)]
    first = np.linalg.norm(global_error, axis=-1)
    if not len(known):
        return {"images": len(error), "landmarks": 0}
    counts = {"images": len(error), "landmarks": len(known)}
    figures = {
        "mean": known.mean(),
        "sd": known.std(),
        "median": np.median(known),
        "p95": np.quantile(known, 0.95),
        "global_stage_mean": np.nanmean(first),
    }
    if len(known) >= 4 * LEAST and len(error) > 1:
        figures |= _shares(error, variance)
    by_landmark = {
        name: round(float(np.nanmean(radial[:, n])), 4)
        for n, name in enumerate(names)
        if np.isfinite(radial[:, n]).any()
    }
    rounded = {name: round(float(value), 4) for name, value in figures.items()}
    return counts | rounded | {"mean_by_landmark": by_landmark}


def _shares(error: np.ndarray, variance: np.ndarray) -> dict[str, float]:
    halves = (slice(None, None, 2), slice(1, None, 2))
    sd = np.empty_like(variance)
    for fitted, tested in (halves, halves[::-1]):
        sd[tested] = fitted_stretch(error[fitted], variance[fitted]).sd(variance[tested])
    return {f"within_{times}_sd": share_within(error, sd, times) for times in (1, 2)}
