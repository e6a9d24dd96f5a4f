"""Scattered x-rays and veiling glare: what fills the shadows of a radiograph."""

import numpy as np
from jaxtyping import Float

from .blur import widely_blurred
from .fluoroscope import Fluoroscope

Image = Float[np.ndarray, "height width"]


def scatter(primary: Image, attenuation: Image, mask: Image, fluoroscope: Fluoroscope) -> Image:
    """What the head scatters onto the detector, beside the primary.

    A ray that is attenuated by exp(-p) scatters p exp(-p) forward: photons that interact once and
    leave by the way that the others go (Ohnesorge et al. 1999, doi:10.1007/s003300050710; Sun and
    Star-Lack 2010, doi:10.1088/0031-9155/55/22/007, fit powers of both factors). So open air
    scatters nothing, though it is bright, and what is too dense to let anything pass scatters
    nothing either. A Gaussian spreads it (Boone et al. 1986, doi:10.1118/1.595906), as wide for
    thin parts as for thick ones. Its strength makes the mean over the mean primary the asked
    `scatter_to_primary`, both weighted by the share of the beam that the head takes.

    Args:
        primary: exp(-attenuation) * mask.
        attenuation: effective, dimensionless.
        mask: share of the beam that the collimator lets pass.
    """
    f = fluoroscope
    if f.scatter_to_primary == 0:
        return np.zeros_like(primary)
    spread = widely_blurred(primary * attenuation, f.scatter_sd_share * primary.shape[1])
    taken = (mask - primary).ravel()
    ratio = taken @ primary.ravel() / max(taken @ spread.ravel(), 1e-12)
    spread *= np.float32(f.scatter_to_primary * ratio)
    return spread


def with_glare(signal: Image, fluoroscope: Fluoroscope) -> Image:
    """The signal with the share `glare` of it spread over the whole tube (low-frequency drop)."""
    g = np.float32(fluoroscope.glare)
    if g == 0:
        return signal
    return (1 - g) * signal + g * widely_blurred(signal, 0.25 * signal.shape[1])
