"""Landmarks on head CTs: trained on digital heads, measured on digital heads never seen.

    python benchmarks/ct_landmarks.py WORK [--heads 100] [--unseen 15] [--minutes 20] [--ct CT ...]

WORK gets the heads (2 mm voxels; every second one to train on is deformed), the model, and a sheet
of each CT given: look at it.
"""

import argparse
from pathlib import Path

import nibabel
import numpy as np

from detector.landmark_model import LandmarkModel
from detector.patch_settings import settings_for
from detector.patch_train_model import train_landmark_model
from drr import Volume, digital_head
from drr.deformation import deformed
from dualfluoro.options import Common
from dualfluoro.stages.locate import locate

SPACING_MM = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--heads", type=int, default=100)
    parser.add_argument("--unseen", type=int, default=15)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--ct", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    model = args.work / "ct.safetensors"
    last = args.heads + args.unseen
    heads = [
        head(args.work / "heads", seed, seed <= args.heads and seed % 2 == 0)
        for seed in range(1, last + 1)
    ]
    names = tuple(heads[0][1])
    world = np.array([[points[name] for name in names] for _, points in heads])
    if not model.is_file():
        trained = train_landmark_model(
            lambda n: Volume.read(heads[n][0]),
            names,
            world[: args.heads],
            args.work / "ct.training",
            settings_for(3, args.minutes),
        )
        trained.write(model)
    print(report(LandmarkModel.read(model), heads[args.heads :], world[args.heads :]))
    for ct in args.ct:
        out = args.work / f"{ct.name.split('.')[0]}.csv"
        locate([ct], model=str(model), out=out, common=Common(quiet=True))


def head(folder: Path, seed: int, warped: bool) -> tuple[Path, dict[str, np.ndarray]]:
    """The file of a digital head, painted unless it is there, and its landmarks, ct mm."""
    folder.mkdir(parents=True, exist_ok=True)
    path, table = folder / f"{seed:04d}.nii.gz", folder / f"{seed:04d}.npz"
    if not table.is_file():
        volume, points = digital_head(seed, SPACING_MM)
        if warped:
            volume, points = deformed(volume, points, seed, amplitude_mm=3.0)
        nibabel.save(nibabel.Nifti1Image(volume.data_hu, volume.ct_from_voxel), path)  # type: ignore[arg-type]
        np.savez(table, **points)  # type: ignore[arg-type]
    with np.load(table) as stored:
        return path, {name: stored[name] for name in stored.files}


def report(model: LandmarkModel, heads: list, world: np.ndarray) -> str:
    found = [model(Volume.read(path)) for path, _ in heads]
    error = np.stack([at.world for at in found]) - world
    sd = np.stack([at.sd for at in found])
    radial = np.linalg.norm(error, axis=-1)
    shares = [(np.abs(error) < n * sd[..., None]).mean() for n in (1, 2)]
    lines = [
        f"{len(heads)} unseen heads: median {np.median(radial):.2f} mm, mean {radial.mean():.2f}, "
        f"95 % within {np.quantile(radial, 0.95):.2f}, largest {radial.max():.1f}",
        f"within 1 and 2 deviations: {100 * shares[0]:.0f} and {100 * shares[1]:.0f} %",
    ]
    median = np.median(radial, axis=0)
    worst = [f"{found[0].names[n]} {median[n]:.1f}" for n in np.argsort(-median)[:8]]
    return "\n".join([*lines, f"worst medians, mm: {', '.join(worst)}"])


if __name__ == "__main__":
    main()
