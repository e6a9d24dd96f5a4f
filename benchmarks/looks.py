"""What a translator is worth: landmarks and poses, before refinement, of every arm on one table.

    python benchmarks/looks.py WORK TRIAL... [--plain TRIAL] [--gan-steps 900] [--steps 1200]

Trials are those of translator_trials.py: their looks are not the program's. All detectors are small
ones that begin with random weights and take the same number of steps on radiographs of the head
from the directions that the trial has, so that they differ in the look alone:

wrong         plain radiographs, frames as they are       plain      plain radiographs on both sides
histogram     plain radiographs, frames matched           random     machines drawn at random
gan_to_drr    plain radiographs, frames translated        random_gan machines at random, translated
gan_to_film   translated radiographs, frames as they are
right         radiographs in the trial's own look, as its makers know it: what no user has

WORK keeps detectors and translators. Errors are medians over all landmarks in the field (mm at the
head) and over frames (deg, mm at the landmarks' centroid); `gap` is the share of the way from wrong
to right. The row `agrees` is what `prepare` sees without truth: disagreement of the views, px.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import shapely
import translator_trials

from calibration import Rig
from detector import Detector, TrainingConfig, train_detector
from detector.network import Shape
from detector.training import NamedLook
from detector.views import ViewRange
from drr import varied_model
from drr.standardised import standardised, without_rim
from dualfluoro import load_trial
from dualfluoro.detector_look import film_look, training_look
from dualfluoro.frames import open_frames
from dualfluoro.look_choice import agreement_of, translate_of
from dualfluoro.options import Common
from dualfluoro.subject import subject_of
from dualfluoro.tracking import Moments
from dualfluoro.trial_detector import training_landmarks
from dualfluoro.trial_translator import trained_translator, trial_pictures
from gan import Translator, grey_quantiles, preset
from registration import Track
from registration.hypotheses import solve_ambiguous_pose

ARMS = ("wrong", "histogram", "gan_to_drr", "gan_to_film", "random", "random_gan", "plain", "right")
QUIET = Common(quiet=True)


def detector_of(folder: Path, subject, head, steps: int, look: NamedLook | None) -> Detector:
    path = folder / "detector.safetensors"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        views = ViewRange(65.0, 8.0, 8.0, field_mm=(190.0, 290.0), ramp_views=4000)
        config = TrainingConfig(steps=steps, warm_start=False, views=views)
        landmarks = training_landmarks(subject)
        shape = Shape(len(landmarks), 13, 16, 20.0, 2.4, 8, 48)
        parts = {"shape": shape, "head": head, "look": look}
        train_detector(subject.volume, landmarks, folder, config, **parts)
    return Detector.read(path)


def own_look(name: str, seed: int = 0) -> NamedLook:
    """The look of a trial of translator_trials.py, either view's, on the program's radiographs."""

    def look(line_integrals: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        drawn, _ = translator_trials.drawn_look(name, seed, int(rng.integers(2)))
        side = (translator_trials.SIZE,) * 2
        total = cv2.resize(line_integrals.sum(0), side, interpolation=cv2.INTER_LINEAR)
        signal = translator_trials.signal_of(total.astype(np.float64), drawn, rng)
        shown = translator_trials.look_image(name, signal, drawn, rng)
        shown = cv2.resize(shown, mask.shape[::-1], interpolation=cv2.INTER_AREA)
        inner = without_rim(mask)
        return standardised((shown * inner).astype(np.float32), inner)

    return NamedLook(f"own {name} {seed}", look)


def errors(moments: Moments, detector: Detector, truth: Track) -> dict[str, float]:
    """Medians of the landmarks' and the poses' errors over all frames."""
    rig: Rig = moments.trial.rig
    points, centre = detector.points_ct, detector.points_ct.mean(0)
    reading = Moments(moments.trial, moments.views, detector)
    reading.fields = moments.fields
    off_mm, turn_deg, shift_mm, lost = [], [], [], 0
    for number in range(len(moments)):
        moment, true = reading[number], truth.world_from_ct[number]
        try:
            chosen = solve_ambiguous_pose(rig, points, moment.pixels, moment.sd_px)
        except ValueError:
            lost += 1
            continue
        world = (true @ points).numpy()
        for n, camera in enumerate(rig):
            uv, seen = camera.project(world).numpy(), moment.pixels[n][chosen.chosen[n]]
            field = shapely.Polygon(moments.fields_of(number)[n].outline_px)
            shown = shapely.contains_xy(field, uv[:, 0], uv[:, 1])
            depth = (camera.cam_from_world @ true @ centre)[2]
            scale = float(depth / camera.K[0, 0])
            off_mm.append(np.linalg.norm(uv - seen, axis=1)[shown] * scale)
        found = chosen.estimate.world_from_ct
        R = found.R.numpy() @ true.R.numpy().T
        turn_deg.append(np.degrees(np.arccos(np.clip((np.trace(R) - 1) / 2, -1, 1))))
        shift_mm.append(np.linalg.norm((found @ centre).numpy() - (true @ centre).numpy()))
    every = np.concatenate(off_mm)
    return {
        "landmark_mm": float(np.median(every)),
        "landmark_p90_mm": float(np.quantile(every, 0.9)),
        "pose_deg": float(np.median(turn_deg)),
        "pose_mm": float(np.median(shift_mm)),
        "pose_p90_deg": float(np.quantile(turn_deg, 0.9)),
        "lost": lost / len(moments),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("trials", type=Path, nargs="+")
    parser.add_argument("--plain", type=Path, help="the same trial in the look `plain`")
    parser.add_argument("--poses", type=Path, help="a detector that poses the radiographs better")
    parser.add_argument("--gan-steps", type=int, default=900)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--arms", nargs="+", default=ARMS, choices=ARMS)
    args = parser.parse_args()
    for folder in args.trials:
        trial = load_trial(folder)
        views, _ = open_frames(trial)
        subject, truth = subject_of(trial), Track.read(folder / "truth.csv")
        head = varied_model(subject.volume, subject.anatomy, 2.5)
        work = args.work / trial.ct.name.split(".")[0]
        moments = Moments(trial, views, None)
        name = folder.name.split("_")[-1]
        plain = detector_of(work / "drr", subject, head, args.steps, training_look(trial, "drr"))
        random = detector_of(work / "random", subject, head, args.steps, None)
        posing = Detector.read(args.poses) if args.poses else random
        films, radiographs = trial_pictures(trial, subject, moments, posing, 128, QUIET)
        quantiles = grey_quantiles(radiographs).tolist()

        def row(arm: str, seed: int | str, detector: Detector) -> None:
            found = errors(moments, detector, truth)  # noqa: B023
            agrees = agreement_of(moments, detector)  # noqa: B023
            found |= {"agrees": agrees.reprojection_px, "surprise": agrees.surprise}
            rounded = {key: round(value, 3) for key, value in found.items()}
            line = {"trial": folder.name, "arm": arm, "seed": seed} | rounded  # noqa: B023
            with (args.work / "looks.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(line, flush=True)

        for arm, detector, look in (
            ("wrong", plain, "none"),
            ("histogram", plain, "histogram"),
            ("random", random, "none"),
        ):
            if arm in args.arms:
                translate = translate_of(look, None, quantiles, rim=detector is random)
                row(arm, "", replace(detector, translate=translate))
        if "right" in args.arms:
            knowing = detector_of(work / f"right_{name}", subject, head, args.steps, own_look(name))
            row("right", "", replace(knowing, translate=translate_of("none", None, [], rim=False)))
        if "plain" in args.arms:
            moments = Moments(load_trial(args.plain), open_frames(load_trial(args.plain))[0], None)
            row("plain", "", replace(plain, translate=translate_of("none", None, [], rim=False)))
            moments = Moments(trial, views, None)
        for seed in range(args.first_seed, args.first_seed + args.seeds):
            models = work / f"gan_{name}_{seed}"
            its = replace(trial, models=models)
            if not its.translator.exists():
                config = preset("small", steps=args.gan_steps)
                common = replace(QUIET, seed=seed)
                try:
                    trained_translator(its, films, radiographs, config, common, random)
                except ValueError as refusal:
                    print(refusal, flush=True)
                    continue
            translator = Translator.read(its.translator)
            for arm, detector in (("gan_to_drr", plain), ("random_gan", random)):
                if arm in args.arms:
                    row(arm, seed, replace(detector, translate=translator.through))
            if "gan_to_film" in args.arms:
                look = NamedLook(f"film {seed}", film_look(translator))
                detector = detector_of(models, subject, head, args.steps, look)
                rimless = translate_of("none", None, [], rim=False)
                row("gan_to_film", seed, replace(detector, translate=rimless))


if __name__ == "__main__":
    main()
