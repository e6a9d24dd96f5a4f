"""How much of the skull a view shows at a pose: in its field, and not behind a face of the CT."""

from typing import NamedTuple

import numpy as np

from calibration import Rigid

from .head_model import WEIGHT_PX, HeadModel
from .image_match import LOOSE_MM, RIGID_MM, cam_from_ct_matrix
from .radiograph import Radiograph, head_window, level_of


class Coverage(NamedTuple):
    """Shares, 0 to 1, of one view."""

    in_field: float
    """Of the cranium's voxels, those whose shadow falls on usable pixels."""
    cut: float
    """Of the cranium's shadow in the field, what lies behind a face where the CT ends."""


def coverage(radiograph: Radiograph, model: HeadModel, world_from_ct: Rigid) -> Coverage:
    """What a view shows of the cranium at a pose."""
    R, t = world_from_ct.R.numpy(), world_from_ct.t.numpy()
    uv = np.asarray(radiograph.camera.project(model.points_ct @ R.T + t))
    height, width = radiograph.usable.shape
    uv = np.where(np.isfinite(uv), uv, -1)
    inside = ((uv > -0.5) & (uv < [width - 0.5, height - 0.5])).all(1)
    u, v = np.rint(uv[inside]).astype(int).T
    in_field = float(radiograph.usable[v, u].sum()) / len(uv)
    cam_from_ct = cam_from_ct_matrix(radiograph.camera, R, t)
    centre_cam = cam_from_ct[:3, :3] @ model.centre_ct + cam_from_ct[:3, 3]
    window = head_window(radiograph, centre_cam, 1.1 * model.radius_mm)
    level = level_of(radiograph, window, WEIGHT_PX, 0.0)
    rigid, cut = (
        projector.render(level.camera.K, WEIGHT_PX, WEIGHT_PX, cam_from_ct).numpy()
        for projector in (model.rigid, model.loose[-1])
    )
    shadow = (rigid > RIGID_MM / 2) & (level.mask > 0.5)
    behind = shadow & (cut > LOOSE_MM / 2)
    return Coverage(in_field, float(behind.sum()) / max(float(shadow.sum()), 1.0))
