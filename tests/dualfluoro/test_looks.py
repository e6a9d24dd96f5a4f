"""The look a detector is shown frames in: forced, chosen, or refused with what to do."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from detector import Detector
from detector.card import Card
from detector.network import LandmarkNetwork, Shape
from drr import material_model
from dualfluoro import load_trial
from dualfluoro.cli import main
from dualfluoro.detector_look import fingerprint, shown_in_look, training_look
from dualfluoro.frames import open_frames
from dualfluoro.look_choice import Agreement, LookChoice, look_file
from dualfluoro.look_pictures import film_pictures, radiograph_pictures
from dualfluoro.options import Common
from dualfluoro.subject import subject_of
from dualfluoro.tracking import Moments
from gan import drift_between
from registration import Track

QUIET = Common(quiet=True)
AGREEMENT = Agreement(1.0, 1.0, 1.0, 0.0, 3)


def detector(look: str = "random") -> Detector:
    torch.manual_seed(0)
    shape = Shape(4, 13, 16, 20.0, 2.4, 8, 16)
    landmarks = {name: [10.0 * n, 5.0, 0.0] for n, name in enumerate("abcd")}
    card = Card(landmarks, "0" * 64, shape._asdict(), 1.0, {}, {"look": look})
    return Detector(LandmarkNetwork(shape).eval(), card)


def moments_of(trial) -> Moments:
    return Moments(trial, open_frames(trial)[0], None)


def test_a_detector_of_plain_radiographs_sees_frames_without_their_rim(trial):
    shown, _ = shown_in_look(moments_of(load_trial(trial)), detector("drr"), "none", "cpu")
    assert shown.translate is not None


def test_frames_and_radiographs_of_the_true_poses_show_the_same_head(made_trial):
    trial = load_trial(made_trial)
    views, _ = open_frames(trial)
    subject, truth = subject_of(trial), Track.read(made_trial / "truth.csv")
    films, places = film_pictures(Moments(trial, views, None), 128, QUIET)
    assert len(films) == 2 * len(views[0]) and films.attenuation.shape[1:] == (128, 128)
    head = material_model(subject.volume)
    points = subject.bone_points_ct[::100]
    for number in (0, 1):
        poses = [truth.world_from_ct[number // 2]]
        made = radiograph_pictures(
            head, points, [places[number]], poses, 0, QUIET, count=1, spread=0.0
        )
        found = drift_between(films.take(np.array([number])), made.attenuation)
        assert found.lost < 0.3 and found.median_px < 1.5  # of noisy film, at 256 x 256
        assert np.hypot(*found.bias_px) < 0.8


def test_a_look_is_forced_or_chosen(trial):
    loaded = load_trial(trial)
    shown, said = shown_in_look(moments_of(loaded), detector(), "auto", "cpu")
    assert shown.translate is None and "as they are" in said
    look_file(loaded).parent.mkdir(exist_ok=True)
    detector().write(loaded.detector)
    quantiles, of = list(np.linspace(-1, 1, 65)), fingerprint(loaded.detector)
    choice = LookChoice("histogram", quantiles, {"none": AGREEMENT}, of)
    choice.write(look_file(loaded))
    assert LookChoice.read(look_file(loaded)) == choice
    shown, said = shown_in_look(moments_of(loaded), detector(), "auto", "cpu")
    frame = open_frames(loaded)[0][0][0]
    assert "histogram matched" in said
    assert not np.allclose(shown(frame).uv_px, detector()(frame).uv_px)
    replace(choice, detector="another").write(look_file(loaded))
    shown, said = shown_in_look(moments_of(loaded), detector(), "auto", "cpu")
    assert shown.translate is None and "of another detector" in said
    plain, _ = shown_in_look(moments_of(loaded), detector(), "none", "cpu")
    np.testing.assert_array_equal(plain(frame).uv_px, detector()(frame).uv_px)


@pytest.mark.parametrize("look", ["gan", "histogram"])
def test_a_look_that_is_not_there_says_how_to_make_it(trial, look):
    with pytest.raises(FileNotFoundError, match="dualfluoro train gan"):
        shown_in_look(moments_of(load_trial(trial)), detector(), look, "cpu")


def test_training_in_the_look_of_films_needs_a_translator(trial):
    with pytest.raises(FileNotFoundError, match="dualfluoro train gan"):
        training_look(load_trial(trial), "film")
    assert training_look(load_trial(trial), "random") is None


SPOILED = {"format": "dualfluoro-look", "chosen": "none", "quantiles": [], "agreement": {}}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        json.dumps(SPOILED | {"chosen": "all"}),
        json.dumps(SPOILED | {"quantiles": ["x"] * 65}),
        json.dumps(SPOILED | {"quantiles": [10**400] * 65}),
        json.dumps(SPOILED | {"quantiles": [0, 1]}),
    ],
)
def test_a_spoiled_choice_is_named(trial, content):
    loaded = load_trial(trial)
    look_file(loaded).parent.mkdir(exist_ok=True)
    look_file(loaded).write_text(content)
    with pytest.raises(ValueError, match=r"look\.json: not the choice of a look"):
        shown_in_look(moments_of(loaded), detector(), "auto", "cpu")


def test_six_frames_are_too_few_to_train_on(trial, capsys):
    assert main(["train", "gan", str(trial), "--preset", "tiny", "--steps", "2", "--quiet"]) == 1
    assert "6 frames are too few to learn their look from: at least 16" in capsys.readouterr().err
