"""From how far away refinement finds the pose: starts about the truth, in real trials' frames.

    python benchmarks/capture_range.py TRIAL... [--starts 8] [--every 6] [--out capture.png]
                                       [--deg 15] [--mm 20]

A start is the truth, turned about the head's centre by an angle of U(0, deg) about an axis drawn
from the sphere, and moved by U(0, mm) in a direction drawn from it. From each the pose is sought
twice: by one `refine_pose`, coarse to fine; and by `locate` with the start as its prediction, as
`track --init` does it: from the middle level, from the coarse one, from starts around it, until a
match is good. The share within 0.5 deg and 0.5 mm of the truth is printed as Markdown, by how far
the start was off; so is how many wrong ends `locate` called ok.
"""

import argparse
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from calibration import Rigid
from dualfluoro import load_trial
from dualfluoro.frames import open_frames
from dualfluoro.subject import Subject, subject_of
from dualfluoro.tracking import Moments
from registration import Subject as TrackedHead
from registration import Track, distance_between, moved_rigid, refine_pose
from registration.frame_pose import Moment, TrackingConfig, locate
from registration.head_model import HeadModel

CLASSES = 3
NEAR_DEG, NEAR_MM = 0.5, 0.5


@dataclass(frozen=True)
class Outcome:
    """One start, and how far off its ends are: (mm, deg); inf where there is no pose."""

    start_deg: float
    start_mm: float
    refined: tuple[float, float]
    located: tuple[float, float]
    status: str


def main() -> None:
    args = arguments()
    outcomes: list[Outcome] = []
    subjects: dict[Path, Subject] = {}
    for number, folder in enumerate(args.trials):
        rng = np.random.default_rng((args.seed, number))
        outcomes += of_trial(folder, subjects, rng, args)
        share = np.mean([near(outcome.located) for outcome in outcomes])
        print(f"{folder}: {len(outcomes)} starts so far, {share:.1%} found", file=sys.stderr)
    print(tables(outcomes, args.deg, args.mm))
    if args.out is not None:
        plot(outcomes, args.out)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trials", type=Path, nargs="+", help="folders with a truth.csv")
    parser.add_argument("--starts", type=int, default=8, help="a frame")
    parser.add_argument("--every", type=int, default=6, help="take every so many frames")
    parser.add_argument("--deg", type=float, default=15.0)
    parser.add_argument("--mm", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="PNG of all starts")
    return parser.parse_args()


def of_trial(
    folder: Path, subjects: dict[Path, Subject], rng: np.random.Generator, args
) -> list[Outcome]:
    trial = load_trial(folder)
    subject = subjects.setdefault(trial.ct, subject_of(trial))
    views, _ = open_frames(trial)
    moments, truth = Moments(trial, views, None), Track.read(folder / "truth.csv")
    outcomes = []
    for row in range(0, len(truth), args.every):
        moment, true = moments[int(truth.frame[row])], truth.world_from_ct[row]
        for _ in range(args.starts):
            angle_deg, shift_mm = rng.uniform(0, args.deg), rng.uniform(0, args.mm)
            twist = np.concatenate(
                [shift_mm * direction(rng), np.radians(angle_deg) * direction(rng)]
            )
            start = moved_rigid(true, twist, subject.center_ct)
            ends = of_start(trial.rig, moment, subject, start, true)
            outcomes.append(Outcome(angle_deg, shift_mm, *ends))
    return outcomes


def direction(rng: np.random.Generator) -> np.ndarray:
    """A unit vector, all directions alike."""
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


def of_start(rig, moment: Moment, subject: Subject, start: Rigid, true: Rigid):
    """Where one refinement and the tracker end, (mm, deg) off, and the tracker's word on it."""
    model: HeadModel = subject.head_model
    centre = subject.center_ct
    single = refine_pose(moment.radiographs, model, start).world_from_ct
    head = TrackedHead(model, None)
    found = locate(rig, moment, head, (start,), TrackingConfig())
    pose = found.world_from_ct
    located = (np.inf, np.inf) if pose is None else distance_between(true, pose, centre)
    return distance_between(true, single, centre), located, found.status


def near(end: tuple[float, float]) -> bool:
    return end[0] <= NEAR_MM and end[1] <= NEAR_DEG


def tables(outcomes: list[Outcome], most_deg: float, most_mm: float) -> str:
    """A table for each way to find the pose, and a line on what was called ok."""
    parts = []
    for name, label in (("refined", "one `refine_pose`"), ("located", "the tracker's `locate`")):
        found = np.array([near(getattr(outcome, name)) for outcome in outcomes])
        head = f"{label}: {found.mean():.1%} of {len(found)} starts"
        parts.append(f"{head}\n\n{table(outcomes, found, most_deg, most_mm)}")
    ok = [outcome for outcome in outcomes if outcome.status == "ok"]
    off = sum(max(outcome.located) > 2 for outcome in ok)
    parts.append(
        f"{len(ok)} of {len(outcomes)} called ok; {off} of these off by over 2 deg or 2 mm"
    )
    return "\n\n".join(parts)


def table(outcomes: list[Outcome], found: np.ndarray, most_deg: float, most_mm: float) -> str:
    """Shares found, with how many starts there were; rows are angles, columns distances."""
    angle = np.array([outcome.start_deg for outcome in outcomes])
    shift = np.array([outcome.start_mm for outcome in outcomes])
    degs, mms = (np.linspace(0, most, CLASSES + 1) for most in (most_deg, most_mm))
    columns = [f"{a:.3g} to {b:.3g} mm" for a, b in pairwise(mms)]
    lines = [["start off by", *columns], ["---"] * (CLASSES + 1)]
    for low, high in pairwise(degs):
        cells = []
        for near_mm, far_mm in pairwise(mms):
            here = (angle >= low) & (angle < high) & (shift >= near_mm) & (shift < far_mm)
            cells.append(f"{found[here].mean():.0%} of {here.sum()}" if here.any() else "")
        lines.append([f"{low:.3g} to {high:.3g} deg", *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plot(outcomes: list[Outcome], path: Path) -> None:
    """Every start by how far it was off, in the colour of its end."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    ways = (("refined", "one refine_pose"), ("located", "the tracker's locate"))
    for panel, (name, label) in zip(panels, ways, strict=True):
        found = np.array([near(getattr(outcome, name)) for outcome in outcomes])
        start = np.array([(outcome.start_mm, outcome.start_deg) for outcome in outcomes])
        for chosen, colour, marker, word in (
            (found, "#2a6f97", "o", "found"),
            (~found, "#c1440e", "x", "not found"),
        ):
            text = f"{word}: {chosen.sum()}"
            panel.scatter(*start[chosen].T, c=colour, marker=marker, s=22, label=text)
        panel.set(title=f"{label}: {found.mean():.1%}", xlabel="start off by, mm")
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, frameon=False)
    panels[0].set_ylabel("start off by, deg")
    figure.suptitle("Found: within 0.5 deg and 0.5 mm of the truth", fontsize=10)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
