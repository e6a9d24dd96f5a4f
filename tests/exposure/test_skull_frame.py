import numpy as np
import pytest

from exposure import skull_from_ct

POINTS = {
    "porion_left": np.array([-60.0, 10.0, 5.0]),
    "porion_right": np.array([62.0, 12.0, 3.0]),
    "orbitale_left": np.array([-31.0, 92.0, 9.0]),
}
CENTROID = np.array([1.0, 2.0, 3.0])


def test_the_frankfort_plane_is_z_zero_and_the_axes_point_right_anterior_superior():
    motion, how = skull_from_ct(POINTS, CENTROID)
    left, right, orbit = (np.asarray(motion @ POINTS[name]) for name in POINTS)
    half_mm = np.linalg.norm(POINTS["porion_left"] - POINTS["porion_right"]) / 2
    assert left == pytest.approx([-half_mm, 0, 0], abs=1e-9)
    assert right == pytest.approx([half_mm, 0, 0], abs=1e-9)
    assert orbit[2] == pytest.approx(0, abs=1e-9)
    assert orbit[1] > 0
    assert np.asarray(motion @ (POINTS["porion_left"] + [0, 0, 100]))[2] > 90
    assert how.startswith("Frankfort plane")


def test_without_the_landmarks_the_frame_is_the_cts_at_the_bone_and_says_so():
    for points in (None, {}, {"porion_left": POINTS["porion_left"]}):
        motion, how = skull_from_ct(points, CENTROID)
        assert np.array_equal(np.asarray(motion @ CENTROID), np.zeros(3))
        assert np.array_equal(motion.R.numpy(), np.eye(3))
        assert "axes of the CT" in how
        assert "porion_right" in how


def test_exchanged_porions_are_refused():
    swapped = POINTS | {
        "porion_left": POINTS["porion_right"],
        "porion_right": POINTS["porion_left"],
    }
    with pytest.raises(ValueError, match="exchange the two names"):
        skull_from_ct(swapped, CENTROID)


def test_landmarks_on_one_line_are_refused():
    line = {name: np.array([x, 0.0, 0.0]) for name, x in zip(POINTS, (-60, 60, 10), strict=True)}
    with pytest.raises(ValueError, match="lie on one line"):
        skull_from_ct(line, CENTROID)
