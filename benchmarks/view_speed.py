"""How long the first 3D picture takes, and how many frames a second can be scrubbed.

    .venv/bin/python benchmarks/view_speed.py [--frames 24] [--shape 512 512 300]

A trial of the digital head with a CT of that size. Times are those of work inside the program, in
seconds of the clock and of the processor; importing the libraries comes once before, and is given
apart. On a machine that others use too, believe the processor's seconds.
"""

import argparse
import time

START = time.perf_counter(), time.process_time()

import shutil  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

import nibabel  # noqa: E402
import numpy as np  # noqa: E402

from dualfluoro import exposure, load_trial  # noqa: E402
from dualfluoro.demo_trial import DemoPlan, write_demo_trial  # noqa: E402
from dualfluoro.offscreen import can_draw  # noqa: E402
from dualfluoro.options import Common  # noqa: E402
from dualfluoro.recording import open_tracked  # noqa: E402
from dualfluoro.scene import scene_of  # noqa: E402
from dualfluoro.scene_surfaces import FOLDER  # noqa: E402
from dualfluoro.view_room import look_at_room, photograph, room_of, show_frame  # noqa: E402

IMPORTED = time.perf_counter(), time.process_time()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--shape", type=int, nargs=3, default=(512, 512, 300))
    arguments = parser.parse_args()
    said("imports", START, IMPORTED, 1)
    with tempfile.TemporaryDirectory() as folder:
        trial = made_trial(Path(folder) / "trial", arguments.frames, tuple(arguments.shape))
        can_draw()
        for what in ("first picture, no cache", "first picture, cache warm"):
            begin = now()
            room = opened(trial)
            said(what, begin, now(), 1)
        assert (trial / FOLDER).is_dir()
        for what in ("scrubbing, frames new", "scrubbing, frames seen"):
            begin = now()
            for frame in range(arguments.frames):
                show_frame(room, frame)
                room.plotter.render()
            said(what, begin, now(), arguments.frames)
        room.plotter.close()


def opened(folder):
    trial = load_trial(folder)
    views, track = open_tracked(trial, folder / "track.csv")
    room = room_of(scene_of(trial, views, track, folder / "track.csv"), 0)
    look_at_room(room)
    photograph(room)
    return room


def made_trial(folder, frames, shape):
    """The demo's trial with its truth as its track, and its CT blown up to a shape."""
    write_demo_trial(folder, DemoPlan(frames=frames, size_px=512, spacing_mm=2.0))
    shutil.copy(folder / "truth.csv", folder / "track.csv")
    image = nibabel.load(folder / "ct.nii.gz")
    data = np.asarray(image.dataobj)
    nearest = [np.arange(n) * old // n for n, old in zip(shape, data.shape, strict=True)]
    large = data[np.ix_(*nearest)] + np.random.default_rng(0).normal(0, 8, shape).astype(np.int16)
    step = np.array(data.shape) / shape
    affine = image.affine @ np.diag([*step, 1])
    affine[:3, 3] = image.affine[:3, :3] @ ((step - 1) / 2) + image.affine[:3, 3]
    exposure(folder, common=Common(quiet=True))  # as `track` leaves it: fields are known
    nibabel.save(nibabel.Nifti1Image(large, affine), folder / "ct.nii.gz")
    return folder


def now():
    return time.perf_counter(), time.process_time()


def said(what, begin, end, count):
    clock, processor = (b - a for a, b in zip(begin, end, strict=True))
    rate = f"   {count / clock:6.1f} a second" if count > 1 else ""
    each = f"{clock / count:8.3f} s clock {processor / count:8.3f} s processor"
    print(f"{what:28s}{each}{rate}", flush=True)


if __name__ == "__main__":
    main()
