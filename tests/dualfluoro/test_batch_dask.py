import os
import signal
from pathlib import Path

import pytest

from dualfluoro.batch_dask import cluster, rows_of_cluster
from dualfluoro.batch_task import TrialRow, TrialTask
from dualfluoro.cli import main

distributed = pytest.importorskip("distributed")


def row_unless_it_dies(task: TrialTask) -> TrialRow:
    """A worker's work: a trial called dies kills its process, dies_once only at first."""
    name, mark = task.folder.name, task.folder.with_suffix(".mark")
    if name == "dies" or (name == "dies_once" and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "raises":
        raise RuntimeError("no such number")
    return TrialRow(str(task.folder), "done")


@pytest.fixture(scope="module")
def address():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as local:
        yield local.scheduler_address


def test_a_cluster_does_each_trial_and_retries_those_of_dead_workers(address, tmp_path):
    names = ["a", "dies_once", "raises", "b", "dies"]
    tasks = [TrialTask(tmp_path / name) for name in names]
    with cluster(address) as client:
        rows = {Path(r.trial).name: r for r in rows_of_cluster(client, tasks, row_unless_it_dies)}
    assert {name: rows[name].status for name in names} == {
        "a": "done",
        "dies_once": "done",
        "raises": "failed",
        "b": "done",
        "dies": "failed",
    }
    assert rows["raises"].message == "RuntimeError: no such number"
    assert rows["dies"].message.startswith("KilledWorker")


def test_a_batch_runs_on_a_cluster(address, trial, capsys):
    assert main(["batch", str(trial), "--scheduler", address]) == 1
    out, err = capsys.readouterr()
    assert "trial: failed:" in out and "make it with: dualfluoro prepare" in err


def test_an_address_that_does_not_answer_is_said(trial, capsys, monkeypatch):
    monkeypatch.setattr("dualfluoro.batch_dask.TIMEOUT_S", 1)
    for wrong in ("tcp://127.0.0.1:1", "nonsense://x", "127.0.0.1"):
        assert main(["batch", str(trial), "--scheduler", wrong]) == 1
        err = capsys.readouterr().err
        assert f"--scheduler {wrong}: no scheduler answers" in err and err.count("\n") == 1
