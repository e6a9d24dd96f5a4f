"""The card of a detector, and its weights: see `drr.weights_file`."""

import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from torch import Tensor

from drr.weights_file import read_card, read_tensors, write_weights_file

FORMAT = "dualfluoro-detector"
VERSION = 1
LARGEST_SIZE = 2048
"""Of any entry of `shape`: widths, depths and numbers of landmarks are far below."""


@dataclass(frozen=True)
class Card:
    """What a user must know of a detector's weights."""

    landmarks: dict[str, list[float]]
    """Place of each landmark in the CT it was trained on: ct, RAS, mm."""
    ct_fingerprint: str
    shape: dict[str, Any]
    """Size of the network."""
    sd_factor: float
    """Calibration of the deviations, from views not trained on."""
    accuracy: dict[str, float]
    """Measured on fresh synthetic views of the same head: mm at the head, shares of errors."""
    recipe: dict
    """How it was trained: settings, seed, views seen, minutes."""
    modality: str = "fluoroscopy (radiograph), one view"
    intensity: str = "transmission or attenuation, any gain and gamma; the field is standardised"
    input_px: int = 128
    licence: str = "that of the CT it was trained on"
    intended_use: str = "research; not a medical device"


def write_weights(path: Path, card: Card, tensors: dict[str, Tensor]) -> None:
    """Write both files, each whole or not at all."""
    write_weights_file(path, FORMAT, VERSION, asdict(card), tensors)


def read_weights(path: Path) -> tuple[Card, dict[str, Tensor]]:
    """Read both files; FileNotFoundError or ValueError says which of them is wrong, and how."""
    card_path = path.with_suffix(".json")
    content = read_card(path, FORMAT, VERSION, "dualfluoro prepare TRIAL")
    known = {field.name for field in fields(Card)}
    entries = {name: value for name, value in content.items() if name in known}
    missing = {"landmarks", "ct_fingerprint", "shape", "sd_factor", "accuracy", "recipe"} - set(
        entries
    )
    if missing:
        raise ValueError(f"{card_path}: the card is incomplete: no {', '.join(sorted(missing))}")
    _check(entries, card_path)
    card = Card(**entries)
    return card, read_tensors(path)


def _check(entries: dict, path: Path) -> None:
    """Refuse a card whose entries cannot be used, or that asks for a network beyond all measure."""
    landmarks = entries["landmarks"]
    if not isinstance(landmarks, dict) or not all(map(_is_point, landmarks.values())):
        raise ValueError(f"{path}: 'landmarks' must be names with [x, y, z] in mm")
    if not isinstance(entries["ct_fingerprint"], str):
        raise ValueError(
            f"{path}: 'ct_fingerprint' must be a text, found {entries['ct_fingerprint']!r}"
        )
    if not _is_number(entries["sd_factor"]) or not 0 < entries["sd_factor"] < 1e6:
        raise ValueError(f"{path}: 'sd_factor' must be above 0, found {entries['sd_factor']!r}")
    if not isinstance(entries["shape"], dict) or not all(
        _is_number(size) and 0 < size <= LARGEST_SIZE for size in entries["shape"].values()
    ):
        raise ValueError(f"{path}: 'shape' must be numbers up to {LARGEST_SIZE}, by name")
    if entries["shape"].get("landmarks", len(landmarks)) != len(landmarks):
        raise ValueError(
            f"{path}: {len(landmarks)} 'landmarks', but the network of 'shape' finds "
            f"{entries['shape']['landmarks']}"
        )
    for name in ("accuracy", "recipe"):
        if not isinstance(entries[name], dict):
            raise ValueError(f"{path}: {name!r} must be an object")


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) <= sys.float_info.max  # a whole number may be beyond what a float holds


def _is_point(point: object) -> bool:
    return isinstance(point, list) and len(point) == 3 and all(_is_number(x) for x in point)
