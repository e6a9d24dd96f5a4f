import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from dualfluoro.batch_pool import rows_of_pool
from dualfluoro.batch_results import COLUMNS, read_rows, row_file, write_row
from dualfluoro.batch_task import TrialRow, TrialTask, run_trial
from dualfluoro.batch_trials import folder_of_all, names_of, shard_of, shared, trials_in
from dualfluoro.cli import main


def made_folders(folder, *names):
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "trial.toml").touch()
    return [folder / name for name in names]


def test_trials_are_found_at_any_depth_each_once_in_natural_order(tmp_path):
    two, ten, deep = made_folders(tmp_path, "t2", "t10", "study/t1")
    made_folders(tmp_path, "t2/old", ".hidden/t3")
    assert trials_in([tmp_path]) == [deep, two, ten]
    assert trials_in([ten, tmp_path / "study", two, ten / "trial.toml"]) == [deep, two, ten]
    assert folder_of_all([two, ten]) == folder_of_all([two]) == tmp_path
    assert names_of([deep, two], tmp_path) == ["study/t1", "t2"]


def test_a_place_without_trials_is_an_error(tmp_path, capsys):
    assert main(["batch", str(tmp_path)]) == 1
    assert "no trial.toml in it or below" in capsys.readouterr().err
    assert main(["batch", str(tmp_path / "nowhere")]) == 1
    assert "nowhere: there is no such folder" in capsys.readouterr().err
    assert main(["batch"]) == 2


@pytest.mark.parametrize(("trials", "count"), [(40, 7), (3, 5), (1, 1), (12, 4)])
def test_shards_are_disjoint_and_complete(tmp_path, trials, count):
    folders = [tmp_path / str(n) for n in range(trials)]
    shares = [shared(folders, number, count) for number in range(1, count + 1)]
    assert sorted(path for share in shares for path in share) == sorted(folders)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_shard_is_the_one_asked_for_else_that_of_the_job_array():
    array = {f"SLURM_ARRAY_TASK_{name}": "2" for name in ("COUNT", "MIN", "STEP")}
    array["SLURM_ARRAY_TASK_ID"] = "4"
    assert shard_of(None, {}) == (1, 1)
    assert shard_of(None, array) == (2, 2)
    assert shard_of("3/8", array) == (3, 8)
    with pytest.raises(ValueError, match="has gaps"):
        shard_of(None, array | {"SLURM_ARRAY_TASK_ID": "7"})
    with pytest.raises(ValueError, match="has gaps"):
        shard_of(None, array | {"SLURM_ARRAY_TASK_ID": "8"})
    with pytest.raises(ValueError, match="has gaps"):
        shard_of(None, array | {"SLURM_ARRAY_TASK_MIN": "x"})
    for wrong in ("0/3", "4/3", "1", "1/0", "a/b", "-1/3", "1/3/5"):
        with pytest.raises(ValueError, match="I/N"):
            shard_of(wrong, {})


def test_rows_are_kept_one_a_file_and_brought_together(tmp_path):
    row = TrialRow("study/t 1", "done", frames=3, ok=3, sd_rotation_deg=0.1, message="ü")
    write_row(tmp_path, row)
    write_row(tmp_path, TrialRow("study_t 1", "failed"))  # the same plain name
    found = read_rows(tmp_path, ["study/t 1", "study_t 1", "t2"])
    assert [r.status for r in found] == ["done", "failed", "waiting"]
    assert found[0] == row
    row_file(tmp_path, "t2").write_text("{")
    assert read_rows(tmp_path, ["t2"]) == [TrialRow("t2", "waiting")]


def row_unless_it_dies(task):
    """A worker's work: a trial called dies kills its process, dies_once only at first."""
    if task.folder.name.startswith("dies"):
        mark = task.folder.with_suffix(".mark")
        if task.folder.name == "dies" or not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return TrialRow(str(task.folder), "done", message=str(os.environ.get("OMP_NUM_THREADS")))


def test_a_process_that_dies_takes_no_other_trial_along(tmp_path):
    names = ["a", "dies", "b", "dies_once", "c", "d"]
    tasks = [TrialTask(tmp_path / name) for name in names]
    rows = {row.trial: row for row in rows_of_pool(tasks, 2, row_unless_it_dies)}
    status = [rows[str(tmp_path / name)].status for name in names]
    assert status == ["done", "failed", "done", "done", "done", "done"]
    assert "its process died 3 times" in rows[str(tmp_path / "dies")].message
    assert rows[str(tmp_path / "a")].message.isdigit()


def test_what_goes_wrong_in_a_trial_stands_in_its_row(trial):
    row = run_trial(TrialTask(trial))
    assert row.status == "failed" and "make it with: dualfluoro prepare" in row.message
    (trial / "init.csv").write_text("frame\n")
    row = run_trial(TrialTask(trial, init="init.csv"))
    assert row.status == "failed" and "column 'time_s' is missing" in row.message


@pytest.fixture(scope="module")
def batched(tracked_trial, tmp_path_factory):
    """Three trials, tracked by a batch: one is new, one was done before, one cannot be done."""
    folder = tmp_path_factory.mktemp("batched") / "study"
    for name in ("done", "new", "<b>"):
        shutil.copytree(tracked_trial, folder / name, copy_function=shutil.copy2)
    (folder / "new" / "run.json").unlink()
    (folder / "new" / "track.csv").unlink()
    (folder / "<b>" / "init.csv").unlink()
    return folder


def table_of(folder):
    with (folder / "batch.csv").open(newline="") as file:
        return {row["trial"]: row for row in csv.DictReader(file)}


def test_a_batch_tracks_what_is_new_and_says_what_failed(batched, capsys):
    key = json.loads((batched / "done" / "run.json").read_text())["key"]
    before = (batched / "done" / "track.csv").stat().st_mtime_ns
    assert main(["batch", str(batched), "--init", "init.csv", "--workers", "2"]) == 1
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and "1 of 3 trials failed: <b> (no track at" in err
    assert "failed: <b>: no track at" in out
    rows = table_of(batched)
    assert tuple(rows["new"]) == COLUMNS
    assert {name: row["status"] for name, row in rows.items()} == {
        "done": "skipped",
        "new": "done",
        "<b>": "failed",
    }
    assert (batched / "done" / "track.csv").stat().st_mtime_ns == before
    track = (batched / "new" / "track.csv").read_text()
    assert track == (batched / "done" / "track.csv").read_text()
    assert json.loads((batched / "new" / "run.json").read_text())["key"] == key
    for name in ("done", "new"):
        assert rows[name]["frames"] == "3" and float(rows[name]["error_rotation_deg"]) < 1
        assert float(rows[name]["sd_translation_mm"]) > 0 and float(rows[name]["seconds"]) > 0
    page = (batched / "batch.html").read_text()
    assert 'href="new/report.html"' in page and "<b>:" not in page
    assert "1 done, 1 done before with the same inputs, 1 failed" in page
    assert not re.search(r"(src|href)=\"https?:", page)


def test_shards_that_run_apart_make_one_table(batched, tmp_path, capsys):
    folder = tmp_path / "study"
    shutil.copytree(batched / "done", folder / "t1", copy_function=shutil.copy2)
    shutil.copytree(batched / "done", folder / "t2", copy_function=shutil.copy2)
    command = ["batch", str(folder), "--init", "init.csv", "--workers", "1", "--shard"]
    assert main([*command, "2/2", "--quiet"]) == 0
    assert [row["status"] for row in table_of(folder).values()] == ["waiting", "skipped"]
    assert main([*command, "1/2", "--quiet"]) == 0
    assert [row["status"] for row in table_of(folder).values()] == ["skipped", "skipped"]
    assert capsys.readouterr().out == ""


def test_a_batch_that_is_interrupted_leaves_no_process(trial, tmp_path):
    folder = tmp_path / "study"
    for name in ("t1", "t2"):
        shutil.copytree(trial, folder / name)
    command = [sys.executable, "-u", "-m", "dualfluoro", "batch", str(folder)]
    run = subprocess.Popen(
        [*command, "--init", "init.csv", "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert run.stdout is not None and run.stdout.readline() == "2 of 2 trials\n"
    run.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 143
    assert err.splitlines()[-1] == "dualfluoro: interrupted; run the same command again to go on"
    with pytest.raises(ProcessLookupError):  # nobody is left in its group, a little later
        for _ in range(300):
            os.killpg(run.pid, 0)
            time.sleep(0.1)


def test_a_batch_says_what_it_does_not_have(trial, capsys, monkeypatch):
    assert main(["batch", str(trial), "--shard", "3/2"]) == 1
    assert "--shard 3/2" in capsys.readouterr().err
    assert main(["batch", str(trial), "--workers", "0"]) == 2
    assert main(["batch", str(trial), "--scheduler", "x", "--workers", "2"]) == 1
    assert "--workers are of this machine" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["batch", str(trial), "--scheduler", "tcp://127.0.0.1:1"]) == 1
    assert "pip install 'dualfluoro[batch]'" in capsys.readouterr().err


def test_a_row_without_figures_is_written_as_empty_cells(tmp_path):
    from dualfluoro.batch_page import write_page
    from dualfluoro.batch_results import screen_table, write_table

    rows = [TrialRow("a", "waiting"), replace(TrialRow("b", "failed"), message="x, y")]
    write_table(tmp_path / "batch.csv", rows)
    assert table_of(tmp_path)["a"]["frames"] == "" and table_of(tmp_path)["b"]["message"] == "x, y"
    write_page(tmp_path / "batch.html", rows, "study")
    assert "Not all could be done" in (tmp_path / "batch.html").read_text()
    assert screen_table(rows).splitlines()[1].split() == ["a", "waiting"]
