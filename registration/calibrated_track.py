"""A track whose deviations hold what the rig's own uncertainty adds to every pose."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from calibration import Rig

from .rig_error import calibration_covariance
from .track import Track


def with_rig_uncertainty(
    track: Track,
    rig: Rig,
    points_ct: Float[np.ndarray, "point 3"],
    centre_ct: Float[np.ndarray, "3"],
) -> Track:
    """The track as it is where the rig does not say how well it is known.

    All frames share the calibration's error: smooth a track before, not after, and take motion
    between its poses from the track without it. A pose whose covariance is unknown keeps that.

    Args:
        points_ct: points all over the bone that was matched.
        centre_ct: what the track's covariances are about.
    """
    known = track.has_pose & np.isfinite(track.covariance).all((1, 2))
    if rig.uncertainty is None or not known.any():
        return track
    covariance = track.covariance.copy()
    for k in np.flatnonzero(known):
        pose = track.world_from_ct[int(k)]
        covariance[k] += calibration_covariance(
            rig, rig.uncertainty, pose, points_ct, centre_ct=centre_ct
        )
    sd = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2).reshape(len(track), 2, 3).sum(-1))
    return replace(
        track,
        covariance=covariance,
        sd_translation_mm=np.where(known, sd[:, 0], track.sd_translation_mm),
        sd_rotation_deg=np.where(known, np.degrees(sd[:, 1]), track.sd_rotation_deg),
    )
