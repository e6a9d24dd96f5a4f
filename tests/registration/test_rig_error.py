"""What the rig's uncertainty adds to a pose: against poses solved with wrong rigs."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import Camera, Rig, Rigid
from calibration.uncertainty_entry import RigUncertainty
from registration.pose_solve import solve_pose
from registration.rig_error import OWN, calibration_covariance, pose_by_rig
from registration.twist import rotation, twist_between

LENS = {"model": "opencv", "coefficients": [0.6, -0.4, 0.01, -0.02, 0.3]}
PX, MM, RAD = 1.0, 0.5, 1e-3
SD = np.array([5 * PX, 5 * PX, 2 * PX, 2 * PX, *[1e-3] * 5, *[MM] * 3, *[RAD] * 3])


@pytest.fixture(scope="module")
def bent_rig(rig) -> Rig:
    """The rig, its second camera with a lens and longer in x than in y."""
    first, second = rig
    K = second.K.numpy() * np.array([[1.1], [1.0], [1.0]])
    return Rig((first, replace(second, K=K, distortion=LENS)))


@pytest.fixture(scope="module")
def pose(skull_points) -> Rigid:
    R = rotation(np.array([0.3, -1.1, 0.4]))
    return Rigid(R, np.array([4.0, -9, 12]) - R @ skull_points.mean(0))


def stepped(camera: Camera, step) -> Camera:
    """The camera after a step in the parameters of `OWN`, as the calibration has them."""
    K = camera.K.numpy().copy()
    K[[0, 1, 0, 1], [0, 1, 2, 2]] += step[:4]
    R, t = camera.cam_from_world.R.numpy(), camera.cam_from_world.t.numpy()
    distortion = camera.distortion
    if distortion is not None:
        terms = np.array(distortion["coefficients"]) + step[4:9]
        distortion = {"model": "opencv", "coefficients": terms.tolist()}
    there = Rigid(rotation(np.asarray(step[12:])) @ R, t + step[9:12])
    return replace(camera, K=K, cam_from_world=there, distortion=distortion)


def solved_by(rig, recorded, points, start):
    """The pose by a rig of pixels as they were recorded, before any lens was taken out."""
    pixels = [
        view if camera.distortion is None else camera.undistorted(view).numpy()
        for camera, view in zip(rig, recorded, strict=True)
    ]
    sd = np.full((len(pixels), len(points)), 100.0)  # all stay in, however wrong the rig
    return solve_pose(rig, points, np.stack(pixels), sd, start).world_from_ct


def recorded_by(rig, pose, points):
    world = pose @ points
    return [c.project(world, distorted=c.distortion is not None).numpy() for c in rig]


@pytest.mark.parametrize("parameter", OWN)
def test_each_parameter_moves_the_pose_as_a_rig_that_is_off_by_it(
    bent_rig, skull_points, pose, parameter
):
    recorded, column = recorded_by(bent_rig, pose, skull_points), OWN.index(parameter)
    step = np.zeros(len(OWN))
    step[column] = 0.05 * SD[column]
    ends = []
    for sign in (1, -1):
        moved = Rig((bent_rig.cameras[0], stepped(bent_rig.cameras[1], sign * step)))
        ends.append(solved_by(moved, recorded, skull_points, pose))
    found = twist_between(ends[1], ends[0], skull_points.mean(0)) / (2 * step[column])
    expected = pose_by_rig(bent_rig, (f"B.{parameter}",), pose, skull_points)[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-3 * np.abs(expected).max())


def test_the_covariance_is_that_of_poses_by_rigs_drawn_from_theirs(bent_rig, skull_points, pose):
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(30, 60)) / np.sqrt(60)
    covariance = mix @ mix.T * np.outer(np.tile(SD, 2), np.tile(SD, 2)) * 0.1**2
    names = tuple(f"{view}.{name}" for view in "AB" for name in OWN)
    uncertainty, count = RigUncertainty(names, covariance), 120
    recorded, off = recorded_by(bent_rig, pose, skull_points), []
    for step in rng.multivariate_normal(np.zeros(30), covariance, count):
        drawn = Rig(
            tuple(stepped(c, s) for c, s in zip(bent_rig, step.reshape(2, 15), strict=True))
        )
        there = solved_by(drawn, recorded, skull_points, pose)
        off.append(twist_between(pose, there, skull_points.mean(0)))
    # camera A has no lens: its lens terms count for what they would do to straight pixels
    lens = [name[:3] in ("A.k", "A.p") for name in names]
    covariance[lens], covariance[:, lens] = 0, 0
    expected = calibration_covariance(
        bent_rig, RigUncertainty(names, covariance), pose, skull_points
    )
    whitened = np.linalg.solve(np.linalg.cholesky(expected), np.array(off).T)
    scatter = np.linalg.eigvalsh(whitened @ whitened.T / count)
    edge = np.sqrt(6 / count)  # of a sample covariance's spectrum, Marchenko and Pastur
    assert (1 - edge) ** 2 - 0.06 < scatter[0] and scatter[-1] < (1 + edge) ** 2 + 0.06
    assert uncertainty.sd_of("B.fx_px") > 0


def test_a_known_rig_adds_nothing(rig, skull_points, pose):
    names = tuple(f"{view}.{name}" for view in "AB" for name in OWN)
    known = RigUncertainty(names, np.zeros((30, 30)))
    assert not calibration_covariance(rig, known, pose, skull_points).any()


def test_a_shift_of_one_cameras_centre_moves_what_it_sees_by_its_depth(rig):
    """Points in a plane across the axis: the head moves by depth / f along x, and does not turn."""
    camera = rig["B"]
    plane = np.array([[x, y, 0.0] for x in (-40, 0, 50) for y in (-60, 10, 30)])
    world_from_ct = Rigid(camera.cam_from_world.R.mT, np.zeros(3))  # 750 mm from the source
    single = RigUncertainty(("B.fx_px", "B.cx_px"), np.diag([0.0, 0.5**2]))
    found = calibration_covariance(Rig((camera,)), single, world_from_ct, plane)
    along = camera.cam_from_world.R.numpy()[0] * 0.5 * 750 / camera.K[0, 0].item()
    expected = np.zeros((6, 6))
    expected[:3, :3] = np.outer(along, along)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_two_views_split_a_shift_as_the_pixels_weights_have_it(skull_points):
    """A dot seen by two equal views across each other, one of them shifted along their common
    axis: each gives way to half, or as much as it weighs less."""
    away = Rigid(np.eye(3), np.array([0, 0, 750.0]))
    turn = Rigid.exp(np.array([0, 0, 0, 0, np.pi / 2, 0]))
    K = np.array([[1500, 0, 255.5], [0, 1500, 255.5], [0, 0, 1.0]])
    rig = Rig((Camera(K, away, 512, 512, "A"), Camera(K, away @ turn, 512, 512, "B")))
    dot = 0.01 * np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    for share in (1.0, 3.0):
        weights = np.stack([np.full(6, share), np.ones(6)])
        moved = pose_by_rig(rig, ("B.cy_px", "B.cx_px"), Rigid.identity(), dot, weights)
        # world y is y of both views; world -z or z is the x of B alone
        np.testing.assert_allclose(moved[1, 0], -0.5 / (1 + share), rtol=1e-3)
        np.testing.assert_allclose(np.abs(moved[:3, 1]), [0, 0, 0.5], atol=1e-3)


def test_a_rig_that_the_uncertainty_does_not_know_is_refused(rig, skull_points, pose):
    other = RigUncertainty(("A.fx_px",), np.eye(1))
    with pytest.raises(ValueError, match="does not hold camera 'B'"):
        calibration_covariance(rig, other, pose, skull_points)
    line = np.linspace(0, 100, 9)[:, None] * [0.6, 0.0, 0.8]
    with pytest.raises(ValueError, match="do not fix a pose"):
        pose_by_rig(rig, ("A.fx_px",), Rigid.identity(), line)
    with pytest.raises(ValueError, match=r"weights are of shape \(1, 20\), for 2 views and 20"):
        pose_by_rig(rig, ("A.fx_px",), pose, skull_points, np.ones((1, 20)))
