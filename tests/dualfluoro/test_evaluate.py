"""`dualfluoro evaluate` on one pair of files, and on folders."""

import json
import shutil

import numpy as np
import pytest

import dualfluoro
from dualfluoro.cli import main
from dualfluoro.subject import Subject
from registration import Track


@pytest.fixture
def folders(made_trial, tmp_path):
    """Two trials that were tracked badly and well: the first is its start, the second its truth."""
    made = []
    for name, source in (("bad", "init.csv"), ("good", "truth.csv")):
        made.append(tmp_path / name)
        shutil.copytree(made_trial, made[-1])
        shutil.copyfile(made[-1] / source, made[-1] / "track.csv")
    return made


def test_folders_are_evaluated_together_and_one_by_one(folders, tmp_path, capsys):
    target = tmp_path / "e.json"
    assert main(["evaluate", *map(str, folders), "--json", str(target)]) == 0
    out = capsys.readouterr().out
    result = json.loads(target.read_text())
    bad, good = result["trials"]
    assert result["frames"] == bad["frames"] + good["frames"] == 6
    assert bad["trial"] == str(folders[0]) and bad["translation_mm"]["median"] > 2
    assert good["translation_mm"]["max"] < 1e-4 and result["within"]["both"]["0.2"] == 0.5
    assert result["false_ok"] == bad["false_ok"] == 3
    assert str(folders[1]) in out and "axes of the CT" in out and "within 0.2" in out


def test_one_folder_is_as_its_two_files(folders):
    files = [folders[0] / name for name in ("track.csv", "truth.csv")]
    pair = dualfluoro.evaluate(*files, landmarks=folders[0] / "landmarks.json")
    alone = dualfluoro.evaluate(folders[0])
    assert {name: alone[name] for name in pair} == pair and "trials" not in pair


def test_folders_without_landmarks_are_measured_at_the_bone_of_their_ct(folders, monkeypatch):
    looked_in = []

    def bone(subject):
        looked_in.append(subject.ct)
        return np.array([[0.0, 0, 0], [0, 0, 80.0]])

    monkeypatch.setattr(Subject, "bone_points_ct", property(bone))
    for folder in folders:
        (folder / "landmarks.json").unlink()
        toml = folder / "trial.toml"
        toml.write_text(toml.read_text().replace('"ct.nii.gz"', f'"{folders[0] / "ct.nii.gz"}"'))
    result = dualfluoro.evaluate(*folders)
    assert looked_in == [folders[0] / "ct.nii.gz"]  # once a CT
    assert result == dualfluoro.evaluate(*folders, ct=folders[0] / "ct.nii.gz")


def test_deviations_are_compared_with_the_errors(folders, capsys):
    lines = (folders[0] / "track.csv").read_text().splitlines()
    rows = [f"{line},5.0,9.0" for line in lines[1:]]
    text = "\n".join([f"{lines[0]},sd_rotation_deg,sd_translation_mm", *rows]) + "\n"
    (folders[0] / "track.csv").write_text(text)
    assert Track.read(folders[0] / "track.csv").sd_translation_mm.tolist() == [9.0] * 3
    result = dualfluoro.evaluate(*folders)
    assert result["coverage"]["translation_mm"]["frames"] == 3  # the other track states none
    assert result["coverage"]["translation_mm"]["within_1_sd"] == 1
    assert "rms error / sd" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["bad/track.csv"], "is not a folder; give one TRACK.csv and its TRUTH.csv"),
        (["bad", "bad/truth.csv"], "bad/truth.csv is not a folder"),
        (["bad", "nowhere"], "nowhere is not a folder"),
        (["bad/A"], "no track at"),
        (["bad/track.csv", "nowhere.csv"], "no track at"),
    ],
)
def test_what_is_neither_a_pair_nor_folders_is_refused(folders, names, said, capsys):
    paths = [str(folders[0].parent / name) for name in names]
    landmarks = str(folders[0] / "landmarks.json")
    assert main(["evaluate", *paths, "--landmarks", landmarks]) == 1
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_a_folder_that_cannot_be_evaluated_is_named(folders, capsys):
    lines = (folders[1] / "truth.csv").read_text().splitlines()
    moved = [f"{int(row.split(',', 1)[0]) + 50},{row.split(',', 1)[1]}" for row in lines[1:]]
    (folders[1] / "truth.csv").write_text("\n".join([lines[0], *moved]) + "\n")
    assert main(["evaluate", *map(str, folders)]) == 1
    assert f"{folders[1]}: track and truth share no frame" in capsys.readouterr().err
    pair = [str(folders[1] / name) for name in ("track.csv", "truth.csv")]
    assert main(["evaluate", *pair, "--landmarks", str(folders[1] / "landmarks.json")]) == 1
    assert f"{pair[0]} against {pair[1]}: track and truth share" in capsys.readouterr().err
    assert main(["evaluate"]) == 2
