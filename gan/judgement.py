"""What a translator does to pictures it was not trained on: the look reached, and what it moves."""

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from torch import nn

from .applied import applied
from .drift import Drift, drift_between
from .look_distance import kernel_distance, look_features
from .networks import Generator
from .pictures import Pictures

MOST_MEDIAN_PX, MOST_P95_PX, MOST_LOST = 0.5, 1.0, 0.3
"""Drift, in pixels at 256 x 256, and share of places not found again beyond which a direction is
refused. Frames and radiographs of the same head at the same place measure 0.3 to 0.5 px in the
median, 0.7 to 1.5 px at 95 % and 0 to 24 % lost: other looks match less exactly."""


REFUSED = 100.0
"""Added to the score of a direction that is refused: any that is allowed is better."""


@dataclass(frozen=True)
class Judgement:
    """Of both directions. Distances: see `look_distance`; smaller is nearer."""

    before_drr: float
    """Distance of frames as they are from radiographs."""
    before_film: float
    """The same in the deviations of frames."""
    to_drr: float
    """Distance of translated frames from radiographs."""
    to_film: float
    drift_to_drr: Drift
    drift_to_film: Drift
    cycle_film: float
    """Mean absolute difference of a frame that went there and back, standardised grey values."""
    cycle_drr: float

    @property
    def scores(self) -> dict[str, float]:
        """Of each direction, smaller is better: the part of the gap that is left, and the drift
        beyond what is allowed."""
        scores = {}
        for name, left, gap, drift in (
            ("to_drr", self.to_drr, self.before_drr, self.drift_to_drr),
            ("to_film", self.to_film, self.before_film, self.drift_to_film),
        ):
            beyond = max(drift.p95_px - MOST_P95_PX, 0) + max(drift.median_px - MOST_MEDIAN_PX, 0)
            beyond += max(drift.lost - MOST_LOST, 0)
            scores[name] = max(left, 0) / max(gap, 1e-3) + 2 * min(beyond, 10.0)
            scores[name] += REFUSED * (name in self.refused)
        return scores

    @property
    def refused(self) -> dict[str, str]:
        """The directions that move anatomy too far, and how far; empty where none does."""
        found = {"to_drr": self.drift_to_drr, "to_film": self.drift_to_film}
        return {
            name: f"anatomy moves by {drift.median_px:.2f} px in the median, {drift.p95_px:.2f} px "
            f"at 95 %, {drift.lost:.0%} is not found again (at 256 x 256; allowed are "
            f"{MOST_MEDIAN_PX} px, {MOST_P95_PX} px and {MOST_LOST:.0%})"
            for name, drift in found.items()
            if not (
                drift.median_px <= MOST_MEDIAN_PX
                and drift.p95_px <= MOST_P95_PX
                and drift.lost <= MOST_LOST
            )
        }


def judge_looks(
    generators: nn.ModuleDict, films: Pictures, radiographs: Pictures, noise_sd: float
) -> Judgement:
    """Judge a pair of generators on pictures held out from training."""
    to_drr, to_film = (cast(Generator, generators[name]) for name in ("to_drr", "to_film"))
    made_drr = replace(films, attenuation=applied(to_drr, films))
    made_film = replace(radiographs, attenuation=applied(to_film, radiographs, noise_sd))
    without_grain = applied(to_film, radiographs)  # grain would be measured as drift
    of_films, of_radiographs = look_features(films), look_features(radiographs)
    return Judgement(
        kernel_distance(of_films, of_radiographs),
        kernel_distance(of_radiographs, of_films),
        kernel_distance(look_features(made_drr), of_radiographs),
        kernel_distance(look_features(made_film), of_films),
        drift_between(films, made_drr.attenuation),
        drift_between(radiographs, without_grain),
        _difference(films, applied(to_film, made_drr, noise_sd)),
        _difference(radiographs, applied(to_drr, made_film)),
    )


def _difference(before: Pictures, after: np.ndarray) -> float:
    weight = before.mask
    return float((np.abs(after - before.attenuation) * weight).sum() / max(weight.sum(), 1.0))
