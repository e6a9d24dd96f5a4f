"""The CT as a voxel phantom for Monte-Carlo programs: a box whose axes are those of its voxels.

The frame `box` has its origin at the lower, left, back corner of the phantom, its axes along the
voxels' and as close to R, A, S as they come; mm.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from drr.volume import Volume

from .matter import Matter

MATERIALS = (
    ("air", -np.inf, -700.0),
    ("adipose", -700.0, -20.0),
    ("soft_tissue", -20.0, 150.0),
    ("bone", 150.0, np.inf),
)
"""Name and HU from, to."""
AIR_G_CM3 = 0.00120479
SPACING_MM = 2.0


@dataclass(frozen=True, eq=False)
class Phantom:
    """Materials (index into MATERIALS), densities (g/cm^3) and HU of voxels, and their box."""

    hu: Float[np.ndarray, "i j k"]
    material: Int[np.ndarray, "i j k"]
    density: Float[np.ndarray, "i j k"]
    spacing_mm: Float[np.ndarray, "3"]
    box_from_ct: Float[np.ndarray, "4 4"]

    @property
    def size_mm(self) -> Float[np.ndarray, "3"]:
        """Length of the box along its axes."""
        return np.array(self.hu.shape) * self.spacing_mm


def phantom_of(matter: Matter, spacing_mm: float = SPACING_MM) -> Phantom:
    """The CT on voxels of one size; ValueError where its axes are not at right angles."""
    volume = Volume(matter.data_hu, matter.ct_from_voxel).resampled(spacing_mm)
    affine = np.asarray(volume.ct_from_voxel, dtype=np.float64)
    order = _nearest_axes(affine[:3, :3])
    hu = np.transpose(np.asarray(volume.data_hu, dtype=np.float32), order)
    affine = affine[:, [*order, 3]]
    for axis in range(3):
        if affine[axis, axis] < 0:
            hu = np.flip(hu, axis)
            affine[:3, 3] += (hu.shape[axis] - 1) * affine[:3, axis]
            affine[:3, axis] *= -1
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    turn = (affine[:3, :3] / lengths).T
    if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-4):
        raise ValueError(
            "a Monte-Carlo phantom needs voxels at right angles; this CT's are sheared"
        )
    box_from_ct = np.eye(4)
    box_from_ct[:3, :3] = turn
    box_from_ct[:3, 3] = lengths / 2 - turn @ affine[:3, 3]
    hu = np.ascontiguousarray(hu)
    bounds = [low for _, low, _ in MATERIALS[1:]]
    material = np.digitize(hu, bounds)
    return Phantom(hu, material, density_of(hu), lengths, box_from_ct)


def density_of(hu: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Mass density (g/cm^3): 1 + HU / 1000, in bone 1.017 + 0.592 HU / 1000.

    Schneider et al. 2000, doi 10.1088/0031-9155/45/2/314, for the bone.
    """
    bone = hu >= MATERIALS[3][1]
    density = np.where(bone, 1.017 + 0.592e-3 * hu, 1 + hu / 1000.0)
    return np.maximum(density, AIR_G_CM3)


def _nearest_axes(columns: Float[np.ndarray, "3 3"]) -> list[int]:
    """Which voxel axis runs along x, y and z best."""
    left, order = [0, 1, 2], []
    for axis in range(3):
        best = max(left, key=lambda column: abs(columns[axis, column]))
        left.remove(best)
        order.append(best)
    return order
