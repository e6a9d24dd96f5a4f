"""Files that once ended in a traceback, or in a message without the file: found by attack."""

import json
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest

from calibration import Rig
from detector import Detector, LandmarkNetwork, Shape
from detector.card import Card
from detector.landmark_files import read_landmarks
from detector.landmark_folder import read_landmark_folder
from drr import Volume
from drr.dataset import _sha256, read_shard
from dualfluoro.calibration_file import load_calibration
from dualfluoro.cli import LONGEST_LINE, main
from dualfluoro.dose_rdsr import read_rdsr
from dualfluoro.exposure_header import read_header
from dualfluoro.scene_exposure import read_scene_exposure
from dualfluoro.scene_surfaces import read_surfaces
from dualfluoro.trial import load_trial
from exposure.beam_list import read_beams

sys.path.insert(0, str(Path(__file__).parent))
from xa_files import noisy, write_xa

DIGITS = "9" * 5000
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("name", "read", "text"),
    [
        ("trial.toml", load_trial, f"[time]\nrate_hz = {DIGITS}\n"),
        ("trial.toml", load_trial, "a = " + "[" * 20_000),
        ("calibration.toml", load_calibration, f"unit = {DIGITS}\n"),
        ("landmarks.json", read_landmarks, f'{{"version": {DIGITS}}}'),
        (
            "landmarks.json",
            read_landmarks,
            '{"format": "dualfluoro-landmarks", "version": 1, "frame": "ct", "unit": "mm", '
            f'"axes": "RAS", "points": {{"a": [1{"0" * 400}, 0, 0]}}}}',
        ),
        ("rig.json", Rig.read, f'{{"version": {DIGITS}}}'),
        ("beams.json", read_beams, "[" * 100_000),
        (
            "landmarks.csv",
            lambda path: read_landmark_folder(path.parent),
            f"image,landmark,x,y\n{DIGITS}.png,a,1,2\n",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_numbers_names_and_nesting_beyond_all_measure_are_refused_by_name(
    tmp_path, name, read, text
):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        read(tmp_path / name)


def test_two_cameras_of_one_name_are_refused_with_the_file(trial):
    rig = json.loads((trial / "rig.json").read_text())
    rig["cameras"] *= 2
    (trial / "rig.json").write_text(json.dumps(rig))
    with pytest.raises(ValueError, match=r"rig\.json: .*unique names"):
        Rig.read(trial / "rig.json")


def test_a_nifti_whose_data_begin_beyond_all_files_is_refused(tmp_path):
    raw = bytearray(nibabel.Nifti1Image(np.zeros((8, 8, 8), np.int16), np.eye(4)).to_bytes())
    raw[108:112] = struct.pack("<f", 1e30)  # vox_offset
    (tmp_path / "ct.nii").write_bytes(raw)
    with pytest.raises(ValueError, match=r"ct\.nii: cannot be read"):
        Volume.read(tmp_path / "ct.nii")


def test_a_shard_that_is_damaged_as_its_manifest_says_is_refused(tmp_path):
    path = tmp_path / "shard.npz"
    for content in (b"", b"PK\x03\x04 not a zip", b"x" * 100):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"shard\.npz: a damaged shard"):
            list(read_shard(path, _sha256(path)))


def test_a_network_of_infinite_growth_is_refused(tmp_path):
    shape = Shape(1, depth=5, width=8, slope=12.0, growth=2.0, group=8, features=16)
    card = Card({"a": [0.0, 0.0, 0.0]}, "0" * 64, shape._asdict(), 1.0, {}, {})
    path = tmp_path / "m.safetensors"
    Detector(LandmarkNetwork(shape), card).write(path)
    text = path.with_suffix(".json").read_text()
    for entry in ('"growth": 2000.0', '"growth": 5e-324', '"slope": 5e-324'):
        name = entry.split(":")[0]
        damaged = re.sub(rf"{name}: [\d.]+", entry, text)
        assert damaged != text
        path.with_suffix(".json").write_text(damaged)
        with pytest.raises(ValueError, match=r"m\.(safetensors|json)"):
            Detector.read(path)


@pytest.mark.parametrize("content", ['{"format": "dualfluoro-exposure"}', "[" * 9999, "9" * 5000])
def test_an_exposure_that_is_damaged_is_refused(tmp_path, content):
    (tmp_path / "exposure.json").write_text(content)
    with pytest.raises(ValueError, match=r"exposure\.json: damaged"):
        read_scene_exposure(tmp_path / "track.csv", ("A",), 2)


def test_a_cache_of_another_kind_is_made_anew(tmp_path):
    names = [f"{part}_{what}" for part in ("bone", "skin") for what in ("vertices", "faces")]
    with zipfile.ZipFile(tmp_path / "s.npz", "w") as packed:
        for name in [*names, "skin_on_cut"]:
            packed.writestr(name, b"not an array")
    assert read_surfaces(tmp_path / "s.npz") is None
    raw = bytearray((tmp_path / "s.npz").read_bytes())
    raw[raw.index(b"PK\x01\x02") + 6] = 200  # needs a later version of zip
    (tmp_path / "s.npz").write_bytes(raw)
    assert read_surfaces(tmp_path / "s.npz") is None


def test_headers_that_are_no_dicom_any_more_are_refused(tmp_path):
    write_xa(tmp_path / "x.dcm", noisy(2, 8, 8), CollimatorShape="RECTANGULAR", KVP="80")
    raw = bytearray((tmp_path / "x.dcm").read_bytes())
    at = raw.index(b"CS", raw.index(b"RECTANGULAR") - 12)
    raw[at : at + 2] = b"CE"
    (tmp_path / "x.dcm").write_bytes(raw)
    with pytest.raises(ValueError, match=r"x\.dcm"):
        read_header(tmp_path / "x.dcm")
    for kept in (0, 100, 200, 300, len(raw)):
        (tmp_path / "y.dcm").write_bytes(raw[:kept])
        with pytest.raises(ValueError, match=r"y\.dcm"):
            read_rdsr(tmp_path / "y.dcm")


def test_a_complaint_stays_short(trial, capsys):
    text = (trial / "trial.toml").read_text()
    (trial / "trial.toml").write_text(text.replace("rate_hz", '"' + "x" * 70_000 + '"'))
    assert main(["report", str(trial)]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and len(err) < LONGEST_LINE + 100


def test_a_short_attack_finds_nothing():
    """In a process of its own: it forks, which a process with threads should not."""
    chosen = ["track.csv", "landmarks", "rig.json", "cine", "XA frames", "column of a csv"]
    command = [sys.executable, BENCHMARKS / "fuzz.py", "--cases", "60", "--seed", "7"]
    run = subprocess.run([*command, "--only", *chosen], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(run.stdout.splitlines()) == 1 + len(chosen)
