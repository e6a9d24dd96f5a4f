"""Similarity measures for two-view registration: their landscapes, and one optimiser's errors.

    python benchmarks/similarity.py TRIAL... [--looks plain noise ...] [--levels 0 1 2]
                                    [--frames 3] [--lines 8]
    python benchmarks/similarity.py TRIAL... --optimise [--frames 3] [--measures ...]

TRIAL is a folder of `make_trial.py` with its truth.csv. The first form samples the measures on
lines through the truth (`similarity_lines.py`); the second starts BFGS 2 deg and 2 mm
off, each in a random direction, at the finest level, and the registration itself beside it.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from similarity_lines import directions, places_mm, properties
from similarity_measures import MEASURES, Fixed, fixed, total

from calibration import Rigid
from dualfluoro.exposures import field_of
from dualfluoro.frames import open_view
from dualfluoro.subject import subject_of
from dualfluoro.trial import Trial, load_trial
from registration import read_track, refine_pose
from registration.head_model import HeadModel
from registration.image_match import cam_from_ct_matrix, compare, fixed_view
from registration.radiograph import Radiograph, radiograph
from registration.refine_pose import ARM_MM
from registration.twist import distance_between, moved

OURS = "the registration's own"
"""`compare` as it stands: its cost over the sum of weights; its ms include a rendering."""
REFINED = "refine_pose, this level"
NAMES = [OURS, *MEASURES]
LOOKS = ("plain", "gamma 0.5", "gamma 2", "inverted", "noise")
NOISE_SD = 0.05
"""Of the full range of grey values, a pixel of the frame."""
RADIUS_STEP_MM = ((40.0, 2.0), (20.0, 1.0), (10.0, 0.5))
"""How far the lines reach at each level, and the distance of their points."""
START_MM, START_DEG = 2.0, 2.0
LEAST_SHARE = 0.02
"""A frame is left out where a view's weights are less of its window: the field was mistaken."""
DIFFERENCE_MM = 0.1
"""Half the span of the optimiser's central differences."""
EVERY = np.array([1, 1, 1, *[1 / ARM_MM] * 3])
"""From mm of the normalised space of poses to a twist."""


@dataclass(frozen=True)
class Head:
    """A trial, the model of its CT, its true poses, and the frames to look at."""

    trial: Trial
    model: HeadModel
    truth: list[Rigid]
    frames: list[int]


def head_of(folder: Path, frames: int) -> Head:
    trial = load_trial(folder)
    model = subject_of(trial).head_model
    truth = read_track(folder / "truth.csv").world_from_ct
    poses = [Rigid(R, t) for R, t in zip(truth.R, truth.t, strict=True)]
    wanted = np.unique(np.linspace(0, len(poses) - 1, frames).round().astype(int)).tolist()
    return Head(trial, model, poses, [k for k in wanted if is_seen(trial, model, poses, k)])


def shots_of(trial: Trial, frame: int, look: str, rng: np.random.Generator) -> tuple:
    """The frame in all views with a look; the field is the one found in the frame as it is."""
    shots = []
    for number, (view, camera) in enumerate(zip(trial.views, trial.rig, strict=True)):
        image = open_view(view, camera)[frame]
        field_px = field_of(trial, number, image, frame).outline_px
        image, transmission = seen(image, look, view.transmission, rng)
        shots.append(radiograph(camera, image, field_px, transmission))
    return tuple(shots)


def seen(
    image: np.ndarray, look: str, transmission: bool, rng: np.random.Generator
) -> tuple[np.ndarray, bool]:
    if look.startswith("gamma"):
        return np.clip(image, 0, 1) ** float(look.split()[1]), transmission
    if look == "inverted":
        return 1 - image, not transmission
    if look == "noise":
        return image + rng.normal(0, NOISE_SD, image.shape).astype(np.float32), transmission
    return image, transmission


def sides_at(shots: tuple[Radiograph, ...], model: HeadModel, index: int, pose: Rigid) -> tuple:
    """Each view's level with the window and the weights of a pose."""
    R, t = pose.R.numpy(), pose.t.numpy()
    resolution = model.resolutions[index]
    return tuple(fixed(fixed_view(shot, model, index, R, t), resolution) for shot in shots)


def is_seen(trial: Trial, model: HeadModel, truth: list[Rigid], frame: int) -> bool:
    """Whether every view shows some of the cranium; what is left out is printed."""
    shots = shots_of(trial, frame, "plain", np.random.default_rng(0))
    shares = [float(side.weight.mean()) for side in sides_at(shots, model, 0, truth[frame])]
    if min(shares) < LEAST_SHARE:
        print(f"frame {frame} left out: the weights of its views fill {shares} of their windows")
    return min(shares) >= LEAST_SHARE


def placed(model: HeadModel, pose: Rigid, off_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """R and t of a pose moved by (x, y, z, and mm of turn) about the head's centre."""
    R, t = pose.R.numpy(), pose.t.numpy()
    return moved(R, t, off_mm * EVERY, R @ model.centre_ct + t)


def rendered(
    sides: tuple[Fixed, ...], model: HeadModel, index: int, R: np.ndarray, t: np.ndarray
) -> list[np.ndarray]:
    """Radiographs of the CT at a pose, a view each."""
    images = []
    for side in sides:
        camera = side.view.level.camera
        matrix = cam_from_ct_matrix(camera, R, t)
        image = model.projectors[index].render(camera.K, camera.width, camera.height, matrix)
        images.append(image.numpy())
    return images


def value(
    name: str,
    sides: tuple[Fixed, ...],
    images: list[np.ndarray],
    model: HeadModel,
    index: int,
    R: np.ndarray,
    t: np.ndarray,
) -> float:
    """A measure at a pose of which `images` are the radiographs."""
    if name != OURS:
        return total(list(zip(sides, images, strict=True)), MEASURES[name])
    cost = sum(compare(side.view, model, index, R, t).cost for side in sides)
    return -cost / max(sum(float(side.weight.sum()) for side in sides), 1e-6)


def landscapes(head: Head, args: argparse.Namespace, rng: np.random.Generator) -> None:
    """Print the properties of every measure, look and level."""
    model, truth = head.model, head.truth
    for index in args.levels:
        radius_mm, step_mm = RADIUS_STEP_MM[index]
        along = places_mm(radius_mm, step_mm)
        shape = len(args.looks), len(args.measures), len(head.frames), args.lines, len(along)
        values, spent, render_s = np.zeros(shape), np.zeros(len(args.measures)), 0.0
        for f, frame in enumerate(head.frames):
            looks = [
                sides_at(shots_of(head.trial, frame, look, rng), model, index, truth[frame])
                for look in args.looks
            ]
            for n, direction in enumerate(directions(args.lines, rng)):
                for p, place in enumerate(along):
                    begun = time.perf_counter()
                    R, t = placed(model, truth[frame], place * direction)
                    images = rendered(looks[0], model, index, R, t)
                    render_s += time.perf_counter() - begun
                    for k, sides in enumerate(looks):
                        for m, name in enumerate(args.measures):
                            begun = time.perf_counter()
                            values[k, m, f, n, p] = value(name, sides, images, model, index, R, t)
                            spent[m] += time.perf_counter() - begun
        renders = len(head.frames) * args.lines * len(along)
        ms = 1000 * spent / (renders * len(args.looks))
        print(
            f"\n{head.trial.folder.name}, level {index}, "
            f"{model.resolutions[index].spacing_mm} mm voxels: "
            f"{len(head.frames)} frames x {args.lines} lines of {len(along)} points within "
            f"{radius_mm:.0f} mm; rendering {1000 * render_s / renders:.1f} ms a pair"
        )
        for k, look in enumerate(args.looks):
            print(
                f"{look:10} {'measure':25} {'ACC mm':>7} {'CR mm':>6} {'median':>6} "
                f"{'DO 1/m':>7} {'NOM':>6} {'RON 1/m':>8} {'ms':>6}"
            )
            for m, name in enumerate(args.measures):
                p = properties(values[k, m], step_mm, radius_mm / 2, radius_mm / 4)
                print(
                    f"{'':10} {name:25} {p.acc_mm:7.3f} {p.cr_mm:6.2f} {p.cr_median_mm:6.2f} "
                    f"{1000 * p.do_per_mm:7.1f} {p.nom:6.2f} {1000 * p.ron_per_mm:8.2f} "
                    f"{ms[m]:6.2f}",
                    flush=True,
                )


def optimised(
    sides: tuple[Fixed, ...], model: HeadModel, index: int, start: Rigid, name: str
) -> tuple[Rigid, int]:
    """The pose that BFGS with central differences finds, and how many pairs it rendered."""
    steps = DIFFERENCE_MM * np.eye(6)

    def cost(off_mm: np.ndarray) -> float:
        R, t = placed(model, start, off_mm)
        images = rendered(sides, model, index, R, t) if name != OURS else []
        return -100 * value(name, sides, images, model, index, R, t)

    def slope(off_mm: np.ndarray) -> np.ndarray:
        sides_of = [cost(off_mm + step) - cost(off_mm - step) for step in steps]
        return np.array(sides_of) / (2 * DIFFERENCE_MM)

    found = minimize(
        cost, np.zeros(6), jac=slope, method="BFGS", options={"gtol": 2e-3, "maxiter": 30}
    )
    return Rigid(*placed(model, start, found.x)), found.nfev + 12 * found.njev


def cases_of(heads: list[Head], look: str, rng: np.random.Generator) -> list[tuple]:
    """Model, truth, start and radiographs of every frame chosen."""
    cases = []
    for head in heads:
        for frame in head.frames:
            axes = rng.normal(size=(2, 3))
            axes /= np.linalg.norm(axes, axis=1, keepdims=True)
            off_mm = np.concatenate([START_MM * axes[0], np.radians(START_DEG) * ARM_MM * axes[1]])
            start = Rigid(*placed(head.model, head.truth[frame], off_mm))
            shots = shots_of(head.trial, frame, look, rng)
            cases.append((head.model, head.truth[frame], start, shots))
    return cases


def optimisations(heads: list[Head], args: argparse.Namespace, rng: np.random.Generator) -> None:
    """Print the errors of every measure from the same starts."""
    for look in args.looks:
        cases = cases_of(heads, look, rng)
        print(
            f"\n{look}: BFGS from {START_MM} mm and {START_DEG} deg off, {len(cases)} pairs\n"
            f"{'measure':25} {'deg: median':>12} {'95 %':>7} {'mm: median':>11} {'95 %':>7} "
            f"{'renders':>8} {'s':>6}"
        )
        for name in [*args.measures, REFINED]:
            begun, off, renders = time.perf_counter(), [], []
            for model, true, start, shots in cases:
                index = len(model.projectors) - 1
                if name == REFINED:
                    refined = refine_pose(shots, model, start, index)
                    found, count = refined.world_from_ct, refined.evaluations
                else:
                    sides = sides_at(shots, model, index, start)
                    found, count = optimised(sides, model, index, start, name)
                off.append(distance_between(true, found, model.centre_ct))
                renders.append(count)
            mm, deg = np.array(off).T
            seconds = (time.perf_counter() - begun) / len(cases)
            print(
                f"{name:25} {np.median(deg):12.3f} {np.quantile(deg, 0.95):7.3f} "
                f"{np.median(mm):11.3f} {np.quantile(mm, 0.95):7.3f} {np.mean(renders):8.0f} "
                f"{seconds:6.2f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trials", nargs="+", type=Path)
    parser.add_argument("--looks", nargs="*", default=["plain"], choices=LOOKS)
    parser.add_argument("--levels", nargs="*", type=int, default=[0, 1, 2], choices=[0, 1, 2])
    parser.add_argument("--measures", nargs="*", default=NAMES, choices=NAMES)
    parser.add_argument("--frames", type=int, default=3, help="of each trial, evenly spread")
    parser.add_argument("--lines", type=int, default=8, help="a frame")
    parser.add_argument("--optimise", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    heads = [head_of(folder, args.frames) for folder in args.trials]
    if args.optimise:
        optimisations(heads, args, np.random.default_rng(args.seed))
        return
    for head in heads:
        landscapes(head, args, np.random.default_rng(args.seed))


if __name__ == "__main__":
    main()
