"""Resampling along one axis, antialiased.

The new value is the mean of the piecewise linear interpolant over a box of `step - 1` old voxels:
plain interpolation up to a step of 1, the block mean at a step of 2. Linear ramps come out exact.
"""

import numpy as np
from jaxtyping import Bool, Float, Real
from scipy.sparse import csr_array


def resampled_axis(
    data: Real[np.ndarray, "i j k"], axis: int, count: int, step: float
) -> Float[np.ndarray, "a b c"]:
    """`count` samples, `step` old voxels apart, about the middle of the axis; the ends go on."""
    first = np.moveaxis(data, axis, 0)
    rows = np.ascontiguousarray(first).reshape(first.shape[0], -1)
    new = sampling_weights(first.shape[0], count, step) @ rows
    return np.moveaxis(new.reshape(count, *first.shape[1:]), 0, axis)


def sampling_weights(old_count: int, count: int, step: float) -> csr_array:
    """The (count, old_count) float32 matrix whose rows sum to 1."""
    centers = (old_count - 1) / 2 + (np.arange(count) - (count - 1) / 2) * step
    half = max(step - 1, 0.0) / 2
    reach = np.arange(-int(np.ceil(half)) - 1, int(np.ceil(half)) + 2)
    taps = np.floor(centers)[:, None].astype(int) + reach[None]
    offsets = taps - centers[:, None]
    if half > 0:
        weights = (hat_integral(offsets + half) - hat_integral(offsets - half)) / (2 * half)
    else:
        weights = np.maximum(0, 1 - np.abs(offsets))
    rows = np.broadcast_to(np.arange(count)[:, None], taps.shape)
    entries = (
        weights.ravel().astype(np.float32),
        (rows.ravel(), np.clip(taps, 0, old_count - 1).ravel()),
    )
    return csr_array(entries, shape=(count, old_count))


def hat_integral(x: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """The integral of max(0, 1 - |t|) over t from -infinity to x."""
    x = np.clip(x, -1, 1)
    return np.where(x < 0, (1 + x) ** 2 / 2, 1 - (1 - x) ** 2 / 2)


def nearest_mask(
    mask: Bool[np.ndarray, "a b c"],
    ct_from_mask: Float[np.ndarray, "4 4"],
    shape: tuple[int, int, int],
    ct_from_voxel: Float[np.ndarray, "4 4"],
) -> Bool[np.ndarray, "i j k"]:
    """The mask on another grid with the same axes, each voxel as the nearest of the mask's."""
    mask_from_voxel = np.linalg.inv(ct_from_mask) @ ct_from_voxel
    indices = []
    for axis, count in enumerate(shape):
        places = mask_from_voxel[axis, axis] * np.arange(count) + mask_from_voxel[axis, 3]
        indices.append(np.clip(np.rint(places), 0, mask.shape[axis] - 1).astype(int))
    return mask[np.ix_(*indices)]
