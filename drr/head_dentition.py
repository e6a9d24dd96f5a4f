"""Which teeth a person has, by age, and what a dentist has done to them. Teeth have FDI numbers.

Tens: 1 upper right, 2 upper left, 3 lower left, 4 lower right; units: 1 to 8 from the midline.
"""

import numpy as np

ALL_TEETH = tuple(10 * quarter + n for quarter in (1, 2, 3, 4) for n in range(1, 9))
WISDOM_TEETH = (18, 28, 38, 48)
# Teeth kept, of 28: means of 20-34, 35-49, 50-64 years (NHANES 1999-2004, NIDCR) and of those over
# 65 who have any (NHANES 2011-2016, CDC).
AGES_YEARS = (20.0, 27.0, 42.0, 57.0, 72.0)
KEPT = (27.5, 26.9, 25.05, 22.3, 20.7)
# No teeth at all: 3.75 % of those of 20 to 64 years (nearly all of them the older ones), 10.7 %
# of 65-74, 17.3 % over 75 (NHANES 1999-2004 and 2017-2020).
NO_TEETH_AGES_YEARS = (30.0, 50.0, 65.0, 70.0, 80.0)
NO_TEETH = (0.0, 0.035, 0.09, 0.107, 0.173)
# Molars go first, lower front teeth last (Marcus et al. 1996, J Dent Res 75:684). Shares: a guess.
LOSS = {1: 0.6, 2: 0.7, 3: 0.4, 4: 1.0, 5: 1.2, 6: 1.6, 7: 1.5}
LOWER_FRONT_LOSS = 0.35
WISDOM_KEPT, CROWN, FILLING = 0.35, 0.10, 0.18  # of back teeth at 60 years: guesses


def drawn_teeth(rng: np.random.Generator, age_years: float | int) -> dict[str, tuple | float]:
    """The fields of a `HeadShape` that say which teeth there are."""
    if rng.random() < np.interp(age_years, NO_TEETH_AGES_YEARS, NO_TEETH):
        losses = {"upper_ridge_loss_mm": 5.0, "lower_ridge_loss_mm": 6.0}
        return {"missing_teeth": ALL_TEETH} | {
            k: rng.uniform(0.3, 1) * v for k, v in losses.items()
        }
    share = 1 - np.interp(age_years, AGES_YEARS, KEPT) / 28
    missing = [n for n in ALL_TEETH if rng.random() < _chance_of_loss(n, float(share))]
    worked = min(1.0, max(0.0, (age_years - 15) / 45))
    back = [n for n in ALL_TEETH if n not in missing and n % 10 >= 4]
    crowns = [n for n in back if rng.random() < CROWN * worked]
    fillings = [n for n in back if n not in crowns and rng.random() < FILLING * worked]
    return {
        "missing_teeth": tuple(missing),
        "metal_crowns": tuple(crowns),
        "fillings": tuple(fillings),
        "upper_ridge_loss_mm": float(rng.uniform(0, 2.5) * worked),
        "lower_ridge_loss_mm": float(rng.uniform(0, 2.5) * worked),
    }


def _chance_of_loss(tooth: int, share: float) -> float:
    if tooth in WISDOM_TEETH:
        return 1 - WISDOM_KEPT
    lower_front = tooth > 30 and tooth % 10 <= 3
    return min(1.0, share * (LOWER_FRONT_LOSS if lower_front else LOSS[tooth % 10]))
