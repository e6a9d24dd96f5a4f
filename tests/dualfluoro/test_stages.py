"""Every stage once, on a small trial that starts from a track near the truth."""

import csv
import json
import shutil
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

import dualfluoro
from detector import Detector, LandmarkNetwork, Shape, ct_fingerprint
from detector.card import Card
from detector.views import view_sequence
from drr.dataset import read_dataset
from dualfluoro.cli import main
from dualfluoro.subject import Subject
from dualfluoro.trial_report import chosen_frames
from exposure import COLUMNS
from registration import Track

FRAMES = 3


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_track_writes_all_of_its_files_close_to_the_truth(tracked_trial, capsys):
    folder = tracked_trial
    header = rows_of(folder / "track.csv")[0]
    assert header[:3] == ["frame", "time_s", "status"] and header[-1] == "flags"
    table = rows_of(folder / "exposure.csv")
    assert tuple(table[0]) == COLUMNS and len(table) == 1 + 2 * FRAMES
    raw, smooth = (Track.read(folder / f"{name}.csv") for name in ("track", "smoothed"))
    assert raw.status == smooth.status
    assert 0 < abs(raw.world_from_ct.t - smooth.world_from_ct.t).max() < 1
    content = json.loads((folder / "exposure.json").read_text())
    assert len(content["rows"]) == 2 * FRAMES
    assert str(folder) not in json.dumps(content)
    result = dualfluoro.evaluate(
        folder / "track.csv", folder / "truth.csv", landmarks=folder / "landmarks.json"
    )
    assert "rotation, deg" in capsys.readouterr().out
    assert result["rotation_deg"]["max"] < 1 and result["translation_mm"]["max"] < 1
    assert result["false_ok"] == 0


def test_evaluate_measures_at_the_bone_without_landmarks(tracked_trial, tmp_path):
    tokens = [str(tracked_trial / name) for name in ("init.csv", "truth.csv")]
    target = tmp_path / "e.json"
    ct = str(tracked_trial / "ct.nii.gz")
    assert main(["evaluate", *tokens, "--ct", ct, "--json", str(target), "--quiet"]) == 0
    assert 3 < json.loads(target.read_text())["translation_mm"]["median"] < 8
    assert main(["evaluate", *tokens]) == 1


def test_the_report_is_one_file_that_names_nobody(tracked_trial):
    text = (tracked_trial / "report.html").read_text()
    for heading in ("Summary", "Accuracy", "Motion of the head", "Pictures", "Exposure"):
        assert f"<h2>{heading}" in text
    assert text.count("data:image/") >= 4
    assert 'src="http' not in text and "ct.nii.gz" not in text


def test_names_are_escaped_in_the_report(tracked_trial, tmp_path):
    folder = tmp_path / "<script>alert(1)<script>"
    shutil.copytree(tracked_trial, folder)
    assert main(["report", str(folder), "--quiet"]) == 0
    assert "<script>alert" not in (folder / "report.html").read_text()


def test_exposure_of_another_track_goes_to_another_folder(tracked_trial, tmp_path):
    out = tmp_path / "out"
    track = str(tracked_trial / "truth.csv")
    tokens = ["exposure", str(tracked_trial), "--track", track, "--out", str(out), "--quiet"]
    assert main(tokens) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "exposure.csv",
        "exposure.json",
        "skin.vtp",
    ]
    by_truth, by_track = (rows_of(p / "exposure.csv") for p in (out, tracked_trial))
    ssd = COLUMNS.index("ssd_mm")
    for a, b in zip(by_truth[1:], by_track[1:], strict=True):
        assert float(a[ssd]) == pytest.approx(float(b[ssd]), abs=1.5)


def test_view_draws_the_room_without_a_display(tracked_trial, tmp_path):
    from dualfluoro.offscreen import can_draw

    if not can_draw():
        pytest.skip("no OpenGL on this machine")
    picture = tmp_path / "room.png"
    assert main(["view", str(tracked_trial), "--screenshot", str(picture), "--quiet"]) == 0
    values = np.asarray(Image.open(picture).convert("L"))
    assert values.shape == (860, 1280) and values.std() > 5
    assert main(["view", str(tracked_trial), "--screenshot", "room.txt"]) == 1
    assert main(["view", str(tracked_trial), "--frame", "9", "--screenshot", str(picture)]) == 1


def test_a_track_without_refinement_is_its_start(tracked_trial, tmp_path):
    init = str(tracked_trial / "init.csv")
    out = tmp_path / "out"
    tokens = ["track", str(tracked_trial), "--init", init, "--no-refine", "--no-translate"]
    assert main([*tokens, "--out", str(out), "--quiet"]) == 0
    found, start = Track.read(out / "track.csv"), Track.read(init)
    np.testing.assert_allclose(found.world_from_ct.t, start.world_from_ct.t, atol=1e-5)


def test_a_start_of_other_frames_is_refused_where_it_would_be_the_track(
    tracked_trial, tmp_path, capsys
):
    late, out = tmp_path / "late.csv", tmp_path / "out"
    track = Track.read(tracked_trial / "init.csv")
    replace(track, frame=track.frame + 40).write(late)
    tokens = ["track", str(tracked_trial), "--init", str(late), "--no-refine", "--out", str(out)]
    assert main(tokens) == 1
    assert "late.csv: no pose of the trial's frames 0 to 2, its poses" in capsys.readouterr().err
    assert not out.exists()


def test_when_every_frame_is_lost_the_status_is_one(trial, capsys):
    text = (trial / "init.csv").read_text().splitlines()
    moved = [line.split(",") for line in text[1:]]
    for row in moved:
        row[3] = str(float(row[3]) + 900)  # far outside of both beams
    (trial / "init.csv").write_text("\n".join([text[0], *map(",".join, moved)]) + "\n")
    assert main(["track", str(trial), "--init", str(trial / "init.csv")]) == 1
    assert f"all {FRAMES} frames are lost" in capsys.readouterr().err
    assert Track.read(trial / "track.csv").status == ("lost",) * FRAMES
    assert "Not to be relied on" in (trial / "report.html").read_text()


def test_landmarks_are_made_once_and_then_left_alone(trial):
    truth = json.loads((trial / "landmarks.json").read_text())["points"]
    (trial / "landmarks.json").unlink()
    path = dualfluoro.landmarks(trial)
    made = json.loads(path.read_text())
    spread = {name for name in made["points"] if name[1:].isdecimal()}
    named = made["points"].keys() - spread
    assert len(spread) == 64 and len(named) > 30 and named == made["sd_mm"].keys()
    assert "lens_left" in named and "menton" not in named  # the jaw moves
    off_mm = [
        np.linalg.norm(np.subtract(made["points"][n], truth[n])) for n in named & truth.keys()
    ]
    assert len(off_mm) > 10 and np.median(off_mm) < 3
    before = path.read_bytes()
    assert main(["landmarks", str(trial), "--quiet"]) == 0
    assert path.read_bytes() == before


def untrained_detector(folder):
    subject = Subject(folder / "ct.nii.gz")
    points = subject.bone_points_ct[:: len(subject.bone_points_ct) // 8][:8]
    shape = Shape(8, depth=5, width=8, slope=12.0, growth=2.0, group=8, features=16)
    names = {f"s{n:02d}": [float(x) for x in point] for n, point in enumerate(points)}
    card = Card(names, ct_fingerprint(subject.volume), shape._asdict(), 1.0, {}, {})
    Detector(LandmarkNetwork(shape), card).write(folder / "models" / "detector.safetensors")


def test_detect_writes_every_landmark_of_every_view(trial):
    untrained_detector(trial)
    assert main(["detect", str(trial), "--quiet"]) == 0
    table = rows_of(trial / "detections.csv")
    assert table[0] == ["frame", "view", "landmark", "u_px", "v_px", "sd_px", "in_field"]
    assert len(table) == 1 + FRAMES * 2 * 8


def test_an_untrained_detector_never_makes_a_frame_ok(trial):
    untrained_detector(trial)
    assert main(["track", str(trial), "--no-refine", "--quiet"]) in (0, 1)
    assert "ok" not in Track.read(trial / "track.csv").status


def few_views(monkeypatch):
    """Radiographs are drawn 8 at a time in place of 96, and 16 judge the network."""
    for name in ("training", "train_detector"):
        drawn = partial(view_sequence, block=8)
        monkeypatch.setattr(sys.modules[f"detector.{name}"], "view_sequence", drawn)
    monkeypatch.setattr(sys.modules["detector.train_detector"], "VALIDATION_VIEWS", 16)


def test_prepare_trains_once_and_then_has_nothing_to_do(trial, monkeypatch, capsys):
    few_views(monkeypatch)
    tokens = ["prepare", str(trial), "--minutes", "0.01"]
    assert main(tokens) == 0
    assert "median error" in capsys.readouterr().out
    weights = (trial / "models" / "detector.safetensors").read_bytes()
    assert main(tokens) == 0
    assert "is there already" in capsys.readouterr().out
    assert (trial / "models" / "detector.safetensors").read_bytes() == weights
    assert main(["prepare", str(trial), "--minutes", "0"]) == 2


def test_a_data_set_is_made_and_trained_on(trial, monkeypatch, capsys):
    few_views(monkeypatch)
    tokens = ["train", "detector", str(trial), "--minutes", "0.01", "--from-dataset"]
    assert main(tokens) == 1
    assert "run `dualfluoro synthesize`" in capsys.readouterr().err
    assert main(["synthesize", str(trial), "--count", "5", "--size", "64", "--quiet"]) == 0
    radiographs = list(read_dataset(trial / "dataset"))
    assert [r.view for r in radiographs] == ["A", "B", "A", "B", "A"]
    assert all(max(r.image.shape) == 64 for r in radiographs)
    assert main([*tokens, "--quiet"]) == 0
    assert Detector.read(trial / "models" / "detector.safetensors").card.recipe["from_dataset"]
    page = (trial / "models" / "detector_training.html").read_text()
    assert "fresh radiographs" in page and "data:image/webp" in page
    assert main(["synthesize", str(trial), "--count", "5", "--size", "96"]) == 1
    assert "holds another data set, which differs in K, sizes_px" in capsys.readouterr().err


def test_the_demo_gives_the_released_weights_the_fingerprint_of_its_ct(trial, tmp_path):
    from dualfluoro.stages.demo import install

    untrained_detector(trial)
    released = tmp_path / "released.safetensors"
    Detector.read(trial / "models" / "detector.safetensors").write(released)
    card = json.loads(released.with_suffix(".json").read_text())
    fingerprint, card["ct_fingerprint"] = card["ct_fingerprint"], "0" * 64
    released.with_suffix(".json").write_text(json.dumps(card))
    install(released, trial)
    found = Detector.read(trial / "models" / "detector.safetensors")
    assert found.card.ct_fingerprint == fingerprint


def test_the_demo_refuses_a_folder_with_another_trial(trial, capsys):
    from dualfluoro.demo_trial import DemoPlan, write_demo_trial

    path = trial / "trial.toml"
    path.write_text("# mine\n" + path.read_text())
    with pytest.raises(ValueError, match="is not the demo's"):
        write_demo_trial(trial, DemoPlan())


def test_a_typical_and_the_worst_frame_are_shown(tracked_trial):
    chosen = chosen_frames(Track.read(tracked_trial / "track.csv"))
    assert set(chosen) >= {"typical", "worst match"}
