"""Landmark files come out in RAS mm whatever program wrote them; bad ones are refused by name."""

import json
from pathlib import Path

import numpy as np
import pytest

from detector import read_landmarks, spread_landmarks, write_landmarks
from drr.anatomy import HeadAnatomy

DATA = Path(__file__).parents[2] / "../shared/data"


def test_a_round_trip_is_exact(tmp_path):
    points = {"nasion": np.array([1.5, 80.25, -3.0]), "lens_left": np.array([-31.0, 70.1, 2.0])}
    write_landmarks(tmp_path / "landmarks.json", points)
    again = read_landmarks(tmp_path / "landmarks.json")
    assert list(again) == list(points)
    for name in points:
        np.testing.assert_array_equal(again[name], points[name])


def test_slicer_markups_in_lps_become_ras(tmp_path):
    markups = {
        "markups": [
            {
                "type": "Fiducial",
                "coordinateSystem": "LPS",
                "controlPoints": [
                    {"label": "a", "position": [1, 2, 3], "positionStatus": "defined"},
                    {"label": "b", "position": [0, 0, 0], "positionStatus": "undefined"},
                ],
            }
        ]
    }
    path = tmp_path / "points.mrk.json"
    path.write_text(json.dumps(markups))
    points = read_landmarks(path)
    assert list(points) == ["a"]
    np.testing.assert_array_equal(points["a"], [-1, -2, 3])


@pytest.mark.parametrize(("system", "sign"), [("0", 1), ("RAS", 1), ("LPS", -1)])
def test_fcsv_is_read_in_its_own_system(tmp_path, system, sign):
    path = tmp_path / "points.fcsv"
    path.write_text(
        "# Markups fiducial file version = 4.8\n"
        f"# CoordinateSystem = {system}\n"
        "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
        "vtk_1,1.5,-2,3,0,0,0,1,1,1,0,nasion,,,2,0\n"
    )
    np.testing.assert_array_equal(read_landmarks(path)["nasion"], [sign * 1.5, sign * -2.0, 3])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame": "world"}, "frame is 'world', expected 'ct'"),
        ({"unit": "cm"}, "unit is 'cm'"),
        ({"axes": "LPS"}, "axes is 'LPS'"),
        ({"format": "other"}, 'expected "format"'),
        ({"points": {"a": [1, 2]}}, "expected 3 finite numbers"),
        ({"points": {"a": [1, 2, float("nan")]}}, "expected 3 finite numbers"),
        ({"points": {"a": "x"}}, "landmark 'a'"),
        ({"points": {}}, "holds no landmarks"),
        ({"points": [1]}, "must be an object"),
    ],
)
def test_a_file_of_another_meaning_is_refused(tmp_path, change, message):
    path = tmp_path / "landmarks.json"
    write_landmarks(path, {"a": np.zeros(3)})
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        read_landmarks(path)


def test_a_name_twice_is_refused(tmp_path):
    row = "x,1,2,3,0,0,0,1,1,1,0,nasion,,\n"
    path = tmp_path / "points.fcsv"
    path.write_text("# CoordinateSystem = RAS\n" + row + row)
    with pytest.raises(ValueError, match="'nasion' is there twice"):
        read_landmarks(path)


def test_an_unknown_system_is_refused_with_its_line(tmp_path):
    path = tmp_path / "points.fcsv"
    path.write_text("# Markups\n# CoordinateSystem = IJK\n")
    with pytest.raises(ValueError, match=r"points.fcsv:2: CoordinateSystem is 'IJK'"):
        read_landmarks(path)


def test_a_real_slicer_file_reads():
    path = DATA / "markups/Gorilla_template_LM1.mrk.json"
    if not path.exists():
        pytest.skip("the shared Slicer markups are not here")
    assert len(read_landmarks(path)) == 41


def box_anatomy():
    mask = np.zeros((30, 30, 30), bool)
    mask[5:25, 5:25, 5:25] = True
    return HeadAnatomy(mask, mask, None, np.diag([2.0, 2, 2, 1]), False, 300.0)


def test_spread_landmarks_lie_on_the_surface_and_far_apart():
    points = np.array(list(spread_landmarks(box_anatomy(), 20).values()))
    low, high = 10.0, 48.0
    assert ((points == low) | (points == high)).any(-1).all()
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) + 1e9 * np.eye(20)
    assert distances.min() > 12


def test_too_little_bone_is_said():
    with pytest.raises(ValueError, match="surface points, 10000 landmarks were asked for"):
        spread_landmarks(box_anatomy(), 10000)
