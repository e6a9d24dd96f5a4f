"""Short trials on a local Dask cluster, a worker killed in the middle; and the same on one worker.

    python benchmarks/batch.py OUT --trials 40 --frames 4 --single 8

Prints what was done and what failed, and how much faster two workers are than one: the time a trial
of the batch against that of the first `--single` trials on one worker, where nobody is killed.
"""

import argparse
import csv
import os
import shutil
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
from distributed import Client, LocalCluster

from calibration import Rigid
from dualfluoro import batch
from dualfluoro.demo_trial import DemoPlan, write_demo_trial
from registration import Track, track_of_poses, write_truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--single", type=int, default=8)
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    shutil.rmtree(given.out, ignore_errors=True)
    for number in range(given.trials):
        made_trial(given.out / "two" / f"t{number:02d}", number, given.frames, given.size)
    for number in range(given.single):
        shutil.copytree(given.out / "two" / f"t{number:02d}", given.out / "one" / f"t{number:02d}")
    one_s = timed(given.out / "one", 1, killing=False) / given.single if given.single else np.nan
    two_s = timed(given.out / "two", 2, killing=True) / given.trials
    print(f"one worker: {one_s:.1f} s a trial; two: {two_s:.1f} s; {one_s / two_s:.2f} times")
    with (given.out / "two" / "batch.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    print(f"{len(rows)} rows: {dict(Counter(row['status'] for row in rows))}")
    wrong = [row["trial"] for row in rows if not is_right(given.out / "two", row)]
    print(f"rows that differ from their track.csv: {wrong or 'none'}")


def made_trial(folder: Path, seed: int, frames: int, size_px: int) -> None:
    write_demo_trial(folder, DemoPlan(frames=frames, seed=seed, size_px=size_px, spacing_mm=3.0))
    truth = Track.read(folder / "truth.csv")
    nudge = Rigid.exp(np.array([3.0, -2, 2, 0.02, -0.03, 0.02]))
    write_truth(folder / "init.csv", track_of_poses(truth.world_from_ct @ nudge, truth.time_s))


def timed(study: Path, workers: int, killing: bool) -> float:
    """Seconds of a batch on a cluster of so many workers, imports included."""
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as local:
        address = local.scheduler_address
        if killing:
            threading.Thread(target=kill_one, args=(study, address), daemon=True).start()
        begun_s = time.monotonic()
        try:
            batch(study, scheduler=address, init="init.csv")
        except ValueError as error:
            print(error)
        return time.monotonic() - begun_s


def kill_one(study: Path, address: str) -> None:
    """Kill a worker's process when half of the trials are done."""
    trials = len(list(study.iterdir()))
    while len(list(study.glob("*/run.json"))) < trials // 2:
        time.sleep(0.2)
    with Client(address, set_as_default=False) as client:
        victim = next(iter(client.run(os.getpid).values()))
    os.kill(victim, signal.SIGKILL)
    print(f"killed worker {victim}", flush=True)


def is_right(study: Path, row: dict[str, str]) -> bool:
    track = Track.read(study / row["trial"] / "track.csv")
    counts = {word: str(track.status.count(word)) for word in ("ok", "doubtful", "lost")}
    return row["frames"] == str(len(track)) and all(row[w] == n for w, n in counts.items())


if __name__ == "__main__":
    main()
