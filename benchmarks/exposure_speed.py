"""How long the exposure of many frames takes, and whether its memory grows.

python benchmarks/exposure_speed.py TRIAL [--frames 1000]
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import torch

from calibration import Rigid
from dualfluoro.exposure_head import exposed_head
from dualfluoro.subject import subject_of
from dualfluoro.trial import load_trial
from exposure import Field, expose_track
from registration import Track
from registration.track import track_of_poses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trial", type=Path)
    parser.add_argument("--frames", type=int, default=1000)
    args = parser.parse_args()
    trial = load_trial(args.trial)
    subject = subject_of(trial)
    began = time.perf_counter()
    head = exposed_head(trial, subject, subject.center_ct)
    print(f"CT to skin: {time.perf_counter() - began:.1f} s, {len(head.skin.faces)} faces")
    poses = Track.read(args.trial / "truth.csv").world_from_ct
    at = np.arange(args.frames) % len(poses.t)
    track = track_of_poses(Rigid(poses.R[at], poses.t[at]), np.arange(args.frames) / 30)
    track.sd_translation_mm[:], track.sd_rotation_deg[:] = 0.3, 0.2
    size = [np.array([c.width, c.height]) / 2 for c in trial.rig]
    fields = [Field.circle(middle, 0.9 * middle.min(), "detected") for middle in size]
    peaks: list[tuple[int, float, float]] = []

    def progress(done: int) -> None:
        if done % max(args.frames // 4, 1) == 0:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            peaks.append((done, time.perf_counter() - began, peak))

    expose_track(
        track_of_poses(Rigid(poses.R[:2], poses.t[:2]), np.arange(2.0)), trial.rig, head
    )  # compiled and cached
    began, cpu = time.perf_counter(), time.process_time()
    expose_track(track, trial.rig, head, [fields] * args.frames, 600.0, progress=progress)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"{args.frames} frames x {len(trial.rig)} views: {wall:.1f} s wall, {cpu:.1f} s of CPU, "
          f"{1000 * cpu / args.frames:.1f} ms of CPU a frame")  # fmt: skip
    for done, seconds, peak in peaks:
        print(f"  after {done} frames: {seconds:.1f} s, peak {peak:.0f} MiB")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
