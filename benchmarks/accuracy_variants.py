"""What lag, 12-bit film and thick CT slices cost: the walking trials of accuracy.py, once more.

Each variant differs from its baseline in one thing alone: it has the same seed, thus the same rig,
poses, looks and noise. All start from the same disturbed truth, so that the detector does not come
into it: twists about the landmarks' centroid with deviations of 2 mm and 2 deg on each axis.
"""

import re
import shutil
from pathlib import Path

import numpy as np
from accuracy_trials import HEADS, Trials, film, landmarks_ct, seed_of, track, write_ct
from thick_slices import averaged

from calibration import Rigid
from drr import Volume
from registration import Track, moved_rigid, track_of_poses, write_truth

FILMED = {"lag": ("--lag", "0.05"), "bits": ("--bits", "12")}
SLICES = {"slices2": 2, "slices3": 3}
START_SD_MM, START_SD_DEG = 2.0, 2.0


def variants_of(head: str) -> tuple[str, ...]:
    """Thick slices are averages of the digital heads' 1 mm; the real CTs are no finer than that."""
    slices = SLICES if isinstance(HEADS[head], int) else ()
    return ("baseline", *FILMED, *slices)


def film_variants(trials: Trials, head: str) -> None:
    """The folders of a head's variants beside its walking trial, and the start of all of them."""
    walking = trials.folder(head, "walking")
    start = walking / "init.csv"
    if not start.is_file():
        write_start(walking, start, seed_of(head, "walking"))
    for variant in variants_of(head)[1:]:
        folder = variant_folder(trials, head, variant)
        if variant in FILMED:
            film(trials, head, "walking", folder, *FILMED[variant])
        elif not (folder / "trial.toml").is_file():
            thick = thick_ct(trials, head, SLICES[variant])
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(walking / "truth.csv", folder / "truth.csv")
            (folder / "trial.toml").write_text(refilmed(walking, thick))
        shutil.copyfile(walking / "landmarks.json", folder / "landmarks.json")


def track_from_truth(trials: Trials, head: str, variant: str) -> Path:
    """The folder of a variant's run."""
    walking = trials.folder(head, "walking")
    folder = walking if variant == "baseline" else variant_folder(trials, head, variant)
    return track(folder, folder / "from_truth", "--init", walking / "init.csv")


def variant_folder(trials: Trials, head: str, variant: str) -> Path:
    return trials.work / "variants" / f"{head}_{variant}"


def write_start(trial: Path, path: Path, seed: int) -> None:
    """The truth of a trial, disturbed."""
    truth, rng = Track.read(trial / "truth.csv"), np.random.default_rng(seed)
    centre = landmarks_ct(trial).mean(0)
    deviations = np.repeat([START_SD_MM, np.radians(START_SD_DEG)], 3)
    twists = rng.normal(0, deviations, (len(truth), 6))
    poses = [moved_rigid(truth.world_from_ct[k], twist, centre) for k, twist in enumerate(twists)]
    R, t = (np.stack([getattr(pose, name).numpy() for pose in poses]) for name in "Rt")
    write_truth(path, track_of_poses(Rigid(R, t), truth.time_s, frame=truth.frame))


def thick_ct(trials: Trials, head: str, thickness: int) -> Path:
    """The head's CT averaged to slices of so many mm."""
    path = trials.ct(f"{head}_{thickness}mm")
    if not path.is_file():
        write_ct(path, averaged(Volume.read(trials.ct(head)), thickness))
    return path


def refilmed(walking: Path, ct: Path) -> str:
    """A trial.toml with the films and the rig of another trial, and its own CT."""
    text = (walking / "trial.toml").read_text()
    text = re.sub(r"^ct = .*$", f'ct = "{ct.resolve()}"', text, count=1, flags=re.MULTILINE)
    text = re.sub(r'^file = "', f'file = "{walking.resolve()}/', text, count=1, flags=re.MULTILINE)
    return re.sub(r'^frames = "', f'frames = "{walking.resolve()}/', text, flags=re.MULTILINE)
