import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration import Rig
from calibration.bundle import adjusted
from calibration.left_out import cameras_of, left_out_beads, placed
from calibration.rig_file import write_cameras
from calibration.rig_uncertainty import rig_uncertainty, source_covariance, uncertainty_entry


def steps_to(found, true):
    """The step from a state to the truth in the order of the parameters, no lens."""
    turned = Rotation.from_matrix(true.R_view @ found.R_view.mT).as_rotvec()
    moved = Rotation.from_matrix(true.R_position @ found.R_position.mT).as_rotvec()
    own = [
        true.focal_px - found.focal_px,
        true.centre_px - found.centre_px,
        true.t_view - found.t_view,
        turned,
    ]
    moves = np.hstack([true.t_position - found.t_position, moved])[1:]
    return np.concatenate([np.hstack(own).ravel(), moves.ravel()])


@pytest.fixture(scope="module")
def draws(bead_images, state_of, object_of, sightings_from):
    """Adjusted rigs of 25 seeds with the truth's step and the deviations."""
    found = []
    for seed in range(25):
        truth = bead_images.random_truth(seed)
        seen = sightings_from(truth, 0.1)
        bundle = adjusted(state_of(truth), truth.points_mm, seen)
        uncertainty = rig_uncertainty(bundle, object_of(truth), seen, ("A", "B"))
        found.append((steps_to(bundle.state, state_of(truth)), uncertainty))
    return found


def test_true_parameters_lie_in_their_intervals_as_often_as_they_should(draws):
    z = np.array([step / uncertainty.sd for step, uncertainty in draws])
    assert 0.92 < (np.abs(z) < 1.96).mean() < 0.98
    assert ((np.abs(z) < 1.96).mean(0) > 0.75).all()


def test_the_whole_covariance_is_right_not_only_its_diagonal(draws):
    squared = [s @ np.linalg.solve(u.covariance, s) for s, u in draws]
    count = len(draws[0][0])  # a chi-square of mean `count` and variance 2 count
    assert abs(np.mean(squared) - count) < 4 * np.sqrt(2 * count / len(draws)) + 1


def test_the_source_is_known_better_than_the_parameters_by_themselves(
    bead_images, state_of, object_of, sightings_from
):
    truth = bead_images.random_truth(1)
    seen = sightings_from(truth)
    bundle = adjusted(state_of(truth), truth.points_mm, seen)
    uncertainty = rig_uncertainty(bundle, object_of(truth), seen, ("A", "B"))
    draws = np.random.default_rng(0).multivariate_normal(
        np.zeros(len(uncertainty.names)), uncertainty.covariance, 400
    )
    moved = [bundle.state.moved(step, 0) for step in draws]
    sources = np.array([-s.R_view[1].T @ s.t_view[1] for s in moved])
    expected = source_covariance(uncertainty, bundle.state, "B", 1)
    np.testing.assert_allclose(np.cov(sources.T), expected, atol=0.2 * np.trace(expected))


def test_a_plate_that_was_only_shifted_does_not_fix_the_focal_length(
    bead_images, state_of, object_of, sightings_from
):
    truth = bead_images.random_truth(0, bead_images.plate_beads(), positions=3)
    cam = truth.cam_from_world.copy()
    cam[0, :3, :3] = np.eye(3)
    moves = np.tile(np.eye(4), (3, 1, 1))
    moves[1, :2, 3], moves[2, :2, 3] = (5, 9), (-8, 3)
    shifted = type(truth)(
        truth.K[:1], cam[:1], moves, truth.points_mm, truth.spacing_mm, 2.0,
        np.zeros((1, 3, 25), bool), names=truth.names,
    )  # fmt: skip
    seen = sightings_from(shifted)
    bundle = adjusted(state_of(shifted), truth.points_mm, seen)
    with pytest.raises(ValueError, match=r"the images do not fix A\.\w+: take images"):
        rig_uncertainty(bundle, object_of(truth), seen, ("A",))


def test_left_out_beads_are_as_far_off_as_the_noise_puts_them(
    bead_images, state_of, object_of, sightings_from
):
    truth = bead_images.random_truth(2)
    exact = sightings_from(truth, 0.0)
    bundle = adjusted(state_of(truth), truth.points_mm, exact)
    assert left_out_beads(bundle, object_of(truth), exact).distance_mm.max() < 1e-4
    seen = sightings_from(truth, 0.1)
    bundle = adjusted(state_of(truth), truth.points_mm, seen)
    left = left_out_beads(bundle, object_of(truth), seen)
    # 0.1 px of 0.2 mm at the object, three axes, and a little for the pose
    assert 0.02 < np.median(left.distance_mm) < 0.05
    both = (~truth.hidden).all(0).sum()
    assert 0.8 * both < len(left.bead) <= both


def test_a_wrong_bead_is_found_by_leaving_it_out(bead_images, state_of, object_of, sightings_from):
    truth = bead_images.random_truth(2)
    seen = sightings_from(truth, 0.02)
    points = truth.points_mm.copy()
    points[4] += [0.3, 0.0, 0.0]  # 1.5 px: an outlier, or at least the worst
    wrong = type(object_of(truth))(points, tuple(truth.names))
    bundle = adjusted(state_of(truth), points, seen)
    kept = seen[bundle.inlier]
    bead, _, place = placed(bundle.state, seen)
    np.testing.assert_allclose(place[bead == 4][:, 0] - points[4, 0], -0.3, atol=0.05)
    assert 4 not in kept.bead or wrong.names[4] in truth.names


def test_the_uncertainty_travels_in_the_rig_file_and_no_reader_minds(
    bead_images, state_of, object_of, sightings_from, tmp_path
):
    truth = bead_images.random_truth(3, positions=2)
    seen = sightings_from(truth)
    bundle = adjusted(state_of(truth), truth.points_mm, seen)
    uncertainty = rig_uncertainty(bundle, object_of(truth), seen, ("0", "1"))
    cameras = cameras_of(bundle.state)
    write_cameras(tmp_path / "rig.json", cameras, uncertainty_entry(uncertainty))
    for read, written in zip(Rig.read(tmp_path / "rig.json"), cameras, strict=True):
        np.testing.assert_array_equal(read.K, written.K)
    entry = json.loads((tmp_path / "rig.json").read_text())["uncertainty"]
    assert entry["parameters"][0] == "0.fx_px"
    np.testing.assert_allclose(np.sqrt(np.diag(entry["covariance"])), entry["sd"], rtol=1e-6)
