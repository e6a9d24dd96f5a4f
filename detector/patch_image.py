"""Images and volumes as the patch networks see them: even grids along the axes, cut into patches.

Axes of an array are those of its points: image[x, y] in 2D (turned over from rows and columns),
volume[x, y, z] in 3D. A point is `origin + spacing * index`, in pixels of the image as it was read
or in mm of the frame `ct` (RAS); the word "world" stands for either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from drr.volume import Volume

MOST_SAMPLES = 300_000_000
BLUR = 0.45
"""Spread of the filter before a reduction, in pixels of the smaller image."""
HU_RANGE = (-1000.0, 1600.0)
HU_UNIT = 1300.0


@dataclass(frozen=True)
class PatchImage:
    """Grey values, 0 outside, on an even grid along the axes."""

    values: Float[Tensor, "..."]
    spacing: float | int
    origin: Float[np.ndarray, "dim"]

    @property
    def size(self) -> tuple[int, ...]:
        """Number of samples along x, y (and z)."""
        return tuple(self.values.shape)

    def index(self, world: Float[np.ndarray, "*n dim"]) -> Float[np.ndarray, "*n dim"]:
        """Where a point lies on the grid."""
        return (world - self.origin) / self.spacing


def image_2d(grey: Float[np.ndarray, "row column"], spacing_px: float | int) -> PatchImage:
    """A grey image sampled every so many pixels: less its median, over its 10 to 90 % range."""
    reduced = _reduced(grey.T, np.ones(2), spacing_px)
    low, middle, high = np.percentile(reduced, (10, 50, 90))
    values = (reduced - middle) / max(float(high - low), 1e-6)
    return PatchImage(
        torch.from_numpy(np.clip(values, -4, 4).astype(np.float32)),
        spacing_px,
        _origin(grey.T.shape, np.ones(2), spacing_px, np.zeros(2)),
    )


def image_3d(volume: Volume, spacing_mm: float | int) -> PatchImage:
    """A CT on a grid along RAS axes: 0 is air, 2 is bone of 1600 HU or more."""
    even = volume.resampled(min(spacing_mm, 300.0))
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in even.shape], indexing="ij"), -1)
    reach = even.points_ct(corners.reshape(-1, 3).astype(np.float64))
    low, high = reach.min(axis=0), reach.max(axis=0)
    count = np.ceil((high - low) / spacing_mm - 1e-6).astype(int) + 1
    _check_count(count)
    ct_from_index = np.diag([spacing_mm] * 3 + [1.0])
    ct_from_index[:3, 3] = low
    moved = even.voxel_from_ct @ ct_from_index
    hu = ndimage.affine_transform(
        np.clip(even.data_hu, *HU_RANGE).astype(np.float32),
        moved[:3, :3],
        moved[:3, 3],  # type: ignore[arg-type]
        output_shape=tuple(count),
        order=1,
        mode="constant",
        cval=HU_RANGE[0],
    )
    values = torch.from_numpy((hu - HU_RANGE[0]).astype(np.float32) / np.float32(HU_UNIT))
    return PatchImage(values, spacing_mm, low)


def _reduced(
    values: Float[np.ndarray, "..."], sample: Float[np.ndarray, "dim"], spacing: float | int
) -> Float[np.ndarray, "..."]:
    """Blurred and sampled at `spacing`, from samples of size `sample`."""
    step = spacing / sample
    count = np.maximum(1, np.ceil(np.array(values.shape) / step - 1e-6)).astype(int)
    _check_count(count)
    smooth = ndimage.gaussian_filter(
        values.astype(np.float32), np.where(step > 1, BLUR * step, 0), mode="nearest", truncate=3
    )
    return ndimage.affine_transform(
        smooth,
        step,
        (step - 1) / 2,  # type: ignore[arg-type]
        output_shape=tuple(count),
        order=1,
        mode="nearest",
    )


def _origin(shape, sample, spacing, first) -> Float[np.ndarray, "dim"]:
    return first + (spacing / sample - 1) / 2 * sample


def _check_count(count: np.ndarray) -> None:
    if float(np.prod(count.astype(np.float64))) > MOST_SAMPLES:
        raise ValueError(f"an image of {' x '.join(map(str, count))} samples is too large")


def patch_grid(
    centre: Float[np.ndarray, "dim"],
    turn: Float[np.ndarray, "dim dim"],
    spacing: float | int,
    size: tuple[int, ...],
) -> Float[np.ndarray, "dim dim1"]:
    """world_from_patch of a sub-image of `size` samples around `centre`, turned and scaled."""
    matrix = turn * spacing
    offset = centre - matrix @ ((np.array(size) - 1) / 2)
    return np.concatenate([matrix, offset[:, None]], axis=1)


def cut(
    images: list[PatchImage],
    world_from_patch: Float[np.ndarray, "batch dim dim1"],
    size: tuple[int, ...],
    ends: Sequence[tuple[float, float]] | None = None,
) -> Float[Tensor, "batch 1 ..."]:
    """Sub-images, 0 where they reach beyond their image.

    `ends`: where each image begins and ends along its last axis, world, if earlier than it does.
    """
    axes = [torch.arange(n, dtype=torch.float32) for n in size]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    out = []
    for n, (image, affine) in enumerate(zip(images, world_from_patch, strict=True)):
        last = np.maximum(np.array(image.size) - 1, 1)
        matrix = 2 * affine[:, :-1] / image.spacing / last[:, None]
        offset = 2 * (affine[:, -1] - image.origin) / image.spacing / last - 1
        grid = places @ torch.from_numpy(matrix.T.astype(np.float32))
        grid = (grid + torch.from_numpy(offset.astype(np.float32))).flip(-1)
        part = functional.grid_sample(image.values[None, None], grid[None], align_corners=True)
        if ends is not None and np.isfinite(ends[n]).any():
            along = places @ torch.from_numpy(affine[-1, :-1].astype(np.float32)) + affine[-1, -1]
            part = part * ((along >= ends[n][0]) & (along <= ends[n][1]))
        out.append(part)
    return torch.cat(out)


def moved_into(
    world_from_patch: Float[np.ndarray, "batch dim dim1"],
    world: Float[np.ndarray, "batch landmark dim"],
) -> Float[np.ndarray, "batch landmark dim"]:
    """Points in pixels of the sub-images."""
    inverse = np.linalg.inv(world_from_patch[:, :, :-1])
    return np.einsum("bij,blj->bli", inverse, world - world_from_patch[:, None, :, -1])


def moved_out(
    world_from_patch: Float[np.ndarray, "batch dim dim1"],
    patch: Float[np.ndarray, "batch landmark dim"],
) -> Float[np.ndarray, "batch landmark dim"]:
    """Points of the sub-images in the world."""
    turned = np.einsum("bij,blj->bli", world_from_patch[:, :, :-1], patch)
    return turned + world_from_patch[:, None, :, -1]
