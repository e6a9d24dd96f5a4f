"""What the rig's own uncertainty adds to a pose: the calibration's errors, seen from the head.

A pose is fitted to pixels that do not know where the cameras are. Where parameters theta of the
rig are off by d, pixels that the pose should explain are off by (d pixel / d theta) d, and least
squares answers with the left twist (v mm, w rad; see `twist.py`)
    -(J^T W J)^-1 J^T W (d pixel / d theta) d,      J = d pixel / d twist.

The covariance is that of the absolute pose in the world, whose place is a gauge: the world is the
calibration object's frame in its first position, and how well that position is known is part of
it. All frames of a recording share one error d. So this covariance is to be added to each frame's
own when it is reported, but is no noise from frame to frame: a smoother must not have it, and of
motion between two poses only the difference of their `pose_by_rig` counts.
"""

import numpy as np
from jaxtyping import Float

from calibration import Camera, Rig, Rigid
from calibration.bundle_projection import LENS_TERMS, MOTION, lens_image
from calibration.uncertainty_entry import RigUncertainty

from .reprojection import Array, Views

OWN = ("fx_px", "fy_px", "cx_px", "cy_px", *LENS_TERMS, *MOTION)


def calibration_covariance(
    rig: Rig,
    uncertainty: RigUncertainty,
    world_from_ct: Rigid,
    points_ct: Float[Array, "point 3"],
    weights: Float[np.ndarray, "view point"] | None = None,
    centre_ct: Float[np.ndarray, "3"] | None = None,
) -> Float[np.ndarray, "6 6"]:
    """The covariance of a pose's left twist about `centre_ct` that comes of the rig alone.

    Args:
        points_ct: what the pose was fitted to: landmarks, or points all over the bone for a pose
            that was refined against radiographs.
        weights: of each point in each view (1 / sd_px^2, 0 where unseen); all alike without.
        centre_ct: the points' centroid where it is not given.

    Raises:
        ValueError: points that do not fix a pose, or a camera that is not in the uncertainty.
    """
    for camera in rig:
        if not any(name.startswith(f"{camera.name}.") for name in uncertainty.names):
            raise ValueError(
                f"the rig's uncertainty does not hold camera {camera.name!r}; calibrate all views "
                "together"
            )
    moves = pose_by_rig(rig, uncertainty.names, world_from_ct, points_ct, weights, centre_ct)
    return moves @ uncertainty.covariance @ moves.T


def pose_by_rig(
    rig: Rig,
    names: tuple[str, ...],
    world_from_ct: Rigid,
    points_ct: Float[Array, "point 3"],
    weights: Float[np.ndarray, "view point"] | None = None,
    centre_ct: Float[np.ndarray, "3"] | None = None,
) -> Float[np.ndarray, "6 parameter"]:
    """How a pose's left twist about `centre_ct` answers to each parameter of the rig, by its name.

    Arguments and errors are those of `calibration_covariance`; parameters of positions of the
    calibration object move no pose.
    """
    points = np.asarray(points_ct, dtype=np.float64)
    centre = points.mean(0) if centre_ct is None else np.asarray(centre_ct, dtype=np.float64)
    w = np.ones((len(rig), len(points))) if weights is None else weights
    if w.shape != (len(rig), len(points)):
        raise ValueError(
            f"weights are of shape {w.shape}, for {len(rig)} views and {len(points)} points"
        )
    R, t, views = world_from_ct.R.numpy(), world_from_ct.t.numpy(), Views.of(rig)
    world = points @ R.T + t
    _, J = views.project_with_jacobian(world, R @ centre + t)
    normal = np.einsum("vn,vnki,vnkj->ij", w, J, J)
    size = np.sqrt(np.maximum(np.diag(normal), 1e-300))
    if not np.linalg.eigvalsh(normal / np.outer(size, size))[0] > 1e-11:
        raise ValueError("the points do not fix a pose: too few are seen, or they lie on a line")
    solver = np.linalg.inv(normal)
    moves = np.zeros((6, len(names)))
    for view, (camera, x_cam) in enumerate(zip(rig, views.in_cameras(world), strict=True)):
        own = _pixels_by_camera(camera, x_cam)
        answer = -solver @ np.einsum("n,nki,nkp->ip", w[view], J[view], own)
        for column, parameter in enumerate(OWN):
            if (name := f"{camera.name}.{parameter}") in names:
                moves[:, names.index(name)] = answer[:, column]
    return moves


def _pixels_by_camera(
    camera: Camera, x_cam: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 2 15"]:
    """How pinhole pixels of points move against what is seen with each parameter of `OWN`.

    Images are undistorted with the lens that a calibration found, so an error of the lens moves
    what is seen: -(d lens / d xy)^-1 times what it moves in the recorded image.
    """
    focal = camera.K.diagonal()[:2].numpy()
    xy, depth = x_cam[:, :2] / x_cam[:, 2:], x_cam[:, 2]
    lens = np.zeros(5)
    if camera.distortion is not None and camera.distortion["model"] == "opencv":
        terms = camera.distortion["coefficients"][:5]
        lens[: len(terms)] = terms
    image, by_xy, by_lens = lens_image(xy, np.broadcast_to(lens, (len(xy), 5)))
    straight = focal[:, None] * np.linalg.inv(by_xy) / focal
    raw = np.zeros((len(xy), 2, 4 + len(LENS_TERMS)))
    raw[:, 0, 0], raw[:, 1, 1] = image[:, 0], image[:, 1]
    raw[:, 0, 2] = raw[:, 1, 3] = 1
    raw[:, :, 4:] = focal[:, None] * by_lens
    by_step = np.zeros((len(xy), 2, 3))
    by_step[:, 0, 0], by_step[:, 1, 1] = focal[0] / depth, focal[1] / depth
    by_step[:, :, 2] = -focal * xy / depth[:, None]
    turned = x_cam - camera.cam_from_world.t.numpy()
    by_turn = np.cross(turned[:, None], by_step)
    return np.concatenate([straight @ raw, by_step, by_turn], axis=2)
