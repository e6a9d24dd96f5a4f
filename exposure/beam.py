"""One x-ray beam: its source, its rays through the field's outline, and the areas it covers.

All directions and positions of a beam are in one frame of the head. The beam's own axes are unit
vectors: `principal` is the detector's normal away from the source, `axis` the central ray of the
field, `up` points to the upper edge of the image.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from calibration import Camera

from .field import Field


@dataclass(frozen=True, eq=False)
class Beam:
    """A beam in `ct` or `skull`, mm.

    `outline` is (x/z, y/z) of the field's corners in `cam`, `axis_cam` the axis there.
    """

    source: Float[np.ndarray, "3"]
    axis: Float[np.ndarray, "3"]
    principal: Float[np.ndarray, "3"]
    up: Float[np.ndarray, "3"]
    rays: Float[np.ndarray, "corner 3"]
    outline: Float[np.ndarray, "corner 2"]
    axis_cam: Float[np.ndarray, "3"]

    def moved(self, target_from_beam: Float[np.ndarray, "4 4"]) -> "Beam":
        """The same beam in another frame."""
        R, t = target_from_beam[:3, :3], target_from_beam[:3, 3]
        vectors = (R @ self.axis, R @ self.principal, R @ self.up, self.rays @ R.T)
        return Beam(R @ self.source + t, *vectors, self.outline, self.axis_cam)


def beam_of(camera: Camera, field: Field, head_from_cam: Float[np.ndarray, "4 4"]) -> Beam:
    """The beam that exposes a field, in the head's frame."""
    K = camera.K.numpy()
    scale, center = np.diag(K)[:2], K[:2, 2]
    outline = (field.outline_px - center) / scale
    x, y = (area_centroid(field.outline_px) - center) / scale
    rays = unit(np.concatenate([outline, np.ones((len(outline), 1))], axis=1))
    axis_cam = unit(np.array([x, y, 1.0]))
    R = head_from_cam[:3, :3]
    return Beam(
        source=head_from_cam[:3, 3].copy(),
        axis=R @ axis_cam,
        principal=R[:, 2],
        up=-R[:, 1],
        rays=rays @ R.T,
        outline=outline,
        axis_cam=axis_cam,
    )


def unit(vectors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """The vectors scaled to length one."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def area_centroid(outline: Float[np.ndarray, "corner 2"]) -> Float[np.ndarray, "2"]:
    """The centre of the area inside an ordered outline."""
    p = outline - outline[0]  # near zero, where products lose the fewest digits
    q = np.roll(p, -1, axis=0)
    twice = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    return outline[0] + ((p + q) * twice[:, None]).sum(axis=0) / (3 * twice.sum())


def area_on_plane_mm2(
    beam: Beam, point: Float[np.ndarray, "3"], normal: Float[np.ndarray, "3"]
) -> float | None:
    """Area (mm^2) of the field carried onto the plane through a point; None where it never ends."""
    toward = beam.rays @ normal
    away_mm = float((point - beam.source) @ normal)
    if (toward * away_mm <= 0).any():
        return None
    corners = beam.rays * (away_mm / toward)[:, None]
    corners = corners - corners[0]
    total = np.cross(corners, np.roll(corners, -1, axis=0)).sum(axis=0)
    return abs(float(total @ normal)) / 2


def solid_angle_sr(beam: Beam) -> float:
    """Solid angle of the field (doi 10.1109/TBME.1983.325207, eq. 8, a fan of triangles)."""
    a, b, c = beam.axis, beam.rays, np.roll(beam.rays, -1, axis=0)
    over = np.cross(b, c) @ a
    under = 1 + b @ a + c @ a + (b * c).sum(axis=1)
    return abs(float(2 * np.arctan2(over, under).sum()))
