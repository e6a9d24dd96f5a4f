"""Grids drawn analytically: plate, pinhole, tube, noise; none of the package's own geometry."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from calibration import Camera, Rig
from calibration.distortion import blended
from calibration.grid_fit import fit_grid
from calibration.undistort import undistorted_image, undistortion_maps

BASES = {"square": np.eye(2), "hexagonal": np.array([[1, 0], [0.5, np.sqrt(0.75)]])}


@dataclass(frozen=True)
class Tube:
    """A fluoroscope that sees a plate; raw pixels go to pinhole pixels by an odd cubic."""

    size: int = 400
    pincushion: float = 0.03  # at the edge of the field
    s_turn: float = 0.025  # rad, at the edge of the field
    off_center: tuple = (0.0, 0.0)  # of the tube's axis, px
    pitch_px: float = 16.0
    hole: float = 0.27  # radius, pitches
    lattice: str = "square"
    turn_deg: float = 13.0
    tilt_deg: float = 5.0
    tilt_about_deg: float = 35.0
    bump_px: float = 0.0  # a local distortion, neither odd nor a polynomial
    field_px: float = 0.0  # a shift along u that grows with the square of the radius

    def pinhole(self, raw):
        """Pinhole pixels of raw ones, agreeing to first order at the image centre."""
        middle = np.full(2, (self.size - 1) / 2)
        value, slope = self._bent(middle)[0], np.zeros((2, 2))
        for axis in (0, 1):
            step = 1e-3 * np.eye(2)[axis]
            slope[:, axis] = (self._bent(middle + step) - self._bent(middle - step))[0] / 2e-3
        return middle + (self._bent(raw) - value) @ np.linalg.inv(slope).T

    def _bent(self, raw):
        x = np.atleast_2d(raw) - (self.size - 1) / 2 - np.array(self.off_center)
        rho = (x**2).sum(-1, keepdims=True) / (self.size / 2) ** 2
        bent = x * (1 - self.pincushion * rho) + self.s_turn * rho * x[:, ::-1] * [-1, 1]
        bump = np.exp(-((x - [90, 40]) ** 2).sum(-1, keepdims=True) / (2 * 45.0**2))
        return bent + self.bump_px * bump * [1, -1] + self.field_px * rho * [1, 0]

    def plate(self, pinhole):
        """Plate coordinates (pitches) of pinhole pixels, the source 3 image widths away."""
        f, a, b, t = 3 * self.size, *np.deg2rad([self.turn_deg, self.tilt_about_deg, self.tilt_deg])
        axis = np.array([np.cos(b), np.sin(b), 0])
        R = cv2.Rodrigues(axis * t)[0] @ cv2.Rodrigues(np.array([0, 0, a]))[0]
        H = np.column_stack([R[:, 0] * self.pitch_px, R[:, 1] * self.pitch_px, [3.3, -4.1, f]])
        H = np.diag([f, f, 1]) @ H
        x = np.column_stack([pinhole - (self.size - 1) / 2, np.ones(len(pinhole))])
        p = x @ np.linalg.inv(H).T
        return p[:, :2] / p[:, 2:]

    def image(self, hidden=0.1, noise=0.02, dead_px=28, dark=False, seed=0):
        """What the tube records, float32 in 0 to about 1; a hole's edge is a ramp of a pixel."""
        rng = np.random.default_rng(seed)
        raw = np.stack(np.meshgrid(*2 * [np.arange(self.size)]), -1).reshape(-1, 2).astype(float)
        p = self.plate(self.pinhole(raw))
        basis = BASES[self.lattice]
        corner = np.floor(p @ np.linalg.inv(basis)).astype(int)
        there = rng.random((400, 400)) >= hidden
        seen = np.zeros(len(p))
        for offset in ([0, 0], [0, 1], [1, 0], [1, 1]):
            node = corner + offset
            edge_px = (self.hole - np.hypot(*(p - node @ basis).T)) * self.pitch_px
            seen += there[tuple(node.T + 200)] * np.clip(0.5 + edge_px, 0, 1)
        seen = seen.reshape(self.size, self.size)
        seen = 1 - 0.7 * seen if dark else 0.35 + 0.65 * seen
        seen = gaussian_filter(seen, 0.9)
        y, x = (np.mgrid[: self.size, : self.size] - (self.size - 1) / 2) / (self.size / 2)
        seen *= 1 - 0.4 * (x**2 + y**2)
        seen[x**2 + y**2 > 0.96] = 0
        seen[np.hypot(x - 0.3, y + 0.25) < 2 * dead_px / self.size] = 0.05
        seen += noise * np.sqrt(np.maximum(seen, 0)) * rng.standard_normal(seen.shape)
        return np.clip(seen, 0, None).astype(np.float32)


@cache
def fitted(tube, model="auto", **options):
    return fit_grid(tube.image(**options), 10.0, tube.lattice, model=model)


def camera_of(fit, name="A"):
    K = np.array(
        [[3.0 * fit.width, 0, fit.width / 2], [0, 3.0 * fit.width, fit.height / 2], [0, 0, 1]]
    )
    return Camera(K, np.eye(4), fit.width, fit.height, name=name, distortion=fit.distortion)


def misses(tube, fit, count=3000, up_to_a_homography=False):
    """How far the map is from the tube's, px, at raw pixels inside the grid."""
    raw = np.random.default_rng(1).uniform(0, tube.size - 1, (count, 2))
    camera = camera_of(fit)
    found = camera.undistorted(raw)
    inside = camera.inside_grid(found).numpy() & np.isfinite(found.numpy()).all(axis=1)
    assert inside.mean() > 0.55
    found, true = found.numpy()[inside], tube.pinhole(raw)[inside]
    if up_to_a_homography:
        found = cv2.perspectiveTransform(found[None], cv2.findHomography(found, true)[0])[0]
    return np.hypot(*(found - true).T)


CASES = {
    "square holes": (Tube(), {}),
    "hexagonal holes": (Tube(lattice="hexagonal", off_center=(12.0, -9.0)), {}),
    "square beads": (Tube(off_center=(12.0, -9.0)), {"dark": True}),
    "5 %, 10 deg, noisy": (
        Tube(lattice="hexagonal", pincushion=0.05, tilt_deg=10),
        {"noise": 0.06},
    ),
    "few holes": (Tube(pitch_px=40.0, hole=0.2), {}),
    "small holes, a third hidden": (Tube(pitch_px=10.0), {"hidden": 0.3}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_grid_gives_the_tubes_distortion(name):
    tube, options = CASES[name]
    fit = fitted(tube, **options)
    miss = misses(tube, fit)
    assert np.median(miss) < 0.1 and np.percentile(miss, 95) < 0.3
    if len(fit.index) > 100:
        assert np.median(miss) < 0.05 and np.percentile(miss, 95) < 0.12
    assert fit.model == "polynomial"
    assert fit.cross_validation_px["polynomial"] < 0.15
    np.testing.assert_allclose(fit.pitch_px, tube.pitch_px, rtol=0.02)


def test_every_hole_gets_its_place_in_the_lattice():
    tube = Tube(lattice="hexagonal")
    fit = fitted(tube)
    true = tube.plate(tube.pinhole(fit.points_px)) @ np.linalg.inv(BASES["hexagonal"])
    assert len(fit.index) > 350
    assert np.abs(true - np.round(true)).max() < 0.05  # all are holes, none is noise
    # The numbers may count from another hole, along another of the six axes.
    affine = np.linalg.lstsq(np.column_stack([fit.index, np.ones(len(true))]), np.round(true))[0]
    np.testing.assert_allclose(affine, np.round(affine), atol=1e-9)
    assert round(np.linalg.det(affine[:2])) == 1


def test_a_plates_tilt_is_no_distortion():
    fit = fitted(Tube(pincushion=0.0, s_turn=0.0, tilt_deg=8.0))
    assert fit.model == "none" and fit.distortion is None
    assert fit.cross_validation_px["none"] < 0.05
    assert np.sqrt((fit.residual_px**2).sum(axis=1).mean()) < 0.05


def test_a_local_distortion_is_followed_by_the_thin_plate():
    tube = Tube(bump_px=3.0, tilt_deg=0.0)
    fit = fitted(tube)
    scores = fit.cross_validation_px
    assert fit.model == "thin_plate" and scores["thin_plate"] < 0.5 * scores["polynomial"]
    # The bump is not odd, and it tilts the first order at the centre, so that both are only near.
    miss = misses(tube, fit, up_to_a_homography=True)
    assert np.median(miss) < 0.1 and np.percentile(miss, 95) < 0.3


def test_raw_and_undistorted_agree_to_first_order_at_the_image_centre():
    for tube, near in ((Tube(), 1e-6), (Tube(bump_px=3.0, tilt_deg=0.0), 5e-3)):
        middle = np.full(2, (tube.size - 1) / 2)
        camera = camera_of(fitted(tube))
        seen = camera.distorted(middle + np.array([[0, 0], [4, 0], [0, 4], [-4, 0], [0, -4.0]]))
        np.testing.assert_allclose(seen[0], middle, atol=min(near, 2e-3))
        slope = (seen[1:3] - seen[3:5]).numpy() / 8
        np.testing.assert_allclose(slope, np.eye(2), atol=near + 1e-4)  # the cubic's over 4 px


def test_outside_the_grid_is_said_to_be_extrapolated():
    tube = Tube()
    image = tube.image()
    image[:, 260:] = 0.3
    fit = fit_grid(image, 10.0, "square")
    camera = camera_of(fit)
    assert camera.inside_grid(np.array([[200.0, 200.0], [60.0, 190.0]])).all()
    beyond = np.array([[320.0, 200.0], [399.0, 399.0], [-50.0, 100.0], [np.nan, 3.0]])
    assert not camera.inside_grid(beyond).any()
    straight_on = camera.distorted(beyond[:1] + np.array([[0.0, 0], [30, 0], [60, 0]])).numpy()
    np.testing.assert_allclose(np.diff(straight_on, 2, axis=0), 0, atol=0.4)
    np.testing.assert_allclose(camera.undistorted(straight_on)[0], beyond[0], atol=1e-3)


def test_an_undistorted_frame_shows_the_plate_straight():
    tube = Tube(tilt_deg=0.0, off_center=(12.0, -9.0))
    image = tube.image(hidden=0.0, noise=0.0)
    camera = camera_of(fit_grid(image, 10.0, "square"))
    straight = undistorted_image(image, undistortion_maps(camera))
    assert straight.dtype == image.dtype and straight.shape == image.shape
    again = fit_grid(straight, 10.0, "square", model="none")
    assert np.percentile(np.hypot(*again.residual_px.T), 95) < 0.15
    assert fit_grid(image, 10.0, "square", model="none").cross_validation_px["none"] > 1
    with pytest.raises(
        ValueError, match="the image is 100 x 400 pixels, but the camera has 400 x 400"
    ):
        undistorted_image(image[:, :100], undistortion_maps(camera))


def test_between_two_grids_the_map_moves_evenly():
    first, last = Tube(s_turn=0.02, tilt_deg=0.0), Tube(s_turn=0.03, tilt_deg=0.0)
    before, after = fitted(first), fitted(last)
    middle = blended(before.distortion, after.distortion, 0.5)
    raw = np.random.default_rng(0).uniform(90, 310, (500, 2))
    camera = Camera(np.diag([1500.0, 1500, 1]), np.eye(4), 400, 400, distortion=middle)
    expected = Tube(s_turn=0.025, tilt_deg=0.0).pinhole(raw)
    assert np.percentile(np.hypot(*(camera.undistorted(raw).numpy() - expected).T), 95) < 0.05


def test_a_rig_triangulates_raw_pixels_with_the_maps(tmp_path):
    straight = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1000], [0, 0, 0, 1]])
    turned = np.array([[0.0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, 1000], [0, 0, 0, 1]])
    view = camera_of(fitted(Tube()))
    cameras = tuple(
        Camera(view.K, pose, view.width, view.height, name, distortion=view.distortion)
        for pose, name in ((straight, "A"), (turned, "B"))
    )
    Rig(cameras).write(tmp_path / "rig.json")
    rig = Rig.read(tmp_path / "rig.json")
    assert [camera.distortion for camera in rig] == [view.distortion] * 2
    points = np.random.default_rng(0).uniform(-80, 80, (20, 3))
    raw = np.stack([camera.project(points, distorted=True).numpy() for camera in rig])
    assert np.abs(raw - np.stack([camera.project(points).numpy() for camera in rig])).max() > 0.5
    np.testing.assert_allclose(rig.triangulate(raw, distorted=True), points, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pitch_mm": 0.0}, "pitch_mm is 0.0, must be a positive"),
        ({"pitch_mm": np.nan}, "pitch_mm is nan"),
        ({"lattice": "round"}, "lattice is 'round', must be one of square, hexagonal"),
        ({"model": "spline"}, "model is 'spline', must be one of auto, none"),
        ({"image": np.zeros((64, 64))}, "no square lattice found among 0 spots"),
        ({"image": np.random.default_rng(0).random((128, 128))}, "no square lattice found"),
        ({"image": np.full((64, 64), np.nan)}, "NaN"),
        ({"lattice": "hexagonal"}, "is the plate's lattice square?"),
    ],
)
def test_what_is_no_grid_is_refused(change, message):
    given = {"image": Tube(size=200).image(), "pitch_mm": 10.0, "lattice": "square"} | change
    with pytest.raises(ValueError, match=message):
        fit_grid(**given)
