"""How fast the head moves in each frame of a track."""

import numpy as np
from jaxtyping import Float

from .smoother import smoothed
from .track import Track
from .twist import twist_between


def velocities(track: Track, centre_ct: Float[np.ndarray, "3"]) -> Float[np.ndarray, "frame 6"]:
    """Twist (mm / s, rad / s) about the head's centre; NaN without a pose or a neighbour.

    By the smoothed motion where the track knows its covariances, else by the neighbours.
    """
    found = np.full((len(track), 6), np.nan)
    row = np.flatnonzero(track.has_pose)
    if len(row) >= 3 and np.isfinite(track.covariance[row]).all():
        motion = smoothed(track, centre_ct)
        found[motion.row] = motion.velocity
        return found
    for k in row:
        ends = [n for n in (k - 1, k, k + 1) if 0 <= n < len(track) and track.has_pose[n]]
        first, last = ends[0], ends[-1]
        seconds = track.time_s[last] - track.time_s[first]
        if seconds > 0:
            poses = track.world_from_ct
            found[k] = twist_between(poses[first], poses[last], centre_ct) / seconds
    return found
