import json
from pathlib import Path

import numpy as np
import pytest

from detector.landmark_files import (
    check_near_volume,
    read_landmark_deviations,
    read_landmarks,
    write_landmarks,
)
from drr.volume import Volume

POINTS = {"nasion": np.array([1.0, 82.5, -3.25]), "inion": np.array([0.1, -95.0, 1e-7])}
SLICER = Path(__file__).parents[2] / "../shared/data/markups"


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode("utf-8"))
    return path


def ours(**changes) -> str:
    content = {
        "format": "dualfluoro-landmarks",
        "version": 1,
        "frame": "ct",
        "unit": "mm",
        "axes": "RAS",
        "points": {"nasion": [1, 2, 3]},
    }
    return json.dumps({**content, **changes})


def markups(controls: list, system: str = "LPS", **more) -> str:
    return json.dumps(
        {"markups": [{"coordinateSystem": system, "controlPoints": controls, **more}]}
    )


@pytest.mark.parametrize("name", ["landmarks.json", "points.mrk.json", "points.fcsv"])
def test_every_format_returns_what_was_written_exactly(tmp_path, name):
    write_landmarks(tmp_path / name, POINTS)
    back = read_landmarks(tmp_path / name)
    assert list(back) == list(POINTS)
    for label, point in POINTS.items():
        np.testing.assert_array_equal(back[label], point)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["landmarks.json", "points.mrk.json", "points.fcsv"])
def test_written_and_read_and_written_again_is_the_same_bytes(tmp_path, name):
    write_landmarks(tmp_path / name, POINTS)
    first = (tmp_path / name).read_bytes()
    write_landmarks(tmp_path / name, read_landmarks(tmp_path / name))
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.parametrize("system, expected", [("LPS", [-1.0, -2.0, 3.0]), ("RAS", [1.0, 2.0, 3.0])])
def test_slicer_markups_turn_two_signs_only_in_lps(tmp_path, system, expected):
    text = markups([{"label": "a", "position": [1, 2, 3], "positionStatus": "defined"}], system)
    back = read_landmarks(written(tmp_path / "a.mrk.json", text))
    np.testing.assert_array_equal(back["a"], expected)


@pytest.mark.parametrize(
    "system, expected", [("0", [1.0, 2, 3]), ("RAS", [1.0, 2, 3]), ("LPS", [-1.0, -2, 3])]
)
def test_fcsv_takes_byte_order_mark_crlf_and_two_more_cells(tmp_path, system, expected):
    text = (
        "\ufeff# Markups fiducial file version = 5.6\r\n"
        f"# CoordinateSystem = {system}\r\n"
        "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\r\n"
        "1,1,2,3,0,0,0,1,1,1,0,F-1,,,2,0 \r\n\r\n"
    )
    back = read_landmarks(written(tmp_path / "a.fcsv", text))
    np.testing.assert_array_equal(back["F-1"], expected)


def test_a_point_that_is_not_defined_is_skipped_and_said(tmp_path):
    controls = [
        {"label": "a", "position": [1, 2, 3], "positionStatus": "defined"},
        {"label": "b", "position": [0, 0, 0], "positionStatus": "missing"},
    ]
    with pytest.warns(UserWarning, match=r"'b' is missing"):
        back = read_landmarks(written(tmp_path / "a.mrk.json", markups(controls)))
    assert list(back) == ["a"]


def test_landmarks_in_another_volume_are_refused():
    volume = Volume(np.zeros((11, 11, 11), np.int16), np.diag([10.0, 10.0, 10.0, 1.0]))
    check_near_volume({"a": np.array([50.0, 50.0, 110.0])}, volume, "a.fcsv")
    with pytest.raises(ValueError, match=r"a.fcsv: landmark 'a' lies 50 mm outside .* LPS and RAS"):
        check_near_volume({"a": np.array([-50.0, 50.0, 50.0])}, volume, "a.fcsv")


A = {"label": "a", "position": [1, 2, 3]}
MALFORMED = [
    ("a.json", "{", "not a JSON file"),
    ("a.json", "[" * 200_000, "not a JSON file"),
    ("a.json", "[]", "expected a JSON object"),
    ("a.json", ours(format="other"), "format must be 'dualfluoro-landmarks', found 'other'"),
    ("a.json", ours(version=2), "version must be 1, found 2"),
    ("a.json", ours(unit="cm"), "unit must be 'mm', found 'cm'"),
    ("a.json", ours(axes="LPS"), "axes must be 'RAS', found 'LPS'"),
    ("a.json", ours(frame="world"), "frame must be 'ct'"),
    ("a.json", ours(points=[]), "points must be an object"),
    ("a.json", ours(points={}), "no landmark"),
    ("a.json", ours(points={"a": [1, 2]}), "'a' must be three finite numbers"),
    ("a.json", ours(points={"a": [1, 2, None]}), "'a' must be three finite numbers"),
    ("a.json", ours(points={"a": [1, 2, float("nan")]}), "'a' must be three finite numbers"),
    ("a.json", '{"points": {"a": [1, 2, 3], "a": [1, 2, 4]}}', "'a' stands there twice"),
    ("a.mrk.json", markups([A], "IJK"), "coordinateSystem must be LPS or RAS, found 'IJK'"),
    ("a.mrk.json", markups([A], coordinateUnits="cm"), "coordinateUnits must be mm, found 'cm'"),
    ("a.mrk.json", markups([A, A]), "label 'a' stands there twice"),
    ("a.mrk.json", markups([{"label": "a"}]), "'a' must be three finite numbers"),
    ("a.mrk.json", '{"markups": [1]}', "markups must be a list of objects"),
    ("a.fcsv", "# CoordinateSystem = 7\n", ":1: CoordinateSystem must be LPS or RAS, found '7'"),
    ("a.fcsv", "1,1,2,3,0,0,0,1,1,1,0,a,,\n", ":1: points before the line"),
    ("a.fcsv", "# CoordinateSystem = RAS\n1,2\n", ":2: expected the cells id,x,y,z"),
    ("a.fcsv", "# CoordinateSystem = RAS\n1,x,2,3,0,0,0,1,1,1,0,a,,\n", ":2: landmark 'a' must"),
    ("a.fcsv", "# CoordinateSystem = RAS\n", "no landmark"),
]


@pytest.mark.parametrize("name, text, message", MALFORMED)
def test_a_malformed_file_is_refused_by_name(tmp_path, name, text, message):
    with pytest.raises(ValueError, match=message) as refusal:
        read_landmarks(written(tmp_path / name, text))
    assert name in str(refusal.value)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    for name in ("a.json", "a.fcsv"):
        (tmp_path / name).write_bytes(b"\xff\xfe\x00\x81")
        with pytest.raises(ValueError, match="not a"):
            read_landmarks(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.json"):
        read_landmarks(tmp_path / "gone.json")


def test_nothing_is_left_behind_where_landmarks_cannot_be_written(tmp_path):
    for name, points, message in [
        ("a.txt", POINTS, "written as .json"),
        ("a.fcsv", {"a,b": np.zeros(3)}, "no comma"),
        ("a.json", {"a": np.array([0.0, 0.0, np.nan])}, "three finite numbers"),
    ]:
        with pytest.raises(ValueError, match=message):
            write_landmarks(tmp_path / name, points)
    assert not list(tmp_path.iterdir())


def test_slicers_own_file_reads_as_41_points_in_ras():
    files = sorted(SLICER.glob("*.mrk.json"))
    if not files:
        pytest.skip("shared/data/markups is not on this machine")
    position = json.loads(files[0].read_text())["markups"][0]["controlPoints"][0]["position"]
    points = read_landmarks(files[0])
    assert len(points) == 41
    np.testing.assert_allclose(next(iter(points.values())), np.multiply(position, [-1, -1, 1]))


def test_deviations_of_found_points_go_along_and_others_have_none(tmp_path):
    points = {"nasion": np.array([1.0, 2, 3]), "own": np.array([4.0, 5, 6])}
    path = tmp_path / "landmarks.json"
    write_landmarks(path, points, {"nasion": 1.234})
    assert read_landmark_deviations(path) == {"nasion": 1.23}
    np.testing.assert_array_equal(read_landmarks(path)["nasion"], points["nasion"])
    for name in ("plain.json", "plain.fcsv", "plain.mrk.json"):
        write_landmarks(tmp_path / name, points)
        assert read_landmark_deviations(tmp_path / name) == {}


@pytest.mark.parametrize("sd", [{"nobody": 1}, {"a": 0}, {"a": "1"}, {"a": True}, [1], {"a": 1e9}])
def test_a_deviation_that_makes_no_sense_is_refused_by_name(tmp_path, sd):
    path = tmp_path / "landmarks.json"
    write_landmarks(path, {"a": np.zeros(3)})
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sd_mm": sd}))
    with pytest.raises(ValueError, match=r"landmarks\.json: sd_mm"):
        read_landmark_deviations(path)
