"""A person's head drawn from a seed: the family of digital heads has no end.

Sizes and their ties are those that were published for skulls (`head_anthropometry`), teeth go with
age (`head_dentition`), jaw and neck stand in any posture.
"""

from dataclasses import fields, replace

import numpy as np

from .head_anthropometry import AGES_YEARS, Sex, drawn_measures
from .head_dentition import drawn_teeth
from .head_map import ct_from_mean, mean_bounds, mean_from_ct
from .head_proportions import LIMITS, HeadShape
from .head_solids import Number

__all__ = [
    "HeadShape",
    "ct_from_mean",
    "drawn_shape",
    "mean_bounds",
    "mean_from_ct",
    "without_posture",
]


def drawn_shape(seed: int, sex: Sex | None = None, age_years: Number | None = None) -> HeadShape:
    """The mean head for seed 0, else a person: sizes, teeth and posture drawn from the seed.

    Args:
        sex, age_years: drawn evenly (18 to 90 years), where they are not given.

    Raises:
        ValueError: the seed is negative, or the age not one of an adult.
    """
    if seed < 0:
        raise ValueError(f"a head's seed is 0 or more, found {seed}")
    if seed == 0 and sex is None and age_years is None:
        return HeadShape()
    rng = np.random.default_rng(seed)
    drawn_sex, drawn_age = rng.choice(["female", "male"]), rng.uniform(*AGES_YEARS)
    sex = sex or ("female" if drawn_sex == "female" else "male")
    age_years = drawn_age if age_years is None else age_years
    if not AGES_YEARS[0] <= age_years <= AGES_YEARS[1]:
        raise ValueError(
            f"age_years must be {AGES_YEARS[0]:g} to {AGES_YEARS[1]:g}, found {age_years}"
        )
    sizes = {
        name: float(np.clip(value, *LIMITS[name]))
        for name, value in drawn_measures(rng, sex, age_years).items()
    }
    longest = max(sizes["face_height_mm"], sizes["upper_face_height_mm"] + 30)
    sizes["face_height_mm"] = min(longest, LIMITS["face_height_mm"][1])
    return HeadShape(**sizes, **drawn_teeth(rng, age_years), **_drawn_posture(rng), seed=seed)  # pyright: ignore[reportArgumentType]


def _drawn_posture(rng: np.random.Generator) -> dict[str, float]:
    """Half of all mouths closed, a third a little open as at rest; few necks straight. A guess."""
    opening = rng.choice([0.0, rng.uniform(1, 4), rng.uniform(4, 28)], p=[0.5, 0.3, 0.2])
    flexion, turn, tilt = np.clip(rng.standard_normal(3), -2.3, 2.3) * (11, 14, 5)
    return {
        "jaw_opening_deg": float(opening),
        "neck_flexion_deg": float(flexion),
        "neck_turn_deg": float(turn),
        "neck_tilt_deg": float(tilt),
    }


def without_posture(shape: HeadShape) -> HeadShape:
    """The same head with its mouth closed and its neck straight."""
    posture = [f.name for f in fields(shape) if f.name.endswith("_deg")]
    return replace(shape, **dict.fromkeys(posture, 0.0))  # pyright: ignore[reportArgumentType]
