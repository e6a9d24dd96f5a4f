"""Fluoroscope: what a machine makes of the x-rays that leave the head."""

from dataclasses import dataclass, fields
from math import isfinite

import numpy as np

from .transmission import Beam

MAY_BE_NEGATIVE = ("pincushion", "s_turn_rad")
MUST_BE_POSITIVE = ("attenuation_scale", "photons_per_px", "white_level", "gamma", "lag_frames")


@dataclass(frozen=True)
class Fluoroscope:
    """The look of one machine at one setting; the defaults are a clean flat panel.

    Lengths in px are of the image that is filmed, those as a share are of its width. "Typical
    signal" is the geometric mean over the field: automatic brightness control holds it constant,
    so brightness and quanta are counted in it.

    Args:
        kvp: tube voltage, kV, 50 to 120; fluoroscopy of a head takes 60 to 90.
        al_mm: filtration by aluminium, inherent and added, mm; IEC 60601-1-3 asks for 2.5 in all.
        cu_mm: filtration by copper, mm; angiography adds 0.1 to 0.9.
        csi_mg_cm2: the screen of caesium iodide, mg / cm2; some 180 in intensifiers and panels.
        attenuation_scale: density of the filmed head over what its HU say.
        scatter_to_primary: mean scatter over mean primary behind the head (`with_scatter`);
            0.2 to 0.5 with a grid or an air gap, more than 1 without.
        scatter_sd_share: width of the scatter's kernel, a Gaussian as measured behind Lucite
            (Boone et al. 1986, doi:10.1118/1.595906), of some 50 mm in a 300 mm field.
        glare: share of the signal that an image intensifier spreads over the image.
        focal_blur_sd_px: focal spot and motion, before the noise; see `penumbra_sd_mm`.
        detector_blur_sd_px: phosphor and optics, after the quanta are counted: it smooths noise.
        photons_per_px: detected quanta in a pixel at the typical signal; sets the quantum noise.
        electronic_sd: read-out noise over the typical signal.
        lag_share: what is left of the signal in the first frame without beam (`with_lag`).
        lag_frames: the number of frames in which what is left falls to 1 / e.
        pincushion: growth of the radius at half the frame's width from the middle, as a share;
            up to 0.1 in intensifiers, 0 in panels (`image_distortion`).
        s_turn_rad: turn about the middle at half the frame's width; 0.05 in the earth's field.
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

    kvp: float | int = 75.0
    al_mm: float | int = 3.0
    cu_mm: float | int = 0.1
    csi_mg_cm2: float | int = 180.0
    attenuation_scale: float | int = 1.0
    scatter_to_primary: float | int = 0.3
    scatter_sd_share: float | int = 0.15
    glare: float | int = 0.03
    focal_blur_sd_px: float | int = 0.4
    detector_blur_sd_px: float | int = 0.4
    photons_per_px: float | int = 2000.0
    electronic_sd: float | int = 0.005
    lag_share: float | int = 0.03
    lag_frames: float | int = 3.0
    pincushion: float | int = 0.0
    s_turn_rad: float | int = 0.0
    white_level: float | int = 8.0
    black_level: float | int = 0.02
    log_compression: float | int = 10.0
    gamma: float | int = 1.0
    film_curve: float | int = 0.0
    vignetting: float | int = 0.1
    shading: float | int = 0.0
    sharpening: float | int = 0.0
    clahe_clip: float | int = 0.0
    wires: int = 0
    beads: int = 0
    blocks: int = 0
    blanked: bool = False
    bits: int = 8
    pattern_seed: int = 0

    def __post_init__(self) -> None:
        """ValueError where a number is not finite, or has a sign that means nothing."""
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            if not isfinite(value) or (value < 0 and name not in MAY_BE_NEGATIVE):
                raise ValueError(f"{name} must be a finite number, not negative, found {value}")
            if value <= 0 and name in MUST_BE_POSITIVE:
                raise ValueError(f"{name} must be above 0, found {value}")

    @property
    def beam(self) -> Beam:
        """Voltage, filtration and screen."""
        return Beam(self.kvp, self.al_mm, self.cu_mm, self.csi_mg_cm2)

    @classmethod
    def randomised(cls, rng: np.random.Generator, width_px: int = 128) -> "Fluoroscope":
        """A plausible machine, drawn broadly (learning by strong randomisation: SyntheX, xvr).

        A flat panel or an intensifier whose distortion has been taken out: lines stay straight.

        Args:
            width_px: width of the images to be filmed; blurs grow and quanta fall with it.
        """
        scale = width_px / 128
        white_level = _log_uniform(rng, 1.8, 20.0)
        log_compression = _sometimes(rng, _log_uniform(rng, 1.0, 300.0))
        grey = _linear_or_log(1 / white_level, log_compression)  # of the typical signal
        gamma = np.log(rng.uniform(0.12, 0.7)) / np.log(grey)  # somebody set the display to see it
        return cls(
            kvp=rng.uniform(50.0, 120.0),
            al_mm=_log_uniform(rng, 1.5, 7.0),
            cu_mm=_sometimes(rng, _log_uniform(rng, 0.05, 0.9)),
            csi_mg_cm2=rng.uniform(100.0, 250.0),
            attenuation_scale=rng.uniform(0.8, 1.2),
            scatter_to_primary=_log_uniform(rng, 0.03, 2.0),
            scatter_sd_share=rng.uniform(0.06, 0.3),
            glare=rng.uniform(0.0, 0.15),
            focal_blur_sd_px=scale * rng.uniform(0.0, 1.0),
            detector_blur_sd_px=scale * rng.uniform(0.0, 0.7),
            photons_per_px=_log_uniform(rng, 60.0, 10000.0) / scale**2,
            electronic_sd=_log_uniform(rng, 0.001, 0.05),
            lag_share=rng.uniform(0.0, 0.3),
            lag_frames=_log_uniform(rng, 0.5, 10.0),
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


def penumbra_sd_mm(focal_spot_mm: float, magnification: float) -> float:
    """Blur on the detector, mm, by a uniform focal spot: width (M - 1), over the root of 12."""
    return focal_spot_mm * (magnification - 1) / 12**0.5


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
