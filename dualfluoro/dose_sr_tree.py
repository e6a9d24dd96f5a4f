"""The content tree of a DICOM structured report: items found by their codes, units converted.

Readers are lenient about what makers leave out and strict about what they contradict.
"""

import math
from collections.abc import Iterator
from typing import Any

Item = Any  # a pydicom Dataset
FACTORS = {
    "mGy": {"Gy": 1000.0, "mGy": 1.0, "uGy": 1e-3, "cGy": 10.0},
    "Gycm2": {
        "Gy.m2": 1e4,
        "Gym2": 1e4,
        "Gy.cm2": 1.0,
        "Gycm2": 1.0,
        "dGy.cm2": 0.1,
        "dGycm2": 0.1,
        "cGy.cm2": 0.01,
        "mGy.cm2": 1e-3,
        "mGycm2": 1e-3,
        "uGy.m2": 0.01,
        "uGym2": 0.01,
    },
    "mm": {"mm": 1.0, "cm": 10.0, "m": 1000.0},
    "mm2": {"mm2": 1.0, "cm2": 100.0, "m2": 1e6},
    "deg": {"deg": 1.0, "rad": 180 / math.pi},
    "kV": {"kV": 1.0, "V": 1e-3},
    "s": {"s": 1.0, "ms": 1e-3, "min": 60.0},
    "1": {"1": 1.0, "": 1.0, "{pulse}": 1.0, "{frames}": 1.0},
}
DEEPEST, MOST_ITEMS = 64, 2_000_000


def children(item: Item) -> list[Item]:
    """The items below one."""
    return list(item.get("ContentSequence") or [])


def code_of(item: Item) -> str:
    """The code value of an item's name, empty where it has none."""
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].get("CodeValue", "")) if names else ""


def all_of(item: Item, code: str) -> list[Item]:
    """The items of a code directly below one."""
    return [child for child in children(item) if code_of(child) == code]


def anywhere(item: Item, code: str, depth: int = 0) -> Iterator[Item]:
    """The items of a code at any depth; ValueError on a tree deeper than any report is."""
    if depth > DEEPEST:
        raise ValueError(f"the report's items are nested deeper than {DEEPEST}")
    for child in children(item):
        if code_of(child) == code:
            yield child
        yield from anywhere(child, code, depth + 1)


def number_of(item: Item, code: str, unit: str) -> float | None:
    """The number of a code in one of the units above, None where it is missing or empty.

    Raises:
        ValueError: its unit is unknown for such a quantity, or it is no finite number.
    """
    found = all_of(item, code)
    if not found:
        return None
    measured = found[0].get("MeasuredValueSequence")
    if not measured or measured[0].get("NumericValue") in (None, ""):
        return None
    units = measured[0].get("MeasurementUnitsCodeSequence")
    given = str(units[0].get("CodeValue", "")) if units else ""
    factors = FACTORS[unit]
    if given not in factors:
        raise ValueError(
            f"code {code}: unit {given!r} is none of {', '.join(u for u in factors if u)}"
        )
    value = float(measured[0].NumericValue) * factors[given]
    if not math.isfinite(value):
        raise ValueError(f"code {code}: {value} is no finite number")
    return value


def text_of(item: Item, code: str) -> str | None:
    """The text, code meaning, UID or date of a code; None where it is missing or empty."""
    for found in all_of(item, code):
        coded = found.get("ConceptCodeSequence")
        if coded:
            return str(coded[0].get("CodeMeaning") or coded[0].get("CodeValue"))
        for name in ("TextValue", "UID", "DateTime"):
            if found.get(name):
                return str(found.get(name))
    return None


def code_value(item: Item, code: str) -> str | None:
    """The code value that a code item holds."""
    for found in all_of(item, code):
        coded = found.get("ConceptCodeSequence")
        if coded:
            return str(coded[0].get("CodeValue"))
    return None
