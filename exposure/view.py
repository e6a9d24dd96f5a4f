"""One camera with its exposed field at one pose of the head: what every column is computed from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from calibration import Camera, Rigid

from .beam import Beam, beam_of
from .field import Field


@dataclass(frozen=True, eq=False)
class View:
    """A view of the head; the motions are homogeneous matrices in mm."""

    camera: Camera
    field: Field
    beam_ct: Beam
    cam_from_ct: Float[np.ndarray, "4 4"]
    cam_from_world: Float[np.ndarray, "4 4"]
    skull_from_ct: Float[np.ndarray, "4 4"]

    @property
    def skull_from_cam(self) -> Float[np.ndarray, "4 4"]:
        """The camera's place in the frame of the numbers that are given out."""
        return self.skull_from_ct @ np.linalg.inv(self.cam_from_ct)

    @property
    def beam_skull(self) -> Beam:
        """The beam in the frame of the numbers that are given out."""
        return self.beam_ct.moved(self.skull_from_ct)

    def skull(self, point_ct: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """Points of the CT in the frame `skull`."""
        return point_ct @ self.skull_from_ct[:3, :3].T + self.skull_from_ct[:3, 3]


def view_of(
    camera: Camera, field: Field | None, world_from_ct: Rigid, skull_from_ct: Rigid
) -> View:
    """The view of a camera; the whole image is its field where None is known."""
    field = Field.whole_image(camera) if field is None else field
    cam_from_ct = camera.cam_from_world @ world_from_ct
    return View(
        camera=camera,
        field=field,
        beam_ct=beam_of(camera, field, np.asarray(cam_from_ct.inverse())),
        cam_from_ct=np.ascontiguousarray(cam_from_ct),
        cam_from_world=np.asarray(camera.cam_from_world),
        skull_from_ct=np.asarray(skull_from_ct),
    )
