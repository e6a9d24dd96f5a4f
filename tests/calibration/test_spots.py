import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from calibration.blobs import find_spots


def discs(centres, radius, size=128, inside=1.0, outside=0.4, blur=0.8, noise=0.0, ramp=0.0):
    """Discs drawn with 8 x 8 samples a pixel; a ball's shadow would be as symmetric."""
    axis = (np.arange(size * 8) + 0.5) / 8 - 0.5
    image = np.full((size * 8, size * 8), outside)
    for u, v in centres:
        image[(axis[None] - u) ** 2 + (axis[:, None] - v) ** 2 < radius**2] = inside
    image = gaussian_filter(image.reshape(size, 8, size, 8).mean(axis=(1, 3)), blur)
    image = image + ramp * np.arange(size)[None] / size
    return image + noise * np.random.default_rng(0).standard_normal(image.shape)


def centres(count=9, size=128, seed=3):
    middles = (np.stack(np.meshgrid([1, 3, 5], [1, 3, 5]), -1).reshape(-1, 2)[:count]) * size / 6
    return middles + np.random.default_rng(seed).uniform(-3, 3, middles.shape)


def matched(spots, truth):
    """Spot nearest to each true centre."""
    gaps = np.hypot(*(spots.uv_px[:, None] - truth[None]).T)  # (truth, spot)
    return gaps.argmin(axis=1)


@pytest.mark.parametrize("radius", [2.0, 4.1, 7.5, 13.0])
@pytest.mark.parametrize("inside", [1.0, 0.05])
def test_a_disc_is_found_to_a_hundredth_of_a_pixel(radius, inside):
    truth = centres()
    spots = find_spots(discs(truth, radius, inside=inside), radius_px=(1.5, 15))
    found = spots[matched(spots, truth)]
    assert spots.polarity == ("bright" if inside == 1.0 else "dark")
    np.testing.assert_allclose(found.uv_px, truth, atol=0.01)
    np.testing.assert_allclose(found.radius_px, radius, rtol=0.1, atol=0.1)
    np.testing.assert_allclose(found.contrast, inside / 0.4 - 1, rtol=0.15)


def test_a_sloping_background_does_not_pull_the_centre():
    truth = centres()
    spots = find_spots(discs(truth, 4.0, inside=0.1, ramp=0.5), "dark")
    np.testing.assert_allclose(spots[matched(spots, truth)].uv_px, truth, atol=0.02)


def test_the_scatter_of_noisy_centres_is_the_one_foretold():
    truth = centres()
    errors, foretold = [], []
    for seed in range(12):
        image = discs(truth, 4.0) + 0.05 * np.random.default_rng(seed).standard_normal((128, 128))
        spots = find_spots(image, "bright", (2, 8))
        found = spots[matched(spots, truth)]
        errors.append(found.uv_px - truth)
        foretold.append(found.sd_px)
    ratio = np.std(errors) / np.sqrt(np.mean(np.square(foretold)))
    assert 0.8 < ratio < 1.3
    assert np.std(errors) < 0.05


def test_pixels_follow_the_rule_of_the_first_pixels_centre():
    # A spot on pixels 10 to 12 has its centre at 11; in the doubled image at (11 + 0.5) 2 - 0.5.
    image = np.full((40, 60), 0.2)
    image[19:22, 10:13] = 1.0
    image = gaussian_filter(image, 0.7)
    np.testing.assert_allclose(find_spots(image, "bright").uv_px, [[11, 20]], atol=1e-3)
    double = image.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_allclose(find_spots(double, "bright").uv_px, [[22.5, 40.5]], atol=0.01)


def test_grey_values_may_have_any_scale_and_type():
    image = discs(centres(), 4.0)
    for scaled in (image.astype(np.float32), (image * 200).astype(np.uint8), image * 60000):
        spots = find_spots(scaled, "bright")
        assert len(spots) == 9
        np.testing.assert_allclose(spots[matched(spots, centres())].uv_px, centres(), atol=0.03)


def test_edges_and_corners_are_no_spots():
    image = np.full((128, 128), 0.4)
    image[30:, 50:] = 1.0
    image[80:84] = 0.1
    assert len(find_spots(gaussian_filter(image, 1.0), "auto", (2, 8))) <= 2  # rounded corners


def test_touching_beads_keep_their_centres():
    truth = np.array([[50.0, 60.3], [64.2, 60.0]])  # 14 px apart, of radius 6
    spots = find_spots(discs(truth, 6.0, inside=0.05), "dark", (4, 9))
    np.testing.assert_allclose(spots[matched(spots, truth)].uv_px, truth, atol=0.1)


def test_an_empty_image_has_no_spots():
    for level in (0.0, 0.7):
        assert len(find_spots(np.full((64, 64), level))) == 0
    noise = 1 + 0.02 * np.random.default_rng(0).standard_normal((128, 128))
    assert len(find_spots(noise, "dark", (4, 10), least_contrast=0.1)) == 0


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((3, 3)), {}, r"shape \(3, 3\) has no spots"),
        (np.full((32, 32), np.nan), {}, "NaN or infinite"),
        (np.full((32, 32), np.inf), {}, "NaN or infinite"),
        (np.zeros((32, 32)), {"polarity": "white"}, "polarity is 'white', must be one of bright"),
        (np.zeros((32, 32)), {"radius_px": (5.0, 2.0)}, r"radius_px is \(5.0, 2.0\)"),
        (np.zeros((32, 32)), {"radius_px": (2.0, 500.0)}, "at most"),
        (np.zeros((32, 32)), {"radius_px": (np.nan, 5.0)}, "radius_px is"),
    ],
)
def test_what_is_no_image_or_no_range_is_refused(image, options, message):
    with pytest.raises(ValueError, match=message):
        find_spots(image, **options)
