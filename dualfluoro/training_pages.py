"""The pages about trainings: of a trial's detector, of its translator, of a landmark model."""

from itertools import islice
from pathlib import Path

import numpy as np

from detector import Detector, TrainingConfig
from detector.landmark_folder import LandmarkFolder
from detector.landmark_model import LandmarkModel
from detector.training import NamedLook
from detector.views import view_sequence
from drr.material_model import MaterialModel
from gan import Translator

from .landmark_images import read_source
from .training_report import CoursePlot, Judged, write_training_report
from .training_samples import COLUMNS, KEY, network_tiles, sheet_of_tiles, tile_of
from .trial import Trial
from .trial_detector import USABLE_MM

SAMPLE_SEED = 2_000_003
"""Added to the seed: samples are neither trained on nor measured on."""
SAMPLES = 2 * COLUMNS
GOOD_MM = 10.0
"""Median error of a detector up to which tracking starts well from it."""
LEAST_GAIN = 0.05
"""Share of the distance between the looks that a translator must take away to be of use."""


def write_detector_page(
    trial: Trial, detector: Detector, head: MaterialModel, look: NamedLook | None, seed: int
) -> Path:
    """detector_training.html beside the detector."""
    points_ct = np.array(list(detector.card.landmarks.values()), dtype=np.float64)
    drawn = view_sequence(
        head,
        points_ct,
        TrainingConfig().views,
        seed=seed + SAMPLE_SEED,
        looks_each=1,
        block=SAMPLES,
        look=None if look is None else look.look,
    )
    views = list(islice(drawn, SAMPLES))
    tiles = network_tiles(
        detector.network,
        np.stack([view.planes for view in views]),
        np.stack([view.uv for view in views]),
        np.stack([view.in_field for view in views]) > 0,
    )
    found, file = detector.card.accuracy, trial.models / "training.csv"
    places = {"in_field_mm": "in the field", "out_of_field_mm": "out of it"}
    courses = [
        CoursePlot(file, "Error on the radiographs trained on", places, "mean error, mm"),
        CoursePlot(file, "Loss", {"loss": "loss"}, "loss"),
    ]
    samples = [(sheet_of_tiles(tiles), f"Fresh radiographs, landmarks in the field. {KEY}")]
    title = "Training of the landmark detector"
    return write_training_report(
        trial.detector, title, [judged_detector(found)], "accuracy", courses, samples
    )


def judged_detector(found: dict[str, float]) -> Judged:
    """What the page says first, by the median error in the field."""
    median_mm = found["in_field_median_mm"]
    text = (
        f"landmarks in the field are found within {median_mm:.1f} mm (median; "
        f"95 %: {found['in_field_p95_mm']:.1f} mm) on {found['views']:.0f} fresh radiographs"
    )
    if median_mm <= GOOD_MM:
        return Judged("good", "Trained", text)
    kind = "fair" if median_mm <= USABLE_MM else "bad"
    word = "Briefly trained" if kind == "fair" else "Not yet of use"
    return Judged(kind, word, f"{text}; with more --minutes the same command goes on from here")


def write_translator_page(trial: Trial, translator: Translator) -> Path:
    """translator_training.html beside the translator."""
    judged, found = [], translator.card.judgement
    for name, words in (("drr", "frames to radiographs"), ("film", "radiographs to frames")):
        before, after = found[f"before_{name}"], found[f"to_{name}"]
        drift = found[f"drift_to_{name}"]
        text = (
            f"distance between the looks {before:.2f} before, {after:.2f} after; half of all "
            f"places move by less than {drift['median_px']:.2f} px at 256 x 256, 95 % by less "
            f"than {drift['p95_px']:.2f}"
        )
        refused = translator.card.refused.get(f"to_{name}")
        kind, said = ("bad", "not to be used") if refused else ("good", "usable")
        if not refused and after > (1 - LEAST_GAIN) * before:
            kind, said = "fair", "of little use"
        judged.append(Judged(kind, f"From {words}, {said}", f"{text}. {refused or ''}"))
    file = trial.models / "translator_training.csv"
    looks = {"to_drr": "frames to radiographs", "to_film": "radiographs to frames"}
    moved = {f"drift_{name}_p95_px": words for name, words in looks.items()}
    losses = {"cycle": "there and back", "identity": "own look", "edges": "edges"}
    judges = {"teach": "generators", "judge": "judges"}
    courses = [
        CoursePlot(file, "Distance to the other look", looks, "distance"),
        CoursePlot(file, "How far anatomy moves, 95 %", moved, "px at 256 x 256"),
        CoursePlot(file, "Losses that keep the anatomy", losses, "loss"),
        CoursePlot(file, "Losses of the contest", judges, "loss"),
    ]
    sheets = sorted((trial.models / "translator_samples").glob("*.png"))
    said = "The last sheet of samples: pictures that were not trained on, there and back."
    samples = [(sheets[-1].read_bytes(), said)] if sheets else []
    title = "Training of the translator (GAN)"
    return write_training_report(trial.translator, title, judged, "judgement", courses, samples)


def write_landmark_page(out: Path, model: LandmarkModel, table: LandmarkFolder) -> Path:
    """NAME_training.html beside a landmark model; samples of images alone, not of volumes."""
    found, unit, folder = model.card.accuracy, model.card.unit, out.with_suffix(".training")
    unseen, samples = int(found["images"]), []
    if table.dim == 2:
        tiles = []
        for n in range(len(table.files) - unseen, len(table.files))[:SAMPLES]:
            image = read_source(table.files[n], 2)
            tiles.append(tile_of(np.asarray(image, np.float32), table.world[n], model(image).world))
        samples = [(sheet_of_tiles(tiles), f"Images that were not trained on. {KEY}")]
    text = "no landmark was known in the images held out"
    if "mean" in found:
        text = (
            f"{found['mean']:.2f} {unit} mean error, {found['median']:.2f} {unit} median, on "
            f"{unseen} {'images' if table.dim == 2 else 'volumes'} that were not trained on"
        )
    courses = []
    for name, stage in (("global", "Whole image"), ("local", "Close by")):
        file = folder / f"{name}.csv"
        held = "mean error, px of the image" if unit == "px" else f"mean error, {unit}"
        courses += [
            CoursePlot(file, f"{stage}: held out", {"validation": "held out"}, held),
            CoursePlot(file, f"{stage}: trained on", {"train_px": "trained on"}, "px of the stage"),
            CoursePlot(file, f"{stage}: loss", {"loss": "loss"}, "loss"),
        ]
    judged = [Judged("good" if "mean" in found else "bad", "Trained", text)]
    return write_training_report(
        out, f"Training of {out.stem}", judged, "accuracy", courses, samples
    )
