"""Random kill -9 in `track`, `prepare` and `batch`: is anything half-written, is the end the same?

    python benchmarks/kill_runs.py OUT --track 50 --prepare 50 --batch 20

Small trials of the digital head are made in OUT. A command is started, killed after a random time,
looked at, and started again; one that reaches its end is compared with the run that nobody killed
(`prepare` trains for a time, not for a number of steps: there the files are looked at alone).
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np

from calibration import Rigid
from dualfluoro.demo_trial import DemoPlan, write_demo_trial
from registration import Track, track_of_poses, write_truth

SAME = 1e-9
UNFINISHED = re.compile(r"\.\d+\..+")
MADE = "track.csv smoothed.csv motion.csv exposure.csv exposure.json report.html run.json".split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    for command, kills in (("track", 50), ("prepare", 50), ("batch", 20)):
        parser.add_argument(f"--{command}", type=int, default=kills)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    source = made_trial(given.out / "source", given.frames, given.size)
    reference = given.out / "reference"
    track = ["track", "{}", "--init", "{}/init.csv"]
    _, whole_s = finished(track, copied(source, reference))
    print(f"nobody killed: {whole_s:.1f} s", flush=True)
    if given.track:
        ends = killed(track, source, given.out / "track", given.track, whole_s, rng, reference)
        print(f"track: {said(ends)}", flush=True)
    if given.prepare:
        prepare = ["prepare", "{}", "--minutes", "0.05"]
        _, prepare_s = finished(prepare, copied(source, given.out / "prepared"))
        ends = killed(prepare, source, given.out / "prepare", given.prepare, prepare_s, rng, None)
        print(f"prepare: {said(ends)}", flush=True)
    if given.batch:
        study = given.out / "study"
        shutil.rmtree(study, ignore_errors=True)
        for name in ("t1", "t2", "t3"):
            copied(source, study / name)
        batch = ["batch", "{}", "--init", "init.csv", "--workers", "2"]
        ends = killed(batch, study, given.out / "batch", given.batch, 3 * whole_s, rng, reference)
        print(f"batch of 3 trials, 2 workers: {said(ends)}", flush=True)


def made_trial(folder: Path, frames: int, size_px: int) -> Path:
    write_demo_trial(folder, DemoPlan(frames=frames, seed=1, size_px=size_px, spacing_mm=3.0))
    truth = Track.read(folder / "truth.csv")
    nudge = Rigid.exp(np.array([3.0, -2, 2, 0.02, -0.03, 0.02]))
    write_truth(folder / "init.csv", track_of_poses(truth.world_from_ct @ nudge, truth.time_s))
    return folder


def copied(source: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    return folder


def started(command: list[str], folder: Path) -> subprocess.Popen:
    words = [word.format(folder) for word in command]
    return subprocess.Popen(
        [sys.executable, "-m", "dualfluoro", *words, "--quiet"], stderr=subprocess.PIPE, text=True
    )


def finished(command: list[str], folder: Path) -> tuple[int, float]:
    begun_s = time.monotonic()
    run = started(command, folder)
    _, err = run.communicate()
    if run.returncode:
        raise SystemExit(f"{command}: status {run.returncode}: {err}")
    return run.returncode, time.monotonic() - begun_s


def killed(
    command: list[str],
    source: Path,
    folder: Path,
    kills: int,
    whole_s: float,
    rng: random.Random,
    reference: Path | None,
) -> Counter:
    """How the runs ended, over so many kills; what is wrong is printed and counted."""
    ends: Counter = Counter()
    copied(source, folder)
    while ends["kills"] < kills:
        run = started(command, folder)
        try:
            _, err = run.communicate(timeout=rng.uniform(0, whole_s))
        except subprocess.TimeoutExpired:
            victims = [run.pid, *children_of(run.pid)]
            victim = rng.choice(victims) if command[0] == "batch" else run.pid
            kill(victim)
            ends["kills"] += 1
            ends["of a worker"] += victim != run.pid
            if victim != run.pid:  # the batch goes on by itself
                _, err = run.communicate()
                ended(run, err, ends)
                ends["different ends"] += look_at_end(folder, reference)
                copied(source, folder)
            else:
                run.wait()
                if command[0] == "batch":
                    wait_for_end_of(victims[1:])
                ends["half-written"] += half_written(folder)
            print(f"{command[0]}: {said(ends)}", flush=True)
        else:
            ended(run, err, ends)
            ends["different ends"] += look_at_end(folder, reference)
            copied(source, folder)
    finished(command, folder)
    ends["status 0"] += 1
    ends["different ends"] += look_at_end(folder, reference)
    return ends


def ended(run: subprocess.Popen, err: str, ends: Counter) -> None:
    ends[f"status {run.returncode}"] += 1
    if run.returncode:
        print(err.strip(), flush=True)


def kill(process: int) -> None:
    with suppress(ProcessLookupError):  # a worker may have ended just now
        os.kill(process, signal.SIGKILL)


def children_of(process: int) -> list[int]:
    try:
        return [
            int(n) for n in Path(f"/proc/{process}/task/{process}/children").read_text().split()
        ]
    except OSError:
        return []


def wait_for_end_of(processes: list[int]) -> None:
    """Workers of a killed batch end by themselves; SystemExit where they do not."""
    for _ in range(1200):
        if not any(Path(f"/proc/{number}").exists() for number in processes):
            return
        time.sleep(0.1)
    raise SystemExit(f"still there: {processes}")


def half_written(folder: Path) -> int:
    """How many files under their final names are not whole; each is printed."""
    wrong = 0
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith(".") and (why := why_not_whole(path)):
            print(f"half-written: {path}: {why}", flush=True)
            wrong += 1
    return wrong


def why_not_whole(path: Path) -> str:
    try:
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.name == "track.csv":
            Track.read(path)
        elif path.suffix == ".html" and not path.read_text().endswith("</html>\n"):
            return "no end"
        elif path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            load_file(path)
        elif path.suffix == ".csv" and not path.read_text().endswith("\n"):
            return "no end"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def look_at_end(folder: Path, reference: Path | None) -> int:
    """How many trials are not as they are without a kill; each is printed."""
    wrong = half_written(folder)
    for path in folder.rglob(".*"):
        if path.is_file() and (UNFINISHED.fullmatch(path.name) or path.name == ".track.journal"):
            print(f"left behind: {path}", flush=True)
            wrong += 1
    trials = [path.parent for path in folder.rglob("trial.toml")]
    for trial in trials if reference is not None else ():
        missing = [name for name in MADE if not (trial / name).is_file()]
        far = np.inf if missing else distance(trial / "track.csv", reference / "track.csv")
        if missing or not far <= SAME:
            print(f"{trial}: missing {missing}, differs by {far:g}", flush=True)
            wrong += 1
    if reference is None and not (folder / "models" / "detector.safetensors").is_file():
        print(f"{folder}: no detector", flush=True)
        wrong += 1
    return wrong


def distance(a: Path, b: Path) -> float:
    """The largest difference of any pose's number; infinite where statuses differ."""
    one, two = Track.read(a), Track.read(b)
    if one.status != two.status:
        return float("inf")
    moved = one.world_from_ct.matrix() - two.world_from_ct.matrix()
    return float(np.nanmax(np.abs(np.asarray(moved)), initial=0.0))


def said(ends: Counter) -> str:
    return ", ".join(f"{name}: {count}" for name, count in ends.items())


if __name__ == "__main__":
    main()
