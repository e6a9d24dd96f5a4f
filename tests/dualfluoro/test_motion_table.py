"""Bodies of a trial: what trial.toml may say of them, motion.csv, and its plots."""

import csv

import nibabel
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration import Rigid
from drr import HeadAnatomy
from dualfluoro import load_trial
from dualfluoro import report_plots as plots
from dualfluoro.motion_bodies import rigid_body
from dualfluoro.motion_table import COLUMNS, TrackedFrame, read_motion, write_motion
from dualfluoro.subject import Subject
from dualfluoro.trial_bodies import Body
from registration import track_of_poses

FRAMES = 6
SKULL_FROM_CT = Rigid.exp(np.array([3.0, -40, 20, 0.2, 0, 0]))


@pytest.fixture
def table(tmp_path):
    """A head that turns its face to the left, and a jaw on a hinge in it, with two gaps."""
    yaw = np.radians([0, 4, 8, 12, 16, 20])
    R = Rotation.from_rotvec(yaw[:, None] * [0, 0, 1]).as_matrix()
    in_skull = SKULL_FROM_CT.inverse() @ Rigid(R, np.zeros((FRAMES, 3))) @ SKULL_FROM_CT
    skull = track_of_poses(Rigid.exp(np.ones(6)) @ in_skull, np.arange(FRAMES) / 50)
    opening = Rotation.from_rotvec(np.radians(-2 * np.arange(FRAMES))[:, None] * [1, 0, 0])
    hinge = np.array([0, 10.0, -5])
    turn = Rigid(opening.as_matrix(), hinge - opening.as_matrix() @ hinge)
    jaw_poses = skull.world_from_ct @ SKULL_FROM_CT.inverse() @ turn @ SKULL_FROM_CT
    skull.world_from_ct.R[1], skull.world_from_ct.t[1] = np.nan, np.nan
    jaw_poses.R[3], jaw_poses.t[3] = np.nan, np.nan
    skull = track_of_poses(skull.world_from_ct, skull.time_s)
    jaw = track_of_poses(jaw_poses, skull.time_s)
    for track in (skull, jaw):
        track.covariance[:] = np.diag([0.01] * 3 + [1e-6] * 3)
    head, body = (TrackedFrame(track, np.zeros(3), SKULL_FROM_CT) for track in (skull, jaw))
    write_motion(tmp_path / "motion.csv", head, {"jaw": body})
    return tmp_path / "motion.csv"


def test_a_turning_head_and_a_jaw_on_a_hinge_stand_in_motion_csv(table):
    motion = read_motion(table)
    assert motion.names == ("head", "jaw")
    columns, steps = motion.columns, np.arange(FRAMES)
    known = steps != 1
    assert columns["head_rotation_z_deg"][known] == pytest.approx(4 * steps[known], abs=1e-4)
    assert columns["head_bending_y_deg"][known] == pytest.approx(np.zeros(5), abs=1e-4)
    both = known & (steps != 3)
    assert columns["jaw_flexion_x_deg"][both] == pytest.approx(-2 * steps[both], abs=1e-4)
    assert columns["jaw_helical_angle_deg"][both] == pytest.approx(2 * steps[both], abs=1e-4)
    assert columns["jaw_helical_axis_x"][2] == pytest.approx(-1)
    point = [columns[f"jaw_helical_point_{axis}_mm"][2] for axis in "xyz"]
    assert point == pytest.approx([0, 10, -5], abs=1e-3)
    assert columns["jaw_helical_shift_mm"][5] == pytest.approx(0, abs=1e-4)
    assert columns["jaw_sd_rotation_z_deg"][0] == pytest.approx(np.degrees(2e-6**0.5), rel=1e-3)


def test_gaps_are_empty_cells_and_open_lines(table):
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for column in COLUMNS:
        assert rows[1][f"head_{column}"] == rows[1][f"jaw_{column}"] == ""
        assert rows[3][f"jaw_{column}"] == ""
    assert rows[3]["head_x_mm"] and rows[3]["jaw_status"] == "lost"
    motion = read_motion(table)
    figure = plots.angle_plot(motion.time_s, motion.columns, "jaw")
    lines = [trace for trace in figure.data if trace.mode == "lines+markers"]
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert len(lines) == 3 and not any(line.connectgaps for line in lines)
    assert np.isnan(lines[0].y[[1, 3]]).all()
    assert [len(band.x) for band in bands[:3]] == [2, 2, 4]  # frames 0; 2; 4 and 5
    assert len(plots.place_plot(motion.time_s, motion.columns, "head").data) == 3 + 3 * 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("head_x_mm", "head_x_cm", r"motion\.csv:1: not the columns"),
        ("0.020000,lost", "nan,lost", r"motion\.csv:3: time_s must be a number"),
        ("0.020000,lost", "0.020000", r"motion\.csv:3: expected 46 cells, found 45"),
    ],
)
def test_a_spoiled_table_is_refused(table, old, new, said):
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=said):
        read_motion(table)


BODY = '\n[[body]]\nname = "jaw"\nlabels = "ct.nii.gz"\nlabel_values = [2]\n'


def test_a_trial_knows_its_bodies(trial):
    path = trial / "trial.toml"
    own = '[[body]]\nname = "C1-own_ct"\nct = "ct.nii.gz"\ninit = "init.csv"\n'
    path.write_text(path.read_text() + BODY + own)
    jaw, own = load_trial(trial).bodies
    assert (jaw.name, jaw.ct, jaw.labels, jaw.label_values) == (
        "jaw",
        None,
        trial / "ct.nii.gz",
        (2,),
    )
    assert (own.ct, own.init, own.labels) == (trial / "ct.nii.gz", trial / "init.csv", None)
    assert load_trial(trial).views[0].name == "A"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"jaw"', '"../jaw"', "of letters, digits, - and _"),
        ('"jaw"', '"a,b"', "of letters, digits, - and _"),
        ('"jaw"', '"kiefer_ü"', "of letters, digits, - and _"),
        ('"jaw"', '"-rf"', "of letters, digits, - and _"),
        ('"jaw"', '""', "of letters, digits, - and _"),
        ('"jaw"', '"Head"', "is the subject itself"),
        ('"jaw"', "3", "name must be a text"),
        ('name = "jaw"', "", "needs the key 'name'"),
        ("labels =", "labls =", r"\[\[body\]\] labls: unknown key; did you mean 'labels'"),
        ('labels = "ct.nii.gz"\nlabel_values = [2]', "", "needs a CT of its own"),
        ('labels = "ct.nii.gz"\nlabel_values = [2]', 'ct = "ct.nii.gz"', "needs a start, init"),
        ("[2]", "[0]", "must list labels above 0"),
        ('"ct.nii.gz"', '"none.nii.gz"', "there is no label map"),
        ("[2]", '[2]\ninit = "none.csv"', "init: there is no file"),
        ("[[body]]", "[body]", r"written as \[\[body\]\]"),
        ("[2]\n", '[2]\n[[body]]\nname = "JAW"\nlabels = "ct.nii.gz"\n', "differ in capitals"),
    ],
)
def test_a_hostile_body_is_refused(trial, old, new, said):
    path = trial / "trial.toml"
    path.write_text(path.read_text() + BODY.replace(old, new, 1))
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        load_trial(trial)


def test_labels_of_another_ct_are_refused(tmp_path):
    labels = np.zeros((20, 20, 20), np.int16)
    labels[:4, :4, :4] = 2
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "far.nii.gz")
    bone = np.zeros(labels.shape, bool)
    bone[10:] = True
    subject = Subject(tmp_path / "ct.nii.gz")
    subject.__dict__["anatomy"] = HeadAnatomy(bone, bone, None, np.eye(4), True, 250.0)
    with pytest.raises(ValueError, match="0 % of the body 'jaw' lies in bone of"):
        rigid_body(Body("jaw", labels=tmp_path / "far.nii.gz", label_values=(2,)), subject)
