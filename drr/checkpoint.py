"""Checkpoints of trainings: tensors, numbers and strings, written whole, read without pickle."""

from io import BytesIO
from pathlib import Path

import torch

from calibration.atomic import whole


def write_checkpoint(path: Path, state: dict) -> None:
    """Whole or not at all; `state` holds tensors, numbers, strings, lists and dicts of them."""
    content = BytesIO()
    torch.save(state, content)
    with whole(path) as unfinished:  # torch itself says nothing of a full disk
        unfinished.write_bytes(content.getbuffer())


def read_checkpoint(path: Path) -> dict | None:
    """The state of an earlier run, on the CPU; None where there is none.

    Raises:
        ValueError: the file is damaged.
    """
    if not path.exists():
        return None
    with path.open("rb") as file:
        try:
            state = torch.load(file, weights_only=True, map_location="cpu")
        except Exception as error:  # of many kinds, by where the file is damaged
            raise ValueError(
                f"{path}: damaged, or not a checkpoint of this program; delete it to start anew"
            ) from error
    if not isinstance(state, dict) or "key" not in state:
        raise ValueError(f"{path}: not a checkpoint of this program; delete it to start anew")
    return state
