"""Landmarks of real cephalograms: mean radial error and success rates on images not trained on.

    python benchmarks/cephalograms.py FOLDER WORK [--minutes 42] [--mm-per-px 0.2]

FOLDER holds images and landmarks.csv, as `dualfluoro train landmarks` reads them. Its last fifth is
not trained on. WORK gets the model (an earlier run there is used, or gone on with) and results.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from detector.landmark_folder import read_landmark_folder
from detector.landmark_model import LandmarkModel
from dualfluoro.options import Common
from dualfluoro.stages.locate import locate
from dualfluoro.stages.train_landmarks import train_landmarks

WITHIN_MM = (2.0, 2.5, 3.0, 4.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=42.0)
    parser.add_argument("--mm-per-px", type=float, default=0.2)
    args = parser.parse_args()
    model = args.work / "model.safetensors"
    if not model.is_file():
        train_landmarks(args.folder, out=model, minutes=args.minutes)
    card = LandmarkModel.read(model).card
    table = read_landmark_folder(args.folder)
    unseen = table.files[card.recipe["images"] :]
    found = locate(
        list(unseen), model=str(model), out=args.work / "unseen.csv", common=Common(quiet=True)
    )
    uv, sd = read_located(found, len(unseen), list(table.names))
    error_mm = (uv - table.world[-len(unseen) :]) * args.mm_per_px
    print(report(error_mm, sd * args.mm_per_px, table.names))


def read_located(path: Path, images: int, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Places (image, landmark, 2) and deviations of the CSV of `dualfluoro locate`, pixels."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["landmark"] for row in rows] == names * images
    values = [[float(row[key]) for key in ("u_px", "v_px", "sd_px")] for row in rows]
    table = np.array(values).reshape(images, len(names), 3)
    return table[..., :2], table[..., 2]


def report(error_mm: np.ndarray, sd_mm: np.ndarray, names: tuple[str, ...]) -> str:
    """Radial errors, success rates, and how often the deviations hold along an axis."""
    radial = np.linalg.norm(error_mm, axis=-1)
    lines = [summary("all", radial)]
    shares = [(np.abs(error_mm) < n * sd_mm[..., None]).mean() for n in (1, 2)]
    lines.append(f"within 1 and 2 deviations: {100 * shares[0]:.0f} and {100 * shares[1]:.0f} %")
    rng = np.random.default_rng(0)
    drawn = [radial[rng.integers(0, len(radial), len(radial))] for _ in range(2000)]
    low, high = np.quantile([part.mean() for part in drawn], (0.025, 0.975))
    lines.append(f"95 % interval of the mean, by image: {low:.2f} to {high:.2f} mm")
    return "\n".join(lines + [summary(name, radial[:, n]) for n, name in enumerate(names)])


def summary(what: str, radial: np.ndarray) -> str:
    shares = " / ".join(f"{100 * (radial <= limit).mean():.1f}" for limit in WITHIN_MM)
    limits = " / ".join(f"{limit:g}" for limit in WITHIN_MM)
    return (
        f"{what}: mean {radial.mean():.2f} +/- {radial.std():.2f} mm, median "
        f"{np.median(radial):.2f}, largest {radial.max():.1f}; within {limits} mm: {shares} %"
    )


if __name__ == "__main__":
    main()
