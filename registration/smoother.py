"""Fixed-interval smoothing of a track: a continuous motion through uncertain poses.

The head's centre moves in space and its rotation on SO(3), each with white noise on its
acceleration (Barfoot, Tong, Sarkka 2014, doi 10.15607/RSS.2014.X.001, eqs. 5-12; the exact prior
between frames dt apart has the covariance q [[dt^3/3, dt^2/2], [dt^2/2, dt]]). Poses and
velocities of all frames are found together by Gauss-Newton, each measured pose weighted with its
own 6x6 covariance; no Euler angles, and no rotation vector longer than the step between frames.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from calibration import Rigid

from .block_tridiagonal import solved
from .track import Track
from .twist import moved_rigid, twist_between

LAGS = (1, 2, 4, 8)
NORMAL_MEDIAN = 2.366  # median of a chi-square of 3 degrees of freedom
CAUCHY = 3.0
"""A pose this many deviations off the motion has half of its weight left."""
ITERATIONS = 8
LEAST_ROUGHNESS = 1e-6


@dataclass(frozen=True)
class Motion:
    """A continuous motion, known at the frames that have a pose.

    `velocity` is that of the twist in `twist.py` (mm / s, rad / s); `covariance` is that of the
    pose's twist and then of the velocity.
    """

    row: Int[np.ndarray, "known"]
    """Which rows of the track the entries belong to."""
    time_s: Float[np.ndarray, "known"]
    world_from_ct: Rigid
    velocity: Float[np.ndarray, "known 6"]
    covariance: Float[np.ndarray, "known 12 12"]
    centre_ct: Float[np.ndarray, "3"]
    roughness: tuple[float, float]
    """Spectral densities of the acceleration's noise: mm^2 / s^3, rad^2 / s^3."""

    def shifted(self, place: int, seconds: float) -> Rigid:
        """The pose some time before or after a known one (less than a frame)."""
        return moved_rigid(
            self.world_from_ct[place], seconds * self.velocity[place], self.centre_ct
        )


def smoothed(track: Track, centre_ct: Float[np.ndarray, "3"]) -> Motion:
    """The most likely motion behind a track's poses; frames without one stay open.

    Args:
        centre_ct: the point that the track's covariances are about (mm).

    Raises:
        ValueError: fewer than three poses, no covariances, or times that do not increase.
    """
    row = np.flatnonzero(track.has_pose)
    time_s, measured = track.time_s[row], track.world_from_ct[row]
    covariance = track.covariance[row]
    if len(row) < 3:
        raise ValueError(f"smoothing needs three frames with a pose, found {len(row)}")
    if not (np.diff(time_s) > 0).all():
        raise ValueError("smoothing needs times that increase from frame to frame")
    if not np.isfinite(covariance).all():
        raise ValueError("smoothing needs the covariance of every pose; this track has none")
    information = np.linalg.inv(covariance)
    roughness = _roughness(measured, covariance, time_s, centre_ct)
    prior = np.stack([_prior_information(dt, roughness) for dt in np.diff(time_s)])
    poses = measured
    velocity = _first_velocities(measured, time_s, centre_ct)
    for _ in range(ITERATIONS):
        diagonal, above, right = _normal_equations(
            poses, velocity, measured, information, prior, time_s, centre_ct
        )
        step, blocks = solved(diagonal, above, right)
        poses = _all_moved(poses, step[:, :6], centre_ct)
        velocity = velocity + step[:, 6:]
        if np.abs(step[:, :6] * [1, 1, 1, 80, 80, 80]).max() < 1e-5:
            break
    return Motion(row, time_s, poses, velocity, blocks, centre_ct, roughness)


def smoothed_track(track: Track, centre_ct: Float[np.ndarray, "3"]) -> Track:
    """The track with its poses, deviations and covariances smoothed; all else as it was."""
    motion = smoothed(track, centre_ct)
    R, t = track.world_from_ct.R.clone(), track.world_from_ct.t.clone()
    R[motion.row], t[motion.row] = motion.world_from_ct.R, motion.world_from_ct.t
    covariance = track.covariance.copy()
    covariance[motion.row] = motion.covariance[:, :6, :6]
    sd = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2).reshape(len(track), 2, 3).sum(-1))
    return replace(
        track,
        world_from_ct=Rigid(R, t),
        covariance=covariance,
        sd_translation_mm=sd[:, 0],
        sd_rotation_deg=np.degrees(sd[:, 1]),
    )


def _all_moved(
    poses: Rigid, twists: Float[np.ndarray, "known 6"], centre_ct: Float[np.ndarray, "3"]
) -> Rigid:
    """Each pose after its own left twist, as `moved_rigid` moves one."""
    turn = Rigid.exp(np.concatenate([np.zeros_like(twists[:, :3]), twists[:, 3:]], axis=1)).R
    centre = poses @ centre_ct
    t = centre + torch.from_numpy(twists[:, :3].copy())
    return Rigid(turn @ poses.R, t + torch.einsum("kij,kj->ki", turn, poses.t - centre))


def _normal_equations(poses: Rigid, velocity, measured: Rigid, information, prior, time_s, centre):
    """Blocks (12, 12) of the normal matrix on and above the diagonal, and the right side.

    Of each pose's twist and its velocity. The step between frames is small, so that the
    derivative of its rotation vector by either end is taken as the identity.
    """
    n = len(velocity)
    diagonal, right = np.zeros((n, 12, 12)), np.zeros((n, 12))
    off = twist_between(poses, measured, centre)
    squared = np.einsum("ki,kij,kj->k", off, information, off)
    weighted = information / (1 + squared / (6 * CAUCHY**2))[:, None, None]
    diagonal[:, :6, :6] = weighted
    right[:, :6] = np.einsum("kij,kj->ki", weighted, off)
    dt = np.diff(time_s)[:, None]
    step = twist_between(poses[:-1], poses[1:], centre)
    error = np.concatenate([step - dt * velocity[:-1], np.diff(velocity, axis=0)], axis=1)
    by_first = np.tile(-np.eye(12), (n - 1, 1, 1))  # the derivative by the second is the identity
    by_first[:, range(6), range(6, 12)] = -dt
    above = by_first.mT @ prior
    diagonal[:-1] += above @ by_first
    diagonal[1:] += prior
    right[:-1] -= np.einsum("kij,kj->ki", above, error)
    right[1:] -= np.einsum("kij,kj->ki", prior, error)
    return diagonal, above, right


def _prior_information(dt: float, roughness: tuple[float, float]) -> np.ndarray:
    """Inverse covariance (12, 12) of a step's pose and velocity."""
    shape = np.array([[12 / dt**3, -6 / dt**2], [-6 / dt**2, 4 / dt]])
    return np.kron(shape, np.diag(np.repeat(1 / np.array(roughness), 3)))


def _first_velocities(measured: Rigid, time_s: np.ndarray, centre_ct) -> np.ndarray:
    steps = twist_between(measured[:-1], measured[1:], centre_ct) / np.diff(time_s)[:, None]
    return np.concatenate([steps[:1], (steps[1:] + steps[:-1]) / 2, steps[-1:]])


def _roughness(measured: Rigid, covariance, time_s, centre_ct) -> tuple[float, float]:
    """Spectral density of the acceleration's noise, of the position and of the rotation.

    From how far a pose is off the line between its neighbours, a and b seconds away: by the prior
    the variance is q a^2 b^2 / (3 (a + b)), besides the poses' own. The shortest lag at which the
    motion is louder than the poses' noise is taken, by the median.
    """
    found = []
    for part in (slice(0, 3), slice(3, 6)):
        best = LEAST_ROUGHNESS
        for lag in LAGS:
            if len(time_s) < 2 * lag + 3:
                break
            before, here, after = (slice(None, -2 * lag), slice(lag, -lag), slice(2 * lag, None))
            back = twist_between(measured[here], measured[before], centre_ct)[:, part]
            ahead = twist_between(measured[here], measured[after], centre_ct)[:, part]
            a, b = time_s[here] - time_s[before], time_s[after] - time_s[here]
            share = (b / (a + b))[:, None]
            bent = share * back + (1 - share) * ahead
            unit = np.square(a * b) / (3 * (a + b))
            trace = np.array([np.trace(c[part, part]) for c in covariance])
            noise = (share[:, 0] ** 2 * trace[before] + trace[here]) / 3
            noise = noise + (1 - share[:, 0]) ** 2 * trace[after] / 3
            seen = np.median(np.square(bent).sum(1) / unit) / NORMAL_MEDIAN
            best = max(seen - float(np.median(noise / unit)), LEAST_ROUGHNESS)
            if seen > 2 * np.median(noise / unit):
                break
        found.append(float(best))
    return found[0], found[1]
