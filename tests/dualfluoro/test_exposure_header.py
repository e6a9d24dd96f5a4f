"""What image headers say of the beam: collimators of every shape, conflicts, frames, distortion."""

import sys
from pathlib import Path

import numpy as np
import pytest
import shapely
from pydicom.dataset import Dataset

from calibration import Camera
from dualfluoro import load_trial
from dualfluoro.dicom_notes import header_notes
from dualfluoro.exposure_header import collimator_of, header_of, header_provenance
from dualfluoro.exposures import field_of

sys.path.insert(0, str(Path(__file__).parent))
from xa_files import ENHANCED_XA, item, noisy, write_xa

GREY = noisy(3)
CAMERA = Camera(np.array([[1e3, 0, 63.5], [0, 1e3, 63.5], [0, 0, 1]]), np.eye(4), 128, 128)


def rectangle(left, right, upper, lower):
    return {
        "CollimatorShape": "RECTANGULAR",
        "CollimatorLeftVerticalEdge": left,
        "CollimatorRightVerticalEdge": right,
        "CollimatorUpperHorizontalEdge": upper,
        "CollimatorLowerHorizontalEdge": lower,
    }


def test_the_collimator_of_a_header_counts_from_one_and_rows_first():
    data = item(**rectangle(11, 91, 21, 71))
    assert header_of(data).field_px.tolist() == [[10, 20], [90, 20], [90, 70], [10, 70]]
    data.CollimatorShape = "POLYGONAL"
    data.VerticesOfThePolygonalCollimator = [21, 11, 21, 91, 71, 50]
    assert header_of(data).field_px.tolist() == [[10, 20], [90, 20], [49, 70]]
    data.CollimatorShape = ["CIRCULAR"]
    data.CenterOfCircularCollimator, data.RadiusOfCircularCollimator = [101, 201], 50
    assert header_of(data).field_px.mean(axis=0) == pytest.approx([200, 100])
    assert header_of(Dataset()).field_px is None


def test_a_collimator_of_two_shapes_is_open_where_both_are():
    data = item(**rectangle(41, 201, 1, 201))
    data.CollimatorShape = ["RECTANGULAR", "CIRCULAR"]
    data.CenterOfCircularCollimator, data.RadiusOfCircularCollimator = [101, 101], 80
    found = shapely.Polygon(header_of(data).field_px)
    circle = shapely.Point(100, 100).buffer(80, 64)
    expected = circle.intersection(shapely.box(40, 0, 200, 200))
    assert found.area == pytest.approx(expected.area, rel=1e-3)
    assert found.bounds == pytest.approx((40, 20, 180, 180), abs=0.05)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (rectangle(91, 11, 21, 71), "edges cross: left 91, right 11"),
        (rectangle(0, 0, 0, 0), "edges cross"),
        ({"CollimatorShape": "RECTANGULAR"}, "without its four edges"),
        ({"CollimatorShape": "CIRCULAR"}, "without its centre and radius"),
        ({"CollimatorShape": "HEXAGONAL"}, "'HEXAGONAL' without its outline"),
        (
            {
                "CollimatorShape": "POLYGONAL",
                "VerticesOfThePolygonalCollimator": [1, 1, 50, 50, 50, 1, 1, 50],
            },
            "crosses itself",
        ),
        (
            rectangle(1, 20, 1, 20)
            | {
                "CollimatorShape": ["RECTANGULAR", "CIRCULAR"],
                "CenterOfCircularCollimator": [90, 90],
                "RadiusOfCircularCollimator": 5,
            },
            "no area in common",
        ),
        ({"PositionerSecondaryAngle": 183.0}, "beyond DICOM's +-90"),
        ({"DistanceSourceToDetector": 1000, "DistanceSourceToPatient": 1200}, "not within"),
    ],
)
def test_what_a_header_contradicts_is_told_and_not_used(tmp_path, tags, said):
    write_xa(tmp_path / "x.dcm", GREY, **tags)
    assert header_of(item(**tags)).field_px is None
    notes = header_notes(tmp_path / "x.dcm", CAMERA, transmission=True)
    assert len(notes) == 1 and said in notes[0] and "x.dcm" in notes[0]
    told = header_provenance([tmp_path / "x.dcm"], CAMERA, None, distorted=False)
    assert said in told["conflicts"][0]


def test_a_field_beyond_the_collimator_is_told(tmp_path):
    write_xa(tmp_path / "x.dcm", GREY, **rectangle(11, 91, 21, 71), KVP="80")
    inside = np.array([[20, 30], [80, 30], [80, 60], [20, 60.0]])
    files = [tmp_path / "x.dcm"]
    told = header_provenance(files, CAMERA, inside, distorted=False)
    assert (told["kvp"], told["conflicts"]) == (80, [])
    beyond = header_provenance(files, CAMERA, inside * [1, 2], distorted=False)
    assert "83 % of the field lies outside" in beyond["conflicts"][0]
    assert header_provenance([tmp_path / "x.png"], CAMERA, None, distorted=False) is None


@pytest.mark.parametrize("name", ["x", "x.dcm", "IM.0001"])
def test_the_name_of_the_file_does_not_matter(tmp_path, name):
    write_xa(tmp_path / name, GREY, **rectangle(11, 91, 21, 71))
    found = collimator_of([tmp_path / name], 2, CAMERA, distorted=False)
    assert found.tolist() == [[10, 20], [90, 20], [90, 70], [10, 70]]


def test_each_frame_has_its_own_collimator(tmp_path):
    shapes = [item(**rectangle(11 + n, 91, 21, 71)) for n in range(3)]
    groups = [item(CollimatorShapeSequence=[shape]) for shape in shapes]
    tags = {"SOPClassUID": ENHANCED_XA, "PerFrameFunctionalGroupsSequence": groups}
    write_xa(tmp_path / "e.dcm", GREY, **tags)
    for n in range(3):
        write_xa(tmp_path / f"{n}.dcm", GREY[n : n + 1], **rectangle(11 + n, 91, 21, 71))
    for files in ([tmp_path / "e.dcm"], [tmp_path / f"{n}.dcm" for n in range(3)]):
        lefts = [collimator_of(files, n, CAMERA, distorted=False)[0, 0] for n in range(3)]
        assert lefts == [10, 11, 12]


def test_the_outline_is_carried_through_the_distortion(tmp_path):
    terms = {"model": "opencv", "coefficients": [0.6, 0.0, 0.0, 0.0, 0.0]}
    K = np.array([[300.0, 0, 63.5], [0, 300.0, 63.5], [0, 0, 1]])
    camera = Camera(K, np.eye(4), 128, 128, name="A", distortion=terms)
    write_xa(tmp_path / "x.dcm", GREY, **rectangle(11, 119, 11, 119))
    found = collimator_of([tmp_path / "x.dcm"], 0, camera, distorted=True)
    raw = camera.distorted(found).numpy()
    assert np.abs(raw - 64).max(axis=1) == pytest.approx(54, abs=1e-6)
    left = found[np.abs(raw[:, 0] - 10) < 1e-6]
    assert len(left) > 10 and np.ptp(left[:, 0]) > 0.5, "a straight side of a bent image is bent"


def test_a_trial_takes_the_field_of_the_header_where_the_image_shows_none(trial):
    text = (trial / "trial.toml").read_text()
    camera = load_trial(trial).rig["A"]
    flat = np.full((3, camera.height, camera.width), 2000, np.uint16)
    write_xa(trial / "a.dcm", flat, **rectangle(11, 91, 21, 71))
    (trial / "trial.toml").write_text(text.replace('"A/*.png"', '"a.dcm"'))
    found = field_of(load_trial(trial), 0, flat[0] / np.float32(4095), 0)
    assert found.source == "header"
    assert found.outline_px.tolist() == [[10, 20], [90, 20], [90, 70], [10, 70]]
