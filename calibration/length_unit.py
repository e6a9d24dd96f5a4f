"""The unit of a length in a file that does not store it, and its exact change to and from mm.

Only the decimal point moves, so that a number that was read and is written again has its digits.
"""

from collections.abc import Sequence
from decimal import Decimal

MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
PLACES = {"mm": 0, "cm": 1, "m": 3}


def checked_unit(unit: str | None, file: object, kind: str, units: tuple[str, ...]) -> str:
    """The unit, if it is one of these; ValueError where it is another or was not given."""
    if unit in units:
        return str(unit)
    found = "no unit was given" if unit is None else f"the unit is {unit!r}"
    choices = " or ".join(f'unit="{name}"' for name in units)
    raise ValueError(
        f"{found} for {file}: {kind} does not store its unit; give {choices}, "
        "that of the calibration object (XROMM practice is cm)"
    )


def mm_of_text(text: str, unit: str) -> float:
    """A length in mm of a finite decimal number in that unit, rounded once."""
    return mm_of_texts([text], [unit])[0]


def text_of_mm(length_mm: float, unit: str) -> str:
    """The shortest decimal number in that unit from which `mm_of_text` finds this length again."""
    return texts_of_mm([length_mm], [unit])[0]


def mm_of_texts(texts: Sequence[str], units: Sequence[str]) -> list[float]:
    """Numbers in mm of their units; "mm" for what is no length. NaN passes."""
    values = list(map(float, texts))
    for n, unit in enumerate(units):
        if PLACES[unit] and values[n] and values[n] == values[n]:
            values[n] = float(Decimal(texts[n]).scaleb(PLACES[unit]))
    return values


def texts_of_mm(values: Sequence[float], units: Sequence[str]) -> list[str]:
    """Texts from which `mm_of_texts` finds these numbers again, NaN as NaN."""
    texts = [repr(float(value)) if value == value else "NaN" for value in values]
    for n, unit in enumerate(units):
        if PLACES[unit] and values[n] and values[n] == values[n]:
            length = Decimal(texts[n]).scaleb(-PLACES[unit]).normalize()
            plain = f"{length:f}"
            texts[n] = plain if len(plain) < 25 else f"{length:e}"
    return texts
