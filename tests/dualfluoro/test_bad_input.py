"""What a user may get wrong: each ends with one line on standard error, status 1, and no output."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from detector import Detector, LandmarkNetwork, Shape
from detector.card import Card
from dualfluoro.cli import main

MAYACAM = """image size
128,128

camera matrix
400,0,64
0,400,64
0,0,1

rotation
1,0,0
0,1,0
0,0,1

translation
0
0
75
"""


def no_ct(trial: Path) -> None:
    (trial / "ct.nii.gz").unlink()


def ct_not_in_hu(trial: Path) -> None:
    data = np.full((20, 20, 20), 900, np.int16)
    nibabel.save(nibabel.Nifti1Image(data, np.diag([4.0, 4, 4, 1])), trial / "ct.nii.gz")


def unequal_counts(trial: Path) -> None:
    (trial / "B" / "0002.png").unlink()


def other_image_size(trial: Path) -> None:
    for path in (trial / "B").glob("*.png"):
        Image.new("I;16", (120, 128)).save(path)


def mirrored_rig(trial: Path) -> None:
    rig = json.loads((trial / "rig.json").read_text())
    row = rig["cameras"][0]["cam_from_world"][0]
    rig["cameras"][0]["cam_from_world"][0] = [-value for value in row]
    (trial / "rig.json").write_text(json.dumps(rig))


def mayacam_without_unit(trial: Path) -> None:
    (trial / "cam1.txt").write_text(MAYACAM)
    (trial / "cam2.txt").write_text(MAYACAM)
    text = (trial / "trial.toml").read_text()
    text = text.replace('file = "rig.json"', 'mayacam = ["cam1.txt", "cam2.txt"]')
    (trial / "trial.toml").write_text(text)


def unknown_key(trial: Path) -> None:
    text = (trial / "trial.toml").read_text()
    (trial / "trial.toml").write_text(text.replace("rate_hz", "rate_Hz"))


def truncated_png(trial: Path) -> None:
    path = trial / "A" / "0000.png"
    path.write_bytes(path.read_bytes()[:-3000])


def other_weights(trial: Path) -> None:
    names = {f"s{n:02d}": [float(n), 0.0, 0.0] for n in range(4)}
    shape = Shape(4, depth=5, width=8, slope=12.0, growth=2.0, group=8, features=16)
    card = Card(names, "0" * 64, shape._asdict(), 1.0, {}, {})
    Detector(LandmarkNetwork(shape), card).write(trial / "models" / "detector.safetensors")


def no_models(trial: Path) -> None:
    pass


def init_not_a_track(trial: Path) -> None:
    (trial / "init.csv").write_text("frame,time\n0,0\n")


def no_trial(trial: Path) -> None:
    (trial / "trial.toml").unlink()


BY_INIT = ["--init", "{trial}/init.csv"]
CASES = [
    (no_ct, BY_INIT, "there is no CT at"),
    (ct_not_in_hu, BY_INIT, "not in HU"),
    (unequal_counts, BY_INIT, "A has 3, B has 2"),
    (other_image_size, BY_INIT, "the image is 120 x 128 pixels, but camera 'B' of the rig has 128"),
    (mirrored_rig, BY_INIT, "mirror"),
    (mayacam_without_unit, BY_INIT, 'needs unit = "mm" or unit = "cm"'),
    (unknown_key, BY_INIT, "[time] rate_Hz: unknown key; did you mean 'rate_hz'?"),
    (truncated_png, BY_INIT, "0000.png: the image cannot be read"),
    (other_weights, [], "trained on another CT"),
    (no_models, [], "dualfluoro prepare"),
    (init_not_a_track, BY_INIT, "init.csv:1: column 'time_s' is missing"),
    (no_trial, BY_INIT, "trial.toml: there is no such file"),
    (no_models, ["--init", "{trial}/init.csv", "--device", "cuda"], "finds no GPU"),
]


@pytest.mark.parametrize(("spoil", "options", "said"), CASES, ids=[c[0].__name__ for c in CASES])
def test_a_mistake_ends_in_one_line_and_nothing_written(trial, capsys, spoil, options, said):
    import torch

    if "cuda" in options and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    spoil(trial)
    before = sorted(trial.rglob("*"))
    tokens = [option.format(trial=trial) for option in options]
    assert main(["track", str(trial), *tokens]) == 1
    out, err = capsys.readouterr()
    assert said in err, err
    assert err.startswith("dualfluoro: ") and err.count("\n") == 1
    assert "Traceback" not in out + err
    assert sorted(trial.rglob("*")) == before
