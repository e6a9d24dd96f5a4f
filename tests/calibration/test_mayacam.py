from pathlib import Path

import numpy as np
import pytest

from calibration import Rig, read_mayacam

DATA = Path(__file__).parents[2] / "../shared/data"
PAIRS = {
    "wrist": ("mm", "wrist/xr_calib_wrist_cam0{}.txt", 1760),
    "knee": ("mm", "calibration/mayacam_autoscoper/xr_calib_left_knee_cam0{}.txt", 1760),
    "ankle": ("mm", "calibration/mayacam_autoscoper/xr_calib_right_ankle_cam0{}.txt", 2048),
    "xromm": ("cm", "calibration/mayacam_xromm/Calibration_cam{0}_MayaCam{0}.txt", 1024),
    "implants": ("mm", "implants/Camcal{}.txt", 1024),
}
TEXT = """image size
1024,960

camera matrix
3000.5,0,480.25
0,3060.25,530.5
0,0,1

rotation
0,1,0
0,0,1
1,0,0

translation
1.5
-2.5
80
"""
TERMS = ["0.1", "-0.2", "0.001", "-0.002", "0.3", "0.01", "0.02", "0.03"]


@pytest.fixture
def file(tmp_path):
    def write(content=TEXT):
        path = tmp_path / "cube_MayaCam1.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def line(number, text):
    lines = TEXT.splitlines()
    lines[number - 1] = text
    return "\n".join(lines)


def test_a_plain_file_is_read_as_it_stands(file):
    view = read_mayacam([file()], unit="mm")["A"]
    np.testing.assert_array_equal(view.K, [[3000.5, 0, 480.25], [0, 3060.25, 530.5], [0, 0, 1]])
    np.testing.assert_array_equal(view.cam_from_world.R, [[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(view.cam_from_world.t, [1.5, -2.5, 80])
    assert (view.width, view.height) == (1024, 960)
    assert view.pixel_spacing_mm is None and view.distortion is None


def test_centimetres_become_millimetres_and_pixels_stay(file):
    mm, cm = (read_mayacam([file()], unit=unit)["A"] for unit in ("mm", "cm"))
    np.testing.assert_array_equal(cm.cam_from_world.t, [15, -25, 800])
    np.testing.assert_array_equal(cm.K, mm.K)
    point = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(cm.project(10 * point), mm.project(point), atol=1e-10)


def test_the_unit_has_no_default(file):
    with pytest.raises(ValueError, match=r"no unit was given for .*does not store its unit.*cm"):
        read_mayacam([file()])
    with pytest.raises(ValueError, match="the unit is 'm'"):
        read_mayacam([file()], unit="m")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "  \t\n") + "\n \n\n",
        TEXT.rstrip("\n"),
        TEXT.replace(",", " , "),
    ],
    ids=["byte-order mark", "CRLF", "trailing blanks", "no last newline", "blanks in lines"],
)
def test_harmless_differences_are_accepted(file, content):
    view = read_mayacam([file(content)], unit="mm")["A"]
    np.testing.assert_array_equal(view.cam_from_world.t, [1.5, -2.5, 80])


@pytest.mark.parametrize("layout", ["\n".join(TERMS), ",".join(TERMS), ", ".join(TERMS) + "\n\n"])
def test_lens_terms_are_read_on_eight_lines_and_on_one(file, layout):
    view = read_mayacam([file(f"{TEXT}\nundistortion\n{layout}\n")], unit="mm")["A"]
    assert view.distortion == {"model": "opencv", "coefficients": [float(t) for t in TERMS]}


def test_lens_terms_of_zero_are_no_distortion(file):
    content = TEXT + "\nundistortion\n" + "0\n" * 8
    assert read_mayacam([file(content)], unit="mm")["A"].distortion is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"MayaCam1\.txt:1: not a MayaCam 2.0 file.*empty"),
        (b"\xff\xfe\x00", "expected text in UTF-8"),
        ("1,2,3\n" * 5, "looks like MayaCam 1.0"),
        ('{"version": 1}', "VTKCam 1.0, not supported"),
        ("hello", "found 'hello'"),
        ("\n".join(TEXT.splitlines()[:16]), "at least 17 lines, found 16; is it cut off"),
        (line(2, "1024"), r":2: expected width,height in whole pixels, found '1024'"),
        (line(2, "1024.5,960"), ":2: expected width,height in whole pixels"),
        (line(2, "1024,-960"), ":2: expected width,height in whole pixels"),
        (line(2, "0,960"), ":5: width is 0"),
        (line(4, "rotation"), ":4: expected 'camera matrix', found 'rotation'"),
        (line(8, "0,0,1"), ":8: expected a blank line"),
        (line(5, "3000.5,0"), ":5: expected 3 finite numbers, comma separated, found '3000.5,0'"),
        (line(5, "3000.5,0,nan"), ":5: expected 3 finite numbers"),
        (line(5, "3000.5,2,480"), ":5: K has skew 2"),
        (line(6, "0,-3060,530"), ":5: K has .*fy = -3060"),
        (line(11, "0,0,x"), ":11: expected 3 finite numbers"),
        (line(12, "-1,0,0"), ":10: rotation: .*det.R. is -1, a mirror image"),
        (line(12, "1.1,0,0"), ":10: rotation: .*not orthonormal"),
        (line(16, "-2.5,7"), ":16: expected one finite number"),
        (TEXT + "\nnotes\n", ":19: expected 'undistortion' or the end, found 'notes'"),
        (TEXT + "\nundistortion\n" + "0.1\n" * 7, ":19: undistortion holds 8 .* found 7 lines"),
        (TEXT + "\nundistortion\n", ":19: undistortion holds 8 .* found 0 lines"),
        (TEXT + "\nundistortion\n0.1,0.2\n", ":20: expected 8 finite numbers"),
    ],
)
def test_a_malformed_file_is_refused_naming_the_line(file, content, message):
    with pytest.raises(ValueError, match=message):
        read_mayacam([file(content)], unit="mm")


def test_a_missing_file_and_a_missing_name_are_told(file, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such MayaCam file"):
        read_mayacam([tmp_path / "none.txt"], unit="mm")
    with pytest.raises(ValueError, match="2 MayaCam files but 1 names: A"):
        read_mayacam([file(), file()], unit="mm", names=["A"])


def test_cameras_are_named_in_order_or_as_told(file):
    assert read_mayacam([file(), file()], unit="mm").names == ("A", "B")
    assert read_mayacam(file(), unit="mm", names=["left"]).names == ("left",)


def pair(key):
    unit, pattern, size = PAIRS[key]
    paths = [DATA / pattern.format(number) for number in (1, 2)]
    if not all(path.exists() for path in paths):
        pytest.skip(f"the MayaCam files of {key} are not here (shared/data)")
    return read_mayacam(paths, unit=unit), paths, size


@pytest.mark.parametrize("key", PAIRS)
def test_real_pairs_are_read_and_see_the_world_origin(key):
    two, paths, size = pair(key)
    for view, path in zip(two, paths, strict=True):
        assert view.width == view.height == size
        R = np.loadtxt(path, delimiter=",", skiprows=9, max_rows=3)
        np.testing.assert_allclose(view.cam_from_world.R, R, atol=1e-10)
        assert 750 < view.center_world.norm() < 1500  # mm, whatever the file's unit
        assert view.depth(np.zeros(3)) > 0
    near = np.random.default_rng(0).uniform(-50, 50, size=(20, 3))
    pixels = np.stack([view.project(near) for view in two])
    np.testing.assert_allclose(two.triangulate(pixels), near, atol=1e-9)


@pytest.mark.parametrize(("key", "angle_deg"), [("xromm", 116.7), ("implants", 70.3)])
def test_the_axes_of_real_pairs_stand_as_known(key, angle_deg):
    two, *_ = pair(key)
    first, second = (view.rays(view.K[:2, 2]) for view in two)
    assert np.degrees(np.arccos(float(first @ second))) == pytest.approx(angle_deg, abs=0.05)


@pytest.mark.parametrize("key", PAIRS)
def test_a_real_pair_survives_rig_json_exactly(key, tmp_path):
    two, *_ = pair(key)
    two.write(tmp_path / "rig.json")
    for before, after in zip(two, Rig.read(tmp_path / "rig.json"), strict=True):
        np.testing.assert_array_equal(after.cam_from_world, before.cam_from_world)
        np.testing.assert_array_equal(after.K, before.K)
