"""How often the stated covariances hold: the curve of docs/accuracy.md.

    python benchmarks/coverage.py WORK [--out coverage.png] [--run refined]

WORK is that of accuracy.py. Of each motion's frames said ok: the share whose error lies within the
ellipsoid of each probability (chi-square of 6 degrees of freedom), and of single axes within 1.96
deviations. A perfect statement lies on the diagonal; above it, deviations are too large.
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import chi2

from detector import read_landmarks
from registration import Track, twist_between

LEVELS = np.linspace(0.05, 0.99, 40)


def errors(trial: Path, run: str) -> tuple[np.ndarray, np.ndarray]:
    """Error twists (n, 6) of the frames said ok, and their covariances (n, 6, 6)."""
    found, true = Track.read(trial / run / "track.csv"), Track.read(trial / "truth.csv")
    rows = json.loads((trial / run / "exposure.json").read_text())["rows"]
    covariance = {row["frame"]: row["pose_covariance"] for row in rows}
    points = np.stack(list(read_landmarks(trial / "landmarks.json").values()))
    twists = twist_between(true.world_from_ct, found.world_from_ct, points.mean(0))
    ok = [k for k, status in enumerate(found.status) if status == "ok"]
    return twists[ok], np.array([covariance[int(found.frame[k])] for k in ok])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--run", default="refined")
    parser.add_argument("--out", type=Path, default=Path("coverage.png"))
    args = parser.parse_args()
    figure, axes = plt.subplots(figsize=(5, 4.4), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.6", lw=1)
    total, lines = [], ["| motion | frames | in 95 % ellipsoid | axes within 1.96 sd |"]
    for motion, style in (("walking", "-"), ("neck", "--"), ("collimated", ":")):
        parts = [errors(t, args.run) for t in sorted(args.work.glob(f"trials/*_{motion}"))]
        twist, covariance = (np.concatenate(part) for part in zip(*parts, strict=True))
        squared = np.einsum("ni,nij,nj->n", twist, np.linalg.inv(covariance), twist)
        single = np.abs(twist) / np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        total.append((squared, single))
        lines.append(row(motion, squared, single))
        shares = [(squared < chi2.ppf(level, 6)).mean() for level in LEVELS]
        axes.plot(LEVELS, shares, style, label=f"{motion}, {len(squared)} frames")
    lines.append(row("all", *(np.concatenate(part) for part in zip(*total, strict=True))))
    axes.set(xlabel="stated probability", ylabel="share of the errors inside")
    axes.legend(loc="upper left")
    figure.savefig(args.out, dpi=110)
    print("\n".join(lines))


def row(name: str, squared: np.ndarray, single: np.ndarray) -> str:
    inside = (squared < chi2.ppf(0.95, 6)).mean()
    return f"| {name} | {len(squared)} | {inside:.1%} | {(single < 1.96).mean():.1%} |"


if __name__ == "__main__":
    main()
