"""The detector of a trial: read and checked, or trained."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from detector import Detector, TrainingConfig, ct_fingerprint, spread_landmarks
from detector import train_detector as train
from detector.train_detector import TRAINING_GRID_MM
from drr import MANDIBLE_LANDMARKS, varied_model

from .detector_look import training_look
from .options import Common
from .progress import training_bar
from .subject import Subject
from .trial import Trial

USABLE_MM = 30.0
"""Median error of a detector up to which tracking starts from it at all."""


def detector_of(trial: Trial, subject: Subject, common: Common) -> Detector:
    """The trial's detector on the device asked for.

    Raises:
        FileNotFoundError: there is none.
        ValueError: its weights are damaged, or of another subject.
    """
    detector, volume = Detector.read(trial.detector), subject.volume
    try:
        detector.check_subject(volume)
    except ValueError as error:
        raise ValueError(f"{trial.detector}: {error}") from None
    return replace(detector, network=detector.network.to(common.torch_device()))


def training_landmarks(subject: Subject) -> dict[str, np.ndarray]:
    """Points (ct, mm) spread over the cranium, and the named ones that do not move with the jaw."""
    named = {
        name: point
        for name, point in subject.landmarks_ct.items()
        if name not in MANDIBLE_LANDMARKS
    }
    return spread_landmarks(subject.anatomy) | named


def said_of_training(detector: Detector) -> str:
    """How well a fresh detector does, and what to do where that is not enough."""
    error_mm = detector.card.accuracy["in_field_median_mm"]
    said = f"median error {error_mm:.1f} mm on fresh radiographs"
    if error_mm > USABLE_MM:
        said += "; it has not learnt enough yet: run the same command with more --minutes"
    return said


def is_trained(trial: Trial, subject: Subject, minutes: float) -> bool:
    """Whether a detector of this CT and these landmarks was trained as long as asked for."""
    if not trial.detector.is_file() or not trial.detector.with_suffix(".json").is_file():
        return False
    card = Detector.read(trial.detector).card
    wanted = training_landmarks(subject)
    return (
        card.ct_fingerprint == ct_fingerprint(subject.volume)
        and card.recipe.get("minutes", 0.0) >= minutes
        and card.recipe.get("look", "random") == "random"
        and list(card.landmarks) == list(wanted)
        and np.allclose(list(card.landmarks.values()), list(wanted.values()), atol=1e-6)
    )


def trained(
    trial: Trial,
    subject: Subject,
    minutes: float,
    common: Common,
    dataset: Path | None = None,
    look: str = "random",
) -> Detector:
    """Train the trial's detector within a budget; a run that was cut short goes on.

    Args:
        look: of the radiographs: "random", "drr" or "film"; see `detector_look.training_look`.
    """
    from .training_pages import write_detector_page

    named = training_look(trial, look, common.torch_device())
    head = varied_model(subject.volume, subject.anatomy, TRAINING_GRID_MM)
    with training_bar(minutes, common) as progress:
        path = train(
            subject.volume,
            training_landmarks(subject),
            trial.models,
            TrainingConfig(minutes=minutes),
            seed=common.seed,
            device=common.torch_device(),
            dataset=dataset,
            look=named,
            head=head,
            progress=progress,
        )
    detector = Detector.read(path)
    write_detector_page(trial, detector, head, named, common.seed)
    return detector
