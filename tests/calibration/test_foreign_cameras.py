"""One world point through every camera file lands on one pixel, by the file's own arithmetic."""

import importlib
import tomllib
import warnings

import cv2
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
from calibration.mayacam import mayacam_text
from calibration.mayacam1 import mayacam1_text, read_mayacam1
from calibration.opencv_yaml import opencv_yaml_text, read_opencv_yaml
from calibration.rtk_geometry import centred_image, read_rtk, rtk_text
from calibration.xreg_hdf5 import read_xreg, write_xreg

WIDTH, HEIGHT, PIXEL_MM = 1024, 960, 0.3
KEYS = [{part: f"{part}{n}" for part in ("K", "D", "R", "t", "width", "height")} for n in (1, 2)]
POINTS = np.random.default_rng(0).uniform(-60, 60, (40, 3))
TOLERANCE_PX = 1e-6


def camera(name, vector, t, distortion=None):
    """Square pixels, the principal point far off centre."""
    R, _ = cv2.Rodrigues(np.array(vector, dtype=np.float64))
    K = np.array([[3100.25, 0, 395.5], [0, 3100.25, 588.75], [0, 0, 1]])
    return Camera(
        K,
        Rigid(R, np.array(t, dtype=np.float64)),
        WIDTH,
        HEIGHT,
        name=name,
        pixel_spacing_mm=PIXEL_MM,
        distortion=distortion,
    )


def rig():
    return Rig(
        (
            camera("A", (0.3, -1.9, 0.7), (12.5, -30.25, 905.0)),
            camera("B", (-2.2, 0.4, 1.1), (-41.0, 8.5, 1164.75)),
        )
    )


def opencv_pixels(view):
    """Independent of Camera.project: OpenCV from the camera's numbers."""
    rvec, _ = cv2.Rodrigues(view.cam_from_world.R.numpy())
    terms = None if view.distortion is None else np.array(view.distortion["coefficients"])
    seen, _ = cv2.projectPoints(POINTS, rvec, view.cam_from_world.t.numpy(), view.K.numpy(), terms)
    return seen[:, 0]


def homogeneous(P, points=POINTS):
    x = np.hstack([points, np.ones((len(points), 1))]) @ np.asarray(P).T
    return x[:, :2] / x[:, 2:]


def assert_sees(found, expected):
    assert len(found) == len(expected)
    for view, original in zip(found, expected, strict=True):
        assert (view.width, view.height) == (WIDTH, HEIGHT)
        np.testing.assert_allclose(opencv_pixels(view), opencv_pixels(original), atol=TOLERANCE_PX)
        np.testing.assert_allclose(view.project(POINTS), opencv_pixels(view), atol=TOLERANCE_PX)


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("unit", ["mm", "cm"])
def test_mayacam2(tmp_path, unit):
    paths = [tmp_path / f"{view.name}.txt" for view in rig()]
    for path, view in zip(paths, rig(), strict=True):
        path.write_text(mayacam_text(view, unit))
    assert_sees(read_mayacam(paths, unit), rig())
    lines = paths[1].read_text().splitlines()
    K, R = (np.genfromtxt(lines[a:b], delimiter=",") for a, b in ((4, 7), (9, 12)))
    t = np.genfromtxt(lines[14:17])
    points = POINTS / {"mm": 1, "cm": 10}[unit]
    seen, _ = cv2.projectPoints(points, cv2.Rodrigues(R)[0], t, K, None)
    np.testing.assert_allclose(seen[:, 0], opencv_pixels(rig()["B"]), atol=TOLERANCE_PX)


@pytest.mark.parametrize("unit", ["mm", "cm"])
def test_mayacam1_by_autoscopers_closed_form(tmp_path, unit):
    paths = [tmp_path / f"{view.name}.csv" for view in rig()]
    for path, view in zip(paths, rig(), strict=True):
        path.write_text(mayacam1_text(view, unit))
    assert_sees(read_mayacam1(paths, unit), rig())
    source, angles, plane, (u0, v0, f), (s, *_) = np.genfromtxt(paths[0], delimiter=",")
    x, y, z = np.radians(angles)
    about = {
        axis: cv2.Rodrigues(np.eye(3)[axis] * angle)[0] for axis, angle in enumerate((x, y, z))
    }
    F = about[2] @ about[1] @ about[0]  # columns: the camera's axes in the world, y up, z backward
    ray = (POINTS / {"mm": 1, "cm": 10}[unit] - source) @ F
    one_based_y_up = np.stack([u0 + f * ray[:, 0] / ray[:, 2], v0 + f * ray[:, 1] / ray[:, 2]], 1)
    expected = opencv_pixels(rig()["A"])
    np.testing.assert_allclose(one_based_y_up[:, 0] - 1, expected[:, 0], atol=TOLERANCE_PX)
    np.testing.assert_allclose(HEIGHT - one_based_y_up[:, 1], expected[:, 1], atol=TOLERANCE_PX)
    np.testing.assert_allclose(plane, [(WIDTH / 2 - u0) * s, (HEIGHT / 2 - v0) * s, s * f])


@pytest.mark.parametrize("unit", ["mm", "cm"])
def test_dlt_by_its_eleven_coefficients(tmp_path, unit):
    path = tmp_path / "MergedDlts_Frame0.csv"
    path.write_text(dlt_text(rig(), unit))
    assert_sees(read_dlt(path, unit=unit, size_px=[(WIDTH, HEIGHT)]), rig())
    columns = np.genfromtxt(path, delimiter=",").T
    assert columns.shape == (2, 11)
    for L, view in zip(columns, rig(), strict=True):
        seen = homogeneous(np.append(L, 1).reshape(3, 4), POINTS / {"mm": 1, "cm": 10}[unit])
        expected = opencv_pixels(view)
        np.testing.assert_allclose(seen[:, 0] - 1, expected[:, 0], atol=TOLERANCE_PX)
        np.testing.assert_allclose(HEIGHT - seen[:, 1], expected[:, 1], atol=TOLERANCE_PX)


@pytest.mark.parametrize("unit", ["mm", "cm", "m"])
def test_opencv_yaml_by_opencvs_own_reader(tmp_path, unit):
    path = tmp_path / "stereo.yaml"
    path.write_text(opencv_yaml_text(rig(), unit))
    assert_sees(read_opencv_yaml(path, unit=unit, keys=KEYS), rig())
    file = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    K, D, R, t = (file.getNode(f"{part}2").mat() for part in ("K", "D", "R", "t"))
    assert file.getNode("width2").real() == WIDTH
    points = POINTS / {"mm": 1, "cm": 10, "m": 1000}[unit]
    seen, _ = cv2.projectPoints(points, cv2.Rodrigues(R)[0], t, K, D)
    np.testing.assert_allclose(seen[:, 0], opencv_pixels(rig()["B"]), atol=TOLERANCE_PX)


def test_opencv_yaml_as_opencv_writes_it(tmp_path):
    path, view = tmp_path / "stereo.yml", rig()["B"]
    file = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    file.write("camera_matrix", view.K.numpy())
    file.write("distortion_coefficients", np.zeros((1, 5)))
    file.write("rvec", cv2.Rodrigues(view.cam_from_world.R.numpy())[0])
    file.write("T", view.cam_from_world.t.numpy()[:, None])
    file.write("calibration_time", "a Monday: with a colon")
    file.write("image_width", WIDTH)
    file.write("image_height", HEIGHT)
    file.release()
    keys = {"K": "camera_matrix", "D": "distortion_coefficients", "R": "rvec", "t": "T"}
    keys |= {"width": "image_width", "height": "image_height"}
    assert_sees(read_opencv_yaml(path, unit="mm", keys=[keys]), [view])


@pytest.mark.parametrize("unit", ["mm", "cm", "m"])
def test_anipose_by_its_rodrigues_vector(tmp_path, unit):
    path = tmp_path / "calibration.toml"
    path.write_text(anipose_text(rig(), unit))
    found = read_anipose(path, unit)
    assert found.names == ("A", "B")
    assert_sees(found, rig())
    table = tomllib.loads(path.read_text())["cam_1"]
    points = POINTS / {"mm": 1, "cm": 10, "m": 1000}[unit]
    seen, _ = cv2.projectPoints(
        points,
        *(np.array(table[key]) for key in ("rotation", "translation", "matrix", "distortions")),
    )
    np.testing.assert_allclose(seen[:, 0], opencv_pixels(rig()["B"]), atol=TOLERANCE_PX)


def test_jointtrack_by_its_own_camera_that_looks_along_minus_z(tmp_path):
    path = tmp_path / "calibration.txt"
    path.write_text(jointtrack_calibration_text(rig()))
    word, *numbers = path.read_text().split()
    assert word == "JTA_INTCALIB_BIPLANE"
    numbers = np.array(numbers, dtype=np.float64)
    origin_b, axes_b = numbers[8:11], numbers[11:].reshape(3, 3)
    points_a = rig()["A"].cam_from_world @ POINTS
    file_a = points_a.numpy() * [1, -1, -1]
    file_b = (file_a - origin_b) @ axes_b  # p_B = axes^T (p_A - origin)
    for points, (distance, x, y, pixel), view in (
        (file_a, numbers[:4], rig()["A"]),
        (file_b, numbers[4:8], rig()["B"]),
    ):
        assert (points[:, 2] < 0).all()
        right, up = (distance * points[:, axis] / -points[:, 2] / pixel for axis in (0, 1))
        seen = np.stack([WIDTH / 2 + x / pixel + right, HEIGHT / 2 - y / pixel - up], axis=1)
        np.testing.assert_allclose(seen, opencv_pixels(view), atol=TOLERANCE_PX)
    found = read_jointtrack_calibration(path, (WIDTH, HEIGHT))
    for view, original in zip(found, rig(), strict=True):
        np.testing.assert_allclose(view.project(points_a), opencv_pixels(original), atol=1e-6)
        assert view.pixel_spacing_mm == PIXEL_MM


def xreg_file(path, kind, intrinsic, extrinsic):
    with h5py.File(path, "w") as file:
        file.attrs["xreg-type"] = "proj-data"
        file["num-projs"] = 1
        group = file.create_group("proj-000/cam")
        group["num-rows"], group["num-cols"] = HEIGHT, WIDTH
        group["row-spacing"] = group["col-spacing"] = PIXEL_MM
        group["cam-coord-frame-type"] = kind
        group["intrinsic"], group["extrinsic"] = intrinsic, extrinsic


def test_xreg_positive_z(tmp_path):
    write_xreg(tmp_path / "x.h5", rig())
    assert_sees(read_xreg(tmp_path / "x.h5"), rig())
    with h5py.File(tmp_path / "x.h5") as file:
        cam = file["proj-001/cam"]
        P = cam["intrinsic"][()] @ cam["extrinsic"][()][:3]
        assert cam["cam-coord-frame-type"][()] == b"origin-at-focal-pt-det-pos-z"
    np.testing.assert_allclose(homogeneous(P), opencv_pixels(rig()["B"]), atol=TOLERANCE_PX)


def test_xreg_negative_z_is_a_mirror_image_of_its_columns(tmp_path):
    R, _ = cv2.Rodrigues(np.array([0.2, 0.4, -0.3]))
    extrinsic = np.eye(4)
    extrinsic[:3, :3], extrinsic[:3, 3] = R, [5.0, -8.0, -900.0]
    K = np.array([[-3000.0, 0, 500.25], [0, -3000.0, 470.5], [0, 0, 1]])
    xreg_file(tmp_path / "x.h5", "origin-at-focal-pt-det-neg-z", K, extrinsic)
    with pytest.warns(UserWarning, match=r"image\[:, ::-1\]"):
        (view,) = read_xreg(tmp_path / "x.h5")
    stored = homogeneous(K @ extrinsic[:3])  # xReg's own index of a point
    assert (view.depth(POINTS) > 0).all()
    flipped = np.stack([WIDTH - 1 - stored[:, 0], stored[:, 1]], axis=1)
    np.testing.assert_allclose(opencv_pixels(view), flipped, atol=TOLERANCE_PX)


def test_xreg_origin_on_the_detector(tmp_path):
    R, _ = cv2.Rodrigues(np.array([0.2, 0.4, -0.3]))
    extrinsic = np.eye(4)
    extrinsic[:3, :3], extrinsic[:3, 3] = R, [5.0, -8.0, 300.0]
    K = np.array([[3000.0, 0, 500.25], [0, 3000.0, 470.5], [0, 0, 1]])
    xreg_file(tmp_path / "x.h5", "origin-on-det", K, extrinsic)
    with pytest.warns(UserWarning, match=r"image\[::-1\]"):
        (view,) = read_xreg(tmp_path / "x.h5")
    focal_mm = 3000 * PIXEL_MM
    p = POINTS @ R.T + extrinsic[:3, 3]
    p[:, 2] = focal_mm - p[:, 2]  # xReg: depth from the source, which lies on +z
    stored = homogeneous(np.hstack([K, np.zeros((3, 1))]), p)
    assert (view.depth(POINTS) > 0).all()
    flipped = np.stack([stored[:, 0], HEIGHT - 1 - stored[:, 1]], axis=1)
    np.testing.assert_allclose(opencv_pixels(view), flipped, atol=TOLERANCE_PX)


def test_rtk_by_the_matrix_in_the_file(tmp_path):
    path = tmp_path / "geometry.xml"
    path.write_text(rtk_text(rig()))
    image = centred_image(rig()["A"], (PIXEL_MM, PIXEL_MM))
    assert_sees(read_rtk(path, image, "mm"), rig())


@pytest.fixture(scope="module")
def rtk():
    """Three of RTK's modules: all of it takes twenty seconds to load."""
    stem = "rtkThreeDCircularProjectionGeometry"
    try:
        parts = [
            importlib.import_module(f"itk.{stem}{part}Python")
            for part in ("", "XMLFileReader", "XMLFileWriter")
        ]
    except ImportError:
        pytest.skip("itk-rtk is not installed (pip install -e .[bench])")
    return [getattr(part, part.__name__[4:-6]) for part in parts]


def test_rtk_itself_reads_our_file_and_finds_the_same_pixels(tmp_path, rtk):
    path = tmp_path / "geometry.xml"
    path.write_text(rtk_text(rig()))
    file = rtk[1].New()
    file.SetFilename(str(path))
    file.GenerateOutputInformation()
    geometry = file.GetOutputObject()
    image = centred_image(rig()["A"], (PIXEL_MM, PIXEL_MM))
    for number, view in enumerate(rig()):
        M = geometry.GetMatrix(number).GetVnlMatrix()
        mm = homogeneous([[M.get(i, j) for j in range(4)] for i in range(3)])
        index = (mm - image.origin_mm) / image.spacing_mm
        flipped = np.stack([index[:, 0], HEIGHT - 1 - index[:, 1]], axis=1)
        np.testing.assert_allclose(flipped, opencv_pixels(view), atol=TOLERANCE_PX)


@pytest.mark.parametrize("shared", [True, False], ids=["constants at the root", "all differ"])
def test_what_rtk_itself_writes_is_read_and_projects_as_its_matrix_does(tmp_path, rtk, shared):
    geometry, rng = rtk[0].New(), np.random.default_rng(3)
    for number in range(3):
        change = 0.0 if shared else number
        geometry.AddProjection(
            1000 + change, 1536 + change, 40.0 * number, 3 + change, -2 - change, 5 + change,
            358 - change, *(rng.uniform(-9, 9, 2) if not shared else (0.0, 7.5)),
        )  # fmt: skip
    file = rtk[2].New()
    file.SetFilename(str(tmp_path / "geometry.xml"))
    file.SetObject(geometry)
    file.WriteFile()
    text = (tmp_path / "geometry.xml").read_text()
    assert ("SourceOffsetX" in text) is not shared  # 0 everywhere: RTK leaves it out
    image = centred_image(rig()["A"], (PIXEL_MM, 2 * PIXEL_MM))
    found = read_rtk(tmp_path / "geometry.xml", image, "mm")
    for number, view in enumerate(found):
        M = geometry.GetMatrix(number).GetVnlMatrix()
        mm = homogeneous([[M.get(i, j) for j in range(4)] for i in range(3)])
        index = (mm - image.origin_mm) / image.spacing_mm
        flipped = np.stack([index[:, 0], HEIGHT - 1 - index[:, 1]], axis=1)
        np.testing.assert_allclose(view.project(POINTS), flipped, atol=TOLERANCE_PX)


TERMS = [0.05, -0.2, 0.001, -0.002, 0.3, 0.01, 0.02, 0.03]


@pytest.mark.parametrize("terms", [TERMS, TERMS[:5], TERMS[:4]])
def test_distortion_goes_through_mayacam_opencv_and_anipose(tmp_path, terms):
    lens = {"model": "opencv", "coefficients": terms}
    one = Rig((camera("A", (0.1, 0.2, 0.3), (1, 2, 900), lens),))
    texts = (mayacam_text(one["A"], "mm"), opencv_yaml_text(one, "mm"), anipose_text(one, "mm"))
    paths = [tmp_path / name for name in ("a.txt", "a.yaml", "a.toml")]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    raw = opencv_pixels(one["A"])
    for found in (
        read_mayacam(paths[0], "mm"),
        read_opencv_yaml(paths[1], unit="mm", keys=KEYS[:1]),
        read_anipose(paths[2], "mm"),
    ):
        view = found.cameras[0]
        np.testing.assert_allclose(view.distorted(view.project(POINTS)), raw, atol=TOLERANCE_PX)


@pytest.mark.parametrize(
    "text",
    [
        lambda path: mayacam1_text(camera("A", (0, 0, 1), (0, 0, 900), LENS), "mm"),
        lambda path: dlt_text(Rig((camera("A", (0, 0, 1), (0, 0, 900), LENS),)), "mm"),
        lambda path: rtk_text(Rig((camera("A", (0, 0, 1), (0, 0, 900), LENS),))),
        lambda path: jointtrack_calibration_text(Rig((camera("A", (0, 0, 0), (0, 0, 0), LENS),))),
        lambda path: write_xreg(path, Rig((camera("A", (0, 0, 1), (0, 0, 900), LENS),))),
    ],
    ids=["mayacam1", "dlt", "rtk", "jointtrack", "xreg"],
)
def test_a_distortion_that_is_lost_is_said(text, tmp_path):
    with pytest.warns(UserWarning, match=r"holds no distortion"):
        text(tmp_path / "rig.h5")


LENS = {"model": "opencv", "coefficients": TERMS}


def test_twelve_lens_terms_do_not_fit_mayacam_and_zeros_do():
    lens = {"model": "opencv", "coefficients": [*TERMS, 0.0, 0.0, 0.0, 0.0]}
    assert mayacam_text(camera("A", (0, 0, 1), (0, 0, 9), lens), "mm").splitlines()[-1] == "0.03"
    lens["coefficients"][9] = 0.1
    with pytest.raises(
        ValueError, match=r"'A' has 12 lens terms; a MayaCam 2\.0 file has room for 8"
    ):
        mayacam_text(camera("A", (0, 0, 1), (0, 0, 9), lens), "mm")


@pytest.mark.parametrize("text", [mayacam_text, opencv_yaml_text, anipose_text])
def test_a_map_of_a_grid_that_is_left_out_is_said(text, monkeypatch):
    """The map stands in for any that `calibrate` writes: only its model is looked at."""
    view = camera("A", (0, 0, 1), (0, 0, 900))
    object.__setattr__(view, "distortion", {"model": "polynomial-1"})
    with pytest.warns(UserWarning, match="holds no distortion map, only lens terms"):
        text(view if text is mayacam_text else Rig((view,)), "mm")
