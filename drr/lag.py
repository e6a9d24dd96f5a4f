"""Lag: what a detector still shows of the frames before."""

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float

from .fluoroscope import Fluoroscope

Frame = Float[np.ndarray, "height width"]


def with_lag(signals: Iterable[Frame], fluoroscope: Fluoroscope) -> Iterator[Frame]:
    """Each frame with what is left of those before; the first comes out of a long rest at itself.

        y_n = (1 - s) x_n + s q_(n-1),   q_n = g q_(n-1) + (1 - g) x_n,   g = exp(-1 / frames)

    When the beam stops, s g^n is left in the n-th dark frame, from 0 on: the linear model of a-Si
    panels (Starman et al. 2012, Med. Phys. 39, who take four exponentials) with one exponential;
    its `lag_share` s is the first-frame lag that makers quote. s = g is the recursive filter by
    which fluoroscopes smooth noise: y_n = s y_(n-1) + (1 - s) x_n.
    """
    share = np.float32(fluoroscope.lag_share)
    kept = np.float32(np.exp(-1 / fluoroscope.lag_frames))
    stored = None
    for signal in signals:
        if stored is None:
            stored = signal
        yield signal + share * (stored - signal)
        stored = signal + kept * (stored - signal)
