import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from dualfluoro.cli import main
from dualfluoro.folder_lock import LOCK, held

HOLD = (
    "import sys, time; from pathlib import Path; from dualfluoro.folder_lock import held\n"
    "with held(Path(sys.argv[1]), 'track'):\n"
    "    print('held', flush=True); time.sleep(600)"
)


@pytest.fixture
def other_run(tmp_path):
    """A process that holds the folder's lock."""
    run = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None and run.stdout.readline() == "held\n"
    yield run
    run.kill()
    run.wait()


def test_a_second_run_is_told_which_one_is_first(tmp_path, other_run):
    with pytest.raises(BlockingIOError) as caught, held(tmp_path, "report"):
        pass
    said = str(caught.value)
    assert f"`dualfluoro track`, process {other_run.pid} on {socket.gethostname()}" in said
    assert f"kill {other_run.pid}" in said and str(tmp_path) in said


def test_the_lock_of_a_killed_run_is_free(tmp_path, other_run):
    other_run.kill()
    other_run.wait()
    assert (tmp_path / LOCK).exists()  # left behind, and nobody's
    with held(tmp_path, "report"):
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()
    assert not (tmp_path / LOCK).exists()


def test_a_run_may_wait_for_the_end_of_another(tmp_path, other_run):
    with pytest.raises(BlockingIOError), held(tmp_path, "batch", wait_s=0.3):
        pass
    other_run.send_signal(signal.SIGKILL)
    with held(tmp_path, "batch", wait_s=30.0):
        pass


def test_a_stage_within_a_stage_has_the_folder_already(tmp_path):
    with held(tmp_path, "prepare"):
        with held(tmp_path / "..", "batch"), held(tmp_path, "landmarks"):
            pass
        assert (tmp_path / LOCK).exists()
    assert not (tmp_path / LOCK).exists()


def test_the_lock_ends_with_an_error_too(tmp_path):
    with pytest.raises(ValueError, match="spoiled"), held(tmp_path, "track"):
        raise ValueError("spoiled")
    assert not (tmp_path / LOCK).exists()


def test_what_killed_runs_left_half_written_is_removed(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    models, other = tmp_path / "models", tmp_path / "other"
    for folder in (models, other):
        folder.mkdir()
    (other / "trial.toml").touch()
    name = f".{gone.pid}.track.csv"
    files = [tmp_path / name, models / name, other / name, tmp_path / ".1.x", tmp_path / ".mine"]
    for file in files:
        file.touch()
    with held(tmp_path, "track"):
        pass
    assert [file.exists() for file in files] == [False, False, True, True, True]


def test_a_file_system_without_locks_is_named_and_worked_on(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match="no locks"), held(tmp_path, "track"):
        pass


def test_a_folder_that_cannot_be_written_is_not_locked(tmp_path, monkeypatch):
    opened = os.open

    def refuse(path, *rest):
        if Path(path).name == LOCK:
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return opened(path, *rest)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.warns(UserWarning, match="cannot be written"), held(tmp_path, "track"):
        pass


@pytest.mark.parametrize(
    "tokens",
    [
        ["landmarks"],
        ["prepare", "--minutes", "0.01"],
        ["train", "detector", "--minutes", "0.01"],
        ["train", "gan", "--steps", "1"],
        ["synthesize", "--count", "1"],
        ["track", "--init", "init.csv"],
        ["exposure", "--track", "truth.csv"],
    ],
)
def test_every_command_that_writes_in_a_trial_excludes_others(trial, tokens, capsys):
    words = [str(trial / t) if t.endswith(".csv") else t for t in tokens]
    place = 2 if words[0] == "train" else 1
    words.insert(place, str(trial))
    run = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(trial)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert run.stdout is not None and run.stdout.readline() == "held\n"
        with warnings.catch_warnings():
            assert main(words) == 1
    finally:
        run.kill()
        run.wait()
    err = capsys.readouterr().err
    assert "another run works in this folder" in err and f"process {run.pid}" in err
    assert err.count("\n") == 1


def test_a_polite_kill_ends_a_command_like_ctrl_c(tmp_path):
    code = (
        "import signal, sys, time; from dualfluoro import cli\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # whoever started the tests
        "def build_app():\n"
        "    def run(*_, **__):\n"
        "        print('runs', flush=True)\n"
        "        time.sleep(600)\n"
        "    return run\n"
        "cli.build_app = build_app\n"
        "sys.exit(cli.main(['track', 'x']))"
    )
    for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        run = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert run.stdout is not None and run.stdout.readline() == "runs\n"
        run.send_signal(number)
        _, err = run.communicate(timeout=60)
        assert run.returncode == status
        assert err == "dualfluoro: interrupted; run the same command again to go on\n"
