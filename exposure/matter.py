"""What a ray passes through in the CT: tissue, bone and the water that would attenuate as much.

A voxel of H HU counts as max(0, 1 + H / 1000) of water. That is the definition of HU, at the
effective energy of the CT's own beam; at another energy bone attenuates by another factor.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple, no_type_check

import numba
import numpy as np
from jaxtyping import Float, Num

from drr.volume import Volume

from .crossings import Crossings

STEP_MM = 0.5
TISSUE_HU, BONE_HU = -300.0, 300.0


class Thickness(NamedTuple):
    """Lengths (mm) along one ray inside the skin; air in cavities is in none of them."""

    tissue_mm: float
    bone_mm: float
    water_equivalent_mm: float


@dataclass(frozen=True, eq=False)
class Matter:
    """The CT without its couch, and where it lies: p_ct = ct_from_voxel @ (i, j, k, 1), mm."""

    data_hu: Num[np.ndarray, "i j k"]
    ct_from_voxel: Float[np.ndarray, "4 4"]

    @staticmethod
    def of(volume: Volume) -> "Matter":
        """The voxels of a CT, not copied where they are numbers of 16 or 32 bits already."""
        data = np.asarray(volume.data_hu)
        kept = data if data.dtype in (np.int16, np.float32) else data.astype(np.float32)
        return Matter(kept, np.asarray(volume.ct_from_voxel, dtype=np.float64))

    def along(
        self,
        origin_ct: Float[np.ndarray, "3"],
        direction_ct: Float[np.ndarray, "3"],
        crossings: Crossings,
        until_mm: float = math.inf,
    ) -> Thickness | None:
        """What lies on a ray (unit direction) within the skin; None where crossings do not pair."""
        if not crossings.paired:
            return None
        voxel_from_ct = np.linalg.inv(self.ct_from_voxel)
        start = voxel_from_ct[:3, :3] @ origin_ct + voxel_from_ct[:3, 3]
        step = voxel_from_ct[:3, :3] @ direction_ct
        spans_mm = np.minimum(crossings.distance_mm.reshape(-1, 2), until_mm)
        return Thickness(*_marched(self.data_hu, start, step, spans_mm))


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _marched(data_hu, start, step, spans_mm):
    """Sums over the middles of steps of at most half a millimetre, HU by trilinear weights."""
    tissue, bone, water = 0.0, 0.0, 0.0
    last = np.array(data_hu.shape) - 1
    for span in range(len(spans_mm)):
        length = spans_mm[span, 1] - spans_mm[span, 0]
        if length <= 0.0:
            continue
        count = math.ceil(length / STEP_MM)
        h = length / count
        for n in range(count):
            at = start + (spans_mm[span, 0] + (n + 0.5) * h) * step
            if (at < -0.5).any() or (at > last + 0.5).any():
                continue  # beyond the CT: nothing is known
            hu = _trilinear(data_hu, at, last)
            water += h * max(0.0, 1.0 + hu / 1000.0)
            tissue += h * (hu > TISSUE_HU)
            bone += h * (hu > BONE_HU)
    return tissue, bone, water


@numba.njit(cache=True, nogil=True)
@no_type_check  # the type checker's wrapper cannot be compiled
def _trilinear(data_hu, at, last):
    """HU between eight voxels; the last voxel's beyond its centre."""
    total = 0.0
    x = min(max(at[0], 0.0), last[0])
    y = min(max(at[1], 0.0), last[1])
    z = min(max(at[2], 0.0), last[2])
    i, j, k = int(x), int(y), int(z)
    a, b, c = x - i, y - j, z - k
    for di in range(2):
        for dj in range(2):
            for dk in range(2):
                weight = (a if di else 1 - a) * (b if dj else 1 - b) * (c if dk else 1 - c)
                if weight > 0.0:
                    total += weight * data_hu[i + di, j + dj, k + dk]
    return total
