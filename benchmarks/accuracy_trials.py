"""The heads, films, models and tracks of accuracy.py, each made where it is not there yet.

WORK/heads/HEAD.nii.gz, WORK/models/HEAD, WORK/trials/HEAD_MOTION/{landmarks,refined}/track.csv
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

from calibration import Rig
from calibration.atomic import whole
from drr import Volume, digital_head
from registration import Track

HEADS = {
    "phantom": "imagex_phantom.nii.gz",
    "fullhead": "vtk_fullhead.nii.gz",
    "digital101": 101,
    "digital102": 102,
}
"""A file of a real head, or the seed of a digital one that no released weights were trained on."""
MOTIONS = {"walking": 300.0, "neck": 228.6, "collimated": 300.0}
"""How wide the field is at the detector, mm; 228.6 is 9 inches."""
MAKE_TRIAL = Path(__file__).with_name("make_trial.py")


@dataclass(frozen=True)
class Trials:
    """Where everything lies, and how much of it is made."""

    work: Path
    data: Path
    frames: int
    minutes: float

    def ct(self, head: str) -> Path:
        return self.work / "heads" / f"{head}.nii.gz"

    def folder(self, head: str, motion: str) -> Path:
        return self.work / "trials" / f"{head}_{motion}"

    def field_mm(self, head: str, motion: str) -> float:
        """The field that a trial was filmed with, by its rig."""
        rig = json.loads((self.folder(head, motion) / "rig.json").read_text())
        camera = rig["cameras"][0]
        return round(camera["pixel_spacing_mm"] * camera["width"] / 1.02, 1)


def seed_of(head: str, motion: str) -> int:
    """The seed of a trial's rig, motion and looks."""
    return 1000 + 10 * list(HEADS).index(head) + list(MOTIONS).index(motion)


def make_head(trials: Trials, head: str) -> bool:
    """The CT of a head; False, and a word on it, where its real CT is not at hand."""
    target, source = trials.ct(head), HEADS[head]
    if target.exists():
        return True
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(source, int):
        write_ct(target, digital_head(source, 1.0).volume)
        return True
    if not (trials.data / source).is_file():
        say(f"{head} is left out: there is no {trials.data / source}; say where with --data")
        return False
    target.symlink_to((trials.data / source).resolve())
    return True


def write_ct(path: Path, volume: Volume) -> None:
    image = nibabel.Nifti1Image(volume.data_hu, volume.ct_from_voxel)
    image.header.set_xyzt_units("mm")
    with whole(path) as unfinished:
        nibabel.save(image, unfinished)


def landmarks_ct(trial: Path) -> np.ndarray:
    """The landmarks of a trial, (n, 3) ct mm."""
    content = json.loads((trial / "landmarks.json").read_text())
    return np.array(list(content["points"].values()), dtype=np.float64)


def share_in_field(trial: Path) -> float:
    """The mean share of the landmarks that the round field shows, blades left aside."""
    rig, truth = Rig.read(trial / "rig.json"), Track.read(trial / "truth.csv")
    points_ct = landmarks_ct(trial)
    shares = []
    for camera in rig:
        pixels = camera.project(truth.world_from_ct[:, None] @ points_ct).numpy()
        radius = camera.width / 1.02 / 2
        off = pixels - (np.array([camera.width, camera.height]) - 1) / 2
        shares.append((np.linalg.norm(off, axis=-1) < radius).mean())
    return float(np.mean(shares))


def film_trial(trials: Trials, head: str, motion: str) -> None:
    """The films of a head in motion, whose models are the head's own."""
    folder, field_mm = trials.folder(head, motion), MOTIONS[motion]
    film(trials, head, motion, folder, "--field-mm", str(field_mm))
    if trials.field_mm(head, motion) != field_mm:
        say(
            f"{folder} was filmed with a field of {trials.field_mm(head, motion)} mm, not "
            f"{field_mm}; remove it to film it again"
        )


def film(trials: Trials, head: str, motion: str, folder: Path, *options: str) -> None:
    """Films by make_trial.py; its trial.toml, written last, says that they are whole."""
    toml = folder / "trial.toml"
    if not toml.is_file():
        say(f"filming {folder}")
        seed, frames = str(seed_of(head, motion)), str(trials.frames)
        named = ("--seed", seed, "--frames", frames, "--motion", motion, *options)
        run([sys.executable, MAKE_TRIAL, trials.ct(head), folder, *named])
    if "[models]" not in (text := toml.read_text()):
        toml.write_text(f'{text}\n[models]\nfolder = "../../models/{head}"\n')


def prepare_head(trials: Trials, head: str, motions: list[str]) -> None:
    """Landmarks and detector of a head, made in its first trial and used in all."""
    first, *others = (trials.folder(head, motion) for motion in motions)
    models = trials.work / "models" / head
    if not (first / "landmarks.json").is_file() or not (models / "detector.json").is_file():
        say(f"preparing {head}, {trials.minutes:g} minutes of training")
        dualfluoro("prepare", first, "--minutes", trials.minutes)
    for other in others:
        if not (other / "landmarks.json").is_file():
            shutil.copyfile(first / "landmarks.json", other / "landmarks.json")


def track_trial(trials: Trials, head: str, motion: str, name: str) -> Path:
    """The folder of a run: `landmarks` alone, or `refined`."""
    trial = trials.folder(head, motion)
    options = ["--no-refine"] if name == "landmarks" else []
    return track(trial, trial / name, *options)


def track(trial: Path, out: Path, *options: object) -> Path:
    """Track a trial into a folder; a track whose frames are all lost is a result, too."""
    if not (out / "track.csv").is_file():
        say(f"tracking {out}")
        try:
            dualfluoro("track", trial, "--out", out, *options)
        except RuntimeError as error:
            if not (out / "track.csv").is_file():
                raise
            say(str(error))
    return out


def dualfluoro(*tokens: object) -> None:
    """A command of the program, as a user types it."""
    run([sys.executable, "-m", "dualfluoro", *tokens, "--quiet"])


def run(command: list) -> None:
    """RuntimeError, with what the program said last, where it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{' '.join(words[1:])}: status {done.returncode}: {last}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
