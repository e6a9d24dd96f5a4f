"""A small demo trial, made once: three frame pairs of 128 px of a coarse digital head."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration import Rigid
from dualfluoro import load_trial
from dualfluoro.demo_trial import DemoPlan, write_demo_trial
from registration import Track, track_of_poses, write_truth

FRAMES = 3


@pytest.fixture(scope="session")
def made_trial(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "trial"
    write_demo_trial(folder, DemoPlan(frames=FRAMES, seed=1, size_px=128, spacing_mm=3.0))
    truth = Track.read(folder / "truth.csv")
    nudge = Rigid.exp(np.array([3.0, -2, 2, 0.02, -0.03, 0.02]))
    write_truth(folder / "init.csv", track_of_poses(truth.world_from_ct @ nudge, truth.time_s))
    return folder


@pytest.fixture(scope="session")
def tracked_trial(made_trial, tmp_path_factory) -> Path:
    from dualfluoro.cli import main

    folder = tmp_path_factory.mktemp("tracked") / "trial"
    shutil.copytree(made_trial, folder)
    assert main(["track", str(folder), "--init", str(folder / "init.csv"), "--quiet"]) == 0
    return folder


@pytest.fixture
def trial(made_trial, tmp_path) -> Path:
    """A copy to be spoiled."""
    folder = tmp_path / "trial"
    shutil.copytree(made_trial, folder)
    return folder


@pytest.fixture
def view_of(trial):
    """A view of the trial whose frames are other files."""

    def view(frames: str, **changes):
        return replace(load_trial(trial).views[0], frames=trial / frames, **changes)

    return view
