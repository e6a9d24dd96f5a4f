"""A trial with one view alone: tracked and exposed, with its larger deviations."""

import csv
import json

import numpy as np
import pytest

from dualfluoro import load_trial
from dualfluoro.cli import main
from registration import Track

FRAMES = 3


@pytest.fixture
def one_view_trial(trial):
    text = (trial / "trial.toml").read_text()
    start = text.index("[[view]]", text.index("[[view]]") + 1)
    (trial / "trial.toml").write_text(text[:start] + text[text.index("[time]") :])
    assert [view.name for view in load_trial(trial).views] == ["A"]
    return trial


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_one_view_has_the_exposure_that_it_has_beside_another(one_view_trial, tracked_trial):
    tokens = ["exposure", str(one_view_trial), "--track", str(tracked_trial / "track.csv")]
    assert main([*tokens, "--quiet"]) == 0
    alone = rows_of(one_view_trial / "exposure.csv")
    both = [row for row in rows_of(tracked_trial / "exposure.csv") if row["view"] == "A"]
    assert len(alone) == FRAMES
    for one, row in zip(alone, both, strict=True):
        assert one["overlap_area_mm2"] == "" and row["overlap_area_mm2"] != ""
        for name in ("ssd_mm", "skin_area_mm2", "miss_fraction", "lens_left_margin_mm", "k_isq"):
            assert float(one[name]) == pytest.approx(float(row[name]), rel=1e-4), name


def test_one_view_is_tracked_with_larger_deviations(one_view_trial, tracked_trial):
    tokens = ["track", str(one_view_trial), "--init", str(one_view_trial / "init.csv")]
    assert main([*tokens, "--quiet"]) == 0
    one, two = (Track.read(folder / "track.csv") for folder in (one_view_trial, tracked_trial))
    assert one.has_pose.all()
    assert (one.sd_translation_mm > two.sd_translation_mm).all()
    rows = json.loads((one_view_trial / "exposure.json").read_text())["rows"]
    assert {row["view"] for row in rows} == {"A"}
    truth = Track.read(one_view_trial / "truth.csv")
    start = Track.read(one_view_trial / "init.csv")
    wrong = [
        np.abs(np.asarray(truth.world_from_ct.R.mT @ t.world_from_ct.R) - np.eye(3)).max()
        for t in (one, start)
    ]
    assert wrong[0] < wrong[1] / 2
