"""Random turns, scales, shifts and looks: what one training image can show of many."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor

MOST_CUT = 0.45
"""Of an image's length: a head without its vault, or without its jaw and neck."""


@dataclass(frozen=True)
class Augmentation:
    """How far training images are turned, scaled and changed in contrast."""

    rotation_deg: float = 12.0
    """Standard deviation, about a random axis in 3D."""
    scale: float = 0.10
    """Standard deviation of the log of the size."""
    stretch: float = 0.04
    """The same, of each axis by itself."""
    gain: float = 0.2
    offset: float = 0.2
    curve: float = 0.15
    noise: float = 0.1
    erased: float = 0.3
    """Share of the images that lose a box of up to a third of each side."""
    cut: float = 0.0
    """Share of the images that end earlier, above or below along their last axis."""


def random_turn(
    dim: int, change: Augmentation, rng: np.random.Generator
) -> Float[np.ndarray, "dim dim"]:
    """A rotation times a scale for each axis."""
    angle = np.radians(change.rotation_deg) * rng.standard_normal()
    if dim == 2:
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    else:
        axis = rng.standard_normal(3)
        turn = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix()
    size = change.scale * rng.standard_normal() + change.stretch * rng.standard_normal(dim)
    return turn * np.exp(np.clip(size, -0.5, 0.5))


def random_ends(
    reach: tuple[float, float], change: Augmentation, rng: np.random.Generator
) -> tuple[float, float]:
    """Where an image begins and ends along its last axis, which it reaches from and to."""
    low, high = reach
    if change.cut > 0 and rng.uniform() < change.cut:
        lost = MOST_CUT * rng.uniform() * (high - low)
        return (low + lost, high) if rng.uniform() < 0.5 else (low, high - lost)
    return reach


def with_random_looks(
    patches: Float[Tensor, "batch 1 ..."], change: Augmentation, rng: np.random.Generator
) -> Float[Tensor, "batch 1 ..."]:
    """The images with another gain, offset, curve and noise, some with a part missing."""
    count, bare = len(patches), (slice(None),) + (None,) * (patches.dim() - 1)

    def drawn(spread: float) -> Tensor:
        return torch.from_numpy((spread * rng.standard_normal(count)).astype(np.float32))[bare]

    changed = patches * torch.exp(drawn(change.gain)) + drawn(change.offset)
    changed = changed + drawn(change.curve) * (changed.square() - 0.3)
    noise = rng.standard_normal(patches.shape, dtype=np.float32)
    spread = (change.noise * rng.uniform(size=count)).astype(np.float32)
    changed = changed + torch.from_numpy(noise) * torch.from_numpy(spread)[bare]
    for n in np.flatnonzero(rng.uniform(size=count) < change.erased):
        box = tuple(_side(size, rng) for size in patches.shape[2:])
        changed[(n, 0, *box)] = float(changed[n].mean())
    return changed


def _side(size: int, rng: np.random.Generator) -> slice:
    length = int(rng.integers(1, max(2, size // 3)))
    first = int(rng.integers(0, size - length + 1))
    return slice(first, first + length)
