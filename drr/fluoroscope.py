"""Fluoroscope: what a machine makes of the x-rays that leave the head."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fluoroscope:
    """The look of one machine at one setting; the defaults are a clean flat panel.

    Lengths in px are of the image that is filmed, those as a share are of its width. "Typical
    signal" is the geometric mean over the field: automatic brightness control holds it constant,
    so brightness and quanta are counted in it.

    Args:
        attenuation_scale: effective attenuation of the beam over that of the line integrals
            (water: 0.0206 / mm at 60 keV, 0.0184 at 80, 0.0227 at 50: NIST tables).
        hardening: L becomes L / (1 + hardening L), the fall of the effective attenuation with
            depth; a range wide enough for any tube voltage, not a fit to one.
        scatter_to_primary: mean scatter over mean primary in the field; little with a grid and an
            air gap, more than 1 without.
        scatter_sd_share: width of the scatter's kernel, a Gaussian as measured behind Lucite
            (Boone et al. 1986, doi 10.1118/1.595906), of some 50 mm in a 300 mm field.
        glare: share of the signal that an image intensifier spreads over the image.
        focal_blur_sd_px: focal spot and motion, before the noise.
        detector_blur_sd_px: phosphor and optics, after the quanta are counted: it smooths noise.
        photons_per_px: detected quanta in a pixel at the typical signal; sets the quantum noise.
        electronic_sd: read-out noise over the typical signal.
        white_level: the signal, over the typical, that saturates.
        black_level: grey value without signal, in [0, 1).
        log_compression: 0 is a linear display; a gives log(1 + a x) / log(1 + a).
        gamma: exponent of the display.
        film_curve: 0 is none, 1 a full S curve with toe and shoulder as film has.
        vignetting: loss of signal in the corners of the frame, 0 to 0.6.
        shading: half range of a smooth fixed pattern that multiplies the signal.
        sharpening: unsharp mask's strength, as makers apply.
        clahe_clip: clip limit of a local histogram equalisation; 0 is none.
        wires: number of metal wires or tubes in the beam.
        beads: number of metal beads in the beam.
        blocks: number of opaque plates in the beam (markers, clamps, lead letters).
        blanked: whether the display is black outside of the field whatever falls there.
        bits: depth of the stored grey values; 8, 12 or 16.
        pattern_seed: decides shading, wires, beads and blocks: they stay from frame to frame.
    """

    attenuation_scale: float = 1.0
    hardening: float = 0.02
    scatter_to_primary: float = 0.3
    scatter_sd_share: float = 0.15
    glare: float = 0.03
    focal_blur_sd_px: float = 0.4
    detector_blur_sd_px: float = 0.4
    photons_per_px: float = 2000.0
    electronic_sd: float = 0.005
    white_level: float = 8.0
    black_level: float = 0.02
    log_compression: float = 10.0
    gamma: float = 1.0
    film_curve: float = 0.0
    vignetting: float = 0.1
    shading: float = 0.0
    sharpening: float = 0.0
    clahe_clip: float = 0.0
    wires: int = 0
    beads: int = 0
    blocks: int = 0
    blanked: bool = False
    bits: int = 8
    pattern_seed: int = 0

    @classmethod
    def randomised(cls, rng: np.random.Generator, width_px: int = 128) -> "Fluoroscope":
        """A plausible machine, drawn broadly (learning by strong randomisation: SyntheX, xvr).

        Args:
            width_px: width of the images to be filmed; blurs grow and quanta fall with it.
        """
        scale = width_px / 128
        white_level = _log_uniform(rng, 1.8, 20.0)
        log_compression = _sometimes(rng, _log_uniform(rng, 1.0, 300.0))
        grey = _linear_or_log(1 / white_level, log_compression)  # of the typical signal
        gamma = np.log(rng.uniform(0.12, 0.7)) / np.log(grey)  # somebody set the display to see it
        return cls(
            attenuation_scale=rng.uniform(0.7, 1.25),
            hardening=rng.uniform(0.0, 0.06),
            scatter_to_primary=_log_uniform(rng, 0.03, 2.0),
            scatter_sd_share=rng.uniform(0.06, 0.3),
            glare=rng.uniform(0.0, 0.15),
            focal_blur_sd_px=scale * rng.uniform(0.0, 1.0),
            detector_blur_sd_px=scale * rng.uniform(0.0, 0.7),
            photons_per_px=_log_uniform(rng, 60.0, 10000.0) / scale**2,
            electronic_sd=_log_uniform(rng, 0.001, 0.05),
            white_level=white_level,
            black_level=_sometimes(rng, rng.uniform(0.0, 0.15)),
            log_compression=log_compression,
            gamma=float(np.clip(gamma, 0.4, 2.0)),
            film_curve=_sometimes(rng, rng.uniform(0.0, 1.0)),
            vignetting=_sometimes(rng, rng.uniform(0.0, 0.6)),
            shading=_sometimes(rng, rng.uniform(0.0, 0.4)),
            sharpening=_sometimes(rng, rng.uniform(0.0, 1.5)),
            clahe_clip=_sometimes(rng, rng.uniform(1.0, 6.0)) if rng.random() < 0.5 else 0.0,
            wires=int(rng.integers(1, 5)) if rng.random() < 0.2 else 0,
            beads=int(rng.integers(1, 12)) if rng.random() < 0.2 else 0,
            blocks=int(rng.integers(1, 3)) if rng.random() < 0.2 else 0,
            blanked=bool(rng.random() < 0.4),
            bits=int(rng.choice([8, 12, 16])),
            pattern_seed=int(rng.integers(2**31)),
        )


def _linear_or_log(x: float, log_compression: float) -> float:
    """Display of a signal x in [0, 1] before gamma; see `log_compression`."""
    if log_compression == 0:
        return x
    return float(np.log1p(log_compression * x) / np.log1p(log_compression))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _sometimes(rng: np.random.Generator, value: float) -> float:
    """The value in two draws of three, else 0."""
    return value if rng.random() < 2 / 3 else 0.0
