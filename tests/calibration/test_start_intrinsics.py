import cv2
import numpy as np
import pytest

from calibration.start_intrinsics import camera_of_dlt, dlt_matrix, homography, zhang_intrinsics


def seen(truth, v, p, noise_px=0.0):
    random = np.random.default_rng(0)
    return truth.projected(v, p) + random.normal(size=(len(truth.points_mm), 2)) * noise_px


@pytest.mark.parametrize("view", [0, 1])
def test_the_dlt_of_exact_pixels_is_the_camera(bead_images, view):
    truth = bead_images.random_truth(1)
    K, R, t = camera_of_dlt(dlt_matrix(truth.points_mm, seen(truth, view, 1)), truth.points_mm)
    m = truth.cam_from_object(view, 1)
    np.testing.assert_allclose(K, truth.K[view], rtol=1e-7, atol=1e-5)
    np.testing.assert_allclose(R, m[:3, :3], atol=1e-9)
    np.testing.assert_allclose(t, m[:3, 3], atol=1e-5)


def test_the_dlt_needs_six_beads(bead_images):
    truth = bead_images.random_truth(1)
    with pytest.raises(ValueError, match="six or more beads in an image, found 5"):
        dlt_matrix(truth.points_mm[:5], seen(truth, 0, 0)[:5])


def plate_homographies(truth, noise_px=0.0):
    return np.array(
        [
            homography(truth.points_mm[:, :2], seen(truth, 0, p, noise_px))
            for p in range(len(truth.world_from_object))
        ]
    )


def test_homographies_of_a_plate_give_the_intrinsics(bead_images):
    truth = bead_images.random_truth(3, bead_images.plate_beads(), positions=5)
    K = zhang_intrinsics(plate_homographies(truth), np.array([511.5, 511.5]))
    np.testing.assert_allclose(K, truth.K[0], atol=1e-2)


def test_two_homographies_give_a_focal_length(bead_images):
    truth = bead_images.random_truth(3, bead_images.plate_beads(), positions=2)
    K = zhang_intrinsics(plate_homographies(truth), np.array([511.5, 511.5]))
    assert K[0, 0] == pytest.approx(truth.K[0, 0, 0], rel=0.1)
    np.testing.assert_allclose(K[:2, 2], 511.5)


def test_a_plate_that_was_never_tilted_gives_none():
    shifted = [np.array([[4.0, 0, 500 + s], [0, 4.0, 500], [0, 0, 1]]) for s in (0, 30, 70)]
    assert zhang_intrinsics(np.array(shifted), np.array([511.5, 511.5])) is None


def test_the_start_is_as_near_as_that_of_opencv(bead_images):
    truth = bead_images.random_truth(4, bead_images.plate_beads(), positions=5)
    points = [truth.points_mm.astype(np.float32)] * 5
    pixels = [seen(truth, 0, p, 0.05).astype(np.float32) for p in range(5)]
    theirs = cv2.initCameraMatrix2D(points, pixels, (1024, 1024), 0)
    ours = zhang_intrinsics(plate_homographies(truth, 0.05), np.array([511.5, 511.5]))
    off = [abs(K[0, 0] - truth.K[0, 0, 0]) for K in (ours, theirs)]
    assert off[0] < max(off[1], 0.03 * truth.K[0, 0, 0])
