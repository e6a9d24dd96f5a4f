"""How people's heads differ: published measures of skulls, and a shape's sizes drawn from them.

`MALE`, `FEMALE`, `SD` and `CORRELATION` are of the 55 male and 55 female Norse skulls (Oslo) of
Howells' craniometric data (Howells 1973, Cranial Variation in Man; 1996, Am J Phys Anthropol
101:441), computed from the individual skulls, the spread pooled within the sexes. His 28
populations differ beyond that: mean lengths from 164.5 mm (Andaman), mean breadths up to 151.7 mm
(Buriat). WIDER stands for it, and is a guess. docs/landmarks.md lists every source and every guess.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float

Sex = Literal["female", "male"]
MEASURES = ("GOL", "XCB", "ZYB", "NPH", "NAR", "PRR", "VRR")
"""Glabello-occipital length, maximum breadth, bizygomatic breadth, nasion to prosthion; and the
radii of nasion, prosthion and vertex from the axis through the ear canals. Howells' names, mm."""
MALE = np.array([188.47, 141.87, 134.44, 68.93, 95.27, 100.42, 121.96])
FEMALE = np.array([179.98, 136.29, 124.44, 64.25, 90.60, 96.36, 117.49])
SD = np.array([4.97, 4.52, 3.81, 3.72, 3.37, 4.14, 3.85])
CORRELATION = np.array(
    [
        [1.00, 0.33, 0.31, 0.28, 0.47, 0.29, 0.26],
        [0.33, 1.00, 0.44, 0.10, 0.12, -0.08, 0.38],
        [0.31, 0.44, 1.00, 0.23, 0.44, 0.37, 0.14],
        [0.28, 0.10, 0.23, 1.00, 0.14, 0.20, 0.03],
        [0.47, 0.12, 0.44, 0.14, 1.00, 0.66, -0.06],
        [0.29, -0.08, 0.37, 0.20, 0.66, 1.00, 0.00],
        [0.26, 0.38, 0.14, 0.03, -0.06, 0.00, 1.00],
    ]
)
WIDER = 1.3
CUT = 2.5  # draws are cut at so many standard deviations
NASION_HEIGHT_MM = (28.0, 1.5)
# Bigonial breadth on CBCT of 43 men and 56 women (Mandibular sexual dimorphism analysis in CBCT
# scans in a Syrian sample, 2020): 95.17 (6.45) and 86.84 (4.81) mm.
BIGONIAL_MM = {"male": (95.17, 6.45), "female": (86.84, 4.81)}
GONIAL_TIE = 0.6  # of the bigonial breadth to the bizygomatic one: a guess
# Linear size over the mean's. Volumes on CT of 201 adults (PubMed 28341352, 2017): maxillary 14.38
# (4.64) ml in men, 12.23 (3.82) in women; frontal 3.74 (2.97) and 3.21 (2.79). A third of the
# volume's spread; the frontal one's is cut by what the brow can hold.
MAXILLARY = {"male": (1.03, 0.11), "female": (0.97, 0.11)}
FRONTAL = {"male": (1.02, 0.25), "female": (0.98, 0.25)}
# The skull's HU: even through life in men, falling in women from 20 years on (Int J Legal Med
# 2011, 125:417, 244 skulls; J Am Geriatr Soc 1982, 30:756: 1164 (143) HU in the twenties, 629
# (119) in the seventies, the second the steeper). The fall a year is set between the two.
DENSITY_SD, FEMALE_FALL_PER_YEAR = 0.10, 0.003
AGES_YEARS = (18.0, 90.0)


def drawn_measures(rng: np.random.Generator, sex: Sex, age_years: float | int) -> dict[str, float]:
    """Sizes of a `HeadShape` in mm, HU and shares, for a person of that sex and age."""
    howells = drawn_howells(rng, sex)
    height = _normal(rng, *NASION_HEIGHT_MM)
    gol, xcb, zyb, nph, nar, prr, vrr = howells
    prosthion = float(np.sqrt(max(prr**2 - (height - nph) ** 2, 60.0**2)))
    fall = FEMALE_FALL_PER_YEAR * (age_years - 20) if sex == "female" else 0.0
    return {
        "cranial_length_mm": gol,
        "cranial_breadth_mm": xcb,
        "bizygomatic_mm": zyb,
        "auricular_height_mm": vrr,
        "nasion_height_mm": height,
        "nasion_depth_mm": float(np.sqrt(nar**2 - height**2)),
        "upper_face_height_mm": nph,
        "prosthion_depth_mm": prosthion,
        "pogonion_depth_mm": prosthion * 0.935 + _normal(rng, 0, 3.5),
        "face_height_mm": nph * 1.703 + _normal(rng, 0, 3.5),
        "bigonial_mm": _bigonial(rng, sex, zyb),
        "vault_thickness_mm": _normal(rng, 6.0, 0.9),
        "bone_density": _normal(rng, 1.0, DENSITY_SD) - max(fall, 0.0),
        "frontal_sinus": _normal(rng, *FRONTAL[sex]),
        "frontal_sinus_skew": _normal(rng, 0.0, 0.15),
        "maxillary_sinus": _normal(rng, *MAXILLARY[sex]),
        "sphenoid_sinus": _normal(rng, 1.0, 0.08),
        "mastoid_cells": float(rng.uniform(0.35, 1.05)),
        "sutures": float(np.clip(1.5 - age_years / 60 + _normal(rng, 0, 0.25), 0, 1.4)),
        "ventricles": float(np.clip(0.7 + age_years / 130 + _normal(rng, 0, 0.15), 0.5, 1.7)),
        "pineal_hu": float(rng.choice([40.0, 120.0, 180.0, 300.0])),
        "nose": _normal(rng, 1.0, 0.1),
        "flesh_mm": _normal(rng, 0.0, 1.5),
        "left_breadth": _normal(rng, 1.0, 0.012),
        "skew": _normal(rng, 0.0, 0.014),
        "chin_deviation_mm": _normal(rng, 0.0, 1.5),
    }


def drawn_howells(rng: np.random.Generator, sex: Sex) -> Float[np.ndarray, "7"]:
    """The seven measures of a skull, mm: normal, with the published means, spread and ties."""
    steps = np.linalg.cholesky(CORRELATION) @ np.clip(rng.standard_normal(7), -CUT, CUT)
    return (MALE if sex == "male" else FEMALE) + WIDER * SD * steps


def _bigonial(rng: np.random.Generator, sex: Sex, bizygomatic_mm: float) -> float:
    mean, sd = BIGONIAL_MM[sex]
    broad = (bizygomatic_mm - (MALE if sex == "male" else FEMALE)[2]) / (WIDER * SD[2])
    return _normal(rng, mean + GONIAL_TIE * sd * broad, sd * float(np.sqrt(1 - GONIAL_TIE**2)))


def _normal(rng: np.random.Generator, mean: float | int, sd: float | int) -> float:
    return float(mean + sd * np.clip(rng.standard_normal(), -CUT, CUT))
