"""track.csv comes back as it went, and says what is wrong with a file that is none."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from calibration import Rigid
from registration.track import Track, at_frames, track_of_poses
from registration.track_file import write_truth

HEADER = "frame,time_s,status,x_mm,y_mm,z_mm,qw,qx,qy,qz"


def poses(n=5):
    twists = np.random.default_rng(0).normal(size=(n, 6)) * [50, 50, 50, 1, 1, 1]
    return Rigid.exp(twists)


def full_track() -> Track:
    plain = track_of_poses(poses(), np.arange(5) / 30, ("ok", "doubtful", "lost", "ok", "ok"))
    R, t = plain.world_from_ct.R.clone(), plain.world_from_ct.t.clone()
    R[2], t[2] = torch.nan, torch.nan
    rng = np.random.default_rng(1)
    return replace(
        plain,
        view_names=("A", "B"),
        world_from_ct=Rigid(R, t),
        sd_rotation_deg=np.array([0.1, 0.2, np.nan, 0.1, 0.1]),
        sd_translation_mm=np.array([0.1, 0.2, np.nan, 0.1, 0.1]),
        reprojection_px=rng.uniform(size=(2, 5)).round(3),
        similarity=rng.uniform(size=(2, 5)).round(3),
        landmarks_used=np.array([60, 20, 0, 64, 64]),
        flags=((), ("similarity_low", "jump"), ("few_landmarks",), (), ()),
    )


def test_a_track_comes_back_as_it_was_written(tmp_path):
    track = full_track()
    track.write(tmp_path / "track.csv")
    back = Track.read(tmp_path / "track.csv")
    np.testing.assert_allclose(back.world_from_ct, track.world_from_ct, atol=1e-6)
    assert (back.status, back.flags, back.view_names) == (track.status, track.flags, ("A", "B"))
    np.testing.assert_array_equal(back.similarity, track.similarity)
    np.testing.assert_array_equal(back.reprojection_px, track.reprojection_px)
    np.testing.assert_array_equal(back.landmarks_used, track.landmarks_used)
    np.testing.assert_allclose(back.time_s, track.time_s, atol=1e-6)
    assert [p.name for p in tmp_path.iterdir()] == ["track.csv"]


def test_the_header_is_that_of_the_contract(tmp_path):
    full_track().write(tmp_path / "track.csv")
    assert (tmp_path / "track.csv").read_text().splitlines()[0] == (
        f"{HEADER},sd_rotation_deg,sd_translation_mm,reprojection_A_px,reprojection_B_px,"
        "similarity_A,similarity_B,landmarks_used,flags"
    )


def test_a_truth_has_the_first_ten_columns(tmp_path):
    write_truth(tmp_path / "truth.csv", full_track())
    assert (tmp_path / "truth.csv").read_text().splitlines()[0] == HEADER
    back = Track.read(tmp_path / "truth.csv")
    np.testing.assert_allclose(back.world_from_ct, full_track().world_from_ct, atol=1e-6)
    assert back.status[2] == "lost" and np.isnan(back.sd_rotation_deg).all()


def test_a_missing_row_is_lost_and_either_sign_of_a_quaternion_is_one_pose(tmp_path):
    path = tmp_path / "track.csv"
    path.write_text(f"{HEADER}\n0,0,ok,1,2,3,0.6,0.8,0,0\n2,0.2,ok,1,2,3,-0.6,-0.8,0,0\n")
    track = Track.read(path)
    assert track.status == ("ok", "lost", "ok") and track.time_s[1] == pytest.approx(0.1)
    np.testing.assert_allclose(track.world_from_ct.R[0], track.world_from_ct.R[2])
    assert torch.isnan(track.world_from_ct.t[1]).all()


def test_an_empty_track_has_no_frames(tmp_path):
    (tmp_path / "track.csv").write_text(HEADER + "\n")
    empty = Track.read(tmp_path / "track.csv")
    assert len(empty) == 0
    assert at_frames(empty, np.array([0, 4])).status == ("lost", "lost")


def test_frames_that_a_track_does_not_have_are_lost():
    track = at_frames(full_track(), np.array([3, 4, 9]))
    assert track.status == ("ok", "ok", "lost")
    assert torch.isnan(track.world_from_ct.R[2]).all() and np.isnan(track.similarity[0, 2])


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("0,0,ok,1,2,3,1,0.1,0,0", r"track.csv:2: quaternion of norm 1.00499; must be 1"),
        ("0,0,fine,1,2,3,1,0,0,0", r"track.csv:2: status must be one of ok, .* found 'fine'"),
        ("0,0,ok,1,2,three,1,0,0,0", r"track.csv:2: z_mm must be a number, found 'three'"),
        ("0,0,ok,1,2,,1,0,0,0", r"track.csv:2: z_mm is empty though the status is 'ok'"),
        ("0,0,ok,1,2,inf,1,0,0,0", r"track.csv:2: z_mm must be a number, found 'inf'"),
        ("0,0,ok,1,-2e6,3,1,0,0,0", r"track.csv:2: y_mm is -2e\+06, must be within 1e\+06 mm"),
        ("0,0,ok,1,2,1e300,1,0,0,0", r"track.csv:2: z_mm is 1e\+300, must be within 1e\+06 mm"),
        ("-1,0,ok,1,2,3,1,0,0,0", r"track.csv:2: frame must be a whole number"),
        ("1e12,0,ok,1,2,3,1,0,0,0", r"track.csv:2: frame must be a whole number from 0 to 999999"),
        ("0,0,ok,1,2,3", r"track.csv:2: qw is empty"),
        ("0,0,lost,,,,,,,\n0,0,lost,,,,,,,", r"track.csv:3: frame 0 is given twice"),
    ],
)
def test_a_malformed_row_is_named_by_file_and_line(tmp_path, row, complaint):
    path = tmp_path / "track.csv"
    path.write_text(f"{HEADER}\n{row}\n")
    with pytest.raises(ValueError, match=complaint):
        Track.read(path)


def test_a_file_that_is_no_track_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no track at"):
        Track.read(tmp_path / "none.csv")
    (tmp_path / "track.csv").write_text("frame,time_s,x_mm\n0,0,1\n")
    with pytest.raises(ValueError, match="column 'status' is missing"):
        Track.read(tmp_path / "track.csv")
    (tmp_path / "track.csv").write_bytes(b"\x89PNG\xff")
    with pytest.raises(ValueError, match=r"track\.csv: not a CSV file in UTF-8"):
        Track.read(tmp_path / "track.csv")
    (tmp_path / "track.csv").write_text(f"{HEADER}\n{'9' * 200_000}\n")
    with pytest.raises(ValueError, match=r"track\.csv: not a CSV file .*field larger"):
        Track.read(tmp_path / "track.csv")
