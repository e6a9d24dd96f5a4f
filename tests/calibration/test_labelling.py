import numpy as np
import pytest

from calibration.labelling import labellings
from calibration.pose_fit import Intrinsics, SpotImage
from calibration.pose_hypotheses import poses_from_three, spot_map_of
from calibration.symmetry import symmetries

MIDDLE = np.array([511.5, 511.5])
START = Intrinsics(3700.0, MIDDLE, 0.15, 80.0)


def right_labels(way, image, truth, view, position, symmetry):
    """Beads whose spot is theirs, under the symmetry that fits best."""
    pixels = truth.projected(view, position)
    best = 0
    for goes_to in symmetry:
        spot = way.spot[goes_to]
        near = np.linalg.norm(image.uv_px[spot] - pixels, axis=1) < 1
        best = max(best, int((near & (spot >= 0)).sum()))
    return best


@pytest.mark.parametrize("view", [0, 1])
@pytest.mark.parametrize("seed", range(3))
def test_beads_are_told_apart_by_geometry_alone(bead_images, views_of, view, seed):
    truth = bead_images.random_truth(seed)
    image = views_of(truth)[view].images[1]
    motions, symmetry = symmetries(truth.points_mm)
    ways = labellings(image, truth.points_mm, (motions, symmetry), START, truth.bead_diameter_mm)
    right = right_labels(ways[0], image, truth, view, 1, symmetry)
    assert right == ways[0].count >= 20 and ways[0].rms_px < 0.5
    assert len(ways) == 1 or ways[1].log_odds < ways[0].log_odds - 10


@pytest.mark.parametrize("name", ["plate", "cube"])
def test_a_symmetric_object_is_labelled_up_to_its_symmetries(bead_images, views_of, name):
    if name == "plate":
        points = bead_images.plate_beads()
    else:
        axes = np.meshgrid(*[np.arange(-1.0, 2)] * 3, indexing="ij")
        points = 30 * np.stack(axes, axis=-1).reshape(-1, 3)
    truth = bead_images.random_truth(5, points)
    image = views_of(truth)[0].images[1]
    motions, symmetry = symmetries(points)
    ways = labellings(image, points, (motions, symmetry), START, truth.bead_diameter_mm)
    assert right_labels(ways[0], image, truth, 0, 1, symmetry) == ways[0].count >= 18


def test_too_few_spots_have_no_labels(bead_images, views_of):
    truth = bead_images.random_truth(0)
    spots = SpotImage(np.array([[1.0, 2], [30, 40], [9, 9]]), np.ones(3), 1024, 1024)
    assert labellings(spots, truth.points_mm, symmetries(truth.points_mm), START, 2.0) == []


def test_the_pose_of_three_spots_puts_their_beads_on_them(bead_images):
    truth = bead_images.random_truth(2)
    m, beads = truth.cam_from_object(0, 0), [2, 11, 23]
    xy = truth.projected(0, 0) - truth.K[0][:2, 2]
    focal = truth.K[0][0, 0]
    poses, hits = poses_from_three(
        xy[beads], focal, truth.points_mm, (3.0, 8.0), spot_map_of(xy, 4.0, 800.0), 3
    )
    np.testing.assert_allclose(poses[0, :, :3], m[:3, :3], atol=2e-3)
    np.testing.assert_allclose(poses[0, :, 3], m[:3, 3], rtol=2e-3, atol=0.5)
    assert hits[0] >= 29 > 15 > hits[1]


def test_a_spot_map_tells_the_nearest_spot():
    nearest = spot_map_of(np.array([[0.0, 0.0], [9.0, 0.0]]), 6.0, 20.0)
    assert nearest.shape == (20, 20)
    assert nearest[10, 10] == 0 and nearest[10, 14] == 1 and nearest[10, 12] in (0, 1)
    assert nearest[0, 0] == -1
