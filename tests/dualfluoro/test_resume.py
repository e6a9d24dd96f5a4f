import errno
import json
import resource
import signal
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch

import registration.tracking
from calibration import Rigid
from dualfluoro.cli import main
from dualfluoro.options import DEFAULTS, TrackOptions
from dualfluoro.run_record import finished_seconds, run_of
from dualfluoro.track_journal import JOURNAL, journal_of, pose_of, record_of
from dualfluoro.trial import load_trial
from registration.frame_pose import FramePose

POSE = FramePose(
    Rigid.exp(np.array([10.0, -20.1, 30.7, 0.1, 0.2, -1 / 3])),
    np.diag([1 / 3, 2, 3, 4, 5, np.nan]),
    np.array([0.9, np.nan]),
    np.array([np.nan, 1e-17]),
    7,
    ("jump", "sd_large"),
)
LOST = replace(POSE, world_from_ct=None)


def same(a: FramePose, b: FramePose) -> bool:
    if (a.world_from_ct is None) != (b.world_from_ct is None):
        return False
    if a.world_from_ct is not None and b.world_from_ct is not None:
        if not torch.equal(a.world_from_ct.matrix(), b.world_from_ct.matrix()):
            return False
    arrays = ("covariance", "similarity", "reprojection_px")
    equal = all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=True) for n in arrays)
    return equal and (a.landmarks_used, a.flags) == (b.landmarks_used, b.flags)


@pytest.mark.parametrize("pose", [POSE, LOST])
def test_a_pose_keeps_every_bit_in_the_journal(pose):
    assert same(pose_of(json.loads(json.dumps(record_of(pose)))), pose)


def cut_short(folder, poses, key="key"):
    """A journal of a run that was killed after these poses."""
    with pytest.raises(KeyboardInterrupt), journal_of(folder, key) as journal:
        recall = journal.recall("skull")
        for frame, pose in enumerate(poses):
            recall(frame, lambda pose=pose: pose)
        raise KeyboardInterrupt


def never():
    raise AssertionError("sought again")


def test_a_killed_run_gives_back_what_it_found(tmp_path):
    cut_short(tmp_path, [POSE, LOST])
    with journal_of(tmp_path, "key") as journal:
        assert journal.count == 2
        recall = journal.recall("skull")
        assert same(recall(0, never), POSE) and same(recall(1, never), LOST)
        assert same(recall(2, lambda: POSE), POSE)
    assert not (tmp_path / JOURNAL).exists()


def test_poses_of_other_inputs_are_not_given_back(tmp_path):
    cut_short(tmp_path, [POSE, LOST])
    with journal_of(tmp_path, "another") as journal:
        assert journal.count == 0


@pytest.mark.parametrize("cut", [1, 40, 700])
def test_a_line_that_was_cut_short_is_taken_off(tmp_path, cut):
    cut_short(tmp_path, [POSE, POSE, LOST])
    whole = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(whole[:-cut])
    lines = whole[:-cut].count(b"\n") - 1
    assert 1 <= lines < 3
    with pytest.raises(KeyboardInterrupt), journal_of(tmp_path, "key") as journal:
        assert journal.count == lines
        recall = journal.recall("skull")
        for frame in range(3):
            recall(frame, lambda frame=frame: LOST if frame == 2 else POSE)
        raise KeyboardInterrupt
    assert (tmp_path / JOURNAL).read_bytes() == whole


@pytest.mark.parametrize("spoiled", [b"", b"\n", b"{}\n", b"\xff\x00\n", b"[1]\n"])
def test_a_damaged_journal_is_begun_anew(tmp_path, spoiled):
    (tmp_path / JOURNAL).write_bytes(spoiled)
    with journal_of(tmp_path, "key") as journal:
        assert journal.count == 0
        assert same(journal.recall("skull")(0, lambda: POSE), POSE)


def test_a_folder_that_cannot_be_written_is_said_before_the_work(tmp_path):
    (tmp_path / JOURNAL).mkdir()  # root may write where it is not allowed to
    with pytest.raises(ValueError, match="--out DIR"), journal_of(tmp_path, "key"):
        pass


@pytest.fixture
def killed_after(monkeypatch):
    """Tracking that is interrupted after so many poses; the list of the frames it was asked for."""
    located = registration.tracking.locate
    asked = []

    def arrange(poses: int) -> list[int]:
        def locate(*arguments):
            if len(asked) == poses:
                raise KeyboardInterrupt
            asked.append(len(asked))
            return located(*arguments)

        monkeypatch.setattr(registration.tracking, "locate", locate)
        return asked

    yield arrange
    monkeypatch.undo()


def test_an_interrupted_track_goes_on_to_the_same_end(trial, tracked_trial, killed_after, capsys):
    command = ["track", str(trial), "--init", str(trial / "init.csv")]
    asked = killed_after(2)
    assert main(command) == 130
    assert not (trial / "track.csv").exists() and (trial / JOURNAL).exists()
    del asked[:]
    killed_after(1000)
    assert main(command) == 0
    assert "going on after 2 poses" in capsys.readouterr().out
    assert not (trial / JOURNAL).exists()
    whole, resumed = ((f / "track.csv").read_text() for f in (tracked_trial, trial))
    assert resumed == whole
    again = json.loads((trial / "exposure.json").read_text())["rows"]
    assert again == json.loads((tracked_trial / "exposure.json").read_text())["rows"]


def test_a_finished_run_is_known_by_its_inputs_and_settings(tracked_trial, trial):
    for name in ("run.json", "track.csv", "exposure.csv", "exposure.json", "report.html"):
        (trial / name).write_bytes((tracked_trial / name).read_bytes())
    for file in ("trial.toml", "init.csv", "truth.csv", "landmarks.json", "rig.json"):
        assert (trial / file).read_bytes() == (tracked_trial / file).read_bytes()

    def known(folder, **options) -> bool:
        run = run_of(load_trial(folder), TrackOptions(folder / "init.csv", **options), DEFAULTS)
        return finished_seconds(folder, run.key) is not None

    assert known(tracked_trial) and known(trial)
    assert not known(tracked_trial, refine=False)
    (trial / "report.html").unlink()
    assert not known(trial)
    (trial / "report.html").touch()
    text = (trial / "rig.json").read_text()
    (trial / "rig.json").write_text(text + " ")
    assert not known(trial)
    (trial / "rig.json").write_text(text)
    assert known(trial)
    frame = trial / "A" / "0001.png"
    frame.write_bytes(frame.read_bytes() + b"\0")
    assert not known(trial)


def test_a_record_that_cannot_be_read_counts_as_none(tmp_path):
    for text in ("", "[]", '{"format": 1}', "null"):
        (tmp_path / "run.json").write_text(text)
        assert finished_seconds(tmp_path, "key") is None


@contextmanager
def small_disk(size):
    """No file may grow beyond so many bytes; not a fixture: pytest itself may write into a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_disk_that_becomes_full_ends_a_journal_in_an_error(tmp_path):
    with pytest.raises(OSError) as caught, small_disk(2000):
        cut_short(tmp_path, [POSE] * 10)
    assert caught.value.errno == errno.EFBIG
    with journal_of(tmp_path, "key") as journal:
        assert 0 < journal.count < 10


def test_a_full_disk_ends_a_command_in_one_line_and_spoils_nothing(trial, capsys):
    names = sorted(path.name for path in trial.iterdir())
    with small_disk(10_000):
        assert main(["landmarks", str(trial), "--quiet"]) == 1
    err = capsys.readouterr().err
    assert "ct_preview.png" in err and "File too large" in err and err.count("\n") == 1
    assert sorted(path.name for path in trial.iterdir()) == names


def test_a_full_disk_is_said_of_weights_and_checkpoints_too(tmp_path):
    from drr.checkpoint import write_checkpoint
    from drr.weights_file import write_weights_file

    many = torch.zeros(20_000)
    for name, write in (
        ("a.checkpoint", lambda path: write_checkpoint(path, {"key": "", "x": many})),
        ("b.safetensors", lambda path: write_weights_file(path, "kind", 1, {}, {"x": many})),
    ):
        with pytest.raises(OSError) as caught, small_disk(10_000):
            write(tmp_path / name)
        assert caught.value.errno == errno.EFBIG and caught.value.filename == str(tmp_path / name)
    assert not list(tmp_path.iterdir())
