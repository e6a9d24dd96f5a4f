"""Tracks of several bodies in the files of OpenSim, as C3D, and through XMALab and Autoscoper."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec

import nibabel
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration import Rigid
from detector import write_landmarks
from dualfluoro.cli import main
from registration import track_of_poses, write_truth
from registration.autoscoper_tra import local_from_ct, read_tra
from registration.opensim_mot import Y_UP_FROM
from registration.xmalab_rigid_body import read_rigid_bodies

FRAMES, LOST = 6, 2
SKULL = {
    "porion_left": np.array([-60.0, 0, 0]),
    "porion_right": np.array([60.0, 0, 0]),
    "orbitale_left": np.array([-30.0, 80, 0]),
    "a point": np.array([1.0, 2, 3]),
}
JAW = {"gnathion": np.array([0.0, 90, -80]), "a point": np.array([5.0, 6, 7])}


def poses_of(seed):
    rng = np.random.default_rng(seed)
    R = Rotation.from_rotvec(rng.normal(0, 0.4, (FRAMES, 3))).as_matrix()
    return Rigid(R, rng.normal(0, 100, (FRAMES, 3)))


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Two tracks of one trial; the jaw has a gap, and the skull stands unturned at first."""
    folder = tmp_path_factory.mktemp("tracks")
    head, jaw = poses_of(1), poses_of(2)
    head.R[0], head.t[0] = Rigid.identity().R, head.t[0] * 0 + Rigid.identity().t + 10
    jaw.R[LOST], jaw.t[LOST] = np.nan, np.nan
    for name, poses in (("track", head), ("track_jaw", jaw)):
        write_truth(folder / f"{name}.csv", track_of_poses(poses, np.arange(FRAMES) / 30.0))
    write_landmarks(folder / "skull.json", SKULL)
    write_landmarks(folder / "jaw.json", JAW)
    return folder


@pytest.fixture
def folder(originals, tmp_path, monkeypatch):
    shutil.copytree(originals, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def convert(capsys, *tokens):
    status = main(["convert", *map(str, tokens)])
    said = capsys.readouterr()
    assert said.err.count("\n") <= 1 and "Traceback" not in said.err
    return status, said.out + said.err


def tokens_of(line):
    """The cells of a line as OpenSim 4 takes them: each ends at a tab, the last at the end."""
    cells = line.split("\t")
    return cells if cells[-1] else cells[:-1]


def both_landmarks():
    return ("--landmarks", "skull.json", "--landmarks", "jaw.json")


def test_a_trc_has_the_header_and_cells_that_opensim_counts(folder, capsys):
    status, said = convert(
        capsys, "track.csv", "track_jaw.csv", "out.trc", *both_landmarks(), "--up", "z"
    )
    assert status == 0, said
    lines = (folder / "out.trc").read_text().split("\n")
    assert tokens_of(lines[0])[:3] == ["PathFileType", "4", "(X/Y/Z)"]
    head = dict(zip(tokens_of(lines[1]), tokens_of(lines[2]), strict=True))
    assert head["DataRate"] == head["CameraRate"] == head["OrigDataRate"] == "30"
    assert (head["NumFrames"], head["NumMarkers"], head["Units"]) == ("6", "6", "mm")
    labels = [cell for cell in tokens_of(lines[3]) if cell]
    assert labels[:3] == ["Frame#", "Time", "head_porion_left"] and labels[-1] == "jaw_a point"
    assert len(labels) == 2 + 6
    axes = [cell for cell in tokens_of(lines[4]) if cell]
    assert axes == [f"{axis}{n}" for n in range(1, 7) for axis in "XYZ"]
    assert lines[5] == "" and lines[-1] == ""
    rows = [tokens_of(line) for line in lines[6:-1]]
    assert len(rows) == FRAMES and {len(row) for row in rows} == {2 + 3 * 6}
    # the skull at (10, 10, 10) unturned: (1, 2, 3) is at (11, 12, 13); with z up to y: (x, z, -y)
    assert rows[0][:2] == ["1", "0.000000"]
    assert [float(x) for x in rows[0][11:14]] == [11, 13, -12]
    assert rows[LOST][2 + 12 :] == [""] * 6 and rows[LOST][2] != ""


def mot_of(path):
    lines = path.read_text().splitlines()
    end = lines.index("endheader")
    head = dict(line.split("=") for line in lines[:end] if "=" in line)
    names = lines[end + 1].split("\t")
    return (
        head,
        names,
        np.array([[float(x) for x in line.split("\t")] for line in lines[end + 2 :]]),
    )


def test_a_mot_holds_the_coordinates_of_free_joints(folder, capsys):
    status, said = convert(
        capsys, "track.csv", "track_jaw.csv", "out.mot", "--landmarks", "skull.json",
        "--landmarks", "jaw.json", "--up", "z",
    )  # fmt: skip
    assert status == 0 and "1 of 6 frames" in said
    head, names, values = mot_of(folder / "out.mot")
    assert head["inDegrees"] == "yes" and head["version"] == "1"
    assert (int(head["nRows"]), int(head["nColumns"])) == values.shape == (FRAMES - 1, 13)
    assert (
        names[:4] == ["time", "head_flexion", "head_bending", "head_rotation"]
        and names[-1] == "jaw_tz"
    )
    assert values[:, 0] == pytest.approx(np.array([0, 1, 3, 4, 5]) / 30, abs=1e-6)
    # a skull (x right, y front, z up) unturned, in a world with z up: OpenSim's x is our y, its y
    # our z, its z our x; the ground's are our x, z, -y: it is turned by 90 deg about what is up
    first = Rotation.from_euler("ZXY", values[0, 1:4], degrees=True).as_matrix()
    np.testing.assert_allclose(first, [[0, 0, 1], [0, 1, 0], [-1, 0, 0]], atol=1e-8)
    assert values[0, 1:4] == pytest.approx([0, 0, 90])
    assert values[0, 4:7] == pytest.approx([0.010, 0.010, -0.010])
    assert abs(np.diff(values[:, 1:4], axis=0)).max() < 180  # unwrapped


def test_joints_put_together_are_the_poses(folder, capsys):
    assert convert(capsys, "track.csv", "track_jaw.csv", "out.mot", "--up=-y")[0] == 0
    _, _, values = mot_of(folder / "out.mot")
    permuted = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
    ground_from_world = np.diag([1.0, -1, -1])
    turns = [
        Rotation.from_euler("ZXY", values[-1, n : n + 3], degrees=True).as_matrix() for n in (1, 7)
    ]
    R = ground_from_world.T @ turns[0] @ turns[1] @ permuted
    t = ground_from_world.T @ (1000 * (values[-1, 4:7] + turns[0] @ values[-1, 10:13]))
    jaw = poses_of(2)
    np.testing.assert_allclose(R, jaw.R[-1], atol=1e-6)
    np.testing.assert_allclose(t, jaw.t[-1], atol=1e-4)


@pytest.mark.parametrize("up", Y_UP_FROM)
def test_up_becomes_y_by_a_proper_turn(up):
    turn, axis = np.array(Y_UP_FROM[up]), "xyz".index(up[-1])
    assert np.linalg.det(turn) == pytest.approx(1)
    assert (turn @ np.eye(3)[axis] * (-1 if up[0] == "-" else 1)).tolist() == [0, 1, 0]


def test_another_reader_finds_the_markers_of_a_c3d(folder, capsys):
    pytest.importorskip("c3d", reason="c3d is not installed")
    if find_spec("ezc3d") is None:
        pytest.skip("ezc3d, a reader apart from c3d, is not installed")
    command = ["track.csv", "track_jaw.csv", "out.c3d", *both_landmarks()]
    assert convert(capsys, *command)[0] == 0
    code = (  # in a process without SimpleITK, which ezc3d does not bear
        "import ezc3d, json; c = ezc3d.c3d('out.c3d'); p = c['parameters']['POINT']; "
        "print(json.dumps([p['LABELS']['value'], p['UNITS']['value'], float(p['RATE']['value'][0]),"
        "c['data']['points'].tolist(), c['data']['meta_points']['residuals'].tolist()]))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    labels, units, rate, points, residuals = json.loads(said)
    points, missing = np.array(points)[:3].T, np.array(residuals)[0].T < 0
    assert (rate, units, points.shape) == (30, ["mm"], (FRAMES, 6, 3))
    assert labels[0] == "head_porion_left" and labels[5] == "jaw_a point"
    assert points[0, 3] == pytest.approx([11, 12, 13])
    expected = (poses_of(2)[4] @ JAW["gnathion"]).numpy()
    assert points[4, 4] == pytest.approx(expected, abs=1e-3)
    assert missing[LOST].tolist() == [False] * 4 + [True] * 2 and missing.sum() == 2


def test_without_its_library_c3d_says_what_to_install(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "c3d", None)
    status, said = convert(capsys, "track.csv", "out.c3d", "--landmarks", "skull.json")
    assert status == 1 and "pip install c3d" in said
    assert not (folder / "out.c3d").exists()


def test_several_bodies_go_through_xmalab_and_autoscoper_and_back(folder, capsys):
    affine = np.diag([1.0, 1.5, 2.0, 1.0])
    affine[:3, 3] = -30, 40, -50
    hu = np.full((8, 9, 10), -1000, np.int16)
    hu[4:] = 40
    nibabel.save(nibabel.Nifti1Image(hu, affine), "ct.nii.gz")
    tracks = ["track.csv", "track_jaw.csv"]
    xma = ["bodies.csv", "--to", "rigid-bodies", "--unit", "cm", "--axes", "ras"]
    assert convert(capsys, *tracks, *xma)[0] == 0
    read = read_rigid_bodies("bodies.csv", "cm")
    assert read.names == ("head", "jaw")
    tra = ["bodies.tra", "--unit", "cm", "--out-unit", "mm", "--axes", "ras", "--ct", "ct.nii.gz"]
    status, said = convert(capsys, "bodies.csv", *tra)
    assert status == 0, said
    volumes = read_tra("bodies.tra", unit="mm").world_from_body
    local = local_from_ct(affine, (8, 9, 10))
    for n, poses in enumerate((poses_of(1), poses_of(2))):
        back = volumes[n] @ local
        np.testing.assert_allclose(back.t[3:], poses.t[3:], atol=1e-5)
        np.testing.assert_allclose(read.world_from_body[n].R[3:], poses.R[3:], atol=1e-9)
    assert np.isnan(volumes.t[1, LOST]).all() and np.isfinite(volumes.t[0, LOST]).all()
    chosen = ["jaw.csv", "--to", "track", "--unit", "cm", "--axes", "ras"]
    assert convert(capsys, "bodies.csv", *chosen, "--rate-hz", "30", "--body", "jaw")[0] == 0
    given, back = (
        (folder / name).read_text().splitlines() for name in ("track_jaw.csv", "jaw.csv")
    )
    for a, b in zip(given[1:], back[1:], strict=True):
        assert a.split(",")[:3] == b.split(",")[:3]
        for x, y in zip(a.split(",")[3:10], b.split(",")[3:10], strict=True):
            assert x == y == "" or float(x) == pytest.approx(float(y), abs=2e-6)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("track.csv out.trc --landmarks skull.json", "--up: x, -x, y"),
        ("track.csv out.trc --up z", "--landmarks: the landmarks of each body"),
        ("track.csv track_jaw.csv out.c3d --landmarks skull.json", "1 files for 2 bodies"),
        ("track.csv out.c3d --landmarks skull.json --up z", "--up says nothing here"),
        ("track.csv track.csv out.mot --up z", "given twice: head"),
        ("track.csv late.csv out.mot --up z", "late.csv: frame 5 is at"),
        ("uneven.csv out.trc --up z --landmarks skull.json", "uneven.csv: the frames are not even"),
        ("none.csv out.mot --up z", "none.csv: no frame has a pose"),
        ("none.csv out.trc --up z --landmarks skull.json", "none.csv: no marker has a place"),
        ("none.csv out.c3d --landmarks skull.json", "none.csv: no marker has a place"),
        ("track.csv out.trc --up z --landmarks tabs.json", "must hold no tab"),
        ("track.csv out.csv --to rigid-bodies --from mot", "mot is written, not read"),
        ("one.csv out.c3d --landmarks skull.json", "fewer than two frames"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(folder, capsys, command, said):
    poses, times = poses_of(1), np.arange(FRAMES) / 30
    write_truth("late.csv", track_of_poses(poses, times * 1.1))
    write_truth("uneven.csv", track_of_poses(poses, times**2))
    write_truth("one.csv", track_of_poses(poses[:1], times[:1]))
    write_truth("none.csv", track_of_poses(poses, times, ("lost",) * FRAMES))
    write_landmarks(folder / "tabs.json", {"a\tb": np.zeros(3)})
    status, text = convert(capsys, *command.split())
    assert status == 1 and said in text, text
    assert not list(folder.glob("out.*"))
