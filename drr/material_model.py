"""A head as the beam sees it: water-like tissue, bone, and vessels that may be filled.

Its neck stands in several postures, so that what learns from it does not trust the neck.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .anatomy import HeadAnatomy
from .head_motion import with_neck_bent
from .materials import hu_per_iodine_mg_ml, material_attenuation
from .projector import Intrinsics, Pose, Projector
from .vessel_paint import vessel_share
from .vessels import VesselGrowth, grow_vessels
from .volume import Volume, moved

MU_WATER_PER_MM = 0.02
CONTRAST_SHARE = 0.15
"""Of drawn radiographs, those with contrast medium in the vessels."""
IODINE_MG_ML = (10.0, 150.0)
POSTURES = 5
"""Bent necks of a varied model, besides the CT's own."""
MOST_BENT_DEG = (20.0, 30.0, 12.0)
"""Flexion, turn and tilt of the head against the lowest neck, either way."""
ROOT_APART_MM = 15.0


@dataclass(frozen=True, eq=False)
class MaterialModel:
    """Projectors of (water, bone) in each posture of the neck, the CT's own first, and of each
    tree of vessels with 1 mg / ml of iodine."""

    postures: tuple[tuple[Projector, ...], ...]
    vessels: tuple[Projector, ...] = ()


class Contrast(NamedTuple):
    """Which tree of a model is filled, and how strongly."""

    tree: int
    iodine_mg_ml: float


class Condition(NamedTuple):
    """How a head is when it is filmed: the number of its posture, and contrast medium or none."""

    posture: int = 0
    contrast: Contrast | None = None


AS_SCANNED = Condition()


def material_model(*volumes: Volume, vessels: Sequence[Projector] = ()) -> MaterialModel:
    """The model of a CT in HU; further volumes are the same head with its neck elsewhere."""
    return MaterialModel(tuple(_water_and_bone(v) for v in volumes), tuple(vessels))


def varied_model(
    volume: Volume, anatomy: HeadAnatomy, spacing_mm: float, seed: int = 0
) -> MaterialModel:
    """The model to make training data from: necks bent at random, arteries that may be filled.

    A bend that this CT's neck does not allow is left out; a CT that is no head has its own only.
    """
    if volume.spacing_mm.min() < spacing_mm:
        volume = volume.resampled(spacing_mm)
    rng = np.random.default_rng((seed, 5))
    necks = []
    for _ in range(POSTURES):
        flexion, turn, tilt = rng.uniform(-1, 1, 3) * MOST_BENT_DEG
        with suppress(ValueError):
            bent, _ = with_neck_bent(
                volume, {}, anatomy, flexion_deg=flexion, turn_deg=turn, tilt_deg=tilt
            )
            necks.append(bent)
    return material_model(volume, *necks, vessels=vessel_projectors(anatomy, seed=seed))


def draw_condition(model: MaterialModel, rng: np.random.Generator) -> Condition:
    """Any posture; contrast medium in a share of the radiographs of a model with vessels."""
    posture = int(rng.integers(len(model.postures)))
    filled, tree = rng.random() < CONTRAST_SHARE, rng.random()
    iodine = float(np.exp(rng.uniform(*np.log(IODINE_MG_ML))))
    if not filled or not model.vessels:
        return Condition(posture)
    return Condition(posture, Contrast(int(tree * len(model.vessels)), iodine))


def _water_and_bone(volume: Volume) -> tuple[Projector, ...]:
    hu = (material_attenuation(np.asarray(volume.data_hu), 1.0) - 1) * 1000
    return tuple(Projector(Volume(x, volume.ct_from_voxel), MU_WATER_PER_MM) for x in hu)


def render_materials(
    model: MaterialModel,
    K: Intrinsics,
    width: int,
    height: int,
    cam_from_ct: Pose,
    condition: Condition = AS_SCANNED,
) -> Float[Tensor, "material height width"]:
    """Line integrals of water, bone and, where there is contrast medium, iodine (at 64 keV)."""
    tissue, contrast = model.postures[condition.posture], condition.contrast
    images = [p.render(K, width, height, cam_from_ct) for p in tissue]
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
