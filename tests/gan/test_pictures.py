"""Pictures that nothing can be learnt from are refused; crops are drawn inside of the picture."""

import numpy as np
import pytest

from gan import (
    Pictures,
    check_pictures,
    grey_quantiles,
    histogram_matched,
    kernel_distance,
    look_features,
)
from gan.pictures import drawn, split


def test_too_few_are_refused(films, radiographs):
    with pytest.raises(ValueError, match=r"7 frames are too few .* at least 16"):
        check_pictures(films.take(np.arange(7)), radiographs)


def test_inverted_frames_are_refused(radiographs):
    rows, columns = np.mgrid[:64, :64] - 31.5
    mask = (np.hypot(rows, columns) < 30).astype(np.float32)
    head = np.where(np.hypot(rows, columns) < 11, 1.0, -1.0).astype(np.float32)
    texture = np.random.default_rng(0).standard_normal((20, 64, 64)).astype(np.float32)
    texture *= 0.2 * (head > 0)
    masks = np.stack([mask] * 20)
    upright = Pictures((head + texture) * masks, masks)
    assert check_pictures(upright, upright) == ["only 20 frames: 100 to 1000 teach a look better"]
    inverted = Pictures((texture - head) * masks, masks)
    with pytest.raises(ValueError, match=r"look inverted.*intensity"):
        check_pictures(inverted, upright)


def test_held_out_pictures_are_not_trained_on(films):
    numbered = Pictures(
        films.attenuation, films.mask, np.arange(40.0).reshape(40, 1, 1).repeat(2, 2)
    )
    kept, held = split(numbered)
    assert len(kept) + len(held) == 40 and len(held) >= 4
    assert not set(kept.landmarks_px[:, 0, 0]) & set(held.landmarks_px[:, 0, 0])


def test_crops_show_the_picture_and_their_mask(films):
    for seed in range(10):
        crop, mask = drawn(films, np.random.default_rng(seed), 40)
        assert crop.shape == mask.shape == (40, 40)
        assert mask.mean() > 0.3 and np.abs(crop[mask == 0]).max(initial=0) == 0


def test_the_distance_is_none_within_a_look_and_grows_with_the_change(films, radiographs):
    own = look_features(radiographs)
    half = kernel_distance(own[::2], own[1::2])
    grows = [
        kernel_distance(look_features(Pictures(r, radiographs.mask)), own)
        for r in (
            radiographs.attenuation * (1 - s) + s * films.attenuation for s in (0, 0.3, 0.6, 1)
        )
    ]
    assert abs(half) < 0.15
    assert abs(grows[0]) < 0.1 and grows == sorted(grows) and grows[3] > 5 * abs(half)


def test_a_matched_picture_has_the_grey_values_asked_for(films, radiographs):
    aim = grey_quantiles(radiographs)
    matched = histogram_matched(films.attenuation[0], films.mask[0], aim)
    inside = films.mask[0] > 0.5
    shares = np.linspace(0.05, 0.95, 10)
    wanted = np.interp(shares, np.linspace(0, 1, len(aim)), aim)
    np.testing.assert_allclose(np.quantile(matched[inside], shares), wanted, atol=0.05)
    order = np.argsort(films.attenuation[0][inside])
    assert (np.diff(matched[inside][order]) >= -1e-6).all()  # nothing changes places
    assert (matched[~inside] == 0).all()
