"""A translator is read as it was written, keeps the field, and is refused if it moves anatomy."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from drr.field_window import window_around
from gan import Translator, TranslatorCard, look_features
from gan.judgement import judge_looks
from gan.networks import new_generators

SIZE = 64


@pytest.fixture
def translator(films, radiographs) -> Translator:
    torch.manual_seed(0)
    generators = new_generators(4, 1).eval()
    for generator in generators.values():
        torch.nn.init.normal_(generator.change[-1].weight, 0, 0.05)
    judgement = judge_looks(generators, films, radiographs, 0.03)
    features = look_features(films)
    look = [features.mean(0).tolist(), features.std(0).tolist()]
    shape = {"width": 4, "blocks": 1}
    card = TranslatorCard(SIZE, shape, 0.03, 40, asdict(judgement), {}, look, {})
    return Translator(generators, card)


@pytest.fixture
def frame() -> np.ndarray:
    rows, columns = np.mgrid[:200, :240]
    bright = np.hypot(rows - 100, columns - 120) < 90
    return (bright * (0.4 + 0.2 * np.sin(columns / 9))).astype(np.float32) + 0.02


def test_read_is_what_was_written(translator, films, tmp_path):
    translator.write(tmp_path / "translator.safetensors")
    again = Translator.read(tmp_path / "translator.safetensors")
    assert json.dumps(asdict(again.card)) == json.dumps(asdict(translator.card))
    for direction in ("to_drr", "to_film"):
        made = [getattr(t, direction)(films.attenuation, films.mask) for t in (translator, again)]
        np.testing.assert_array_equal(*made)


def test_the_field_is_kept_and_what_is_outside_stays_dark(translator, frame):
    seen = translator(frame)
    assert seen.shape == frame.shape and seen.dtype == np.float32
    rows, columns = np.mgrid[:200, :240]
    radius = np.hypot(rows - 100, columns - 120)
    assert (seen[radius > 94] == 0).all() and seen[radius < 80].std() > 0.01
    assert 0 <= seen.min() and seen.max() <= 1


def test_the_rim_of_the_field_is_translated_as_the_rest(translator, frame):
    last, made = translator.generators["to_drr"].change[-1], []
    for bias in (0.0, 0.4):
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.constant_(last.bias, bias)
        made.append(translator(frame))
    rows, columns = np.mgrid[:200, :240]
    inside = np.hypot(rows - 100, columns - 120) < 87
    change = (made[0] - made[1])[inside & (made[1] > 0) & (made[0] < 1)]
    np.testing.assert_allclose(change, 0.25 * 1.5 * np.tanh(0.4), atol=0.02)


def test_a_frame_shown_inverted_is_the_same(translator, frame):
    inverted = translator(frame.max() - frame, transmission=False)
    np.testing.assert_allclose(translator(frame), inverted, atol=2e-3)


def test_through_a_window_it_shows_what_it_shows_of_pictures(translator, frame):
    polygon = np.array([[40.0, 20], [200, 20], [200, 180], [40, 180]])
    window = window_around(polygon, size_px=SIZE)
    seen = translator.through(frame, window, polygon)
    assert seen.shape == (SIZE, SIZE)
    inside = seen[3:-3, 3:-3]
    assert abs(np.percentile(inside, 2) + 1) < 0.2 and abs(np.percentile(inside, 98) - 1) < 0.2


def test_a_frame_of_nan_is_refused(translator, frame):
    frame[3, 3] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        translator(frame)


def test_a_direction_that_moves_anatomy_is_refused(translator):
    translator.card.refused["to_drr"] = "anatomy moves by 3.00 px"
    with pytest.raises(ValueError, match=r"not to be used to_drr: anatomy moves by 3\.00 px"):
        translator.check("to_drr")
    translator.check("to_film")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "other", 'expected "format"'),
        ("size_px", 63, "multiple of 4"),
        ("size_px", 10**9, "'size_px' must be 32 to 1024"),
        ("size_px", True, "'size_px' must be 32 to 1024"),
        ("shape", {"width": 4}, "'shape' must have width and blocks"),
        ("shape", {"width": 8, "blocks": 1}, "tensors differ"),
        ("noise_sd", "much", "'noise_sd' must be 0 to 1"),
        ("look", [1, 2], "'look' must be two lists"),
        ("refused", None, "'refused' must have a reason"),
    ],
)
def test_a_card_that_cannot_be_used_is_named(translator, tmp_path, key, value, message):
    path = tmp_path / "translator.safetensors"
    translator.write(path)
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(card | {key: value}))
    with pytest.raises(ValueError, match=message):
        Translator.read(path)


def test_what_is_missing_or_cut_short_is_named(translator, tmp_path):
    path = tmp_path / "translator.safetensors"
    with pytest.raises(FileNotFoundError, match="dualfluoro train gan"):
        Translator.read(path)
    translator.write(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="cut short"):
        Translator.read(path)
