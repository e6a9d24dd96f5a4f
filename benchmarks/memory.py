"""Whether `track` needs more memory the longer a trial is.

    python benchmarks/memory.py TRIAL WORK [--frames 2000]

The frames of a trial by make_trial.py (with a truth.csv) are repeated forward and backward, by
links in WORK, a new folder, and tracked by the command line in a process of its own, from a
disturbed truth. Its resident memory is read from Linux's /proc each time it asks for a frame.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from accuracy_variants import refilmed, write_start

from calibration import Rigid
from dualfluoro import load_trial
from registration import Track, track_of_poses, write_truth

TELLING = """
import sys
import dualfluoro.tracking
from dualfluoro.cli import main

class Told(dualfluoro.tracking.Moments):
    def __getitem__(self, frame):
        print(frame, flush=True)
        return super().__getitem__(frame)

dualfluoro.tracking.Moments = Told
sys.exit(main(sys.argv[1:]))
"""
"""`dualfluoro`, which says each frame that its tracker asks for."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trial", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--frames", type=int, default=2000)
    args = parser.parse_args()
    repeat(args.trial, args.work, args.frames)
    begun = time.perf_counter()
    resident_mib, asked = watched(args.work)
    print(report(resident_mib, asked, time.perf_counter() - begun))


def repeat(trial: Path, folder: Path, frames: int) -> None:
    """A trial of so many frames: those of another, forward and backward in turn."""
    if folder.exists():
        raise SystemExit(f"{folder} is there already; give a new folder, or remove it")
    folder.mkdir(parents=True)
    truth = Track.read(trial / "truth.csv")
    there_and_back = [*range(len(truth)), *range(len(truth) - 2, 0, -1)]
    source = np.resize(there_and_back, frames)
    for view in load_trial(trial).views:
        stored = sorted(view.frames.parent.glob(view.frames.name))
        (folder / view.name).mkdir()
        for number, row in enumerate(source):
            link = folder / view.name / f"{number:06d}{stored[row].suffix}"
            link.symlink_to(stored[row].resolve())
    poses = Rigid(truth.world_from_ct.R[source], truth.world_from_ct.t[source])
    write_truth(folder / "truth.csv", track_of_poses(poses, np.arange(frames) / 30))
    shutil.copyfile(trial / "landmarks.json", folder / "landmarks.json")
    write_start(folder, folder / "init.csv", seed=0)
    text = refilmed(trial, load_trial(trial).ct)
    for view in load_trial(trial).views:
        text = text.replace(f'"{trial.resolve()}/{view.name}/', f'"{view.name}/')
    (folder / "trial.toml").write_text(text)


def watched(folder: Path) -> tuple[dict[int, float], int]:
    """Resident memory (MiB) at the first request of each frame, and the number of requests."""
    tokens = ["track", folder, "--init", folder / "init.csv", "--out", folder / "out", "--quiet"]
    command = [sys.executable, "-c", TELLING, *map(str, tokens)]
    resident_mib: dict[int, float] = {}
    asked = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            asked += 1
            resident_mib.setdefault(int(line), resident(process.pid))
    if process.returncode:
        raise SystemExit(f"track ended with status {process.returncode}")
    return resident_mib, asked


def resident(pid: int) -> float:
    """Resident memory, MiB, by /proc/PID/status; 0 of a process that has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def report(resident_mib: dict[int, float], asked: int, seconds: float) -> str:
    """Memory at a tenth, a half and the end of the frames, and its slope from the tenth on."""
    frames = np.array(sorted(resident_mib))
    values = np.array([resident_mib[frame] for frame in frames])
    places = {share: values[max(0, round(share * len(values)) - 1)] for share in (0.1, 0.5, 1.0)}
    late = slice(len(values) // 10, None)
    slope = 1000 * np.polyfit(frames[late], values[late], 1)[0]
    shown = ", ".join(f"{value:.0f} at {share:.0%}" for share, value in places.items())
    return (
        f"{len(frames)} frames ({asked} asked for) in {seconds:.0f} s; resident MiB: {shown}; "
        f"slope {slope:+.1f} MiB per 1000 frames"
    )


if __name__ == "__main__":
    main()
