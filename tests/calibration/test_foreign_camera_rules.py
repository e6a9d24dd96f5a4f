"""Every rule "accept" and "refuse" of formats.md for camera files, by section; hostile files."""

import os
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from calibration import Camera, Rig, Rigid, read_mayacam
from calibration.anipose_toml import anipose_text, read_anipose
from calibration.dlt_file import dlt_text, read_dlt
from calibration.jointtrack_calibration import (
    jointtrack_calibration_text,
    read_jointtrack_calibration,
)
from calibration.length_unit import mm_of_text, text_of_mm
from calibration.mayacam import mayacam_text
from calibration.mayacam1 import mayacam1_text, read_mayacam1
from calibration.opencv_yaml import opencv_yaml_text, read_opencv_yaml
from calibration.rtk_geometry import DetectorImage, centred_image, read_rtk, rtk_text
from calibration.xreg_hdf5 import read_xreg, write_xreg

DATA = Path(__file__).parents[2] / "../shared/data"
SIZE = (1024, 960)
R = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
K = np.array([[3000.5, 0, 480.25], [0, 3000.5, 530.5], [0, 0, 1]])
VIEW = Camera(K, Rigid(R, np.array([1.5, -2.5, 80.0])), *SIZE, name="A", pixel_spacing_mm=0.5)
RIG = Rig((VIEW,))
IMAGE = centred_image(VIEW, (0.5, 0.5))
KEYS = [{part: f"{part}1" for part in ("K", "D", "R", "t", "width", "height")}]
READ = {
    "mayacam2": lambda path: read_mayacam(path, "mm"),
    "mayacam1": lambda path: read_mayacam1(path, "mm"),
    "dlt": lambda path: read_dlt(path, unit="mm", size_px=[SIZE]),
    "yaml": lambda path: read_opencv_yaml(path, unit="mm", keys=KEYS),
    "anipose": lambda path: read_anipose(path, "mm"),
    "jointtrack": lambda path: read_jointtrack_calibration(path, SIZE),
    "rtk": lambda path: read_rtk(path, IMAGE, "mm"),
}
WRITE = {
    "mayacam2": lambda rig: mayacam_text(rig.cameras[0], "mm"),
    "mayacam1": lambda rig: mayacam1_text(rig.cameras[0], "mm"),
    "dlt": lambda rig: dlt_text(rig, "mm"),
    "yaml": lambda rig: opencv_yaml_text(rig, "mm"),
    "anipose": lambda rig: anipose_text(rig, "mm"),
    "jointtrack": jointtrack_calibration_text,
    "rtk": rtk_text,
}
ONE = Rig((Camera(K, Rigid.identity(), *SIZE, name="A", pixel_spacing_mm=0.5),))


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def text_of(name):
    return WRITE[name](ONE if name == "jointtrack" else RIG)


def read(name, path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return READ[name](path)


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "  \t\n") + "\n \n",
        lambda text: text.rstrip("\n"),
    ],
    ids=["LF", "byte-order mark", "CRLF", "trailing blanks", "no last newline"],
)
def test_section_0_harmless_differences_are_accepted(tmp_path, name, change):
    (view,) = read(name, tmp_path / "file", change(text_of(name)))
    original = ONE["A"] if name == "jointtrack" else VIEW
    np.testing.assert_allclose(view.K, original.K, atol=1e-9)
    np.testing.assert_allclose(view.cam_from_world, original.cam_from_world, atol=1e-9)


@pytest.mark.parametrize("name", READ)
def test_section_17_parse_write_parse_is_stable(tmp_path, name):
    first = read(name, tmp_path / "file", text_of(name))
    text = WRITE[name](first)
    again = read(name, tmp_path / "file", text)
    for before, after in zip(first, again, strict=True):
        np.testing.assert_allclose(after.K, before.K, rtol=1e-15, atol=1e-12)
        np.testing.assert_allclose(after.cam_from_world, before.cam_from_world, atol=1e-12)
    if name not in ("mayacam1", "dlt", "rtk"):  # those go through angles or a decomposition
        assert WRITE[name](again) == text


PAIRS = ["wrist/xr_calib_wrist_cam0{}.txt", "implants/Camcal{}.txt"]
PAIRS += ["calibration/mayacam_xromm/Calibration_cam{0}_MayaCam{0}.txt"]
PAIRS += [
    f"calibration/mayacam_autoscoper/xr_calib_{x}_cam0{{}}.txt"
    for x in ("left_knee", "right_ankle")
]


@pytest.mark.parametrize("pattern", PAIRS)
@pytest.mark.parametrize("unit", ["mm", "cm"])
def test_section_2_real_files_are_written_to_their_own_precision(tmp_path, pattern, unit):
    for number in (1, 2):
        source = DATA / pattern.format(number)
        if not source.exists():
            pytest.skip(f"{pattern} is not here (shared/data)")
        first = read_mayacam(source, unit)
        target = tmp_path / "again.txt"
        target.write_text(mayacam_text(first["A"], unit))
        cells = [
            [cell for line in file.read_text().splitlines() for cell in line.split(",")]
            for file in (source, target)
        ]
        for was, now in zip(*cells, strict=True):
            try:
                assert float(now) == pytest.approx(float(was), rel=1e-11, abs=1e-11)
            except ValueError:
                assert now == was
        again = read_mayacam(target, unit)
        np.testing.assert_array_equal(again["A"].K, first["A"].K)
        np.testing.assert_array_equal(again["A"].cam_from_world, first["A"].cam_from_world)
        assert mayacam_text(again["A"], unit) == target.read_text()


def test_section_0_a_unit_moves_the_decimal_point_alone(tmp_path):
    """Three thousand lengths of all sizes come back to the last bit."""
    rng = np.random.default_rng(0)
    for length in rng.normal(0, 1, 3000) * 10 ** rng.uniform(-6, 6, 3000):
        for unit in ("mm", "cm", "m"):
            assert mm_of_text(text_of_mm(length, unit), unit) == length
    assert [text_of_mm(x, "cm") for x in (800.0, 79.5, -0.5, 0.0)] == ["80", "7.95", "-0.05", "0.0"]


def without(text, number):
    lines = text.splitlines()
    return "\n".join(lines[: number - 1] + lines[number:])


def line(text, number, new):
    lines = text.splitlines()
    lines[number - 1] = new
    return "\n".join(lines) + "\n"


M1, DLT, YAML, TOML, JT, RTK = (
    text_of(name) for name in ("mayacam1", "dlt", "yaml", "anipose", "jointtrack", "rtk")
)
SWAPPED = (
    TOML.replace("[1024, 960]", "[400, 1024]").replace("480.25", "900").replace("530.5", "190")
)
BIPLANE = "JTA_INTCALIB_BIPLANE 1200 0 0 0.4 1100 1 2 0.4 10 20 30 {} 0 0 0 1 0 0 0 1"
REFUSED = [
    ("3", "mayacam1", without(M1, 3), "5 lines of 3 numbers, found 4"),
    ("3", "mayacam1", line(M1, 2, "1,2"), ":2: expected 3 finite numbers"),
    ("3", "mayacam1", line(M1, 1, "1,2,nan"), ":1: expected 3 finite numbers"),
    ("3", "mayacam1", line(M1, 4, "481,430,3000"), ":4: .* must be negative, found 3000"),
    ("3", "mayacam1", line(M1, 5, "0.1,0,960"), ":5: width is 0"),
    ("3", "mayacam1", line(M1, 5, "0.1,10.5,960"), ":5: expected a whole number of pixels"),
    ("3", "mayacam1", "image size\n", "5 lines of 3 numbers, found 1"),
    ("3", "dlt", without(DLT, 3), "has 11 rows, found 10"),
    ("3", "dlt", line(DLT, 4, "1,2"), ":4: expected 1 finite numbers|:4: expected one finite"),
    ("3", "dlt", line(DLT, 4, "1e999"), ":4: expected one finite number"),
    ("3", "dlt", "0\n" * 11, "column 1: not a camera"),
    ("12", "yaml", YAML.replace("dt: d", "dt: u", 1), ":3: dt must be d or f .*found 'u'"),
    ("12", "yaml", YAML.replace("dt: d", 'dt: "3d"', 1), ":3: dt must be d or f"),
    (
        "12",
        "yaml",
        YAML.replace("rows: 3", "rows: 4", 1),
        ":3: 4 rows of 3 are 12 numbers, found 9",
    ),
    ("12", "yaml", YAML.replace("3000.5", ".Nan", 1), "expected finite numbers, found '.Nan'"),
    ("12", "yaml", YAML.replace("rows: 3", "rows: 99999999999", 1), ":3: expected a matrix"),
    ("12", "yaml", YAML.replace("rows: 3", "rows: 999999", 1), "are 2999997 numbers, found 9"),
    ("12", "yaml", YAML.replace("%YAML:1.0", "# hello"), ":1: not an OpenCV FileStorage"),
    ("12", "yaml", YAML + "K1: 3\n", "'K1' stands there twice"),
    ("12", "yaml", YAML.replace("K1", "K7"), "there is no matrix 'K1'; the file has K7 .3x3."),
    ("12", "yaml", YAML + "- a\n", "expected 'name: value'"),
    ("12", "yaml", YAML.replace("height1", "h"), "expected a whole number of pixels"),
    ("0", "yaml", YAML.replace("1.0, 0.0, 0.0", "-1.0, 0.0, 0.0"), "mirror image"),
    (
        "12",
        "anipose",
        TOML.replace("rotation = [", "rotation = [1.0,"),
        "rotation must be 3 finite",
    ),
    ("12", "anipose", TOML.replace("rotation = [", "rotation = [[1.0], "), "rotation must be 3"),
    ("12", "anipose", SWAPPED, r"write \[1024, 400\]"),
    ("12", "anipose", TOML.replace("[1024, 960]", "[1024.0, 960]"), r"size must be \[width"),
    ("12", "anipose", TOML.replace("[1024, 960]", "[1024, true]"), r"size must be \[width"),
    ("12", "anipose", TOML.replace("3000.5", "nan", 1), "matrix must be 3 finite numbers"),
    (
        "12",
        "anipose",
        TOML.replace("3000.5", "1e999999999999999999999", 1),
        "not a TOML|matrix must",
    ),
    ("12", "anipose", TOML.replace("matrix", "m"), "there is no table with a matrix"),
    ("12", "anipose", TOML.replace("name", "fisheye = true\nname"), "fisheye"),
    ("12", "anipose", "a = " + "[" * 100_000, "nested too deep|not a TOML"),
    ("12", "anipose", TOML.replace("distortions = [", "distortions = [1.0,"), "6|distortion"),
    ("9", "jointtrack", "", "an empty calibration file"),
    ("9", "jointtrack", " \n", "an empty calibration file"),
    ("9", "jointtrack", JT.replace("0.5\n", "0\n"), "pixel size must be positive"),
    ("9", "jointtrack", without(JT, 5), "followed by 4 finite numbers, found 3"),
    ("9", "jointtrack", JT.replace("0.5\n", "nan\n"), "followed by 4 finite numbers"),
    ("9", "jointtrack", "HELLO 1 2 3 4", ":1: not a JointTrack calibration"),
    ("9", "jointtrack", "JTA_INTCALIB_BIPLANE 1 2 3 4", "followed by 20 finite numbers, found 4"),
    ("0", "jointtrack", BIPLANE.format("-1"), "axes of camera B: .*mirror image"),
    ("11", "rtk", RTK.replace('version="3"', 'version="2"'), "version '2' is not read"),
    (
        "11",
        "rtk",
        RTK.replace(
            "<Projection>",
            "<RadiusCylindricalDetector>9</RadiusCylindricalDetector><Projection>",
            1,
        ),
        ":4: Radius.* is 9",
    ),
    ("11", "rtk", RTK.replace("Distance>1500.25", "Distance>1500.75", 1), "disagree by"),
    ("11", "rtk", RTK.replace("GantryAngle>", "GantyAngle>"), "nearest known one is <GantryAngle>"),
    ("11", "rtk", RTK.replace("Matrix>", "Matrix2>"), "unknown element <Matrix2>"),
    (
        "11",
        "rtk",
        RTK[: RTK.index("<Matrix>")] + "</Projection></RTKThreeDCircularGeometry>",
        "has no Matrix",
    ),
    ("11", "rtk", RTK[:300], "not an XML file"),
    (
        "11",
        "rtk",
        "<a/>",
        ":1: not an RTK geometry, expected <RTKThreeDCircularGeometry>, found <a>",
    ),
    (
        "11",
        "rtk",
        RTK.replace("<Projection>", "<Projection><Projection>", 1).replace(
            "</Projection>", "</Projection></Projection>"
        ),
        "unknown element <Projection>|Projection",
    ),
    (
        "11",
        "rtk",
        '<RTKThreeDCircularGeometry version="3"></RTKThreeDCircularGeometry>',
        "no projection",
    ),
    (
        "11",
        "rtk",
        '<RTKThreeDCircularGeometry version="3">' + "<Projection>" * 10_000,
        "nested too deep",
    ),
]


@pytest.mark.parametrize(("section", "name", "content", "message"), REFUSED)
def test_what_formats_md_refuses_is_refused_by_name(tmp_path, section, name, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(name, tmp_path / "file", content)
    assert str(tmp_path / "file") in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("content", [b"\xff\xfe\x00a", b"\0" * 100, b"", b"\x89HDF\r\n\x1a\n"])
def test_section_0_what_is_no_text_of_the_format_is_refused(tmp_path, name, content):
    with pytest.raises(ValueError, match=str(tmp_path / "file")):
        read(name, tmp_path / "file", content)


@pytest.mark.parametrize("name", READ)
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(FileNotFoundError, match="there is no such"):
        READ[name](tmp_path / "none")


@pytest.mark.parametrize(
    ("reader", "message"),
    [
        (lambda p: read_mayacam1(p), "no unit was given"),
        (lambda p: read_mayacam1(p, "m"), "the unit is 'm'"),
        (lambda p: read_dlt(p, size_px=[SIZE]), "no unit was given"),
        (lambda p: read_dlt(p, unit="mm"), "does not store the size of its images"),
        (lambda p: read_opencv_yaml(p, keys=KEYS), "no unit was given"),
        (lambda p: read_opencv_yaml(p, unit="mm"), r"which matrix is which.*K1 \(3x3\)"),
        (lambda p: read_anipose(p), "no unit was given"),
        (lambda p: read_jointtrack_calibration(p), "does not store the size"),
        (lambda p: read_rtk(p, None, "mm"), "does not store the images' origin, spacing and size"),
        (lambda p: read_rtk(p, IMAGE), "no unit was given"),
        (lambda p: read_rtk(p, DetectorImage((0, 0), (0, 1), 8, 8), "mm"), "spacing positive"),
    ],
    ids=["m1", "m1 in m", "dlt unit", "dlt size", "yaml unit", "yaml keys", "toml", "jt", 
         "rtk image", "rtk unit", "rtk spacing"],
)  # fmt: skip
def test_what_a_file_does_not_store_has_no_default(tmp_path, reader, message, request):
    names = {"m1": "mayacam1", "dlt": "dlt", "yaml": "yaml", "toml": "anipose"}
    names |= {"jt": "jointtrack", "rtk": "rtk"}
    name = names[request.node.callspec.id.split()[0]]
    (tmp_path / "file").write_text(text_of(name))
    with pytest.raises(ValueError, match=message):
        reader(tmp_path / "file")


def test_section_3_a_size_of_zero_is_1024_and_is_said(tmp_path):
    (tmp_path / "m.csv").write_text(line(M1, 5, "0.1,0,0"))
    with pytest.warns(UserWarning, match="m.csv:5: the image size is 0 by 0; 1024 by 1024"):
        view = read_mayacam1(tmp_path / "m.csv", "cm")["A"]
    assert (view.width, view.height) == (1024, 1024)


def test_section_3_two_focal_lengths_become_their_mean_and_it_is_said():
    uneven = Camera(K * [[1, 1, 1], [1, 1.04, 1], [1, 1, 1]], Rigid.identity(), *SIZE, name="A")
    with pytest.warns(UserWarning, match=r"fx 3000\.5 and fy 3120\.52 became their mean"):
        text = mayacam1_text(uneven, "mm")
    assert text.splitlines()[3].endswith(",-3060.51")


def test_section_3_a_reflected_dlt_is_refused(tmp_path):
    P = np.array([[-1.0, 0, 1025], [0, 1, 0], [0, 0, 1]]) @ np.append(
        np.array(DLT.split(), dtype=np.float64), 1
    ).reshape(3, 4)
    content = "".join(f"{x!r}\n" for x in (P / P[2, 3]).ravel()[:11].tolist())
    with pytest.raises(ValueError, match="column 1: the image is a reflection"):
        read("dlt", tmp_path / "file", content)


@pytest.mark.parametrize("separator", ["\n", ",", "\t", " ", " ,\t"])
@pytest.mark.parametrize("header", ["JT_INTCALIB", "JTA_INTCALIB"])
def test_section_9_every_separator_is_accepted_and_half_a_pixel_is_said(
    tmp_path, separator, header
):
    (tmp_path / "cal.txt").write_text(separator.join([header, "1198", "0", "0", "0.373"]))
    with pytest.warns(UserWarning, match="half a pixel is unknown"):
        view = read_jointtrack_calibration(tmp_path / "cal.txt", (1024, 1024))["A"]
    np.testing.assert_allclose(view.K[0], [1198 / 0.373, 0, 512])
    assert view.pixel_spacing_mm == 0.373


@pytest.mark.parametrize(
    ("rig", "message"),
    [
        (Rig((VIEW, Camera(K, VIEW.cam_from_world, *SIZE, name="B"))), "'B' has no pixel spacing"),
        (Rig(tuple(Camera(K, VIEW.cam_from_world, *SIZE, name=n) for n in "ABC")), "one or two"),
        (Rig((Camera(K * [[1, 1, 1], [1, 1.04, 1], [1, 1, 1]], VIEW.cam_from_world, *SIZE,
                     name="A", pixel_spacing_mm=1.0),)), "holds one focal length"),
    ],
    ids=["spacing", "three", "fx and fy"],
)  # fmt: skip
def test_section_9_what_a_jointtrack_calibration_cannot_hold_is_refused(rig, message):
    with pytest.raises(ValueError, match=message):
        jointtrack_calibration_text(rig)


def test_section_9_the_world_that_is_lost_is_said():
    with pytest.warns(UserWarning, match="frame of camera 'A' as its world"):
        jointtrack_calibration_text(RIG)


ROOT = '<RTKThreeDCircularGeometry version="3">'


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ('<!DOCTYPE RTKGEOMETRY [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>', "without declarations"),
        ('<!DOCTYPE RTKGEOMETRY SYSTEM "file:///etc/passwd">', "without declarations"),
        ("<!DOCTYPE html>", "expected <!DOCTYPE RTKGEOMETRY>"),
    ],
)
def test_section_11_entities_and_outside_documents_are_refused(tmp_path, declaration, message):
    content = RTK.replace("<!DOCTYPE RTKGEOMETRY>", declaration)
    with pytest.raises(ValueError, match=f":2: .*{message}"):
        read("rtk", tmp_path / "file", content)


def test_section_11_hoisted_values_hold_and_defaults_may_be_missing(tmp_path):
    """As RTK writes: what is constant stands at the root, what is 0 does not stand at all."""
    sid, sdd, matrix = 1000.0, 1536.0, "-1536 0 0 0 0 -1536 0 0 0 0 1 -1000"
    content = (
        f"{ROOT}<SourceToIsocenterDistance>{sid}</SourceToIsocenterDistance>"
        f"<SourceToDetectorDistance>{sdd}</SourceToDetectorDistance>"
        f"<Projection><GantryAngle>0</GantryAngle><Matrix>{matrix}</Matrix></Projection>"
        "<Projection><GantryAngle>90</GantryAngle><Matrix>"
        "0 0 1536 0 0 -1536 0 0 1 0 0 -1000</Matrix></Projection></RTKThreeDCircularGeometry>"
    )
    first, second = read("rtk", tmp_path / "file", content)
    np.testing.assert_allclose(first.center_world, [0, 0, 1000], atol=1e-9)
    np.testing.assert_allclose(np.abs(second.center_world), [1000, 0, 0], atol=1e-9)
    assert first.K[0, 0] == sdd / 0.5
    np.testing.assert_allclose(first.project(np.zeros(3)), [511.5, 479.5])


def test_section_11_the_unit_scales_lengths_and_not_pixels(tmp_path):
    (tmp_path / "a.xml").write_text(RTK)
    mm = read_rtk(tmp_path / "a.xml", IMAGE, "mm").cameras[0]
    wide = DetectorImage(
        *(tuple(10 * x for x in p) for p in (IMAGE.origin_mm, IMAGE.spacing_mm)), *SIZE
    )
    cm = read_rtk(tmp_path / "a.xml", wide, "cm").cameras[0]
    np.testing.assert_allclose(cm.cam_from_world.t, 10 * mm.cam_from_world.t)
    np.testing.assert_allclose(cm.K, mm.K)


def test_section_11_unequal_focal_lengths_need_unequal_spacings(tmp_path):
    uneven = Camera(K * [[1, 1, 1], [1, 1.25, 1], [1, 1, 1]], VIEW.cam_from_world, *SIZE, name="A")
    with pytest.raises(ValueError, match="no pixel spacing"):
        rtk_text(Rig((uneven,)))
    with pytest.raises(ValueError, match=r"for example 0\.5 and 0\.4 mm"):
        rtk_text(Rig((uneven,)), (0.5, 0.5))
    (tmp_path / "a.xml").write_text(rtk_text(Rig((uneven,)), (0.5, 0.4)))
    (view,) = read_rtk(tmp_path / "a.xml", centred_image(uneven, (0.5, 0.4)), "mm")
    np.testing.assert_allclose(view.K, uneven.K)
    assert view.pixel_spacing_mm is None


def xreg(path, **changes):
    """A valid file with some data sets put in place of others."""
    write_xreg(path, RIG)
    with h5py.File(path, "a") as file:
        for name, value in changes.items():
            key = {"projs": "num-projs"}.get(name, f"proj-000/cam/{name.replace('_', '-')}")
            del file[key]
            if value is not None:
                file[key] = value
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"projs": np.uint64(2**63)}, "num-projs must be from 1 to 10000"),
        ({"projs": 0}, "num-projs must be from 1"),
        ({"projs": 2}, "there is no data set 'proj-001/cam/intrinsic'"),
        ({"projs": [1, 1]}, "num-projs must hold numbers of shape"),
        ({"projs": "many"}, "num-projs must hold numbers"),
        ({"intrinsic": np.eye(4)}, "intrinsic must hold numbers of shape .3, 3."),
        ({"intrinsic": np.full((3, 3), np.nan)}, "intrinsic must hold finite numbers"),
        ({"intrinsic": np.diag([-1.0, 1, 1])}, "K has fx = -1"),
        ({"intrinsic": None}, "there is no data set"),
        ({"extrinsic": np.diag([-1.0, 1, 1, 1])}, "mirror image"),
        ({"extrinsic": np.eye(4) * 2}, "not a rigid motion"),
        ({"num_rows": 0}, "whole number of pixels"),
        ({"num_cols": 1e12}, "whole number of pixels"),
        ({"num_cols": 10.5}, "whole number of pixels"),
        ({"row_spacing": -1.0}, "spacings must be positive"),
        ({"cam_coord_frame_type": "elsewhere"}, "cam-coord-frame-type must be .*'elsewhere'"),
        ({"cam_coord_frame_type": "origin-at-focal-pt-det-neg-z"}, "negative focal lengths"),
        ({"cam_coord_frame_type": h5py.ExternalLink("/etc/passwd", "/")}, "another file"),
        ({"intrinsic": h5py.SoftLink("/proj-000/cam/intrinsic")}, "there is no data set|cannot be"),
    ],
)
def test_section_10_a_wrong_or_hostile_hdf5_is_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_xreg(xreg(tmp_path / "x.h5", **changes))
    assert str(tmp_path / "x.h5") in str(caught.value)


def test_section_10_hostile_sizes_are_refused_before_they_are_read(tmp_path):
    write_xreg(tmp_path / "x.h5", RIG)
    with h5py.File(tmp_path / "x.h5", "a") as file:
        del file["proj-000/cam/intrinsic"], file["proj-000/cam/extrinsic"]
        huge = (1 << 40, 1 << 20)
        file.create_dataset("proj-000/cam/intrinsic", huge, "f8", chunks=(64, 64))
    with pytest.raises(ValueError, match="not a small data set"):
        read_xreg(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        del file["proj-000/cam/intrinsic"]
        file.create_dataset(
            "proj-000/cam/intrinsic", (3, 3), "f8", maxshape=(None, None), chunks=(1 << 13, 1 << 13)
        )
    with pytest.raises(ValueError, match="not a small data set"):
        read_xreg(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        del file["proj-000/cam/intrinsic"]
        file.create_dataset(
            "proj-000/cam/intrinsic", (3, 3), "f8", external=[("/etc/hostname", 0, 72)]
        )
    with pytest.raises(ValueError, match="not a small data set of this file"):
        read_xreg(tmp_path / "x.h5")


def test_section_10_deepfluoro_is_recognised_and_truncated_files_are_told(tmp_path):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file.create_group("proj-params")
    with pytest.raises(ValueError, match="this is a DeepFluoro file"):
        read_xreg(tmp_path / "d.h5")
    whole = xreg(tmp_path / "x.h5").read_bytes()
    (tmp_path / "x.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cannot be read"):
        read_xreg(tmp_path / "x.h5")
    with pytest.raises(ValueError, match="no pixel spacing"):
        write_xreg(tmp_path / "y.h5", Rig((Camera(K, VIEW.cam_from_world, *SIZE, name="A"),)))


def test_section_10_fixed_and_variable_texts_and_arrays_of_one_are_read(tmp_path):
    kind = "origin-at-focal-pt-det-pos-z"
    for value in (kind, np.bytes_(kind), np.array([kind], dtype="S40")):
        path = xreg(tmp_path / "x.h5", cam_coord_frame_type=value, num_rows=[960], projs=1.0)
        np.testing.assert_array_equal(read_xreg(path).cameras[0].K, K)
        os.remove(path)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"K": "K1"}, "the size of the images of camera 'A'"),
        ({"K": "K1", "R": "R1", "width": "9", "height": "9"}, "R and t both or neither"),
        ({"K": "K1", "X": "R1"}, "unknown part 'X'"),
        ({"K": "R1", "D": "K1", "width": "9", "height": "9"}, "distortion has coefficients|fx = 0"),
        ({"K": "t1", "width": "9", "height": "9"}, "t1 must be 3x3, found 3x1"),
        ({"K": "K1", "R": "t1", "t": "R1", "width": "9", "height": "9"}, "R1 must be 3x1 or 1x3"),
        ({"K": "K1", "size": "nothing"}, "the size of the images"),
    ],
)
def test_section_12_entries_that_do_not_fit_are_named(tmp_path, keys, message):
    (tmp_path / "a.yaml").write_text(YAML)
    with pytest.raises(ValueError, match=message):
        read_opencv_yaml(tmp_path / "a.yaml", unit="mm", keys=[keys])


def test_section_12_a_size_may_be_a_list_and_the_camera_may_be_the_world(tmp_path):
    (tmp_path / "a.yaml").write_text(YAML + "image_size: [ 1024, 960 ]\n")
    keys = [{"K": "K1", "size": "image_size"}]
    (view,) = read_opencv_yaml(tmp_path / "a.yaml", unit="mm", keys=keys)
    assert (view.width, view.height) == SIZE
    np.testing.assert_array_equal(view.cam_from_world, np.eye(4))


def test_section_12_a_crop_whose_principal_point_lies_outside_is_read(tmp_path):
    content = TOML.replace("[1024, 960]", "[300, 300]")
    (view,) = read("anipose", tmp_path / "file", content)
    assert (view.width, view.height) == (300, 300)
