"""Training batches of the two stages, drawn from a seed and a step."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .patch_augment import Augmentation, random_ends, random_turn, with_random_looks
from .patch_image import PatchImage, cut, moved_into, patch_grid
from .patch_network import PATCH_PX

PLAIN = Augmentation(*[0.0] * 9)
WHERE_SD = (0.15, 0.05)
"""How far a sub-image's centre is off its landmark, of its side: before and after refinement."""
SHIFT_SD = 0.05
EVERYWHERE = (-np.inf, np.inf)


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
    within: Bool[Tensor, "batch landmark"]
    """Whether the landmark is known and in the image."""


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
    parts = [cases.coarse[n] for n in chosen]
    ends = [random_ends(_reach(image), change, rng) for image in parts]
    return _batch(parts, cases.world[chosen], np.stack(grids), size, ends, change, rng)


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
    size, grids, ends = (side,) * dim, [], []
    for n, landmark in chosen:
        spacing = cases.fine[n].spacing
        off = rng.choice(WHERE_SD) * rng.standard_normal(dim) * side * spacing
        centre = cases.world[n, landmark] + off
        half = side * spacing / 2
        seen = random_ends((centre[-1] - half, centre[-1] + half), change, rng)
        ends.append(seen if seen[0] <= cases.world[n, landmark, -1] <= seen[1] else EVERYWHERE)
        grids.append(patch_grid(centre, random_turn(dim, change, rng), spacing, size))
    parts, world = [cases.fine[n] for n in chosen[:, 0]], cases.world[chosen[:, 0]]
    return _batch(parts, world, np.stack(grids), size, ends, change, rng)


def _batch(parts, world, grids, size, ends, change, rng) -> Batch:
    truth = moved_into(grids, world)
    images = cut(parts, grids, size, ends)
    low, high = np.array(ends).T[..., None]
    with np.errstate(invalid="ignore"):  # NaN: not known
        within = ((truth > -0.5) & (truth < np.array(size) - 0.5)).all(axis=-1)
        within &= (world[..., -1] >= low) & (world[..., -1] <= high)
    looked = images if change == PLAIN else with_random_looks(images, change, rng)
    return Batch(looked, torch.from_numpy(truth.astype(np.float32)), torch.from_numpy(within))


def _reach(image: PatchImage) -> tuple[float, float]:
    """From where to where it goes along its last axis."""
    low = float(image.origin[-1])
    return low, low + image.spacing * (image.size[-1] - 1)


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
