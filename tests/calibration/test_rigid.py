import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from calibration import Rigid

SMALL = (0.0, 1e-160, 1e-12, 1e-8, 1e-5, 1e-3, 0.1)
NEAR_PI = tuple(np.pi - gap for gap in (0.0, 1e-15, 1e-12, 1e-9, 1e-7, 1e-4, 1e-2))
BETWEEN = (0.4999, 0.5, 0.5001, 0.9999, 1.0, 1.0001, 2.0, 3.0)  # on both sides of every series
AXES = [[1, 0, 0], [0, -1, 0], [0, 0, 1], [1, 1, 0], [1, -2, 3], [-0.3, 0.2, 1e-9]]

angles = st.sampled_from(SMALL + NEAR_PI + BETWEEN) | st.floats(0, np.pi)
axes = st.sampled_from(AXES) | st.tuples(*[st.floats(-1, 1)] * 3).filter(
    lambda axis: np.linalg.norm(axis) > 0.1
)
offsets = st.tuples(*[st.floats(-500, 500)] * 3)


def turn(angle_rad, axis):
    return angle_rad * np.asarray(axis, dtype=float) / np.linalg.norm(axis)


@st.composite
def twists(draw):
    return np.concatenate([draw(offsets), turn(draw(angles), draw(axes))])


def gap(first, second):
    return (first.matrix() - second.matrix()).abs().max().item()


def as_wedge(twist):
    v, (x, y, z) = twist[:3], twist[3:]
    return np.array([[0, -z, y, v[0]], [z, 0, -x, v[1]], [-y, x, 0, v[2]], [0, 0, 0, 0]])


@given(twists(), twists(), twists())
def test_motions_form_a_group(a, b, c):
    a, b, c = Rigid.exp(a), Rigid.exp(b), Rigid.exp(c)
    assert gap((a @ b) @ c, a @ (b @ c)) < 1e-11
    assert gap(a @ a.inverse(), Rigid.identity()) < 1e-11
    assert gap(a @ Rigid.identity(), a) == 0
    assert gap((a @ b).inverse(), b.inverse() @ a.inverse()) < 1e-11


@given(twists())
def test_exp_of_log_is_the_motion_from_the_identity_to_half_a_turn(twist):
    motion = Rigid.exp(twist)
    log = motion.log()
    assert gap(Rigid.exp(log), motion) < 1e-11
    assert log[3:].norm() <= np.pi + 1e-12


@given(offsets, st.sampled_from(SMALL + BETWEEN) | st.floats(0, 3.1), axes)
def test_log_of_exp_is_the_twist_below_half_a_turn(v, angle_rad, axis):
    twist = np.concatenate([v, turn(angle_rad, axis)])
    np.testing.assert_allclose(Rigid.exp(twist).log(), twist, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("axis", AXES)
def test_half_a_turn_has_its_own_axis_either_way_round(axis):
    w = turn(np.pi, axis)
    found = Rigid.exp(np.concatenate([[10.0, 20.0, 300.0], w])).log()[3:].numpy()
    assert min(np.abs(found - w).max(), np.abs(found + w).max()) < 1e-12


def test_small_turns_keep_all_their_digits():
    # At 1 mrad v = V^-1 t; a logarithm that clamps the angle is 15 mm off here.
    w = np.array([1e-3, 0.0, 0.0])
    motion = Rigid.exp(np.concatenate([np.zeros(3), w]))
    motion = Rigid(motion.R, np.array([10.0, 20.0, 300.0]))
    np.testing.assert_allclose(motion.log()[:3], [10.0, 20.15, 299.99], atol=1e-4)
    assert Rigid.exp(np.array([0, 0, 0, 1e-200, 0, 0])).log()[3] == 1e-200


@given(twists())
def test_exp_agrees_with_scipys_matrix_exponential(twist):
    np.testing.assert_allclose(Rigid.exp(twist).matrix(), expm(as_wedge(twist)), atol=1e-10)


@given(angles, axes)
def test_quaternions_agree_with_scipy(angle_rad, axis):
    rotation = Rotation.from_rotvec(turn(angle_rad, axis))
    motion = Rigid(rotation.as_matrix(), np.array([1.0, 2.0, 3.0]))
    w, *xyz = motion.quaternion().tolist()
    assert w >= 0
    expected = rotation.as_quat(canonical=True)
    sign = np.sign(expected @ [*xyz, w])
    np.testing.assert_allclose(sign * expected, [*xyz, w], atol=1e-14)
    assert gap(Rigid.from_quaternion(motion.quaternion(), motion.t), motion) < 1e-14


@pytest.mark.parametrize("w", [[0, 0, 0], [1e-9, 0, 0], [3e-4, -2e-4, 1e-4], [0.3, 0.2, -1.0]])
def test_exp_and_log_have_the_right_gradients_at_and_near_the_identity(w):
    start = torch.tensor([[1.0, -2.0, 3.0, *w], [0.0, 0.0, 0.0, *w]], dtype=torch.float64)
    start.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: Rigid.exp(x).matrix(), start)
    assert torch.autograd.gradcheck(lambda x: Rigid.exp(x).log(), start)
    assert torch.autograd.gradgradcheck(lambda x: Rigid.exp(x).matrix(), start)


def test_the_gradient_of_log_after_exp_is_the_identity_near_half_a_turn():
    twist = torch.tensor([5.0, 6.0, 7.0, 0.0, 3.14, 0.0], dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: Rigid.exp(x).log(), twist)
    np.testing.assert_allclose(jacobian, np.eye(6), atol=1e-9)


def test_a_batch_moves_like_its_members():
    generator = torch.Generator().manual_seed(0)
    motions = Rigid.exp(torch.randn(4, 6, generator=generator, dtype=torch.float64))
    points = np.random.default_rng(0).normal(size=(5, 3))
    moved = motions[:, None] @ points
    assert moved.shape == (4, 5, 3)
    for i in range(4):
        np.testing.assert_allclose(moved[i], motions[i] @ points, atol=1e-15)
        np.testing.assert_allclose(motions.log()[i], motions[i].log(), atol=1e-15)
    assert gap((motions @ motions.inverse())[2], Rigid.identity()) < 1e-15
    assert np.asarray(motions).shape == (4, 4, 4)


def test_one_rotation_serves_many_translations():
    motions = Rigid(np.eye(3), np.arange(6.0).reshape(2, 3))
    assert motions.R.shape == (2, 3, 3)
    np.testing.assert_array_equal(motions[1] @ np.zeros(3), [3, 4, 5])


def test_an_empty_batch_stays_empty():
    none = Rigid.exp(np.zeros((0, 6)))
    assert (none @ none.inverse()).log().shape == (0, 6)
    assert (Rigid.identity() @ np.zeros((0, 3))).shape == (0, 3)


def test_a_lost_motion_is_nan_and_leaves_its_neighbours_alone():
    q = np.array([[1.0, 0, 0, 0], [np.nan] * 4])
    motions = Rigid.from_quaternion(q, np.array([[1.0, 2, 3], [np.nan] * 3]))
    assert motions.log()[1].isnan().all() and motions.inverse().matrix()[1, :3].isnan().all()
    np.testing.assert_array_equal(motions.log()[0], [1, 2, 3, 0, 0, 0])


def test_half_way_between_two_poses_lies_on_one_screw():
    start = Rigid.exp(np.array([5.0, -3.0, 8.0, 0.1, 0.7, -0.2]))
    end = start @ Rigid.exp(np.array([0.0, 0.0, 10.0, 0.0, 0.0, 1.0]))
    half = start @ Rigid.exp(np.array([0.0, 0.0, 5.0, 0.0, 0.0, 0.5]))
    assert gap(start.interpolate(end, 0.5), half) < 1e-12
    path = start.interpolate(end, torch.tensor([0.0, 0.5, 1.0]))
    assert gap(path[0], start) < 1e-12 and gap(path[2], end) < 1e-12


def test_a_motion_does_not_change_when_the_array_it_came_from_does():
    matrix = np.eye(4)
    motion = Rigid.from_matrix(matrix)
    matrix[:] = 7
    assert gap(motion, Rigid.identity()) == 0


def test_everything_is_float64_whatever_comes_in():
    single = Rigid.from_matrix(torch.eye(4, dtype=torch.float32))
    assert single.R.dtype == (single @ np.zeros(3, dtype=np.float32)).dtype == torch.float64
    assert Rigid(np.eye(3, dtype=int), np.zeros(3, dtype=int)).t.dtype == torch.float64


def test_a_rotation_printed_with_six_digits_becomes_the_nearest_rotation():
    exact = Rotation.from_rotvec([0.3, -1.2, 0.8]).as_matrix()
    R = Rigid(np.round(exact, 6), np.zeros(3)).R.numpy()
    assert np.abs(R @ R.T - np.eye(3)).max() < 1e-15
    u, _, vt = np.linalg.svd(np.round(exact, 6))
    np.testing.assert_allclose(R, u @ vt, atol=1e-15)


def test_a_mirror_image_is_refused():
    with pytest.raises(ValueError, match=r"det\(R\) is -1, a mirror image"):
        Rigid.from_matrix(np.diag([1.0, 1.0, -1.0, 1.0]))
    with pytest.raises(ValueError, match="mirror"):
        Rigid(np.stack([np.eye(3), -np.eye(3)]), np.zeros(3))


@pytest.mark.parametrize("R", [np.eye(3) * 1.001, np.eye(3) + 2e-4, np.zeros((3, 3))])
def test_a_matrix_that_is_not_orthonormal_is_refused(R):
    with pytest.raises(ValueError, match=r"R is not orthonormal, R\^T R differs .* by"):
        Rigid(R, np.zeros(3))


def test_a_row_vector_matrix_is_refused():
    with pytest.raises(ValueError, match=r"the last row is \[4.0, 5.0, 6.0, 1.0\].*transposed"):
        matrix = np.eye(4)
        matrix[3, :3] = 4, 5, 6
        Rigid.from_matrix(matrix)


def test_a_quaternion_that_is_not_of_length_one_is_refused():
    with pytest.raises(ValueError, match=r"not a unit quaternion \(w, x, y, z\): found \[2.0"):
        Rigid.from_quaternion(np.array([2.0, 0, 0, 0]), np.zeros(3))
