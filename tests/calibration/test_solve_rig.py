import numpy as np
import pytest

from calibration.bead_object import BeadObject
from calibration.pose_fit import SpotImage
from calibration.rig_start import CalibrationView
from calibration.solve_rig import solved_rig


def lattice(count, pitch_mm=30.0):
    axes = np.meshgrid(*[np.arange(count) - (count - 1) / 2] * 3, indexing="ij")
    return pitch_mm * np.stack(axes, axis=-1).reshape(-1, 3)


def between(state):
    """The motion from the first view to the second."""
    R = state.R_view[1] @ state.R_view[0].T
    return R, state.t_view[1] - R @ state.t_view[0]


def turn_deg(first, second):
    return np.degrees(np.arccos(np.clip((np.trace(first @ second.T) - 1) / 2, -1, 1)))


def named(truth, view, position, beads=(0, 5, 13, 22)):
    pixels = np.round(truth.projected(view, position))
    return {b: tuple(pixels[b].tolist()) for b in beads}


def assert_right(solved, truth, state_of, sd_deg=0.5):
    true, found = state_of(truth), solved.bundle.state
    assert solved.bundle.rms_px < 0.2
    for v in range(len(true.t_view)):
        assert turn_deg(found.R_view[v], true.R_view[v]) < sd_deg
        np.testing.assert_allclose(found.focal_px[v], true.focal_px[v], rtol=0.02)


def test_a_rig_comes_from_spots_that_nobody_named(bead_images, views_of, object_of, state_of):
    truth = bead_images.random_truth(0)
    solved = solved_rig(views_of(truth), object_of(truth), truth.bead_diameter_mm)
    assert_right(solved, truth, state_of)
    assert not solved.notes and len(solved.seen) > 130


def test_no_start_values_are_needed(bead_images, views_of, object_of, state_of):
    truth = bead_images.random_truth(3, positions=2)
    solved = solved_rig(views_of(truth, given=False), object_of(truth), truth.bead_diameter_mm)
    assert_right(solved, truth, state_of)


def test_start_values_may_be_wrong_by_a_third(bead_images, views_of, object_of, state_of):
    truth = bead_images.random_truth(4, positions=2)
    views = views_of(truth, focal_error=1.35)
    assert_right(solved_rig(views, object_of(truth), truth.bead_diameter_mm), truth, state_of)


def test_one_position_of_a_solid_object_is_enough(bead_images, views_of, object_of, state_of):
    truth = bead_images.random_truth(6, positions=1)
    solved = solved_rig(views_of(truth), object_of(truth), truth.bead_diameter_mm)
    assert_right(solved, truth, state_of, sd_deg=1.0)


def test_a_single_view_can_be_calibrated(bead_images, views_of, object_of, state_of):
    truth = bead_images.random_truth(7, positions=2, views=1)
    solved = solved_rig(views_of(truth), object_of(truth), truth.bead_diameter_mm)
    assert_right(solved, truth, state_of)


def test_three_views_are_solved_at_once(bead_images, views_of, object_of, state_of):
    truth = bead_images.random_truth(8, positions=2, views=3)
    assert_right(solved_rig(views_of(truth), object_of(truth), 2.0), truth, state_of)


def test_a_cube_in_one_position_leaves_the_rig_open_and_is_refused(bead_images, views_of):
    truth = bead_images.random_truth(0, lattice(3), positions=1)
    beads = BeadObject(truth.points_mm, tuple(truth.names))
    with pytest.raises(
        ValueError, match="24 symmetries; name at least four beads in an image of each"
    ):
        solved_rig(views_of(truth), beads, truth.bead_diameter_mm)


def test_four_references_in_each_view_decide(bead_images, views_of, object_of, state_of):
    truth = bead_images.random_truth(0, lattice(3), positions=1)
    references = {v: (named(truth, v, 0),) for v in range(2)}
    views = views_of(truth, references=references)
    solved = solved_rig(views, object_of(truth), truth.bead_diameter_mm)
    assert_right(solved, truth, state_of, sd_deg=1.0)
    assert not solved.notes


def test_positions_that_are_turned_decide_all_but_the_names(
    bead_images, views_of, object_of, state_of
):
    truth = bead_images.random_truth(0, lattice(3), positions=3)
    solved = solved_rig(views_of(truth), object_of(truth), truth.bead_diameter_mm)
    found, true = between(solved.bundle.state), between(state_of(truth))
    assert turn_deg(found[0], true[0]) < 0.5
    np.testing.assert_allclose(found[1], true[1], atol=8)
    assert "looks alike in 24 ways" in solved.notes[0] and "references" in solved.notes[0]


def test_a_cube_that_was_measured_knows_its_own_axes(bead_images, views_of, object_of, state_of):
    points = lattice(3) + np.random.default_rng(0).normal(size=(27, 3)) * 0.06
    truth = bead_images.random_truth(2, points)
    solved = solved_rig(views_of(truth), object_of(truth), truth.bead_diameter_mm)
    assert_right(solved, truth, state_of)
    assert not solved.notes


@pytest.mark.parametrize(("size_mm", "refused"), [(0.06, False), (0.005, True)])
def test_a_measured_box_in_one_position_is_told_right_or_not_at_all(
    bead_images, views_of, object_of, state_of, size_mm, refused
):
    box = 25.0 * np.indices((2, 3, 4)).reshape(3, -1).T
    points = box + np.random.default_rng(1).normal(size=(24, 3)) * size_mm
    truth = bead_images.random_truth(3, points, positions=1)
    if refused:
        with pytest.raises(ValueError, match="4 symmetries"):
            solved_rig(views_of(truth), object_of(truth), truth.bead_diameter_mm)
        return
    solved = solved_rig(views_of(truth), object_of(truth), truth.bead_diameter_mm)
    assert_right(solved, truth, state_of, sd_deg=1.0)


def test_a_plate_in_many_positions_gives_the_rig(bead_images, views_of, object_of, state_of):
    truth = bead_images.random_truth(1, bead_images.plate_beads(), positions=5)
    solved = solved_rig(views_of(truth), object_of(truth), truth.bead_diameter_mm)
    found, true = between(solved.bundle.state), between(state_of(truth))
    assert turn_deg(found[0], true[0]) < 1.5 and solved.bundle.rms_px < 0.2
    np.testing.assert_allclose(solved.bundle.state.focal_px, state_of(truth).focal_px, rtol=0.02)


def test_a_plate_in_one_position_is_refused(bead_images, views_of, object_of):
    truth = bead_images.random_truth(1, bead_images.plate_beads(), positions=1)
    with pytest.raises(ValueError, match="one position of a plane fixes no focal length"):
        solved_rig(views_of(truth), object_of(truth), truth.bead_diameter_mm)


def spoiled(views, view, position, uv_px):
    images = list(views[view].images)
    images[position] = SpotImage(uv_px, np.full(len(uv_px), 4.5), 1024, 1024)
    changed = CalibrationView(views[view].name, tuple(images), views[view].files, 3700.0)
    return [*views[:view], changed, *views[view + 1 :]]


def test_an_image_with_too_few_beads_is_named(bead_images, views_of, object_of):
    truth = bead_images.random_truth(0)
    views = spoiled(views_of(truth), 1, 2, np.array([[100.0, 200.0], [300.0, 400.0]]))
    with pytest.raises(ValueError, match=r"B_3\.png: only 2 beads were found, at least 4"):
        solved_rig(views, object_of(truth), truth.bead_diameter_mm)


def test_an_image_of_something_else_is_named(bead_images, views_of, object_of):
    truth = bead_images.random_truth(0)
    noise = np.random.default_rng(0).uniform(50, 950, (25, 2))
    with pytest.raises(ValueError, match=r"A_2\.png: the rig explains \d+ beads"):
        solved_rig(spoiled(views_of(truth), 0, 1, noise), object_of(truth), 2.0)


def test_images_that_no_pose_explains_are_refused(bead_images, views_of, object_of):
    truth = bead_images.random_truth(0, positions=1)
    views = views_of(truth)
    for v in range(2):
        noise = np.random.default_rng(v).uniform(50, 950, (12, 2))
        views = spoiled(views, v, 0, noise)
    with pytest.raises(ValueError, match=r"references|explain"):
        solved_rig(views, object_of(truth), truth.bead_diameter_mm)


def test_references_that_contradict_the_image_are_refused(bead_images, views_of, object_of):
    truth = bead_images.random_truth(0)
    wrong = named(truth, 0, 0)
    wrong[0], wrong[22] = wrong[22], wrong[0]
    with pytest.raises(ValueError, match=r"A_1\.png: no pose of the object puts all references"):
        solved_rig(views_of(truth, references={0: (wrong,)}), object_of(truth), 2.0)


def test_positions_mixed_up_between_the_views_are_refused(bead_images, views_of, object_of):
    truth = bead_images.random_truth(0)
    views = views_of(truth)
    images = (views[1].images[1], views[1].images[0], views[1].images[2])
    views[1] = CalibrationView("B", images, views[1].files, views[1].focal_px)
    with pytest.raises(ValueError, match="does not fit the others: was anything moved"):
        solved_rig(views, object_of(truth), truth.bead_diameter_mm)
