"""A trial folder of the wrist, to be tracked by the command line from a start that is off."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import real_film_wrist as wrist

from calibration import Rigid
from registration import Track
from registration.twist import moved_rigid

START_OFF = np.array([2.0, -1.5, 1.0, 0.02, 0.02, -0.03])
"""mm and rad: 2.7 mm and 2.4 deg."""
TOML = """[subject]
ct = "ct.nii.gz"

[rig]
mayacam = ["cam01.txt", "cam02.txt"]
unit = "mm"

[[view]]
name = "cam01"
frames = "cam01/*.tif"

[[view]]
name = "cam02"
frames = "cam02/*.tif"

[time]
rate_hz = 1.0
"""


def write_trial(folder: Path, bone: str, poses: dict[str, Rigid]) -> None:
    """trial.toml, the bone as NIfTI, both frames, and initial.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trial.toml").write_text(TOML)
    volume = wrist.bone_volume(bone)
    image = nib.Nifti1Image(np.asarray(volume.data_hu), volume.ct_from_voxel)
    nib.save(image, folder / "ct.nii.gz")
    for number, view in ((1, "cam01"), (2, "cam02")):
        shutil.copy(wrist.DATA / f"xr_calib_wrist_cam0{number}.txt", folder / f"{view}.txt")
        (folder / view).mkdir(exist_ok=True)
        for frame in wrist.FRAMES:
            name = f"xr_rad_uln_{view}_UND.{frame}.tif"
            shutil.copy(wrist.DATA / view / name, folder / view / name)
    starts = [moved_rigid(poses[f"{bone} {f}"], START_OFF, np.zeros(3)) for f in wrist.FRAMES]
    initial_track(starts).write(folder / "initial.csv")


def initial_track(poses: list[Rigid]) -> Track:
    """A track of poses of which nothing else is known."""
    n = len(poses)
    return Track(
        view_names=("cam01", "cam02"),
        frame=np.arange(n),
        time_s=np.arange(n, dtype=np.float64),
        status=("ok",) * n,
        world_from_ct=Rigid(
            np.stack([pose.R.numpy() for pose in poses]),
            np.stack([pose.t.numpy() for pose in poses]),
        ),
        sd_rotation_deg=np.full(n, np.nan),
        sd_translation_mm=np.full(n, np.nan),
        reprojection_px=np.full((2, n), np.nan),
        similarity=np.full((2, n), np.nan),
        landmarks_used=np.zeros(n, np.int64),
        flags=((),) * n,
        covariance=np.full((n, 6, 6), np.nan),
    )
