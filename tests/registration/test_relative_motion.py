"""Motion of a body in another's frame: laws, closed forms, and errors drawn at random."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration import Rigid
from registration.joint_angles import grood_suntay_deg
from registration.relative_motion import MovingFrame, fixed, motion_in, motion_since


def drawn_poses(seed, count):
    rng = np.random.default_rng(seed)
    R = Rotation.from_rotvec(rng.normal(0, 0.6, (count, 3))).as_matrix()
    return Rigid(R, rng.normal(0, 80, (count, 3)))


def moving(seed, count=1, covariance=None, frame=None):
    rng = np.random.default_rng(100 + seed)
    frame = Rigid.exp(rng.normal(0, [30, 30, 30, 0.3, 0.3, 0.3])) if frame is None else frame
    A = rng.normal(0, 1, (6, 6)) * np.array([0.2] * 3 + [0.004] * 3)[:, None]
    spread = A @ A.T if covariance is None else covariance
    centre = rng.normal(0, 60, 3)
    poses = drawn_poses(seed, count)
    return MovingFrame(poses, np.tile(spread, (count, 1, 1)), centre, frame)


def test_a_point_has_the_same_place_by_both_bodies():
    a, b = moving(1, 4), moving(2, 4)
    point_b = np.array([10.0, -20, 30])
    world = b.world_from_ct @ (b.frame_from_ct.inverse() @ point_b)
    by_a = motion_in(a, b).reference_from_body @ point_b
    own = (a.world_from_ct @ (a.frame_from_ct.inverse() @ np.zeros(3))).numpy()
    np.testing.assert_allclose(
        np.linalg.norm(by_a.numpy(), axis=1), np.linalg.norm(world.numpy() - own, axis=1)
    )


def test_a_common_motion_of_the_world_changes_nothing():
    a, b = moving(1, 4), moving(2, 4)
    world = Rigid.exp(np.array([300.0, -20, 10, 1.0, 0.5, -2]))
    turn = world.R.numpy()
    both = np.kron(np.eye(2), turn)

    def elsewhere(m):
        spread = both @ m.covariance @ both.T
        return MovingFrame(world @ m.world_from_ct, spread, m.centre_ct, m.frame_from_ct)

    here, there = motion_in(a, b), motion_in(elsewhere(a), elsewhere(b))
    np.testing.assert_allclose(here.position_mm, there.position_mm, atol=1e-9)
    np.testing.assert_allclose(here.covariance, there.covariance, rtol=1e-6, atol=1e-9)


def disturbed(m, xi):
    """The first pose after each of the twists about its centre, written out."""
    R, t = m.world_from_ct.R[0].numpy(), m.world_from_ct.t[0].numpy()
    c, turn = R @ m.centre_ct + t, Rotation.from_rotvec(xi[:, 3:]).as_matrix()
    return Rigid(turn @ R, c + xi[:, :3] + turn @ (t - c))


def test_the_covariance_is_that_of_poses_drawn_at_random():
    a, b = moving(3), moving(4)
    found = motion_in(a, b)
    rng = np.random.default_rng(0)
    pose_a, pose_b = (
        disturbed(m, rng.multivariate_normal(np.zeros(6), m.covariance[0], 3000)) for m in (a, b)
    )
    relative = a.frame_from_ct @ pose_a.inverse() @ pose_b @ b.frame_from_ct.inverse()
    places = relative.t.numpy() - found.position_mm[0]
    turn = relative.R.numpy() @ found.reference_from_body[0].R.numpy().T
    turns = Rotation.from_matrix(turn).as_rotvec()
    angles = grood_suntay_deg(relative)
    errors = np.hstack([places, turns])
    scale = np.sqrt(np.diag(found.covariance[0]))
    drawn = np.cov(errors.T) / np.outer(scale, scale)
    np.testing.assert_allclose(drawn, found.covariance[0] / np.outer(scale, scale), atol=0.08)
    np.testing.assert_allclose(np.std(places, axis=0), found.position_sd_mm[0], rtol=0.05)
    np.testing.assert_allclose(np.std(angles, axis=0), found.angles_sd_deg[0], rtol=0.05)


def test_the_angles_are_turns_about_the_axes_that_they_name():
    upright = MovingFrame(
        Rigid(np.eye(3)[None], np.zeros((1, 3))),
        np.zeros((1, 6, 6)),
        np.zeros(3),
        Rigid.identity(),
    )
    turns = [Rotation.from_euler("XYZ", [20, -10, 35], degrees=True).as_matrix()]
    body = MovingFrame(Rigid(np.stack(turns), np.zeros((1, 3))), np.zeros((1, 6, 6)), np.zeros(3),
                       Rigid.identity())  # fmt: skip
    assert motion_in(upright, body).angles_deg[0] == pytest.approx([20, -10, 35])


def test_gaps_stay_gaps_and_do_not_spread():
    a, b = moving(5, 5), moving(6, 5)
    a.world_from_ct.R[1], a.world_from_ct.t[1] = np.nan, np.nan
    b.covariance[3] = np.nan
    found = motion_in(a, b)
    assert np.isnan(found.angles_deg).all(1).tolist() == [False, True, False, False, False]
    assert np.isnan(found.position_sd_mm).all(1).tolist() == [False, True, False, True, False]


def test_since_its_first_frame_a_body_has_not_moved_there():
    motion = motion_since(moving(7, 4), 1)
    assert motion.position_mm[1] == pytest.approx(np.zeros(3), abs=1e-9)
    assert motion.angles_sd_deg[1] == pytest.approx(np.zeros(3))
    assert (motion.angles_sd_deg[[0, 2, 3]] > 0).all()


def test_the_helical_axis_is_that_of_a_hinge_in_the_reference():
    """A jaw on a hinge through (10, 20, 30), along y of the skull, that glides 4 mm."""
    hinge, angles = np.array([10.0, 20, 30]), np.radians([0, 15])
    R = Rotation.from_rotvec(angles[:, None] * [0, 1, 0]).as_matrix()
    t = hinge - R @ hinge + np.array([[0, 0, 0], [0, 4.0, 0]])
    start = Rigid.exp(np.array([5.0, 6, 7, 0.4, 0.2, -0.3]))
    spread = np.tile(np.diag([0.01] * 3 + [0, 1e-6, 0]), (2, 1, 1))
    jaw = MovingFrame(Rigid(R, t) @ start, spread, np.zeros(3), Rigid.identity())
    since = motion_in(fixed(2), jaw).since(0)
    assert since.axes.turn_deg == pytest.approx([0, 15], abs=1e-9)
    assert since.axes.direction[1] == pytest.approx([0, 1, 0], abs=1e-9)
    assert since.axes.point_mm[1] == pytest.approx([10, 0, 30])
    assert since.axes.shift_mm[1] == pytest.approx(4)
    assert since.turn_sd_deg[1] == pytest.approx(np.degrees(np.sqrt(2e-6)))
