"""`train landmarks` and `locate` as a user runs them, on small made-up images."""

import csv
import json

import cv2
import nibabel
import numpy as np
import pytest

from detector import patch_settings
from detector.patch_settings import PatchSettings
from drr import LANDMARK_NAMES, digital_head
from dualfluoro.cli import main
from dualfluoro.options import Common
from dualfluoro.stages.locate import locate
from dualfluoro.stages.train_landmarks import train_landmarks

TINY = PatchSettings(
    steps=2, global_px=32, zoom=2, local_px=32, width=16, blocks=1, features=16, global_batch=2,
    local_batch=2,
)  # fmt: skip
QUIET = Common(quiet=True)
HEADER = "image,landmark,u_px,v_px,sd_px,in_field,x_mm,y_mm,z_mm,sd_mm".split(",")


def write_volume(path, data):
    affine = np.diag([4.0, 4, 4, 1])
    nibabel.save(nibabel.Nifti1Image(data.astype(np.int16), affine), path)


@pytest.fixture(scope="module", params=[2, 3])
def trained(request, tmp_path_factory):
    """A folder of images or volumes and a model of it that has seen two batches."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    rows = ["image,landmark,x,y" + ",z" * (request.param == 3)]
    for n in range(4):
        if request.param == 2:
            name, point = f"{n}.png", "20,30"
            cv2.imwrite(str(folder / name), rng.integers(0, 255, (48, 40), np.uint8))
        else:
            name, point = f"{n}.nii.gz", "40,50,60"
            write_volume(folder / name, rng.integers(-1000, 1500, (24, 26, 28)))
        rows += [f"{name},{landmark},{point}" for landmark in ("a", "b")]
    (folder / "landmarks.csv").write_text("\n".join(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patch_settings, "settings_for", lambda dim, minutes: TINY)
        model = train_landmarks(folder, out=folder / "m.safetensors", common=QUIET)
    return request.param, folder, model


def test_a_row_for_each_landmark_and_a_sheet(trained, tmp_path):
    dim, folder, model = trained
    locate([folder], model=str(model), out=tmp_path / "found.csv", common=QUIET)
    with (tmp_path / "found.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == HEADER
    assert len(rows) == 4 * 2 and [row["landmark"] for row in rows[:2]] == ["a", "b"]
    filled = HEADER[2:5] if dim == 2 else HEADER[6:]
    for row in rows:
        assert row["in_field"] in ("0", "1")
        assert {name for name in HEADER[2:5] + HEADER[6:] if row[name]} == set(filled)
        assert np.isfinite([float(row[name]) for name in filled]).all()
    sheet = cv2.imread(str(tmp_path / "found.png"))
    assert sheet is not None and sheet.std() > 0


def test_a_page_says_how_the_training_went(trained):
    dim, folder, _ = trained
    page = (folder / "m_training.html").read_text()
    assert "not trained on" in page and page.count('class="plot"') == 6
    assert ("data:image/webp" in page) == (dim == 2)


def test_images_of_the_other_kind_are_refused(trained, tmp_path):
    dim, _, model = trained
    other = tmp_path / ("x.nii.gz" if dim == 2 else "x.png")
    if dim == 2:
        write_volume(other, np.zeros((4, 4, 4)))
    else:
        cv2.imwrite(str(other), np.zeros((8, 8), np.uint8))
    with pytest.raises(ValueError, match=r"x\.(nii\.gz|png)"):
        locate([other], model=str(model), out=tmp_path / "found.csv", common=QUIET)
    assert not (tmp_path / "found.csv").exists()


def test_what_is_missing_is_said(tmp_path):
    out, image = tmp_path / "found.csv", [tmp_path / "none.png"]
    with pytest.raises(FileNotFoundError, match=r"m.safetensors: there is no such file"):
        locate(image, model=str(tmp_path / "m.safetensors"), out=out)
    with pytest.raises(ValueError, match="belong together"):
        locate(image, model="head", out=out, rig=tmp_path / "rig.json")
    with pytest.raises(ValueError, match=r"ends in \.csv"):
        locate(image, model="head", out=tmp_path / "x.txt")
    with pytest.raises(ValueError, match=r"ends in \.safetensors"):
        train_landmarks(tmp_path, out=tmp_path / "x.pt")
    with pytest.raises(FileNotFoundError, match=r"landmarks\.csv"):
        train_landmarks(tmp_path, out=tmp_path / "x.safetensors")
    for option in ({"distorted": True}, {"intensity": "attenuation"}):
        with pytest.raises(ValueError, match="of use to the model `head` alone"):
            locate(image, model=str(tmp_path / "m.safetensors"), out=out, **option)


def test_the_released_head_model_from_the_command_line(tmp_path):
    camera = {
        "width": 160, "height": 160, "pixel_spacing_mm": None, "distortion": None,
        "K": [[500, 0, 79.5], [0, 500, 79.5], [0, 0, 1]],
    }  # fmt: skip
    away = [[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 1500], [0, 0, 0, 1]]
    poses = {"A": np.eye(4).tolist(), "B": away}
    cameras = [camera | {"name": name, "cam_from_world": pose} for name, pose in poses.items()]
    rig = tmp_path / "rig.json"
    rig.write_text(
        json.dumps({"format": "dualfluoro-rig", "version": 1, "unit": "mm", "cameras": cameras})
    )
    rng, image = np.random.default_rng(0), tmp_path / "frame.png"
    cv2.imwrite(str(image), rng.integers(60, 200, (160, 160), np.uint8))
    out = tmp_path / "found.csv"
    given = ["--model", "head", "--out", str(out), "--quiet", "--device", "cpu"]
    assert main(["locate", str(image), *given, "--facing", "away"]) == 0
    flat = list(csv.DictReader(out.open()))
    assert [row["landmark"] for row in flat] == list(LANDMARK_NAMES)
    assert all(row["x_mm"] == "" and float(row["sd_px"]) > 0 for row in flat)
    assert main(["locate", str(image), *given, "--rig", str(rig), "--view", "A"]) == 0
    for row in csv.DictReader(out.open()):
        x, y, z = (float(row[f"{axis}_mm"]) for axis in "xyz")
        assert float(row["u_px"]) == pytest.approx(500 * x / z + 79.5, abs=0.01)
        assert float(row["v_px"]) == pytest.approx(500 * y / z + 79.5, abs=0.01)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--rig", "rig.json", "--view", "C"], "C"),
        (["--distorted"], "--distorted takes --rig"),
        (["--facing", "up"], "Invalid value"),
    ],
)
def test_wrong_options_of_the_head_model(tmp_path, capsys, options, says, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("frame.png", np.full((64, 64), 90, np.uint8))
    K = [[500, 0, 31.5], [0, 500, 31.5], [0, 0, 1]]
    camera = {"name": "A", "width": 64, "height": 64, "K": K, "pixel_spacing_mm": None,
              "cam_from_world": np.eye(4).tolist(), "distortion": None}  # fmt: skip
    rig = {"format": "dualfluoro-rig", "version": 1, "unit": "mm", "cameras": [camera]}
    (tmp_path / "rig.json").write_text(json.dumps(rig))
    assert main(["locate", "frame.png", "--model", "head", "--out", "x.csv", *options]) in (1, 2)
    assert says in capsys.readouterr().err and not (tmp_path / "x.csv").exists()


def test_the_released_model_of_cts_finds_the_landmarks_of_a_head_it_never_saw(tmp_path):
    made = digital_head(4711, 4.0)
    path, out = tmp_path / "ct.nii.gz", tmp_path / "found.csv"
    nibabel.save(nibabel.Nifti1Image(made.volume.data_hu, made.volume.ct_from_voxel), path)
    assert main(["locate", str(path), "--model", "ct", "--out", str(out), "--quiet"]) == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["landmark"] for row in rows] == list(LANDMARK_NAMES)
    found = np.array([[float(row[f"{axis}_mm"]) for axis in "xyz"] for row in rows])
    off_mm = np.linalg.norm(found - [made.landmarks[name] for name in LANDMARK_NAMES], axis=1)
    assert np.median(off_mm) < 3 and (tmp_path / "found.png").stat().st_size > 1000


def test_a_volume_without_a_head_is_named(tmp_path, capsys):
    write_volume(tmp_path / "air.nii.gz", np.full((30, 30, 30), -1000))
    given = [str(tmp_path / "air.nii.gz"), "--model", "ct", "--out", str(tmp_path / "x.csv")]
    assert main(["locate", *given, "--quiet"]) == 1
    assert "air.nii.gz: " in capsys.readouterr().err and not (tmp_path / "x.csv").exists()
