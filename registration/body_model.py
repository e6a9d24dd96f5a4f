"""A bone that moves against the skull in the same CT: what of the CT goes with it, and what stays.

Attenuation is additive. What the bone has over flesh goes with the bone, all else (with flesh in
the bone's place) with the skull, so that a radiograph is the sum of two at two poses.
"""

from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

from drr.anatomy import HeadAnatomy
from drr.label_map import PlacedMask, placed_on
from drr.projector import Projector
from drr.volume import Volume

from .head_model import HeadModel, head_model

P = TypeVar("P", bound=Projector)
FLESH_HU = 40.0
Corner = tuple[int, int, int]
RIM = 4
"""Voxels left around a body."""
LEAST_VOXELS = 50
"""Of the anatomy's grid: a smaller body leaves too little shadow."""


@dataclass(frozen=True)
class BodyModel:
    """`body` holds the bone alone, over flesh; `rest` the CT with flesh in its place.

    `rest.loose` is what follows neither the skull nor the body: the spine, other bodies, the cut.
    """

    body: HeadModel
    rest: HeadModel


@dataclass(frozen=True)
class StillProjector(Projector):
    """A projector of one view and frame whose volume stands still, whatever pose is asked for."""

    cam_from_still: np.ndarray = field(default_factory=lambda: np.eye(4))

    def render(self, K, width, height, cam_from_ct):
        """Line integrals where it stands."""
        return super().render(K, width, height, self.cam_from_still)


@dataclass(frozen=True)
class ProjectorOver(Projector):
    """A projector of one view and frame whose images lie over those of volumes that are still."""

    behind: tuple[StillProjector, ...] = ()
    _seen: dict[tuple, Tensor] = field(default_factory=dict, init=False, repr=False)

    def render(self, K, width, height, cam_from_ct):
        """Line integrals of all."""
        return super().render(K, width, height, cam_from_ct) + self._behind(K, width, height)

    def render_with_jacobian(self, K, width, height, cam_from_ct):
        """Line integrals of all, and their derivatives by the one that moves."""
        image, change = super().render_with_jacobian(K, width, height, cam_from_ct)
        return image + self._behind(K, width, height), change

    def _behind(self, K, width: int, height: int) -> Tensor:
        window = (width, height, *np.asarray(K).ravel().tolist())
        if window not in self._seen:
            images = [still.render(K, width, height, np.eye(4)) for still in self.behind]
            self._seen[window] = torch.stack(images).sum(0)
        return self._seen[window]


def model_over_skull(model: BodyModel, cam_from_skull: Float[np.ndarray, "4 4"]) -> HeadModel:
    """The body's model for one view of one frame, with the skull's shadow around it."""
    over, own, rest = [], model.body.projectors, model.rest.projectors
    for moving, still in zip(own, rest, strict=True):
        behind = (_still(still, cam_from_skull),)
        over.append(_shared(ProjectorOver(moving.volume, moving.mu_water_per_mm, behind), moving))
    loose = tuple(_still(projector, cam_from_skull) for projector in model.rest.loose)
    return replace(model.body, projectors=tuple(over), loose=loose)


def _still(projector: Projector, cam_from_still: np.ndarray) -> StillProjector:
    still = StillProjector(projector.volume, projector.mu_water_per_mm, cam_from_still)
    return _shared(still, projector)


def _shared(projector: P, original: Projector) -> P:
    """The projector with the slices that the original has laid out, or will."""
    object.__setattr__(projector, "_layouts", original._layouts)
    return projector


def body_model(volume: Volume, anatomy: HeadAnatomy, mask: PlacedMask) -> BodyModel:
    """The model of a body, labelled in the CT of the head.

    Raises:
        ValueError: the mask marks next to nothing in this CT.
    """
    coarse = placed_on(mask, anatomy.bone.shape, anatomy.ct_from_voxel)
    if np.count_nonzero(coarse) < LEAST_VOXELS:
        raise ValueError(
            f"the body is {np.count_nonzero(coarse)} voxels of this CT, too small to be tracked, "
            "or outside of it"
        )
    fine = placed_on(mask, volume.shape, volume.ct_from_voxel)
    hu = np.asarray(volume.data_hu, dtype=np.float32)
    around = np.asarray(ndimage.binary_dilation(fine), dtype=bool)
    edge = around & (hu < anatomy.threshold_hu)  # half-filled voxels
    fine |= edge
    own = Volume(np.where(fine, np.maximum(hu - FLESH_HU, 0) - 1000, -1000), volume.ct_from_voxel)
    rest = Volume(np.where(fine, np.minimum(hu, FLESH_HU), hu), volume.ct_from_voxel)
    low, high = _bounds(fine)
    body = head_model(own.cropped(low, high), replace(anatomy, bone=coarse, cranium=coarse))
    others = replace(anatomy, bone=anatomy.bone & ~coarse, cranium=anatomy.cranium & ~coarse)
    return BodyModel(replace(body, loose=()), head_model(rest, others))


def _bounds(mask: Bool[np.ndarray, "i j k"]) -> tuple[Corner, Corner]:
    """First and last voxels (from, below) of the mask's box, with a rim."""
    low, high = [], []
    for count, others in zip(mask.shape, ((1, 2), (0, 2), (0, 1)), strict=True):
        places = np.flatnonzero(mask.any(axis=others))
        low.append(max(int(places[0]) - RIM, 0))
        high.append(min(int(places[-1]) + 1 + RIM, count))
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
