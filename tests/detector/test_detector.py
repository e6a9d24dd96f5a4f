"""A detector keeps its weights, refuses others, and says where landmarks are in the frame."""

import json
import sys

import numpy as np
import pytest
import torch

from detector import Detector, LandmarkNetwork, TrainingConfig, ct_fingerprint, train_detector
from detector.card import Card
from detector.network import Places
from detector.train_detector import measured
from detector.views import View
from drr.couch import without_couch
from drr.volume import Volume


@pytest.fixture
def detector(volume, landmarks, tiny):
    torch.manual_seed(1)
    points = {name: point.tolist() for name, point in landmarks.items()}
    card = Card(points, ct_fingerprint(volume), tiny._asdict(), 1.0, {}, {})
    return Detector(LandmarkNetwork(tiny).eval(), card)


def frame(seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (200, 260)).astype(np.float32)


SQUARE = np.array([[20.0, 10], [220, 10], [220, 190], [20, 190]])


def test_writing_and_reading_changes_no_result(detector, tmp_path):
    detector.write(tmp_path / "detector.safetensors")
    again = Detector.read(tmp_path / "detector.safetensors")
    a, b = (d.detect(frame(), field_polygon_px=SQUARE) for d in (detector, again))
    np.testing.assert_array_equal(a.uv_px, b.uv_px)
    np.testing.assert_array_equal(a.sd_px, b.sd_px)
    assert again.landmark_names == detector.landmark_names
    np.testing.assert_array_equal(again.points_ct, detector.points_ct)


def test_frames_in_one_pass_are_as_one_by_one(detector):
    frames = [frame(0), frame(1)]
    together = detector.detect_many(frames, field_polygons_px=[SQUARE, SQUARE])
    for image, found in zip(frames, together, strict=True):
        alone = detector.detect(image, field_polygon_px=SQUARE)
        np.testing.assert_allclose(found.uv_px, alone.uv_px, atol=1e-3)
        assert found.uv_px.shape == (2, 6, 2) and found.sd_px.shape == (2, 6)
        assert (found.sd_px > 0).all()


def test_attenuation_is_the_inverse_of_transmission(detector):
    image = frame()
    a = detector.detect(image, field_polygon_px=SQUARE)
    b = detector.detect(image.max() - image, transmission=False, field_polygon_px=SQUARE)
    np.testing.assert_allclose(a.uv_px, b.uv_px, atol=1e-2)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_frame_gives_turned_landmarks(detector, turns):
    image = frame()[:, :200]
    square = np.array([[9.5, 9.5], [189.5, 9.5], [189.5, 189.5], [9.5, 189.5]])
    upright = detector.detect(np.rot90(image, turns), field_polygon_px=square)
    turned = detector.detect(image, field_polygon_px=square, quarter_turns=turns)
    u, v = upright.uv_px[..., 0], upright.uv_px[..., 1]
    back = {1: (199 - v, u), 2: (199 - u, 199 - v), 3: (v, 199 - u)}[turns]
    np.testing.assert_allclose(turned.uv_px, np.stack(back, axis=-1), atol=0.05)


def test_in_field_means_within_the_outline(detector):
    found = detector.detect(frame(), field_polygon_px=SQUARE)
    u, v = found.uv_px[..., 0], found.uv_px[..., 1]
    np.testing.assert_array_equal(found.in_field, (u > 20) & (u < 220) & (v > 10) & (v < 190))


def test_weights_of_another_subject_are_refused(detector, volume):
    detector.check_subject(volume)
    other = Volume(volume.data_hu + 1, volume.ct_from_voxel)
    with pytest.raises(ValueError, match="trained on another CT"):
        detector.check_subject(other)


def test_the_fingerprint_sees_voxels_and_place_not_the_type(volume):
    same = Volume(volume.data_hu.astype(np.int16), volume.ct_from_voxel)
    assert ct_fingerprint(same) == ct_fingerprint(volume)
    moved = volume.ct_from_voxel.copy()
    moved[0, 3] += 0.5
    assert ct_fingerprint(Volume(volume.data_hu, moved)) != ct_fingerprint(volume)
    turned = Volume(volume.data_hu.reshape(-1, 1, 45), volume.ct_from_voxel)
    assert ct_fingerprint(turned) != ct_fingerprint(volume)


def test_the_fingerprint_is_that_of_the_ct_as_it_was_read(detector, volume):
    data = np.where(volume.data_hu == -1000, np.float32(-990), volume.data_hu)
    scanned = Volume(data, volume.ct_from_voxel)
    alone = without_couch(scanned)
    assert not np.array_equal(alone.data_hu, data)
    assert ct_fingerprint(without_couch(alone)) == ct_fingerprint(scanned)
    with pytest.raises(ValueError, match="trained on another CT"):
        detector.check_subject(alone)


def test_a_frame_that_is_not_finite_is_refused(detector):
    image = frame()
    image[3, 4] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        detector(image)


def test_missing_weights_say_how_to_make_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="dualfluoro prepare"):
        Detector.read(tmp_path / "detector.safetensors")


def test_a_cut_file_is_refused(detector, tmp_path):
    path = tmp_path / "detector.safetensors"
    detector.write(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="cut short"):
        Detector.read(path)


def test_weights_that_do_not_fit_their_card_are_named(detector, tmp_path):
    path = tmp_path / "detector.safetensors"
    detector.write(path)
    card = json.loads(path.with_suffix(".json").read_text())
    card["shape"]["features"] = 32
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match=r"tensors differ, first .* expected \(.*found \("):
        Detector.read(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"landmarks": 5}, "'landmarks' must be names with"),
        ({"landmarks": {"a": [1, "x", 2]}}, "'landmarks' must be names with"),
        ({"ct_fingerprint": 1}, "'ct_fingerprint' must be a text"),
        ({"sd_factor": "x"}, "'sd_factor' must be above 0"),
        ({"sd_factor": 10**400}, "'sd_factor' must be above 0"),
        ({"shape": []}, "'shape' must be numbers"),
        ({"shape": {"landmarks": 1e9}}, "'shape' must be numbers"),
        ({"landmarks": {"a": [1, 2, 3]}}, "1 'landmarks', but the network .* finds 6"),
        ({"shape": {"landmark": 6}}, "describes no network"),
        ({"accuracy": None}, "'accuracy' must be an object"),
    ],
)
def test_a_card_that_cannot_be_used_is_refused(detector, tmp_path, change, message):
    path = tmp_path / "detector.safetensors"
    detector.write(path)
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(card | change))
    with pytest.raises(ValueError, match=message):
        Detector.read(path)


def test_deviations_are_calibrated_on_one_half_and_judged_on_the_other():
    """A network whose errors are three times its word gets a factor of three."""

    class Boastful(LandmarkNetwork):
        def __init__(self):
            torch.nn.Module.__init__(self)

        def forward(self, planes):
            truth = planes[:, 0, :6, :2]
            error = torch.distributions.Normal(0.0, 3.0).sample(truth.shape)
            scale = torch.full(truth.shape[:2], -0.5 * np.log(2.0))
            return Places(truth + error, scale, torch.zeros(*scale.shape, 24, 24))

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    views = [
        View(
            np.pad(uv, [(0, 122), (0, 126)])[None].repeat(4, 0).astype(np.float32),
            uv.astype(np.float32),
            np.ones(6, np.float32),
            1.0,
        )
        for uv in rng.uniform(0, 127, (400, 6, 2))
    ]
    factor, accuracy = measured(Boastful(), views, "cpu")
    assert abs(factor - 3) < 0.2
    assert abs(accuracy["in_field_within_1_sd"] - 0.6827) < 0.04


def test_training_writes_a_detector_with_its_figures(
    volume, landmarks, tiny, tmp_path, monkeypatch, small_blocks
):
    monkeypatch.setattr(sys.modules["detector.train_detector"], "VALIDATION_VIEWS", 8)
    config = TrainingConfig(steps=2, batch=2, looks_each=2)
    path = train_detector(volume, landmarks, tmp_path, config, shape=tiny)
    detector = Detector.read(path)
    detector.check_subject(volume)
    assert detector.card.accuracy["views"] == 4
    assert (tmp_path / "training.csv").exists()
