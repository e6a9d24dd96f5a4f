"""Training batches of the two stages, drawn from a seed and a step."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .patch_augment import Augmentation, random_turn, with_random_looks
from .patch_image import PatchImage, cut, moved_into, patch_grid
from .patch_network import PATCH_PX

PLAIN = Augmentation(*[0.0] * 8)
WHERE_SD = (0.15, 0.05)
"""How far a sub-image's centre is off its landmark, of its side: before and after refinement."""
SHIFT_SD = 0.05


@dataclass(frozen=True)
class Cases:
    """Images at both resolutions and their landmarks, NaN where not known."""

    coarse: list[PatchImage]
    fine: list[PatchImage]
    world: Float[np.ndarray, "image landmark dim"]


class Batch(NamedTuple):
    """Images and the true places of all landmarks in them, network pixels; NaN: not known."""

    images: Float[Tensor, "batch 1 ..."]
    truth_px: Float[Tensor, "batch landmark dim"]

    @property
    def size_px(self) -> Float[Tensor, "dim"]:
        """Of the images."""
        return torch.tensor(self.images.shape[2:], dtype=torch.float32)


def canvas(images: list[PatchImage]) -> tuple[int, ...]:
    """A size that holds each image, in whole patches."""
    most = np.max([image.size for image in images], axis=0)
    return tuple(int(-(-n // PATCH_PX) * PATCH_PX) for n in most)


def global_batch(
    cases: Cases, chosen: Int[np.ndarray, "batch"], change: Augmentation, rng: np.random.Generator
) -> Batch:
    """Whole images, turned, scaled and shifted about their middle."""
    size = canvas(cases.coarse)
    grids = []
    for n in chosen:
        image = cases.coarse[n]
        reach = image.spacing * np.array(image.size)
        centre = image.origin + (reach - image.spacing) / 2
        dim = len(size)
        if change != PLAIN:
            centre = centre + SHIFT_SD * reach * rng.standard_normal(dim)
        grids.append(patch_grid(centre, random_turn(dim, change, rng), image.spacing, size))
    truth = moved_into(np.stack(grids), cases.world[chosen])
    images = cut([cases.coarse[n] for n in chosen], np.stack(grids), size)
    return _batch(images, truth, change, rng)


def local_batch(
    cases: Cases,
    chosen: Int[np.ndarray, "batch 2"],
    side: int,
    change: Augmentation,
    rng: np.random.Generator,
) -> Batch:
    """Sub-images near one landmark each; `chosen` holds image and landmark.

    The others are learnt from as well where they are in sight: four times as much in the same time.
    """
    dim = cases.world.shape[-1]
    size, grids = (side,) * dim, []
    for n, landmark in chosen:
        spacing = cases.fine[n].spacing
        off = rng.choice(WHERE_SD) * rng.standard_normal(dim) * side * spacing
        centre = cases.world[n, landmark] + off
        grids.append(patch_grid(centre, random_turn(dim, change, rng), spacing, size))
    truth = moved_into(np.stack(grids), cases.world[chosen[:, 0]])
    images = cut([cases.fine[n] for n in chosen[:, 0]], np.stack(grids), size)
    return _batch(images, truth, change, rng)


def _batch(images, truth, change, rng) -> Batch:
    looked = images if change == PLAIN else with_random_looks(images, change, rng)
    return Batch(looked, torch.from_numpy(truth.astype(np.float32)))


def known_pairs(cases: Cases) -> Int[np.ndarray, "pair 2"]:
    """Image and landmark of all that are known."""
    return np.argwhere(np.isfinite(cases.world).all(axis=-1))


def subset(cases: Cases, chosen: Int[np.ndarray, "image"]) -> Cases:
    """Some of the images."""
    return replace(
        cases,
        coarse=[cases.coarse[n] for n in chosen],
        fine=[cases.fine[n] for n in chosen],
        world=cases.world[chosen],
    )
