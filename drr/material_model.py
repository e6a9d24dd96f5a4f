"""A head as the beam sees it: water-like tissue, bone, and vessels that may be filled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .anatomy import HeadAnatomy
from .materials import hu_per_iodine_mg_ml, material_attenuation
from .projector import Intrinsics, Pose, Projector
from .vessel_paint import vessel_share
from .vessels import VesselGrowth, grow_vessels
from .volume import Volume, moved

MU_WATER_PER_MM = 0.02
CONTRAST_SHARE = 0.15
"""Of drawn radiographs, those with contrast medium in the vessels."""
IODINE_MG_ML = (10.0, 150.0)
ROOT_APART_MM = 15.0


@dataclass(frozen=True, eq=False)
class MaterialModel:
    """Projectors of water and bone, and of each tree of vessels with 1 mg / ml of iodine."""

    tissue: tuple[Projector, ...]
    vessels: tuple[Projector, ...] = ()


class Contrast(NamedTuple):
    """Which tree of a model is filled, and how strongly."""

    tree: int
    iodine_mg_ml: float


def material_model(volume: Volume, vessels: Sequence[Projector] = ()) -> MaterialModel:
    """The model of a CT in HU."""
    parts = material_attenuation(np.asarray(volume.data_hu), 1.0)
    hu = (parts - 1) * 1000
    tissue = tuple(Projector(Volume(x, volume.ct_from_voxel), MU_WATER_PER_MM) for x in hu)
    return MaterialModel(tissue, tuple(vessels))


def draw_contrast(model: MaterialModel, rng: np.random.Generator) -> Contrast | None:
    """No contrast medium in most radiographs, and in all of a model without vessels."""
    filled, tree = rng.random() < CONTRAST_SHARE, rng.random()
    iodine = float(np.exp(rng.uniform(*np.log(IODINE_MG_ML))))
    if not filled or not model.vessels:
        return None
    return Contrast(int(tree * len(model.vessels)), iodine)


def render_materials(
    model: MaterialModel,
    K: Intrinsics,
    width: int,
    height: int,
    cam_from_ct: Pose,
    contrast: Contrast | None = None,
) -> Float[Tensor, "material height width"]:
    """Line integrals of water, bone and, where there is contrast medium, iodine (at 64 keV)."""
    images = [p.render(K, width, height, cam_from_ct) for p in model.tissue]
    if contrast is not None:
        iodine = model.vessels[contrast.tree].render(K, width, height, cam_from_ct)
        images.append(iodine * contrast.iodine_mg_ml)
    return torch.stack(images)


def vessel_projectors(
    anatomy: HeadAnatomy, count: int = 3, seed: int = 0, growth: VesselGrowth | None = None
) -> tuple[Projector, ...]:
    """Trees of arteries in the endocranial cavity, fed from its lowest part; none without one."""
    cavity = anatomy.cavity
    if cavity is None or not cavity.any():
        return ()
    roots = _lowest(cavity, anatomy.ct_from_voxel)
    per_mg_ml = MU_WATER_PER_MM * hu_per_iodine_mg_ml() / 1000
    grid = Volume(np.zeros(cavity.shape, np.int16), anatomy.ct_from_voxel)
    projectors = []
    for n in range(count):
        tree = grow_vessels(
            cavity, anatomy.ct_from_voxel, roots, seed + n, growth or VesselGrowth()
        )
        hu = (vessel_share(tree, grid) - 1) * 1000
        projectors.append(Projector(Volume(hu, anatomy.ct_from_voxel), per_mg_ml))
    return tuple(projectors)


def _lowest(mask, ct_from_voxel) -> Float[np.ndarray, "root 3"]:
    """Two points of the mask (ct, mm) near its lowest one, left and right of it."""
    points = moved(ct_from_voxel, np.argwhere(mask))
    low = points[points[:, 2] < np.quantile(points[:, 2], 0.05)]
    middle = low.mean(0)
    wanted = middle + np.array([[-1.0, 0, 0], [1, 0, 0]]) * ROOT_APART_MM / 2
    return np.stack([low[np.linalg.norm(low - w, axis=1).argmin()] for w in wanted])
