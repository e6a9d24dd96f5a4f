"""The demo's trial folder: the digital head, filmed by a simulator apart from the program."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from calibration import Camera, Rig, Rigid
from calibration.atomic import whole, write_text
from detector import write_landmarks
from drr import digital_head
from registration import track_of_poses, write_truth

from .ray_march import attenuation_per_mm, line_integrals, moved_panel
from .simulate import draw_look, film, head_motion, stations

if TYPE_CHECKING:
    from drr import Volume

MARK = "# Made by `dualfluoro demo`; made again by the next one."
HEAD_SEED, SPACING_MM, BONE_HU = 0, 1.0, 300
TRIAL_TOML = f"""{MARK}

[subject]
ct = "ct.nii.gz"

[rig]
file = "rig.json"

[[view]]
name = "A"
frames = "A/*.png"

[[view]]
name = "B"
frames = "B/*.png"

[time]
rate_hz = 30.0

[exposure]
reference_distance_mm = 600.0
"""


@dataclass(frozen=True)
class DemoPlan:
    """What the demo films."""

    frames: int = 24
    seed: int = 0
    size_px: int = 384
    rate_hz: float = 30.0
    spacing_mm: float = SPACING_MM


def write_demo_trial(folder: Path, plan: DemoPlan) -> None:
    """Write CT, rig, films, truth, landmarks and trial.toml; the last one closes the work.

    Raises:
        ValueError: the folder holds a trial that is not the demo's.
    """
    trial_toml = folder / "trial.toml"
    if trial_toml.exists() and not trial_toml.read_text(encoding="utf-8").startswith(MARK):
        raise ValueError(f"{trial_toml} is not the demo's; choose another folder with --out")
    if plan.frames < 1:
        raise ValueError(f"the demo needs at least one frame, found --frames {plan.frames}")
    trial_toml.unlink(missing_ok=True)
    head = digital_head(HEAD_SEED, plan.spacing_mm)
    rng = np.random.default_rng(plan.seed)
    centre_ct = head.volume.points_ct(np.argwhere(head.volume.data_hu > BONE_HU).mean(0))
    times_s = np.arange(plan.frames) / plan.rate_hz
    world_from_ct = head_motion(rng, centre_ct, times_s)
    folder.mkdir(parents=True, exist_ok=True)
    _write_ct(folder / "ct.nii.gz", head.volume)
    write_landmarks(folder / "landmarks.json", head.landmarks)
    _write_films(folder, head.volume, world_from_ct, plan, rng)
    write_truth(folder / "truth.csv", track_of_poses(Rigid.from_matrix(world_from_ct), times_s))
    write_text(trial_toml, TRIAL_TOML)


def _write_ct(path: Path, volume: "Volume") -> None:
    import nibabel

    image = nibabel.Nifti1Image(volume.data_hu, volume.ct_from_voxel)
    image.header.set_xyzt_units("mm")
    with whole(path) as unfinished:
        nibabel.save(image, unfinished)


def _write_films(
    folder: Path,
    volume: "Volume",
    world_from_ct: np.ndarray,
    plan: DemoPlan,
    rng: np.random.Generator,
) -> None:
    """The rig and every view's films."""
    size = plan.size_px
    rig = stations(rng, size)
    cameras = [
        Camera(s.K, s.cam_from_world, size, size, name=s.name, pixel_spacing_mm=s.pixel_mm)
        for s in rig
    ]
    Rig(tuple(cameras)).write(folder / "rig.json")
    mu = attenuation_per_mm(volume.data_hu)
    for station in rig:
        look = draw_look(rng, size)
        for stale in (folder / station.name).glob("*.png"):
            stale.unlink()
        for frame, pose in enumerate(world_from_ct):
            panel_ct = moved_panel(np.linalg.inv(pose), station.panel_world)
            shadow = line_integrals(mu, volume.ct_from_voxel, panel_ct, size, size)
            encoded = cv2.imencode(".png", film(shadow, look, rng))[1]
            with whole(folder / station.name / f"{frame:04d}.png") as unfinished:
                unfinished.write_bytes(encoded.tobytes())
