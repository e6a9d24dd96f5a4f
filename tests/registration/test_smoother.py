import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from calibration import Rigid
from registration.block_tridiagonal import solved
from registration.smoother import smoothed, smoothed_track
from registration.track import track_of_poses
from registration.twist import moved_rigid, twist_between

CENTRE = np.array([3.0, 200.0, 400.0])
SD = np.array([0.2, 0.2, 0.5, 0.002, 0.002, 0.004])


def rigids(poses):
    return Rigid(np.stack([p.R.numpy() for p in poses]), np.stack([p.t.numpy() for p in poses]))


def nodding(time_s, hz=0.7):
    """A head that turns by 40 deg and sways by 60 mm."""
    poses = []
    for t in time_s:
        phase = 2 * np.pi * hz * t
        twist = [30 * np.sin(phase), 60 * np.sin(phase + 1), 10 * np.cos(phase), 0, 0, 0]
        twist[3:] = 0.3 * np.sin(phase), 0.2 * np.cos(phase), 0.7 * np.sin(0.8 * phase)
        poses.append(moved_rigid(Rigid.identity(), np.array(twist), CENTRE))
    return poses


def measured(poses, time_s, rng, sd=SD):
    off = rng.standard_normal((len(poses), 6)) * sd
    noisy = rigids([moved_rigid(p, o, CENTRE) for p, o in zip(poses, off, strict=True)])
    covariance = np.tile(np.diag(sd**2), (len(poses), 1, 1))
    return replace(track_of_poses(noisy, time_s), covariance=covariance)


def errors(motion, poses):
    return twist_between(rigids(poses)[motion.row], motion.world_from_ct, CENTRE)


def test_the_block_solver_is_the_dense_one():
    rng = np.random.default_rng(0)
    n, m = 7, 4
    dense = np.zeros((n * m, n * m))
    for k in range(n - 1):
        part = slice(k * m, (k + 2) * m)
        A = rng.standard_normal((2 * m, 2 * m))
        dense[part, part] += A @ A.T
    right = rng.standard_normal(n * m)
    cut = [slice(k * m, (k + 1) * m) for k in range(n)]
    diagonal = np.stack([dense[c, c] for c in cut])
    above = np.stack([dense[a, b] for a, b in itertools.pairwise(cut)])
    x, blocks = solved(diagonal, above, right.reshape(n, m))
    np.testing.assert_allclose(x.ravel(), np.linalg.solve(dense, right), rtol=1e-8, atol=1e-10)
    inverse = np.linalg.inv(dense)
    np.testing.assert_allclose(blocks, [inverse[c, c] for c in cut], rtol=1e-7, atol=1e-9)


def test_a_steady_motion_is_left_as_it_is():
    time_s = np.arange(12) / 30
    step = np.array([40.0, -10, 5, 0.3, 0.0, 0.0])
    poses = [moved_rigid(Rigid.identity(), t * step, CENTRE) for t in time_s]
    track = measured(poses, time_s, np.random.default_rng(0), sd=SD * 1e-6)
    motion = smoothed(track, CENTRE)
    assert abs(errors(motion, poses)).max() < 1e-5
    np.testing.assert_allclose(motion.velocity[5], step, atol=1e-3)


def test_errors_shrink_and_lie_within_their_deviations():
    time_s = np.arange(120) / 30
    poses = nodding(time_s)
    raw, after, standardised = [], [], []
    for seed in range(6):
        track = measured(poses, time_s, np.random.default_rng(seed))
        motion = smoothed(track, CENTRE)
        raw.append(twist_between(rigids(poses), track.world_from_ct, CENTRE))
        after.append(errors(motion, poses))
        sd = np.sqrt(np.diagonal(motion.covariance, axis1=1, axis2=2)[:, :6])
        standardised.append(after[-1] / sd)
    before, left = (np.sqrt(np.mean(np.square(x), axis=(0, 1))) for x in (raw, after))
    assert (left < 0.85 * before).all()
    inside = np.mean(np.abs(standardised) < 1.96)
    assert 0.92 < inside < 0.99


def test_an_outlier_is_not_followed():
    time_s = np.arange(60) / 30
    poses = nodding(time_s)
    track = measured(poses, time_s, np.random.default_rng(1))
    t = track.world_from_ct.t.clone()
    t[30, 0] += 15
    spoilt = replace(track, world_from_ct=Rigid(track.world_from_ct.R, t))
    assert np.linalg.norm(errors(smoothed(spoilt, CENTRE), poses)[30, :3]) < 2


def test_gaps_stay_open_and_unequal_times_are_taken_as_they_are():
    rng = np.random.default_rng(3)
    time_s = np.sort(rng.uniform(0, 4, 100))
    poses = nodding(time_s)
    track = measured(poses, time_s, rng)
    lost = np.zeros(100, bool)
    lost[40:52] = lost[0] = True
    status = tuple("lost" if gone else "ok" for gone in lost)
    motion = smoothed(replace(track, status=status), CENTRE)
    assert list(motion.row) == list(np.flatnonzero(~lost))
    assert np.sqrt(np.mean(errors(motion, poses)[:, :3] ** 2)) < 0.3


@pytest.mark.parametrize("seed", range(3))
def test_it_does_not_depend_on_how_the_world_is_turned(seed):
    rng = np.random.default_rng(seed)
    time_s = np.arange(40) / 30
    track = measured(nodding(time_s), time_s, rng, sd=np.repeat([0.3, 0.003], 3))
    turn = Rigid.exp(torch.from_numpy(np.concatenate([[50, 20, -70], rng.normal(size=3) * 2])))
    moved = replace(track, world_from_ct=turn @ track.world_from_ct)
    there, here = smoothed(moved, CENTRE), smoothed(track, CENTRE)
    expected = turn @ here.world_from_ct
    assert abs(twist_between(expected, there.world_from_ct, CENTRE)).max() < 1e-6


def test_a_pose_between_frames_lies_on_the_motion():
    time_s = np.arange(90) / 30
    track = measured(nodding(time_s), time_s, np.random.default_rng(0), sd=SD * 0.01)
    motion = smoothed(track, CENTRE)
    truth = nodding(time_s + 0.008)
    off = [twist_between(truth[k], motion.shifted(k, 0.008), CENTRE) for k in range(3, 87)]
    assert np.abs(off)[:, :3].max() < 0.15 and np.abs(off)[:, 3:].max() < 0.002
    still = [twist_between(truth[k], motion.world_from_ct[k], CENTRE) for k in range(3, 87)]
    assert np.abs(still)[:, :3].max() > 1


def test_what_cannot_be_smoothed_is_refused():
    time_s = np.arange(5) / 30
    track = measured(nodding(time_s), time_s, np.random.default_rng(0))
    with pytest.raises(ValueError, match="three frames with a pose, found 2"):
        smoothed(replace(track, status=("ok", "ok", "lost", "lost", "lost")), CENTRE)
    with pytest.raises(ValueError, match="times that increase"):
        smoothed(replace(track, time_s=np.zeros(5)), CENTRE)
    with pytest.raises(ValueError, match="needs the covariance"):
        smoothed(replace(track, covariance=np.full((5, 6, 6), np.nan)), CENTRE)


def test_a_smoothed_track_keeps_what_is_not_a_pose():
    time_s = np.arange(50) / 30
    poses = nodding(time_s)
    track = measured(poses, time_s, np.random.default_rng(0))
    track = replace(track, status=("lost", *["ok"] * 48, "doubtful"))
    after = smoothed_track(track, CENTRE)
    assert after.status == track.status and (after.frame == track.frame).all()
    kept = track.has_pose
    off = twist_between(rigids(poses), after.world_from_ct, CENTRE)[kept]
    before = twist_between(rigids(poses), track.world_from_ct, CENTRE)[kept]
    assert np.mean(off**2) < 0.8 * np.mean(before**2)
    expected = np.sqrt(np.trace(after.covariance[20, :3, :3]))
    assert after.sd_translation_mm[20] == pytest.approx(expected)
    assert after.sd_translation_mm[20] < np.linalg.norm(SD[:3])
