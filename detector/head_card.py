"""The card of the model of any head, and its weights: see `drr.weights_file`."""

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from torch import Tensor

from drr.weights_file import read_card, read_tensors, write_weights_file

FORMAT, VERSION = "dualfluoro-head-model", 1
LARGEST = {"depth": 64, "width": 512, "group": 512, "features": 512, "slope": 512, "growth": 8}


@dataclass(frozen=True)
class HeadCard:
    """What a user must know of the model that finds the landmarks of any head."""

    landmarks: list[str]
    shape: dict[str, Any]
    """Size of the network."""
    modes: int
    """Of the shape model."""
    sd_factor: float
    """Makes the network's deviations those of heads not trained on."""
    fit_factor: float
    """The same for the places in 3D, after pose and shape were fitted."""
    accuracy: dict
    """On heads, poses and looks not trained on; mm at the head."""
    recipe: dict
    modality: str = "fluoroscopy (radiograph) of a head, one view"
    intensity: str = "transmission or attenuation, any gain and gamma; the field is standardised"
    input_px: int = 128
    licence: str = "Apache-2.0"
    intended_use: str = "research; not a medical device"


def write_head_files(path: Path, card: HeadCard, tensors: dict[str, Tensor]) -> None:
    """Write weights and card, each whole or not at all."""
    write_weights_file(path, FORMAT, VERSION, asdict(card), tensors)


def read_head_files(path: Path) -> tuple[HeadCard, dict[str, Tensor]]:
    """Read both files; FileNotFoundError or ValueError says which of them is wrong, and how."""
    card_path = path.with_suffix(".json")
    content = read_card(path, FORMAT, VERSION, "python benchmarks/train_head.py")
    known = {field.name for field in fields(HeadCard)}
    entries = {name: value for name, value in content.items() if name in known}
    needed = {"landmarks", "shape", "modes", "sd_factor", "fit_factor", "accuracy", "recipe"}
    if missing := needed - set(entries):
        raise ValueError(f"{card_path}: the card is incomplete: no {', '.join(sorted(missing))}")
    _check(entries, card_path)
    return HeadCard(**entries), read_tensors(path)


def _check(entries: dict, path: Path) -> None:
    names, shape = entries["landmarks"], entries["shape"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{path}: 'landmarks' must be a list of names")
    if len(set(names)) != len(names):
        raise ValueError(f"{path}: a name stands twice in 'landmarks'")
    if not isinstance(shape, dict) or shape.get("landmarks") != len(names):
        raise ValueError(
            f"{path}: 'shape' must hold the size of a network of {len(names)} landmarks"
        )
    for name, largest in LARGEST.items():
        if name in shape and not (_is_number(shape[name]) and 0 < shape[name] <= largest):
            raise ValueError(
                f"{path}: {name!r} of 'shape' must be above 0 and at most {largest}, "
                f"found {shape[name]!r}"
            )
    if not isinstance(entries["modes"], int) or not 0 < entries["modes"] <= 3 * len(names):
        raise ValueError(
            f"{path}: 'modes' must be a whole number from 1, found {entries['modes']!r}"
        )
    for name in ("sd_factor", "fit_factor"):
        if not _is_number(entries[name]) or not 0 < entries[name] < 1e6:
            raise ValueError(f"{path}: {name!r} must be above 0, found {entries[name]!r}")


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) < 1e300 and math.isfinite(value)
