"""What the rig's uncertainty adds to the poses of a track."""

import numpy as np
import pytest

from calibration import Rig, Rigid
from calibration.uncertainty_entry import RigUncertainty
from registration.calibrated_track import with_rig_uncertainty
from registration.rig_error import calibration_covariance
from registration.track import track_of_poses

POINTS = 80 * np.random.default_rng(0).normal(size=(40, 3))
CENTRE = np.zeros(3)


@pytest.fixture
def known_rig(rig):
    """A rig whose sources are known to 0.1 mm and whose principal points are to 0.2 px."""
    names = [f"{c}.{p}" for c in "AB" for p in ("fx_px", "cx_px", "cy_px", "tx_mm", "ty_mm")]
    sd = np.array([2.0, 0.2, 0.2, 0.1, 0.1] * 2)
    return Rig(rig.cameras, RigUncertainty(tuple(names), np.diag(sd**2)))


def poses(count):
    R = np.stack([Rigid.exp(np.array([0, 0, 0, 0, 0, 0.1 * k])).R.numpy() for k in range(count)])
    t = np.zeros((count, 3))
    R[1], t[1] = np.nan, np.nan  # a lost frame
    track = track_of_poses(Rigid(R, t), np.arange(count) / 30.0)
    return track


def test_it_is_added_to_each_pose_and_lost_frames_stay_empty(known_rig):
    track = poses(3)
    track.covariance[:] = np.diag([0.01] * 3 + [1e-6] * 3)
    found = with_rig_uncertainty(track, known_rig, POINTS, CENTRE)
    own = calibration_covariance(
        known_rig, known_rig.uncertainty, track.world_from_ct[2], POINTS, centre_ct=CENTRE
    )
    np.testing.assert_allclose(found.covariance[2], track.covariance[2] + own)
    assert found.sd_translation_mm[2] > np.sqrt(0.03) and found.sd_rotation_deg[2] > 0
    assert found.sd_translation_mm[2] == pytest.approx(
        np.sqrt(np.trace(track.covariance[2, :3, :3] + own[:3, :3]))
    )
    np.testing.assert_array_equal(found.covariance[1], track.covariance[1])


def test_a_rig_that_says_nothing_adds_nothing(rig):
    track = poses(2)
    assert with_rig_uncertainty(track, rig, POINTS, CENTRE) is track
