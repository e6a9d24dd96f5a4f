"""Poses of JointTrack: the real files, round trips, formats.md section 9."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from calibration import Rigid, read_mayacam
from registration.jointtrack_jts import HEADERS, jointtrack_poses_text, read_jointtrack_poses

DATA = Path(__file__).parents[2] / "../shared/data/implants"
TITLES = "x_tran, y_tran, z_tran, z_rot, x_rot, y_rot"
HEAD = f"JT_EULER_312\n{TITLES}\n"


def read(tmp_path, text, **options):
    (tmp_path / "a.jts").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_jointtrack_poses(tmp_path / "a.jts", **options)


def test_a_pose_is_that_of_a_camera_that_looks_along_minus_z(tmp_path):
    (pose,) = [read(tmp_path, f"{HEAD}10,-20,-1300,30,40,50\n")]
    R = Rotation.from_euler("ZXY", [30, 40, 50], degrees=True).as_matrix()
    D = np.diag([1.0, -1, -1])
    np.testing.assert_allclose(pose.R[0], D @ R, atol=1e-14)
    np.testing.assert_array_equal(pose.t[0], [10, 20, 1300])


@pytest.mark.parametrize("name", ["Cam1/fem_poses.jts", "Cam1/tib_poses.jts", "Cam2/fem_poses.jts"])
def test_real_poses_come_back_to_the_files_own_digits(tmp_path, name):
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not here (shared/data)")
    first = read_jointtrack_poses(DATA / name, frame_count=261)
    assert first.t.shape == (261, 3) and (first.t[:, 2] > 900).all()
    text = jointtrack_poses_text(first, ".jts")
    again = read(tmp_path, text)
    np.testing.assert_allclose(again.matrix(), first.matrix(), atol=1e-14)
    rows = [
        np.array([line.replace("\t", "").split(",") for line in t.splitlines()[2:] if line], float)
        for t in ((DATA / name).read_text(), text)
    ]
    np.testing.assert_allclose(rows[1], rows[0], atol=1e-11)


def test_the_real_model_is_drawn_where_its_poses_say_in_both_views():
    """The femur's bounding box lands inside both images, in front of both sources."""
    if not (DATA / "femur0.stl").exists():
        pytest.skip("implants are not here (shared/data)")
    corners = trimesh.load(DATA / "femur0.stl").bounding_box.vertices
    rig = read_mayacam([DATA / f"Camcal{n}.txt" for n in (1, 2)], "mm")
    for view, folder in zip(rig, ("Cam1", "Cam2"), strict=True):
        poses = read_jointtrack_poses(DATA / folder / "fem_poses.jts")
        points_cam = (poses[0] @ corners).numpy()
        pixels = points_cam @ view.K.numpy().T
        pixels = pixels[:, :2] / pixels[:, 2:]
        assert (points_cam[:, 2] > 0).all()
        assert (abs(pixels.mean(0) - 512) < 512).all()


@pytest.mark.parametrize("ending", HEADERS)
def test_section_17_all_endings_are_written_and_read_and_stable(tmp_path, ending):
    poses = Rigid(Rotation.random(1, random_state=0).as_matrix(), np.array([[1.5, -2, 1300]]))
    text = jointtrack_poses_text(poses, ending)
    assert text.startswith(HEADERS[ending] + "\n")
    again = read(tmp_path, text)
    np.testing.assert_allclose(again.matrix(), poses.matrix(), atol=1e-14)
    np.testing.assert_allclose(
        read(tmp_path, jointtrack_poses_text(again, ending)).matrix(), again.matrix(), atol=1e-14
    )


@pytest.mark.parametrize("pitch", [90.0, -90.0])
def test_a_pose_at_the_pole_of_its_angles_survives(tmp_path, pitch):
    pose = read(tmp_path, f"{HEAD}1,2,-900,30,{pitch},50\n")
    again = read(tmp_path, jointtrack_poses_text(pose, ".jts"))
    np.testing.assert_allclose(again.matrix(), pose.matrix(), atol=1e-14)


def test_what_was_not_optimized_is_nan_and_is_written_so(tmp_path):
    missing = ", ".join(["NOT_OPTIMIZED"] * 6)
    poses = read(tmp_path, f"{HEAD}1,2,-900,4,5,6\n{missing}\nNOT_OPTIMIZED,\n")
    assert poses.t[1:].isnan().all() and not poses.t[0].isnan().any()
    text = jointtrack_poses_text(poses, ".jtak")
    assert text.splitlines()[3:] == [missing, missing]
    assert read(tmp_path, text).t[1:].isnan().all()
    assert read(tmp_path, f"{HEAD}{missing}\n").t.isnan().all()


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}1, 2,\t-900,\t\t   4, 5, 6\n",
        f"{HEAD}1,2,-900,4,5,6,\n",
        f"{HEAD}1 2\t-900 4 5 6\n",
        f"{HEAD}1,2,-900,4,5,6\n".replace("\n", "\r\n"),
        b"\xef\xbb\xbf" + f"{HEAD}  1,2,-900,4,5,6  \n\n".encode(),
        f"{HEAD.replace(', ', '   ')}1,2,-900,4,5,6",
    ],
    ids=["tabs and blanks", "trailing comma", "no commas", "CRLF", "mark", "titles by blanks"],
)
def test_section_9_loose_rows_are_accepted(tmp_path, text):
    expected = read(tmp_path, f"{HEAD}1,2,-900,4,5,6\n").matrix()
    np.testing.assert_array_equal(read(tmp_path, text).matrix(), expected)


def test_section_9_a_short_last_row_is_skipped_and_said(tmp_path):
    with pytest.warns(UserWarning, match="a.jts:4: the last row is cut off, it was skipped"):
        poses = read(tmp_path, f"{HEAD}1,2,-900,4,5,6\n7,8,-90")
    assert len(poses.t) == 1


def test_section_9_another_number_of_rows_than_frames_is_said(tmp_path):
    with pytest.warns(UserWarning, match="1 rows for 3 frames"):
        read(tmp_path, f"{HEAD}1,2,-900,4,5,6\n", frame_count=3)


def test_no_rows_are_no_frames(tmp_path):
    assert read(tmp_path, HEAD).t.shape == (0, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: not a JointTrack pose file.*an empty file"),
        ("JT_EULER_321\n", ":1: not a JointTrack pose file.*JT_EULER_321"),
        ("JT_EULER_312\n", ":2: expected the titles"),
        (HEAD.replace("z_rot, x_rot", "x_rot, z_rot"), ":2: expected the titles.*z_rot, x_rot"),
        (f"{HEAD}1,2,3\n1,2,-900,4,5,6\n", ":3: expected 6 finite numbers, found '1 2 3'"),
        (f"{HEAD}1,2,nan,4,5,6\n", ":3: expected 6 finite numbers"),
        (f"{HEAD}1,2,3,4,5,6,7\n", ":3: expected 6 finite numbers"),
        (f"{HEAD.replace('JT_EULER_312', 'JTA_EULER_POSE')}", "holds one pose, found 0"),
    ],
)
def test_section_9_what_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


def test_an_ending_says_what_is_written():
    two = Rigid(np.tile(np.eye(3), (2, 1, 1)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"a \.jtap holds one pose, not 2; write a .jtak"):
        jointtrack_poses_text(two, ".jtap")
    with pytest.raises(ValueError, match=r"ends in \.jts, \.jtak, \.jtap, not"):
        jointtrack_poses_text(two, ".txt")
