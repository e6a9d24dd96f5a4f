"""`dualfluoro convert`, from the command line: what it finds, asks for, writes and refuses."""

import re
import shutil
import warnings
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import dualfluoro
from calibration import Camera, Rig, Rigid
from dualfluoro.cli import main
from dualfluoro.foreign_files import KIND_OF, sniffed
from registration import Track, track_of_poses, write_truth
from registration.xmalab_rigid_body import read_rigid_bodies

DATA = Path(__file__).parents[2] / "../shared/data"
K = np.array([[3100.25, 0, 395.5], [0, 3100.25, 588.75], [0, 0, 1]])
LENS = {"model": "opencv", "coefficients": [0.05, -0.2, 0.001, -0.002, 0.3, 0.0, 0.0, 0.0]}
POINTS = np.random.default_rng(0).uniform(-60, 60, (20, 3))


def rig(distortion=None):
    R = Rotation.random(2, random_state=4).as_matrix()
    t = np.array([[12.5, -30.25, 905.0], [-41.0, 8.5, 1164.75]])
    return Rig(
        tuple(
            Camera(K, Rigid(R[n], t[n]), 1024, 960, name="AB"[n], pixel_spacing_mm=0.3,
                   distortion=distortion)
            for n in (0, 1)
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A rig, and a track with one lost frame."""
    folder = tmp_path_factory.mktemp("originals")
    rig().write(folder / "rig.json")
    R = Rotation.random(6, random_state=5).as_matrix()
    t = np.random.default_rng(5).normal(0, 100, (6, 3))
    R[2], t[2] = np.nan, np.nan
    write_truth(folder / "truth.csv", track_of_poses(Rigid(R, t), np.arange(6) / 50.0))
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


THROUGH = {
    "m_{view}.txt": ["--unit", "cm"],
    "m_{view}.csv": ["--unit", "mm", "--to", "mayacam1"],
    "d.csv": ["--unit", "cm", "--to", "dlt"],
    "o.yaml": ["--unit", "m"],
    "a.toml": ["--unit", "m"],
    "x.h5": [],
    "r.xml": [],
}
BACK = {
    "m_{view}.txt": ["m_A.txt", "m_B.txt", "--unit", "cm"],
    "m_{view}.csv": ["m_A.csv", "m_B.csv", "--unit", "mm"],
    "d.csv": ["d.csv", "--unit", "cm", "--size", "1024", "960"],
    "o.yaml": [
        *("o.yaml", "--unit", "m", "--keys", "K=K1 R=R1 t=t1 width=width1 height=height1"),
        *("--keys", "K=K2,R=R2,t=t2,width=1024,height=960"),
    ],
    "a.toml": ["a.toml", "--unit", "m"],
    "x.h5": ["x.h5"],
    "r.xml": [
        *("r.xml", "--unit", "mm", "--size", "1024", "960", "--spacing-mm", "0.3", "0.3"),
        *("--origin-mm", str(-511.5 * 0.3), str(-479.5 * 0.3)),
    ],
}


@pytest.mark.parametrize("out", THROUGH)
def test_a_rig_goes_through_every_camera_format_and_back(folder, capsys, out):
    status, said = convert(capsys, "rig.json", out, *THROUGH[out])
    assert status == 0 and f"wrote {out}" in said and "it does not store" in said
    ins = [token for token in BACK[out] if (folder / token).is_file()]
    assert len({sniffed(folder / name) for name in ins}) == 1
    status, said = convert(capsys, *ins, "back.json", *BACK[out][len(ins) :])
    assert status == 0, said
    for before, after in zip(rig(), Rig.read(folder / "back.json"), strict=True):
        np.testing.assert_allclose(after.project(POINTS), before.project(POINTS), atol=1e-6)
    assert not list(folder.glob(".*"))  # nothing half written is left


def test_one_camera_is_chosen_and_a_unit_is_changed_on_the_way(folder, capsys):
    assert convert(capsys, "rig.json", "b.txt", "--view", "B", "--unit", "mm")[0] == 0
    status, _ = convert(capsys, "b.txt", "b.toml", "--unit", "mm", "--out-unit", "m")
    assert status == 0 and convert(capsys, "b.toml", "b.json", "--unit", "m")[0] == 0
    (view,) = Rig.read(folder / "b.json")
    np.testing.assert_array_equal(view.cam_from_world.t, rig()["B"].cam_from_world.t)


def test_a_jointtrack_calibration_loses_the_world_and_says_so(folder, capsys):
    status, said = convert(capsys, "rig.json", "j.txt", "--to", "jointtrack-calibration")
    assert status == 0 and "note: a JointTrack calibration has the frame of camera 'A'" in said
    status, said = convert(capsys, "j.txt", "j.json", "--size", "1024", "960")
    assert status == 0 and "half a pixel is unknown" in said
    moved = rig()["A"].cam_from_world @ POINTS
    for before, after in zip(rig(), Rig.read(folder / "j.json"), strict=True):
        np.testing.assert_allclose(after.project(moved), before.project(POINTS), atol=1e-6)


def test_quiet_says_nothing_and_python_has_the_same_function(folder, capsys):
    assert convert(capsys, "rig.json", "x.h5", "--quiet") == (0, "")
    from dualfluoro.file_facts import FileFacts

    target = dualfluoro.convert(Path("x.h5"), Path("y.toml"), facts=FileFacts(unit="cm"))
    assert target == Path("y.toml") and sniffed(folder / "y.toml") == "anipose"


def volume(path, mirrored=False):
    """A CT whose voxel axes are turned in space."""
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec([0.3, -0.2, 0.5]).as_matrix() * [0.5, 0.5, 0.8]
    affine[:3, 3] = [-40, 30, 500]
    if mirrored:
        affine[:, 0] *= -1
    data = np.full((6, 8, 4), -1000, dtype=np.int16)
    data[2:4, 2:6, 1:3] = 600
    nibabel.save(nibabel.Nifti1Image(data, affine), path)
    return affine


@pytest.mark.parametrize("unit", ["mm", "cm"])
@pytest.mark.parametrize("axes", ["ras", "lps"])
def test_section_17_rigid_bodies_and_tra_with_a_stated_volume_frame(folder, capsys, unit, axes):
    affine = volume(folder / "ct.nii.gz")
    rb = ["--unit", "mm", "--axes", axes]
    assert convert(capsys, "truth.csv", "rb.csv", "--to", "rigid-bodies", *rb)[0] == 0
    status, said = convert(capsys, "rb.csv", "a.tra", *rb, "--out-unit", unit, "--ct", "ct.nii.gz")
    assert status == 0, said
    rows = np.genfromtxt(folder / "a.tra", delimiter=",").reshape(-1, 4, 4)
    i, j, k = 1.0, 5.0, 2.0  # one voxel, by the source's formula and by the CT
    local = np.array([(i + 0.5) * 0.5, (8 - j - 0.5) * 0.5, -(k + 0.5) * 0.8, 1])
    truth = Track.read(folder / "truth.csv").world_from_ct
    scale = {"mm": 1, "cm": 10}[unit]
    world = scale * (rows[:, :3, :3] @ (local[:3] / scale) + rows[:, :3, 3])
    expected = truth @ (affine @ [i, j, k, 1])[:3]
    np.testing.assert_allclose(world, expected, atol=1e-5)
    local_from_ct = np.diag([0.5, -0.5, -0.8, 1])
    local_from_ct[:3, 3] = [0.25, 7.5 * 0.5, -0.4]
    np.savetxt(folder / "local.txt", local_from_ct @ np.linalg.inv(affine))
    for place in (("--ct", "ct.nii.gz"), ("--local-from-ct", "local.txt")):
        back = ["back.csv", "--to", "rigid-bodies", "--axes", axes, *place]
        status, said = convert(capsys, "a.tra", *back, "--unit", unit, "--out-unit", "mm")
        assert status == 0, said
        found = read_rigid_bodies(folder / "back.csv", "mm").world_from_body.matrix()
        first = read_rigid_bodies(folder / "rb.csv", "mm").world_from_body.matrix()
        np.testing.assert_allclose(found, first, atol=2e-5)  # NIfTI keeps its affine in float32


def test_a_mirrored_stack_is_refused(folder, capsys):
    volume(folder / "ct.nii.gz", mirrored=True)
    status, said = convert(capsys, "truth.csv", "a.tra", "--unit", "mm", "--ct", "ct.nii.gz")
    assert status == 1 and "ct.nii.gz: the stack of slices does not lie in the CT" in said


def test_a_track_goes_through_jointtrack_and_lost_frames_stay_lost(folder, capsys):
    facts = ["--rig", "rig.json", "--view", "B", "--axes", "lps"]
    assert convert(capsys, "truth.csv", "a.jtak", *facts)[0] == 0
    assert "NOT_OPTIMIZED" in (folder / "a.jtak").read_text().splitlines()[4]
    assert convert(capsys, "a.jtak", "b.jts")[0] == 0
    status, said = convert(capsys, "b.jts", "back.csv", "--to", "track", "--rate-hz", "50", *facts)
    assert status == 0, said
    before, after = (Track.read(folder / name) for name in ("truth.csv", "back.csv"))
    assert after.status == before.status and after.status[2] == "lost"
    np.testing.assert_allclose(
        after.world_from_ct.matrix(), before.world_from_ct.matrix(), atol=2e-6
    )
    np.testing.assert_allclose(after.time_s, before.time_s)


def test_lps_is_half_a_turn_about_the_long_axis(folder, capsys):
    for axes in ("ras", "lps"):
        facts = ["--to", "rigid-bodies", "--unit", "mm", "--axes", axes]
        assert convert(capsys, "truth.csv", f"{axes}.csv", *facts)[0] == 0
    ras, lps = (
        read_rigid_bodies(folder / f"{axes}.csv", "mm").world_from_body[0]
        for axes in ("ras", "lps")
    )
    np.testing.assert_allclose(lps @ (POINTS[:1] * [-1, -1, 1]), ras @ POINTS[:1], atol=1e-9)


def test_several_bodies_ask_which_one_a_track_is_of(folder, capsys):
    source = DATA / "xromm/xromm_tools/rbt.csv"
    if not source.exists():
        pytest.skip("rbt.csv is not here (shared/data)")
    facts = ["--to", "track", "--unit", "cm", "--axes", "ras", "--rate-hz", "250"]
    status, said = convert(capsys, source, "t.csv", *facts)
    assert status == 1 and "choose a body with --body: Jaw, Skull" in said
    assert convert(capsys, source, "t.csv", *facts, "--body", "Skull")[0] == 0
    track = Track.read(folder / "t.csv")
    assert len(track) == 435 and track.time_s[250] == 1.0
    skull = read_rigid_bodies(source, "cm").world_from_body[1]
    np.testing.assert_allclose(track.world_from_ct.matrix(), skull.matrix(), atol=2e-6)


def points2d(folder, pixels, header="m_cam1_X,m_cam1_Y,m_cam2_X,m_cam2_Y"):
    rows = [",".join(map(str, row)) for row in pixels]
    (folder / "p.csv").write_text("\n".join([header, *rows]) + "\n")


def test_raw_2d_points_become_detections_of_the_pinhole_image(folder, capsys):
    rig(LENS).write(folder / "lens.json")
    views = rig(LENS)
    straight = np.stack([view.project(POINTS[:3]) for view in views])
    raw = np.stack([view.distorted(view.project(POINTS[:3])) for view in views])
    written = np.stack([raw[..., 0] + 1, 960 - 1 - raw[..., 1] + 1], axis=-1)
    points2d(folder, np.moveaxis(written, 0, 1).reshape(3, 4))
    facts = ["--one-based", "--y-up", "--distorted", "--rig", "lens.json", "--to", "detections"]
    status, said = convert(capsys, "p.csv", "d.csv", *facts)
    assert status == 0, said
    rows = [line.split(",") for line in (folder / "d.csv").read_text().splitlines()]
    assert rows[0] == "frame,view,landmark,u_px,v_px,sd_px,in_field".split(",")
    assert [row[:3] for row in rows[1:3]] == [["0", "A", "m"], ["0", "B", "m"]]
    found = np.array([row[3:5] for row in rows[1:]], float).reshape(3, 2, 2)
    np.testing.assert_allclose(np.moveaxis(found, 1, 0), straight, atol=1e-6)
    assert convert(capsys, "d.csv", "q.csv", "--to", "points2d", "--rig", "lens.json")[0] == 0
    np.testing.assert_allclose(
        np.genfromtxt(folder / "q.csv", delimiter=",", skip_header=1).reshape(3, 2, 2), found
    )


def test_points_outside_the_field_or_not_seen_are_nan_in_xmalab(folder, capsys):
    rows = ["0,A,n,1.5,2,0.3,1", "0,B,n,3,4,0.3,0", "2,A,n,5,6,,1", "2,A,o,7,8,1,1"]
    head = "frame,view,landmark,u_px,v_px,sd_px,in_field\n"
    (folder / "d.csv").write_text(head + "\n".join(rows) + "\n")
    assert convert(capsys, "d.csv", "p.csv", "--to", "points2d")[0] == 0
    assert (folder / "p.csv").read_text().splitlines() == [
        "n_cam1_X,n_cam1_Y,n_cam2_X,n_cam2_Y,o_cam1_X,o_cam1_Y,o_cam2_X,o_cam2_Y",
        "1.5,2.0,NaN,NaN,NaN,NaN,NaN,NaN",
        "NaN,NaN,NaN,NaN,NaN,NaN,NaN,NaN",
        "5.0,6.0,NaN,NaN,7.0,8.0,NaN,NaN",
    ]


def test_3d_points_landmarks_and_cfg(folder, capsys):
    (folder / "p.csv").write_text("a_X,a_Y,a_Z\n1.5,2.5,NaN\n".replace("NaN", "3.5"))
    assert convert(capsys, "p.csv", "q.csv", "--unit", "cm", "--out-unit", "mm")[0] == 0
    assert (folder / "q.csv").read_text() == "a_X,a_Y,a_Z\n15,25,35\n" or (
        folder / "q.csv"
    ).read_text() == "a_X,a_Y,a_Z\n15.0,25.0,35.0\n"
    fcsv = (
        "# Markups fiducial file version = 4.8\n# CoordinateSystem = 0\n1,1,2,3,0,0,0,1,1,1,0,n,,\n"
    )
    (folder / "f.fcsv").write_text(fcsv)
    assert convert(capsys, "f.fcsv", "l.json")[0] == 0
    assert sniffed(folder / "l.json") == "landmarks"
    assert convert(capsys, "l.json", "l.mrk.json")[0] == 0
    assert convert(capsys, "rig.json", "m_{view}.txt", "--unit", "mm")[0] == 0
    (folder / "t.cfg").write_text(
        "mayaCam_csv m_A.txt\nmayaCam_csv m_B.txt\nCameraRootDir a\nCameraRootDir b\n"
        "VolumeFile v.tif\nVoxelSize 1 1 1\n"
    )
    assert convert(capsys, "t.cfg", "u.cfg")[0] == 0
    assert (folder / "u.cfg").read_text().startswith("Version 1.1\nmayaCam_csv m_A.txt\n")
    assert convert(capsys, "u.cfg", "back.json", "--unit", "mm")[0] == 0
    np.testing.assert_array_equal(Rig.read(folder / "back.json")["B"].K, K)


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (["m_A.txt", "r.json"], "--unit: mm or cm, that of the calibration object"),
        (["rig.json", "o.yaml"], "--unit: mm, cm or m to write lengths in"),
        (["d.csv", "r.json", "--from", "dlt"], "--unit: .*; --size: width and height"),
        (["o.yaml", "r.json", "--unit", "mm"], "--keys: which entry is K, D, R, t, size"),
        (["r.xml", "r.json"], "--unit: .*; --size: .*; --spacing-mm: .*; --origin-mm: where"),
        (["p.csv", "q.csv", "--to", "detections"], "--one-based or --zero-based: .*; --y-up or"),
        (["p.csv", "q.csv", "--to", "points2d", "--y-up", "--zero-based"], "--rig or --size: the"),
        (["truth.csv", "a.tra", "--unit", "mm"], "--ct or --local-from-ct: where the volume"),
        (["truth.csv", "a.jts"], "--rig: the rig.json .*; --view: .*; --axes: ras or lps"),
        (
            ["rb.csv", "t.csv", "--to", "track"],
            "--unit: .*; --axes: .*; --rate-hz: frames a second",
        ),
        (["a.tra", "b.tra"], "--unit: mm, cm or m"),
        (["rig.json", "x.h5", "--y-down"], "--y-up or --y-down says nothing here; leave it out"),
        (["rig.json", "m.txt", "--unit", "mm"], "one camera a file and there are 2: put {view}"),
        (["rig.json", "m.txt", "--unit", "mm", "--view", "C"], "no camera 'C', only 'A', 'B'"),
        (["rig.json", "rig.json"], "OUT is a file that is read; take another name"),
        (["rig.json", "sub/../rig.json"], "OUT is a file that is read"),
        (["rig.json", "link.json"], "OUT is a file that is read"),
        (["m_A.txt", "m_{view}.txt", "--unit", "mm"], "m_A.txt: OUT is a file that is read"),
        (
            [
                "a.jts",
                "rig.json",
                "--to",
                "track",
                "--rate-hz",
                "9",
                "--rig",
                "rig.json",
                "--view",
                "A",
                "--axes",
                "ras",
            ],
            "rig.json: OUT is a file that is read",
        ),
        (["rig.json", "c.csv"], "the ending does not say .*--to mayacam1 or dlt"),
        (["rig.json", "c.docx"], "the ending does not say .*--to rig or mayacam2"),
        (["rig.json", "c.tra"], "the ending does not say"),
        (["rig.json", "c.tra", "--to", "tra"], "rig.json holds cameras, which tra .motion. cannot"),
        (
            ["rig.json", "m_A.txt", "c.toml"],
            "the files to read have several formats: mayacam2, rig",
        ),
        (["rb.csv", "rb.csv", "c.tra"], "rigid-bodies is read from one file at a time"),
        (["x.h5", "x.h5", "c.json"], "a rig of the format xreg is one file, not 2"),
        (["none.txt", "c.json"], "none.txt: there is no such file"),
        (["sub", "c.json"], "sub: there is no such file"),
        (["eleven.csv", "c.json"], "11 rows of 6 numbers can be read as dlt or as tra; say which"),
        (["words.txt", "c.json"], "not a file that is known by its content; say what it is with"),
        (["bytes.bin", "c.json"], "neither text in UTF-8 nor HDF5"),
        (["a.trc", "c.csv"], "a TRC file of OpenSim is not read"),
        (["a.mot", "c.csv"], "a MOT or STO file of OpenSim is not read"),
        (["o.xml", "c.json"], "FileStorage in XML: write it as YAML is not read"),
        (["v.json", "c.json"], "VTKCam 1.0 of Autoscoper is not supported: export MayaCam 2.0"),
        (["j.json", "c.json"], "JSON that is neither a rig nor landmarks"),
        (["list.json", "c.toml", "--from", "rig", "--unit", "mm"], "not a rig file"),
        (["deep.h5", "c.json"], "this is a DeepFluoro file"),
        (["other.h5", "c.json"], "not xReg projection data"),
        (["eye.tra", "c.tra", "--unit", "mm"], "can be read as rows or as columns"),
        (["rig.json", "c.h5", "--spacing-mm", "0.1", "0.2"], "this format has square pixels"),
        (["o.yaml", "c.json", "--unit", "mm", "--keys", "K1"], "--keys 'K1': expected for example"),
        (["a.jts", "c.tra", "--to", "track"], "--rig"),
    ],
)
def test_what_is_missing_ambiguous_or_wrong_is_said_in_one_line(rubbish, capsys, tokens, said):
    before = sorted(rubbish.rglob("*"))
    status, text = convert(capsys, *tokens)
    assert status == 1 and re.search(said.replace("{", r"\{"), text), text
    assert sorted(rubbish.rglob("*")) == before


@pytest.fixture(scope="module")
def made_rubbish(originals, tmp_path_factory):
    """Good files of many formats, and files that nothing can be made of."""
    folder = tmp_path_factory.mktemp("rubbish")
    shutil.copytree(originals, folder, dirs_exist_ok=True)
    for tokens in (
        ["rig.json", "m_{view}.txt", "--unit", "mm"],
        ["rig.json", "d.csv", "--unit", "mm", "--to", "dlt"],
        ["rig.json", "o.yaml", "--unit", "mm"],
        ["rig.json", "r.xml"],
        ["rig.json", "x.h5"],
        ["truth.csv", "rb.csv", "--to", "rigid-bodies", "--unit", "mm", "--axes", "ras"],
        ["truth.csv", "a.jts", "--rig", "rig.json", "--view", "A", "--axes", "ras"],
    ):
        places = [str(folder / x) if "." in x else x for x in tokens]
        assert main(["convert", *places, "--quiet"]) == 0
    points2d(folder, [[1, 2, 3, 4]])
    (folder / "sub").mkdir()
    (folder / "link.json").symlink_to("rig.json")
    texts = {
        "a.tra": "1,0,0,5,0,1,0,6,0,0,1,7,0,0,0,1\n",
        "eye.tra": "1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1\n",
        "eleven.csv": "1,2,3,4,5,6\n" * 11,
        "words.txt": "hello\nworld\n",
        "a.trc": "PathFileType\t4\t(X/Y/Z)\ta.trc\n",
        "a.mot": "a\nversion=1\nendheader\n",
        "o.xml": '<?xml version="1.0"?>\n<opencv_storage>\n</opencv_storage>\n',
        "v.json": '{"version": 1.0, "focal-point": [0, 0, 0]}',
        "j.json": '{"a": 1}',
        "list.json": "[1, 2]",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "bytes.bin").write_bytes(bytes(range(256)))
    for name, group in (("deep.h5", "proj-params"), ("other.h5", "a")):
        with h5py.File(folder / name, "w") as file:
            file.create_group(group)
    return folder


@pytest.fixture
def rubbish(made_rubbish, tmp_path, monkeypatch):
    shutil.copytree(made_rubbish, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_failure_leaves_the_old_output_and_nothing_half_written(folder, capsys):
    (folder / "r.xml").write_text("old")
    uneven = Camera(K * [[1, 1, 1], [1, 1.04, 1], [1, 1, 1]], np.eye(4), 8, 8, name="A",
                    pixel_spacing_mm=1.0)  # fmt: skip
    Rig((uneven,)).write(folder / "uneven.json")
    for name in ("r.xml", "x.h5"):
        status, said = convert(capsys, "uneven.json", name, "--view", "Z")
        assert status == 1 and "no camera 'Z'" in said
    assert convert(capsys, "uneven.json", "r.xml")[0] == 1
    assert (folder / "r.xml").read_text() == "old" and not (folder / "x.h5").exists()
    assert not list(folder.glob(".*"))


REAL = {
    "mayacam2": "calibration/mayacam_*/*cam??.txt calibration/*/*MayaCam?.txt wrist/xr*.txt "
    "implants/Camcal?.txt",
    "points2d": "xromm/dlctools/*.csv",
    "points3d": "xromm/xromm_tools/3dpts.csv",
    "rigid-bodies": "xromm/blender_sample/*.csv xromm/xromm_tools/rbt.csv",
    "jointtrack-poses": "implants/Cam?/*.jts",
    "landmarks": "markups/*.json",
}  # fmt: skip
FACTS = {
    "mayacam2": ["r.json", "--unit", "mm"],
    "points2d": ["p.csv", "--to", "points2d", "--zero-based", "--y-down"],
    "points3d": ["p.csv", "--unit", "cm"],
    "rigid-bodies": ["b.csv", "--to", "rigid-bodies", "--unit", "cm"],
    "jointtrack-poses": ["p.jtak"],
    "landmarks": ["l.fcsv"],
}


@pytest.mark.parametrize("name", REAL)
def test_every_real_file_is_found_out_and_converted(folder, capsys, name):
    if not DATA.exists():
        pytest.skip("shared/data is not here")
    files = sorted({path for pattern in REAL[name].split() for path in DATA.glob(pattern)})
    assert files
    for path in files:
        copy = folder / path.name
        shutil.copyfile(path, copy)
        assert sniffed(copy) == name
        status, said = convert(capsys, path, *FACTS[name])
        assert status == 0, said


def test_no_real_image_mesh_or_licence_is_taken_for_a_known_file():
    if not DATA.exists():
        pytest.skip("shared/data is not here")
    known = {path for patterns in REAL.values() for p in patterns.split() for path in DATA.glob(p)}
    others = [p for p in DATA.glob("**/*") if p.is_file() and p not in known and p.suffix != ".jpg"]
    assert others
    for path in others:
        with pytest.raises(ValueError, match=r"is not read|not a file|neither text|JSON"):
            sniffed(path)


def test_every_format_has_a_kind_and_a_place_in_the_documentation():
    text = (Path(__file__).parents[2] / "docs/files.md").read_text()
    for name in KIND_OF:
        assert f"`{name}`" in text, name


def test_notes_are_not_pythons_warnings(folder, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        status, said = convert(capsys, "rig.json", "j.txt", "--to", "jointtrack-calibration")
    assert status == 0 and said.startswith("note: ")


HOSTILE = {
    "m_A.txt": ["--unit", "mm"],
    "d.csv": ["--unit", "mm", "--size", "1024", "960", "--from", "dlt"],
    "o.yaml": ["--unit", "mm", "--keys", "K=K1 D=D1 R=R1 t=t1 width=width1 height=height1"],
    "r.xml": BACK["r.xml"][1:],
    "x.h5": [],
    "rb.csv": ["--to", "tra", "--unit", "cm", "--axes", "ras", "--local-from-ct", "eye.txt"],
    "a.tra": ["--unit", "mm", "--to", "tra"],
    "a.jts": [],
    "p.csv": ["--to", "points2d", "--zero-based", "--y-down", "--from", "points2d"],
}
JUNK = [
    b",",
    b"\n",
    b"nan",
    b"1e400",
    b"-",
    b"0",
    b"9" * 30,
    b"[",
    b"]",
    b":",
    b"\0",
    b"\xff",
    b"&a;",
]
JUNK += [b'"', b"<", b">", b"1_0", "\u0661".encode(), b"#", b"inf", b"\t", b"e"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_damaged_file_is_one_line_and_never_a_traceback(rubbish, capsys, name):
    np.savetxt(rubbish / "eye.txt", np.eye(4))
    rng, content = np.random.default_rng(len(name)), (rubbish / name).read_bytes()
    ending = {".tra": ".tra", ".jts": ".jtak", ".csv": ".csv"}.get(Path(name).suffix, ".json")
    refused = 0
    for _ in range(5):
        damaged = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(len(damaged) + 1))
            length = int(rng.choice([0, 1, 3, 40, 10**6]))
            junk = JUNK[rng.integers(len(JUNK))] if length < 10**6 else b""
            damaged[at : at + length] = junk
        (rubbish / name).write_bytes(bytes(damaged))
        facts = [*HOSTILE[name], "--quiet"]
        if name == "d.csv":
            ending = ".json"
        status, said = convert(capsys, name, f"out{ending}", *facts)
        assert status in (0, 1) and (status == 0 or said.startswith("dualfluoro: ")), said
        refused += status
    assert refused > 0
