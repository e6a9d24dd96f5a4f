"""How fast training data are made, and how long a training step waits for them.

    .venv/bin/python benchmarks/data_rate.py [CT] [--seconds 20] [--workers 2]

First: labelled radiographs a second at 128 x 128 with the full look (materials, vessels, spectrum,
scatter, noise, collimation, labels), each worker a process. Then: the share of a training step
of the detector that is spent waiting for data, which one thread makes beside it.
"""

import argparse
import csv
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from detector import TrainingConfig, spread_landmarks, train_network
from detector.train_detector import TRAINING_GRID_MM
from detector.views import ViewRange, view_sequence
from drr import Volume, digital_head, find_anatomy, varied_model, without_couch

LOOKS_EACH = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ct", nargs="?")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.workers) as pool:
        jobs = [
            pool.submit(made_in, arguments.ct, arguments.seconds, seed)
            for seed in range(arguments.workers)
        ]
        rates = [job.result() for job in jobs]
    print(f"{sum(rates):.0f} labelled radiographs a second, {arguments.workers} processes")
    print(f"{100 * waiting(arguments.ct, arguments.steps):.1f} % of a training step is waiting")


def head_of(ct):
    volume = digital_head(0).volume if ct is None else without_couch(Volume.read(ct))
    anatomy = find_anatomy(volume)
    head = varied_model(volume, anatomy, TRAINING_GRID_MM)
    return head, np.array(list(spread_landmarks(anatomy).values()))


def made_in(ct, seconds, seed):
    torch.set_num_threads(1)
    head, points_ct = head_of(ct)
    views = view_sequence(
        head, points_ct, ViewRange(ramp_views=0), seed=seed, looks_each=LOOKS_EACH
    )
    list(islice(views, 400))  # compiled, and past the first block
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        next(views)
        count += 1
    return count / (time.perf_counter() - start)


def waiting(ct, steps):
    head, points_ct = head_of(ct)
    config = TrainingConfig(steps=steps, looks_each=LOOKS_EACH)
    with tempfile.TemporaryDirectory() as folder:
        train_network(head, points_ct, Path(folder), config)
        with (Path(folder) / "training.csv").open(newline="") as file:
            return float(list(csv.DictReader(file))[-1]["waiting"])


if __name__ == "__main__":
    main()
