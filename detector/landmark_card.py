"""The two files of a landmark model: weights in safetensors, and a card that says what they are."""

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from torch import Tensor

from drr.weights_file import read_card, read_tensors, write_weights_file

from .patch_network import PatchShape

FORMAT, VERSION = "dualfluoro-landmark-model", 1
LIMITS = {"width": 128, "blocks": 4, "features": 256}
STEP = {"width": 16, "blocks": 1, "features": 8}
MOST_LANDMARKS, MOST_LOCAL_PX = 2_000, 1024


@dataclass(frozen=True)
class LandmarkCard:
    """What a landmark model was trained on and how well it does."""

    dim: int
    """2 for images, 3 for CTs."""
    landmarks: list[str]
    spacing: float | int
    """Of the global stage: pixels of the image, or mm."""
    zoom: float | int
    """How much finer the local stage sees."""
    local_px: int
    shape: dict[str, int]
    """width, blocks and features of both networks."""
    sd_factor: list[float | int]
    sd_floor: float | int
    accuracy: dict
    """On the validation images: errors in pixels or mm, all and by landmark."""
    recipe: dict
    """How it was trained: settings, seed, number of images, minutes."""
    unit: str = "px"
    intensity: str = "grey values of any scale, less their median, over their 10 to 90 % range"
    licence: str = "that of the images it was trained on"
    intended_use: str = "research; not a medical device"

    def patch_shape(self) -> PatchShape:
        """Size of the network of either stage."""
        return PatchShape(self.dim, len(self.landmarks), **self.shape)


def write_model_files(path: Path, card: LandmarkCard, tensors: dict[str, Tensor]) -> None:
    """Write both files, each whole or not at all."""
    write_weights_file(path, FORMAT, VERSION, asdict(card), tensors)


def read_model_files(path: Path) -> tuple[LandmarkCard, dict[str, Tensor]]:
    """Read both files; FileNotFoundError or ValueError says which of them is wrong, and how."""
    card_path = path.with_suffix(".json")
    content = read_card(path, FORMAT, VERSION, "dualfluoro train landmarks FOLDER")
    known = {field.name for field in fields(LandmarkCard)}
    entries = {name: value for name, value in content.items() if name in known}
    needed = {field.name for field in fields(LandmarkCard)[:10]}
    if missing := sorted(needed - set(entries)):
        raise ValueError(f"{card_path}: the card is incomplete: no {', '.join(missing)}")
    _check(entries, card_path)
    return LandmarkCard(**entries), read_tensors(path)


def _check(entries: dict, path: Path) -> None:
    """Refuse a card whose entries cannot be used, or that asks for a network beyond all measure."""
    names = entries["landmarks"]
    rules = {
        "dim": (entries["dim"] in (2, 3), "2 or 3"),
        "landmarks": (_are_names(names), f"1 to {MOST_LANDMARKS} different names"),
        "spacing": (_is_number(entries["spacing"], 1e-3, 1e4), "above 0"),
        "zoom": (_is_number(entries["zoom"], 1, 1000), "1 or more"),
        "local_px": (
            _is_number(entries["local_px"], 16, MOST_LOCAL_PX) and entries["local_px"] % 16 == 0,
            f"a multiple of 16 up to {MOST_LOCAL_PX}",
        ),
        "shape": (_is_shape(entries["shape"]), f"whole numbers up to {LIMITS}, in steps of {STEP}"),
        "sd_factor": (
            isinstance(entries["sd_factor"], list)
            and _are_names(names)
            and len(entries["sd_factor"]) == len(names)
            and all(_is_number(value, 1e-9, 1e9) for value in entries["sd_factor"]),
            "a number above 0 for each landmark",
        ),
        "sd_floor": (_is_number(entries["sd_floor"], 0, 1e9), "0 or more"),
        "accuracy": (isinstance(entries["accuracy"], dict), "an object"),
        "recipe": (isinstance(entries["recipe"], dict), "an object"),
    }
    for name, (is_right, wanted) in rules.items():
        if not is_right:
            found = json.dumps(entries[name])[:80]
            raise ValueError(f"{path}: {name!r} must be {wanted}, found {found}")


def _are_names(names: object) -> bool:
    if not isinstance(names, list) or not 1 <= len(names) <= MOST_LANDMARKS:
        return False
    return all(isinstance(name, str) and name for name in names) and len({*names}) == len(names)


def _is_shape(shape: object) -> bool:
    if not isinstance(shape, dict) or set(shape) != set(LIMITS):
        return False
    return all(
        type(shape[name]) is int and 1 <= shape[name] <= most and shape[name] % STEP[name] == 0
        for name, most in LIMITS.items()
    )


def _is_number(value: object, least: float | int, most: float | int) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) and least <= value <= most if abs(value) < 1e300 else False
