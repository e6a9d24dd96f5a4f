"""XMALab's tables of rigid bodies and points: real files, round trips, formats.md's rules."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration import Rigid
from registration.body_motion import BodyMotion
from registration.xmalab_points2d import MarkerPixels, points2d_text, read_points2d
from registration.xmalab_points3d import points3d_text, read_points3d
from registration.xmalab_rigid_body import CELLS, read_rigid_bodies, rigid_bodies_text

DATA = Path(__file__).parents[2] / "../shared/data/xromm"


def real(name):
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not here (shared/data)")
    return DATA / name


def cells_of(path):
    return [line.split(",") for line in path.read_text().splitlines()]


def motion(names=("jaw", "skull"), frames=5):
    R = Rotation.random(len(names) * frames, random_state=1).as_matrix()
    t = np.random.default_rng(1).normal(0, 200, (len(names), frames, 3))
    R, t = R.reshape(len(names), frames, 3, 3), t.copy()
    R[0, 1:2], t[0, 1:2] = np.nan, np.nan
    return BodyMotion(tuple(names), np.arange(frames), Rigid(R, t), (None,) * len(names))


def bodies(tmp_path, text, unit="mm"):
    (tmp_path / "rb.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_rigid_bodies(tmp_path / "rb.csv", unit)


def test_markers_stand_still_in_their_bodies_and_would_not_the_other_way():
    """A real animal, 435 frames: rms over the axes, cm (formats.md section 6: 0.003 to 0.005)."""
    found = read_rigid_bodies(real("xromm_tools/rbt.csv"), "cm")
    points = read_points3d(real("xromm_tools/3dpts.csv"), "cm")
    assert found.names == ("Jaw", "Skull") and found.filter_hz == (50.0, 50.0)
    for body, own in ((0, slice(0, 5)), (1, slice(5, 10))):
        world_from_body = found.world_from_body[body]
        wrong = Rigid(world_from_body.R.mT, world_from_body.t)
        still, moving = (
            ((m.inverse()[:, None] @ points.points_world[:, own]).numpy() / 10).std(axis=0)
            for m in (world_from_body, wrong)
        )
        rms = np.sqrt((still**2).mean(-1))
        assert (rms > 0.003).all() and (rms < 0.0055).all()
        assert (np.sqrt((moving**2).mean(-1)) > 0.3).all()


@pytest.mark.parametrize(
    ("name", "names", "frames"),
    [
        ("blender_sample/RigidBody001_Upper_transformation.csv", ("Upper",), 147),
        ("blender_sample/RigidBody002_lower_transformation.csv", ("lower",), 147),
        ("xromm_tools/rbt.csv", ("Jaw", "Skull"), 435),
    ],
)
def test_real_rigid_bodies_are_read_and_written_with_their_digits(tmp_path, name, names, frames):
    first = read_rigid_bodies(real(name), "cm")
    assert first.names == names and len(first.frame) == frames
    text = rigid_bodies_text(first, "cm")
    again = bodies(tmp_path, text, "cm")
    np.testing.assert_array_equal(again.world_from_body.matrix(), first.world_from_body.matrix())
    assert rigid_bodies_text(again, "cm") == text
    (was_header, *was), (now_header, *now) = cells_of(DATA / name), cells_of(tmp_path / "rb.csv")
    assert now_header == was_header
    np.testing.assert_allclose(np.array(now, float), np.array(was, float), atol=2e-12, rtol=0)


def test_the_header_names_every_element_and_the_translation_stands_last(tmp_path):
    moved = Rigid(Rotation.from_euler("x", 90, degrees=True).as_matrix()[None, None],
                  np.array([[[10.0, 20, 30]]]))  # fmt: skip
    one = BodyMotion(("skull",), np.arange(1), moved, (None,))
    header, row = rigid_bodies_text(one, "cm").splitlines()
    assert header == ",".join(f"skull_{cell}" for cell in CELLS)
    np.testing.assert_allclose(
        np.array(row.split(","), float),
        [1, 0, 0, 0, 0, 0, 1, 0, 0, -1, 0, 0, 1, 2, 3, 1],
        atol=1e-15,
    )


@pytest.mark.parametrize("unit", ["mm", "cm", "m"])
def test_bodies_come_back_to_the_last_bit_in_every_unit(tmp_path, unit):
    first = motion()
    again = bodies(tmp_path, rigid_bodies_text(first, unit), unit)
    np.testing.assert_array_equal(again.world_from_body.matrix(), first.world_from_body.matrix())
    assert again.world_from_body.t[0, 1].isnan().all()


ALL_NAN = BodyMotion(
    ("a",), np.arange(2), Rigid(np.full((1, 2, 3, 3), np.nan), np.full((1, 2, 3), np.nan)), (None,)
)
GAPS = BodyMotion(("a",), np.array([3, 7]), motion(("a",), 2).world_from_body, (20.0,))


@pytest.mark.parametrize(
    "one", [ALL_NAN, GAPS, motion(("a",), 1), motion(("a", "b"), 2)], ids=["NaN", "gaps", "1", "2"]
)
def test_section_17_all_nan_one_frame_and_frames_left_out_survive(tmp_path, one):
    text = rigid_bodies_text(one, "cm")
    again = bodies(tmp_path, text, "cm")
    np.testing.assert_array_equal(again.frame, one.frame)
    assert again.names == one.names and again.filter_hz == one.filter_hz
    assert rigid_bodies_text(again, "cm") == text
    assert text.startswith("Frame,a_R11_20Hz,") is (one is GAPS)


TEXT = rigid_bodies_text(motion(("a",), 3), "mm")
HEADER, NAN_ROW, ROW = TEXT.splitlines()[0], TEXT.splitlines()[2], TEXT.splitlines()[3]
EYE = "1,0,0,0,0,1,0,0,0,0,1,0,5,6,7,1"


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", " \n") + "\n\n",
        TEXT.replace(",", ", "),
        TEXT.replace("NaN", "nan"),
        TEXT.replace("NaN", "-nan(ind)"),
    ],
    ids=["byte-order mark", "CRLF", "blanks", "blanks in lines", "nan", "Windows nan"],
)
def test_section_0_harmless_differences_are_accepted(tmp_path, text):
    found = bodies(tmp_path, text).world_from_body
    expected = motion(("a",), 3).world_from_body
    np.testing.assert_array_equal(found.matrix(), expected.matrix())


@pytest.mark.parametrize(
    ("section", "text", "message"),
    [
        ("6", f"{HEADER}\n{EYE.replace('0,0,0,1', '0,0,0,1', 1)[:-1]}2\n", ":2: a: the cells 01"),
        ("6", f"{HEADER}\n1,0,0,5,0,1,0,6,0,0,1,7,0,0,0,1\n", ":2: a: .*the matrix is transposed"),
        ("6", f"{HEADER}\n{EYE.replace('5', 'NaN')}\n", ":2: a: 1 of 16 cells are NaN"),
        ("6", f"{HEADER}\n{EYE.replace('1', '-1', 1)}\n", ":2: a: not a rigid motion.*mirror"),
        ("6", f"{HEADER}\n{EYE.replace('1', '2', 1)}\n", ":2: a: not a rigid motion"),
        ("6", f"{HEADER}\n{EYE},9\n", ":2: expected 16 cells, found 17"),
        ("6", f"{HEADER}\n{EYE.replace('5', 'five')}\n", ":2: a: expected a number or NaN"),
        ("6", f"{HEADER}\n{EYE.replace('5', '1e999')}\n", ":2: a: expected a number or NaN"),
        ("6", f"{EYE}\n{EYE}\n", ":1: expected the cell"),
        ("6", f"{HEADER.replace('a_R12', 'a_R13')}\n{EYE}\n", ":1: expected the cell 'a_R12'"),
        ("6", f"{HEADER.replace('a_R12', 'b_R12')}\n{EYE}\n", ":1: expected the cell 'a_R12'"),
        ("6", f"{HEADER},{HEADER}\n", ":1: the body 'a' stands there twice"),
        ("6", f"{HEADER},x\n", ":1: expected a header of 16 cells a body"),
        ("17", "Frame\n1\n", ":1: expected a header of 16 cells a body"),
        ("17", "", ":1: expected a header"),
        ("6", f"Frame,{HEADER}\n0,{EYE}\n", ":2: Frame must be whole numbers from 1"),
        ("6", f"Frame,{HEADER}\n2,{EYE}\n2,{EYE}\n", ":3: Frame must be whole .* increase"),
        ("6", f"Frame,{HEADER}\n9999999999,{EYE}\n", ":2: Frame must be whole"),
    ],
)
def test_what_formats_md_refuses_of_rigid_bodies(tmp_path, section, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        bodies(tmp_path, text)
    assert "rb.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_a_header_without_rows_has_no_frames(tmp_path):
    assert bodies(tmp_path, HEADER + "\n").world_from_body.t.shape == (1, 0, 3)


def test_the_unit_has_no_default(tmp_path):
    (tmp_path / "a.csv").write_text(TEXT)
    with pytest.raises(ValueError, match=r"no unit was given .* rigid-body file"):
        read_rigid_bodies(tmp_path / "a.csv")
    (tmp_path / "p.csv").write_text("a_X,a_Y,a_Z\n1,2,3\n")
    with pytest.raises(ValueError, match=r"no unit was given .* 3D points"):
        read_points3d(tmp_path / "p.csv")


def test_section_6_a_filtered_motion_that_leaps_is_warned_of(tmp_path, recwarn):
    turned = Rotation.from_euler("z", [[0], [10], [170]], degrees=True).as_matrix()[None]
    leaping = BodyMotion(("a",), np.arange(3), Rigid(turned, np.zeros((1, 3, 3))), (20.0,))
    with pytest.warns(UserWarning, match="turns by 160 degrees between rows 2 and 3"):
        bodies(tmp_path, rigid_bodies_text(leaping, "mm"))
    recwarn.clear()
    bodies(tmp_path, rigid_bodies_text(leaping, "mm").replace("_20Hz", ""))
    assert not recwarn.list


def points2d(tmp_path, text, **options):
    (tmp_path / "p2.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_points2d(tmp_path / "p2.csv", **{"one_based": False, "y_up": False, **options})


@pytest.mark.parametrize("trial", ["trial01", "trial02"])
def test_real_2d_points_are_read_and_come_back_exactly(tmp_path, trial):
    source = real(f"dlctools/{trial}_2dpts.csv")
    found = read_points2d(source, one_based=False, y_up=False)
    assert found.uv_px.shape == (2, 25, 10, 2) and found.cameras == (1, 2)
    assert found.names[0] == "lowerIncisor" and np.nanmax(found.uv_px) < 1024
    text = points2d_text(found)
    np.testing.assert_array_equal(points2d(tmp_path, text).uv_px, found.uv_px)
    (was_header, *was), (now_header, *now) = cells_of(source), cells_of(tmp_path / "p2.csv")
    assert now_header == was_header
    np.testing.assert_array_equal(np.array(now, float), np.array(was, float))


HEAD2 = "m_cam1_X,m_cam1_Y,m_cam2_X,m_cam2_Y"


def test_section_4_y_is_turned_before_one_is_added(tmp_path):
    """XMALab's writer: y = H - y - 1, then + 1 on both."""
    u, v, height = 100.25, 40.5, (960, 1024)
    row = ",".join(f"{u + 1},{h - v - 1 + 1}" for h in height)
    found = points2d(tmp_path, f"{HEAD2}\n{row}\n", one_based=True, y_up=True, height_px=height)
    np.testing.assert_allclose(found.uv_px[:, 0, 0], [[u, v], [u, v]])
    plain = points2d(tmp_path, f"{HEAD2}\n{u},{v},{u},{v}\n")
    np.testing.assert_array_equal(plain.uv_px, found.uv_px)


def test_section_4_a_point_where_either_token_is_nan_was_not_seen(tmp_path):
    found = points2d(tmp_path, f"{HEAD2}\n1,NaN,3,4\nnan,2,-nan(ind),4\n")
    assert np.isnan(found.uv_px[0]).all() and np.isnan(found.uv_px[1, 1]).all()
    np.testing.assert_array_equal(found.uv_px[1, 0, 0], [3, 4])


@pytest.mark.parametrize("text", [b"\xef\xbb\xbf", b""])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
def test_section_4_a_byte_order_mark_is_accepted(tmp_path, text, end):
    found = points2d(tmp_path, text + f"{HEAD2}{end}1,2,3,4{end}".encode())
    assert found.names == ("m",) and found.uv_px[1, 0, 0, 1] == 4


def test_section_4_the_writers_own_bug_is_repaired_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=":1: the header's first cell .* lacks its commas"):
        found = points2d(tmp_path, f"cam0_offsetcam1_offset{HEAD2}\n0,0,1,2,3,4\n")
    np.testing.assert_array_equal(found.uv_px[:, 0, 0], [[1, 2], [3, 4]])
    proper = points2d(tmp_path, f"cam0_offset,cam1_offset,{HEAD2}\n0,0,1,2,3,4\n")
    np.testing.assert_array_equal(proper.uv_px, found.uv_px)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEAD2},n_cam1_X,n_cam1_Y\n", "6 columns are no multiple of 2 for each of 2 cameras"),
        ("m_cam2_X,m_cam2_Y,m_cam1_X,m_cam1_Y\n", r"out of order: \[2, 1\]"),
        (f"{HEAD2},{HEAD2}\n", "expected the cell|stands there twice|no multiple"),
        (f"{HEAD2},n_cam1_X,n_cam1_Y,m_cam2_X,m_cam2_Y\n", "expected the cell 'n_cam2_X'"),
        ("m_cam1_Y,m_cam1_X\n", "expected the cell 'm_cam1_X', found 'm_cam1_Y'"),
        ("m_cam1_X,m_cam1_Y,z\n", ":1: expected header cells .*found 'z'"),
        ("1,2,3,4\n", ":1: expected header cells .*found '1'"),
        ("", ":1: expected header cells"),
        (f"{HEAD2}\n1,2,3\n", ":2: expected 4 cells, found 3"),
        (f"{HEAD2}\n1,2,3,x\n", ":2: expected a number or NaN, found 'x'"),
        (f"{HEAD2}\n1,2,3,inf\n", ":2: expected a number or NaN, found 'inf'"),
        (
            "m_cam1_X,m_cam1_Y,n_cam1_X,n_cam1_Y,m_cam1_X,m_cam1_Y\n",
            "marker 'm' stands there twice",
        ),
    ],
)
def test_section_4_misordered_headers_are_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        points2d(tmp_path, text)


def test_section_4_what_2d_points_do_not_store_has_no_default(tmp_path):
    for options in ({"one_based": None}, {"y_up": None}):
        with pytest.raises(ValueError, match="neither whether pixels count from 1 nor whether y"):
            points2d(tmp_path, f"{HEAD2}\n1,2,3,4\n", **options)
    with pytest.raises(ValueError, match="heights of its 2 cameras are needed, found 1"):
        points2d(tmp_path, f"{HEAD2}\n1,2,3,4\n", y_up=True, height_px=[8])


@pytest.mark.parametrize("shape", [(2, 0, 3, 2), (1, 1, 1, 2), (2, 4, 3, 2)])
def test_section_17_2d_points_of_all_shapes_come_back(tmp_path, shape):
    uv = np.random.default_rng(0).uniform(0, 1000, shape)
    uv[:, :1] = np.nan
    names = tuple(f"a_cam{n}_X" for n in range(shape[2]))  # nasty, but legal
    cameras = tuple(range(1, shape[0] + 1))
    again = points2d(tmp_path, points2d_text(MarkerPixels(names, cameras, uv)))
    assert (again.names, again.cameras) == (names, cameras)
    np.testing.assert_array_equal(again.uv_px, uv)


def points3d(tmp_path, text, unit="mm"):
    (tmp_path / "p3.csv").write_bytes(text.encode())
    return read_points3d(tmp_path / "p3.csv", unit)


def test_section_5_real_3d_points_come_back_exactly_and_in_mm(tmp_path):
    source = real("xromm_tools/3dpts.csv")
    found = read_points3d(source, "cm")
    assert found.points_world.shape == (435, 10, 3) and found.filter_hz == (50.0,) * 10
    (was_header, *was), now = cells_of(source), points3d_text(found, "cm").splitlines()
    assert now[0].split(",") == was_header
    rows = np.array([line.split(",") for line in now[1:]], float)
    np.testing.assert_array_equal(rows, np.array(was, float))
    np.testing.assert_allclose(found.points_world.reshape(435, 30), 10 * rows, rtol=1e-15)
    mm = points3d(tmp_path, points3d_text(found, "mm"))
    np.testing.assert_array_equal(mm.points_world, found.points_world)


def test_section_5_the_frame_column_counts_from_one(tmp_path):
    text = "Frame,a b_X,a b_Y,a b_Z\n3,1.0,2.0,3.0\n9,NaN,NaN,NaN\n"
    found = points3d(tmp_path, text)
    assert found.frame.tolist() == [2, 8] and found.names == ("a b",)
    assert np.isnan(found.points_world[1]).all()
    assert points3d_text(found, "mm") == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a_X,a_Y\n1,2\n", ":1: expected a header of 3 cells a point"),
        ("a_X,a_Z,a_Y\n1,2,3\n", ":1: expected the cell 'a_Y', found 'a_Z'"),
        ("a_X,a_Y,b_Z\n1,2,3\n", ":1: expected the cell 'a_Z', found 'b_Z'"),
        ("a_5Hz_X,a_Y,a_Z\n", ":1: expected the cell 'a_5Hz_Y'"),
        ("a_X,a_Y,a_Z,a_X,a_Y,a_Z\n", ":1: the point 'a' stands there twice"),
        ("a_X,a_Y,a_Z\n1,NaN,3\n", ":2: a: x, y, z must be numbers, or all three NaN"),
        ("a_X,a_Y,a_Z\n1,2\n", ":2: expected 3 cells, found 2"),
        ("a_X,a_Y,a_Z\n1,2,0x10\n", ":2: expected a number or NaN"),
        ("1,2,3\n", ":1: expected the cell 'name_X'"),
    ],
)
def test_section_5_malformed_3d_points_are_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        points3d(tmp_path, text)
