import json

import numpy as np
import pytest
from scipy.interpolate import BSpline

from calibration import Camera, Rig
from calibration.distortion import at_fraction, blended
from calibration.distortion_terms import bending, monomials, spline_weights
from calibration.outline import checked_outline, nearest_inside, outline_of, within

ROUND = [[0.9 * np.cos(a), 0.9 * np.sin(a)] for a in np.arange(0, 2 * np.pi, 0.3)]
POLYNOMIAL = {
    "model": "polynomial-1",
    "center_px": [511.5, 479.5],
    "scale_px": 512.0,
    "degree": 3,
    "coefficients": [
        [0.001, 0, 0, 0.002, -0.001, 0, 0.03, -0.02, 0.03, -0.02],
        [0, 0, 0, 0, 0.001, 0.003, 0.02, 0.03, 0.02, 0.03],
    ],
    "outline": ROUND,
}
WAVES = np.random.default_rng(0).normal(0, 0.01, (2, 7 * 8)).round(10).tolist()
THIN_PLATE = {
    "model": "thin-plate-1",
    "center_px": [511.5, 479.5],
    "scale_px": 512.0,
    "knots": [[-1.0, 0.5, 7], [-1.0, 0.4, 8]],
    "coefficients": WAVES,
    "outline": ROUND,
}
MAPS = {"polynomial": POLYNOMIAL, "thin plate": THIN_PLATE}
BOTH = pytest.mark.parametrize("stored", list(MAPS.values()), ids=list(MAPS))


def camera(distortion, **changes):
    K = np.array([[3000.0, 0, 500], [0, 3000, 490], [0, 0, 1]])
    return Camera(K, np.eye(4), 1024, 960, name="A", distortion=distortion, **changes)


def pixels(count=400, low=0, high=960):
    return np.random.default_rng(1).uniform(low, high, (count, 2))


def test_a_polynomial_map_is_the_sum_that_its_documentation_says():
    (x, y), center = np.array([0.3, -0.4]), np.array([511.5, 479.5])
    terms = np.array([1, x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3])
    expected = center + 512 * (np.array([x, y]) + np.array(POLYNOMIAL["coefficients"]) @ terms)
    seen = camera(POLYNOMIAL).distorted((center + 512 * np.array([x, y]))[None])
    np.testing.assert_allclose(seen[0], expected, atol=1e-9)


def test_a_thin_plate_map_is_the_sum_of_scipys_splines():
    at = np.array([[0.31, -0.42], [-0.6, 0.5], [0.0, 0.0]])
    expected = np.zeros((3, 2))
    for n, table in enumerate(np.array(WAVES).reshape(2, 7, 8)):
        for i in range(7):
            for j in range(8):
                peaks = -1 + 0.5 * (i - 1), -1 + 0.4 * (j - 1)
                bumps = [
                    BSpline.basis_element(p + s * np.arange(-2, 3), extrapolate=False)(v)
                    for p, s, v in zip(peaks, (0.5, 0.4), at.T, strict=True)
                ]
                expected[:, n] += table[i, j] * np.prod(np.nan_to_num(bumps), axis=0)
    center = np.array([511.5, 479.5])
    seen = camera(THIN_PLATE).distorted(center + 512 * at)
    np.testing.assert_allclose(seen, center + 512 * (at + expected), atol=1e-9)


@BOTH
def test_both_directions_undo_each_other(stored):
    view = camera(stored)
    straight = pixels()
    inside = view.inside_grid(straight).numpy()
    assert 0.5 < inside.mean() < 1
    raw = view.distorted(straight)
    assert np.abs(raw.numpy() - straight).max() > 5
    np.testing.assert_allclose(view.undistorted(raw)[inside], straight[inside], atol=1e-8)
    again = view.distorted(view.undistorted(straight)).numpy()
    np.testing.assert_allclose(again[inside], straight[inside], atol=1e-8)
    found = view.undistorted(raw).numpy()  # outside: found, or said not to be
    wrong = np.abs(view.distorted(found).numpy() - raw.numpy()).max(axis=1) > 1e-3
    assert not wrong.any()


@BOTH
def test_lost_and_absent_points_stay_so(stored):
    view = camera(stored)
    lost = np.array([[np.nan, 1.0], [5.0, np.inf], [500.0, 500.0]])
    for found in (view.undistorted(lost), view.distorted(lost)):
        assert found.isnan().any(dim=1).tolist() == [True, True, False]
    assert view.inside_grid(lost).tolist() == [False, False, True]
    assert view.undistorted(np.zeros((0, 2))).shape == (0, 2)
    assert view.inside_grid(np.zeros((2, 3, 2))).shape == (2, 3)


@BOTH
def test_the_map_goes_on_straight_and_without_a_step_outside_the_grid(stored):
    view, center = camera(stored), np.array([511.5, 479.5])
    edge = view.distorted(center + 512 * np.array([[0.8999, 0.0], [0.9001, 0.0]])).numpy()
    assert np.abs(np.diff(edge, axis=0)).max() < 0.3
    ray = center + 512 * np.array([[x, 0.0] for x in (1.0, 1.5, 2.0, 2.5)])
    np.testing.assert_allclose(np.diff(view.distorted(ray), 2, axis=0), 0, atol=1e-9)


def test_a_fold_has_no_inverse_and_gives_nan():
    folded = POLYNOMIAL | {"degree": 1, "coefficients": [[0, -1.0, 0], [0, 0, -1.0]]}
    assert camera(folded).undistorted(pixels(5) + 100).isnan().all()


@BOTH
@pytest.mark.parametrize("scale", [0.5, 0.25, 2.0])
def test_resizing_and_cropping_take_the_map_along(stored, scale):
    view, straight = camera(stored), pixels()
    small = view.resized(scale).distorted((straight + 0.5) * scale - 0.5)
    np.testing.assert_allclose(small, (view.distorted(straight) + 0.5) * scale - 0.5, atol=1e-9)
    part = view.cropped(left=100, top=-20, width=300, height=400)
    np.testing.assert_allclose(
        part.distorted(straight - [100, -20]), view.distorted(straight).numpy() - [100, -20]
    )
    inside = part.inside_grid(straight - [100, -20])
    np.testing.assert_array_equal(inside, view.inside_grid(straight))


def test_a_blend_is_the_weighted_mean_of_its_maps():
    straight = pixels(50, 300, 700)
    first, last = (camera(stored).distorted(straight).numpy() for stored in MAPS.values())
    for fraction in (0, 0.25, 1.0):
        blend = blended(POLYNOMIAL, THIN_PLATE, fraction)
        view = camera(blend)
        raw = view.distorted(straight)
        np.testing.assert_allclose(raw, (1 - fraction) * first + fraction * last, atol=1e-9)
        np.testing.assert_allclose(view.undistorted(raw), straight, atol=1e-8)
        assert at_fraction(blend, 0.5) == blended(POLYNOMIAL, THIN_PLATE, 0.5)
    half = camera(blended(POLYNOMIAL, None, 0.5)).distorted(straight).numpy()
    np.testing.assert_allclose(half, (first + straight) / 2, atol=1e-9)
    assert blended(None, None, 0.5) is None and at_fraction(None, 0.5) is None
    assert at_fraction(THIN_PLATE, 0.5) == THIN_PLATE
    shrunk = camera(blended(POLYNOMIAL, THIN_PLATE, 0.5)).resized(0.5)
    np.testing.assert_allclose(
        shrunk.distorted((straight + 0.5) / 2 - 0.5), ((first + last) / 2 + 0.5) / 2 - 0.5
    )


@pytest.mark.parametrize("stored", [POLYNOMIAL, THIN_PLATE, blended(POLYNOMIAL, THIN_PLATE, 0.5)])
def test_rig_json_holds_every_number_exactly(stored, tmp_path):
    Rig((camera(stored),)).write(tmp_path / "rig.json")
    view = Rig.read(tmp_path / "rig.json")["A"]
    assert view.distortion == camera(stored).distortion
    np.testing.assert_array_equal(view.distorted(pixels()), camera(stored).distorted(pixels()))


def without(key):
    return {k: v for k, v in POLYNOMIAL.items() if k != key}


HOSTILE = [
    (without("outline"), "must have the keys .*outline.*; found"),
    (POLYNOMIAL | {"extra": 1}, "must have the keys"),
    (POLYNOMIAL | {"model": "polynomial-2"}, "distortion is .*must be None or .*polynomial-1"),
    (POLYNOMIAL | {"model": ["polynomial-1"]}, "distortion is "),
    (POLYNOMIAL | {"degree": 4}, "coefficients that is not 2 x 15 finite numbers; found 2 x 10"),
    (POLYNOMIAL | {"degree": 10**9}, "degree 1000000000, must be a whole number from 0 to 9"),
    (POLYNOMIAL | {"degree": True}, "degree True"),
    (POLYNOMIAL | {"degree": 3.0}, "degree 3.0"),
    (POLYNOMIAL | {"scale_px": 0.0}, "scale_px 0 "),
    (POLYNOMIAL | {"scale_px": [512.0]}, "scale_px that is not one finite number"),
    (POLYNOMIAL | {"scale_px": "512"}, "scale_px that is not one finite number"),
    (POLYNOMIAL | {"center_px": [1.0]}, "center_px that is not 2 finite numbers; found 1"),
    (POLYNOMIAL | {"center_px": [np.nan, 0]}, "center_px that is not 2 finite numbers"),
    (POLYNOMIAL | {"center_px": [10**400, 0]}, "center_px that is not 2 finite numbers"),
    (POLYNOMIAL | {"coefficients": [[1.0], [1.0, 2.0]]}, "coefficients that is not"),
    (POLYNOMIAL | {"coefficients": [["1"] * 10] * 2}, "coefficients that is not"),
    (POLYNOMIAL | {"coefficients": [[1e9] * 10] * 2}, "coefficients beyond 1e6"),
    (POLYNOMIAL | {"coefficients": None}, "coefficients that is not"),
    (POLYNOMIAL | {"outline": []}, "outline that is not n x 2 finite numbers"),
    (POLYNOMIAL | {"outline": [[0, 0], [1, 0]]}, "3 to 500 corners, found 2"),
    (POLYNOMIAL | {"outline": ROUND[::-1]}, "once round a convex area"),
    (POLYNOMIAL | {"outline": ROUND + ROUND}, "once round a convex area"),
    (POLYNOMIAL | {"outline": [[0, 0], [1, 0], [0.1, 0.1], [0, 1]]}, "convex area"),
    (POLYNOMIAL | {"outline": [[0, 0], [0, 0], [0, 0]]}, "convex area"),
    (THIN_PLATE | {"knots": [[-1.0, 0.5, 7]]}, "knots that is not 2 x 3 finite numbers; found 1"),
    (THIN_PLATE | {"knots": [[-1.0, 0.0, 7], [-1.0, 0.4, 8]]}, "with a positive step"),
    (THIN_PLATE | {"knots": [[-1.0, 0.5, 3], [-1.0, 0.4, 8]]}, "4 to 64 splines"),
    (THIN_PLATE | {"knots": [[-1.0, 0.5, 1e9], [-1.0, 0.4, 8]]}, "4 to 64 splines"),
    ({"model": "blend-1", "before": POLYNOMIAL, "after": None}, "must have the keys model, before"),
]
BLEND = {"model": "blend-1", "before": POLYNOMIAL, "after": THIN_PLATE, "fraction": 0.5}
HOSTILE += [
    (BLEND | {"fraction": 2.0}, "fraction 2.0, must be a number from 0 to 1"),
    (BLEND | {"fraction": "0.5"}, "fraction '0.5'"),
    (BLEND | {"before": 7}, "before 7, must be null or a map"),
    (BLEND | {"before": BLEND}, "before .*must be null or a map"),  # and so without an end
    (BLEND | {"after": POLYNOMIAL | {"degree": 2}}, "not 2 x 6 finite"),
]


@pytest.mark.parametrize(("stored", "message"), HOSTILE)
def test_a_map_that_is_none_is_refused_in_one_line(stored, message, tmp_path):
    with pytest.raises(ValueError, match=message) as refusal:
        camera(stored)
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 600
    Rig((camera(POLYNOMIAL),)).write(tmp_path / "rig.json")
    content = json.loads((tmp_path / "rig.json").read_text())
    content["cameras"][0]["distortion"] = stored
    (tmp_path / "rig.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"rig\.json: cameras\[0\] \('A'\): "):
        Rig.read(tmp_path / "rig.json")


def test_the_slopes_of_the_terms_are_their_differences():
    at, step = np.random.default_rng(0).uniform(-1, 1, (20, 2)), 1e-6
    values, slopes = monomials(at, 7)
    assert values.shape == (20, 36)
    for axis in (0, 1):
        aside = step * np.eye(2)[axis]
        found = (monomials(at + aside, 7)[0] - monomials(at - aside, 7)[0]) / (2 * step)
        np.testing.assert_allclose(slopes[..., axis], found, atol=1e-8)
    t = np.linspace(0.01, 4.99, 50)
    where, values, slopes = spline_weights(t, 8)
    np.testing.assert_allclose(values.sum(axis=1), 1)
    assert where.min() == 0 and where.max() == 7
    ahead, behind = spline_weights(t + step, 8)[1], spline_weights(t - step, 8)[1]
    np.testing.assert_allclose(slopes, (ahead - behind) / (2 * step), atol=1e-8)


def test_the_bending_energy_of_a_parabola_is_its_curvature_squared():
    # The spline of t^2: coefficients (k - 1)^2 - 1/3 at peaks k - 1; f'' = 2 over a length of 5.
    _, slope, curvature = bending(8)
    coefficients = (np.arange(8) - 1.0) ** 2 - 1 / 3
    np.testing.assert_allclose(coefficients @ curvature @ coefficients, 4 * 5)
    np.testing.assert_allclose(coefficients @ slope @ coefficients, 4 * 5**3 / 3)
    straight = np.arange(8) - 1.0
    np.testing.assert_allclose(straight @ curvature @ straight, 0, atol=1e-12)


def test_the_nearest_point_of_an_outline_is_on_it():
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    points = np.array([[0.5, 0.5], [2.0, 0.5], [2.0, 3.0], [-1.0, -1.0], [0.5, 1.0]])
    expected = [[0.5, 0.5], [1, 0.5], [1, 1], [0, 0], [0.5, 1]]
    np.testing.assert_allclose(nearest_inside(square, points), expected)
    assert within(square, points).tolist() == [True, False, False, False, True]
    hull = outline_of(np.random.default_rng(0).uniform(0, 1, (100, 2)))
    assert len(checked_outline(hull)) == len(hull)
    with pytest.raises(ValueError, match="on a line"):
        outline_of(np.column_stack([np.arange(9.0), np.arange(9.0)]))
