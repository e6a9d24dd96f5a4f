"""Weights and their card: `NAME.safetensors` and `NAME.json`. No pickle is ever read."""

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from calibration.atomic import whole


def write_weights_file(
    path: Path, kind: str, version: int, card: dict[str, Any], tensors: dict[str, Tensor]
) -> None:
    """Write both files, each whole or not at all."""
    contiguous = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({"format": kind, "version": version} | card, indent=1)
    with whole(path.with_suffix(".json")) as unfinished_card, whole(path) as unfinished:
        unfinished.write_bytes(safetensors.torch.save(contiguous))  # a full disk is an OSError
        unfinished_card.write_text(text + "\n")


def read_card(path: Path, kind: str, version: int, make: str) -> dict[str, Any]:
    """The card beside the weights `path`; `make` is the command that makes such weights.

    Raises:
        FileNotFoundError: weights or card are missing.
        ValueError: it is no card of this kind and version.
    """
    card_path = path.with_suffix(".json")
    for needed in (path, card_path):
        if not needed.is_file():
            raise FileNotFoundError(f"{needed}: there is no such file; make it with `{make}`")
    try:
        content = json.loads(card_path.read_text())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{card_path}: not a JSON card: {error}") from error
    if not isinstance(content, dict) or content.get("format") != kind:
        raise ValueError(f'{card_path}: expected "format": "{kind}"')
    if content.get("version") != version:
        raise ValueError(
            f"{card_path}: version {content.get('version')!r} is not known, expected {version}"
        )
    return content


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; ValueError where it is none."""
    try:
        return safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors file, or cut short: {error}") from error


def check_tensors(
    path: Path, expected: dict[str, Tensor] | dict[str, Any], found: dict[str, Tensor]
) -> None:
    """ValueError that names what differs, where names or shapes are not those expected."""
    wanted = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    given = {name: tuple(tensor.shape) for name, tensor in found.items()}
    names = sorted(n for n in wanted | given if wanted.get(n) != given.get(n))
    if names:
        raise ValueError(
            f"{path}: not the weights its card describes: {len(names)} tensors differ, first "
            f"{names[0]!r}: expected {wanted.get(names[0])}, found {given.get(names[0])}"
        )
