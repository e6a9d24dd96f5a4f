"""The local stage: another network looks again, closely, around the first estimates."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from .patch_batches import canvas
from .patch_image import PatchImage, cut, moved_out, patch_grid
from .patch_network import PatchNetwork, Place, vote

ROUNDS = 2
"""The sub-images are cut around the global estimate, then around the first local one."""
TURN_DEG, SHIFT = 6.0, 0.04
"""The last round looks through these turns, and shifts (of a sub-image's side), and averages."""
AT_ONCE = 32


class Estimate(NamedTuple):
    """Places in the world (pixels, or mm in ct) before calibration."""

    world: Float[np.ndarray, "landmark dim"]
    variance: Float[np.ndarray, "landmark"]
    """Of the votes and between looks, mean over the axes."""
    inside: Float[np.ndarray, "landmark"]
    """Probability that the landmark is in the image."""


def global_estimate(network: PatchNetwork, image: PatchImage) -> Estimate:
    """Where the votes of the whole image fall."""
    size = canvas([image])
    centre = image.origin + image.spacing * (np.array(image.size) - 1) / 2
    grid = patch_grid(centre, np.eye(len(size)), image.spacing, size)[None]
    place = _looked(network, cut([image], grid, size))
    world = moved_out(grid, place.xy.double().cpu().numpy())[0]
    variance = _mean_variance(place)[0] * image.spacing**2
    return Estimate(world, variance, place.inside[0].double().cpu().numpy())


def local_estimate(
    network: PatchNetwork, image: PatchImage, first: Estimate, side: int, looks: int = 5
) -> Estimate:
    """Each landmark again, in sub-images of `side` pixels at the image's own spacing.

    `looks`: sub-images a landmark in the last round; the first of them is straight and centred.
    """
    found = first
    for number in range(ROUNDS):
        found = _round(network, image, found.world, side, looks if number == ROUNDS - 1 else 1)
    return found


def _round(network, image, around, side, looks) -> Estimate:
    count, dim = around.shape
    grids = np.stack(
        [
            patch_grid(
                around[n] + SHIFT * side * image.spacing * offset,
                turn,
                image.spacing,
                (side,) * dim,
            )
            for turn, offset in _looks(dim, looks)
            for n in range(count)
        ]
    )
    asked = np.tile(np.arange(count), looks)
    places = []
    for part in np.array_split(np.arange(len(grids)), -(-len(grids) // AT_ONCE)):
        patches = cut([image] * len(part), grids[part], (side,) * dim)
        place = _looked(network, patches)
        own = (np.arange(len(part)), asked[part])
        world = moved_out(grids[part], place.xy.double().cpu().numpy())[own]
        variance = _mean_variance(place)[own] * image.spacing**2
        places.append((world, variance, place.inside.double().cpu().numpy()[own]))
    world, variance, inside = (np.concatenate(cells) for cells in zip(*places, strict=True))
    world, variance, inside = (
        a.reshape(looks, count, *a.shape[1:]) for a in (world, variance, inside)
    )
    between = world.var(axis=0).mean(axis=-1)
    return Estimate(world.mean(axis=0), variance.mean(axis=0) + between, inside.mean(axis=0))


def _looks(dim: int, looks: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Turns and shifts: none, then small ones, alternately to both sides of each axis."""
    found = [(np.eye(dim), np.zeros(dim))]
    for n in range(looks - 1):
        angle = np.radians(TURN_DEG) * (1 if n % 2 else -1)
        turn = np.eye(dim)
        a, b = n // 2 % dim, (n // 2 + 1) % dim
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        offset = np.zeros(dim)
        offset[(n // 2) % dim] = 1 if n % 2 else -1
        found.append((turn, offset))
    return found


def _looked(network: PatchNetwork, images: torch.Tensor) -> Place:
    device = next(network.parameters()).device
    with torch.inference_mode():
        return vote(network(images.to(device)))


def _mean_variance(place: Place) -> np.ndarray:
    return place.covariance.diagonal(dim1=-2, dim2=-1).mean(dim=-1).double().cpu().numpy()
