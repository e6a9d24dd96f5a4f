"""Training narrows the gap, and goes on after a kill as if nothing had happened."""

import json
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import gan.training
from gan import preset, train_generators

SMALL = {"width": 4, "blocks": 1, "judge_width": 4, "epoch_steps": 4, "crop_px": 48}
TINY = replace(preset("tiny", steps=12), **SMALL)


def weights(folder, films, radiographs, config, seed=0):
    generators, judgement, _ = train_generators(films, radiographs, folder, config, seed=seed)
    return generators.state_dict(), judgement


def test_the_gap_between_the_looks_shrinks_and_anatomy_stays(films, radiographs, tmp_path):
    tiny = preset("tiny", steps=80)
    eager = tiny.weights._replace(edges=0.5, cycle=2.0, identity=0.0, turned=0.0)
    quick = {"epoch_steps": 40, "crop_px": 48, "average": 0.9, "learning_rate": 2e-3}
    _, found = weights(tmp_path, films, radiographs, replace(tiny, weights=eager, **quick))
    assert found.to_drr < 0.6 * found.before_drr and found.to_film < 0.6 * found.before_film
    assert found.drift_to_drr.median_px < 0.5 and found.drift_to_film.median_px < 0.5
    rows = (tmp_path / "translator_training.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["0", "40", "80"]


def test_interrupted_and_started_again_it_ends_with_the_same_weights(
    films, radiographs, tmp_path, monkeypatch
):
    whole, _ = weights(tmp_path / "whole", films, radiographs, TINY)
    average, calls = gan.training.average_gradients, []

    def stop(parameters):
        calls.append(0)
        if len(calls) in (8, 17):  # within a step: judges at an epoch's end, generators
            raise KeyboardInterrupt
        average(parameters)

    monkeypatch.setattr(gan.training, "average_gradients", stop)
    each = replace(TINY, checkpoint_s=0.0)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            weights(tmp_path / "parts", films, radiographs, each)
    parts, _ = weights(tmp_path / "parts", films, radiographs, each)
    assert len(calls) > 24  # two descents a step, and those that were repeated
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    other, _ = weights(tmp_path / "other", films, radiographs, TINY, seed=1)
    assert not all(torch.equal(whole[name], other[name]) for name in whole)


SCRIPT = """
import json, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from gan import Pictures, preset, train_generators
folder, stored = Path(sys.argv[1]), np.load(sys.argv[2])
films, radiographs = (Pictures(stored[name], stored["mask"]) for name in ("films", "radiographs"))
config = replace(preset("tiny", steps=24), checkpoint_s=0.05, **json.loads(sys.argv[3]))
said = lambda share, figures: print(share, flush=True)
train_generators(films, radiographs, folder, config, progress=said)
"""


def test_killed_in_the_middle_and_started_again_it_ends_with_the_same_weights(
    films, radiographs, tmp_path
):
    stored = {"films": films.attenuation, "radiographs": radiographs.attenuation}
    np.savez(tmp_path / "pictures.npz", mask=films.mask, **stored)
    told = [str(tmp_path / "killed"), str(tmp_path / "pictures.npz"), json.dumps(SMALL)]
    run = [sys.executable, "-c", SCRIPT, *told]
    process = subprocess.Popen(run, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if float(line) > 0.3:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    assert (tmp_path / "killed" / "translator.checkpoint").exists()
    config = replace(TINY, steps=24)
    resumed, _ = weights(tmp_path / "killed", films, radiographs, config)
    whole, _ = weights(tmp_path / "whole", films, radiographs, config)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_damaged_checkpoint_is_named(films, radiographs, tmp_path):
    (tmp_path / "translator.checkpoint").write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match=r"translator\.checkpoint: damaged"):
        weights(tmp_path, films, radiographs, TINY)


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="'huge' is not known, expected one of tiny, small"):
        preset("huge")
