"""A radiograph of the data set: drawn from a seed, with everything that is known about it.

Poses are of an upright head where the beams of the rig cross; the n-th radiograph is of view
n modulo the number of views, and all views of a pose follow each other.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import shapely
import torch
from jaxtyping import Bool, Float

from calibration import Rig, Rigid

from .collimation import Collimation, random_collimation
from .film import film
from .fluoroscope import Fluoroscope
from .head_orientation import draw_orientation
from .material_model import MaterialModel, draw_condition, render_materials


@dataclass(frozen=True)
class Studio:
    """What radiographs are made of: a head, and a rig whose images have the size wanted."""

    head: MaterialModel
    points_ct: Float[np.ndarray, "landmark 3"]
    rig: Rig
    azimuth_deg: float = 180.0
    off_centre_sd_mm: float = 25.0
    """Of the head's middle, along each axis, about the place where the beams cross."""

    @cached_property
    def crossing_world(self) -> Float[np.ndarray, "3"]:
        """Where the rays through the images' middles come closest (mm)."""
        return beams_cross_world(self.rig)


def beams_cross_world(rig: Rig) -> Float[np.ndarray, "3"]:
    """Where the rays through the images' middles come closest (mm).

    Raises:
        ValueError: they do not come close at all, or there is one view only.
    """
    middles = [[[(c.width - 1) / 2, (c.height - 1) / 2]] for c in rig]
    point = rig.triangulate(torch.tensor(middles, dtype=torch.float64))[0].numpy()
    if not np.isfinite(point).all():
        raise ValueError("the beams of the rig do not cross: is it a rig of two views?")
    return point


@dataclass(frozen=True, eq=False)
class LabelledRadiograph:
    """One image in [0, 1] and its labels; positions in pixels of this image."""

    image: Float[np.ndarray, "height width"]
    view: str
    K: Float[np.ndarray, "3 3"]
    cam_from_ct: Float[np.ndarray, "4 4"]
    uv_px: Float[np.ndarray, "landmark 2"]
    on_image: Bool[np.ndarray, "landmark"]
    in_field: Bool[np.ndarray, "landmark"]
    """On the image, and within the half-signal outline of the beam."""
    field_polygon_px: Float[np.ndarray, "corner 2"]
    fluoroscope: Fluoroscope


def resized_rig(rig: Rig, longest_px: int) -> Rig:
    """The rig with images scaled so that their longer side has so many pixels, undistorted."""
    return Rig(
        tuple(replace(c.resized(longest_px / max(c.width, c.height)), distortion=None) for c in rig)
    )


def draw_labelled(studio: Studio, seed: int, number: int) -> LabelledRadiograph:
    """The number-th radiograph of a seed; the same in any order and on any thread."""
    views = list(studio.rig)
    camera = views[number % len(views)]
    world_from_ct = draw_pose(studio, np.random.default_rng((seed, 0, number // len(views))))
    cam_from_ct = camera.cam_from_world @ world_from_ct
    rng = np.random.default_rng((seed, 1, number))
    condition = draw_condition(studio.head, rng)
    line_integrals = render_materials(
        studio.head, camera.K, camera.width, camera.height, cam_from_ct, condition
    )
    fluoroscope = Fluoroscope.randomised(rng, camera.width)
    collimation = random_collimation(rng, camera.width, camera.height)
    mask = collimation.mask(camera.width, camera.height)
    image = film(line_integrals, fluoroscope, mask, rng)
    uv_px = camera.project(world_from_ct @ studio.points_ct).numpy()
    beyond = [camera.width - 0.5, camera.height - 0.5]
    on_image = np.all((uv_px > -0.5) & (uv_px < beyond), axis=1)
    return LabelledRadiograph(
        image,
        camera.name,
        camera.K.numpy(),
        cam_from_ct.matrix().numpy(),
        uv_px,
        on_image,
        on_image & _inside(collimation, uv_px),
        collimation.polygon_px,
        fluoroscope,
    )


def draw_pose(studio: Studio, rng: np.random.Generator) -> Rigid:
    """world_from_ct of a head that stands upright in the first view."""
    world_from_cam = next(iter(studio.rig)).cam_from_world.inverse().R.numpy()
    R = world_from_cam @ draw_orientation(rng, studio.azimuth_deg)
    middle = studio.crossing_world + studio.off_centre_sd_mm * rng.standard_normal(3)
    t = middle - R @ studio.points_ct.mean(0)
    return Rigid(torch.from_numpy(R), torch.from_numpy(t))


def _inside(collimation: Collimation, uv_px) -> Bool[np.ndarray, "landmark"]:
    field = shapely.Polygon(collimation.polygon_px)
    return shapely.contains_xy(field, uv_px[:, 0], uv_px[:, 1])
