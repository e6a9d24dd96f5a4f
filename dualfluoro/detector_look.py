"""The look a detector is trained in, and the look it is shown a trial's frames in."""

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from detector import Detector
from detector.training import NamedLook
from detector.views import Look
from drr.clean_look import drr_look
from drr.standardised import restandardised, without_rim
from gan import Translator, look_features

from .look_choice import (
    AS_THEY_ARE,
    GAN,
    HISTOGRAM,
    SAME_LOOK,
    LookChoice,
    look_file,
    translate_of,
)
from .look_pictures import some_film_pictures
from .tracking import Moments
from .trial import Trial

DRR, FILM, RANDOM = "drr", "film", "random"


def training_look(trial: Trial, look: str, device: str = "cpu") -> NamedLook | None:
    """The look of that name; None is machines drawn at random.

    Raises:
        FileNotFoundError: "film" without a translator.
        ValueError: its translator moves anatomy too far.
    """
    if look == DRR:
        return NamedLook(DRR, lambda integrals, mask, _: drr_look(integrals, without_rim(mask)))
    if look == FILM:
        translator = Translator.read(trial.translator)
        translator.check("to_film")
        return NamedLook(
            f"{FILM} by {fingerprint(trial.translator)}", film_look(translator.to(device))
        )
    return None


def film_look(translator: Translator) -> Look:
    """Radiographs as the translator shows them."""
    side = (translator.card.size_px, translator.card.size_px)

    def look(line_integrals: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        inner = without_rim(mask)
        seen, field = drr_look(line_integrals, inner), inner
        if seen.shape != side:
            seen, field = (
                cv2.resize(x, side, interpolation=cv2.INTER_LINEAR) for x in (seen, field)
            )
        made = translator.to_film(seen[None], field[None], int(rng.integers(2**31)))[0]
        if made.shape != inner.shape:
            made = cv2.resize(made, inner.shape, interpolation=cv2.INTER_AREA)
        return restandardised(made, inner)

    return look


def fingerprint(weights: Path) -> str:
    """Of a file of weights."""
    return hashlib.sha256(weights.read_bytes()).hexdigest()[:16]


def shown_in_look(
    moments: Moments, detector: Detector, look: str, device: str
) -> tuple[Detector, str]:
    """The detector, shown frames in a look ("none", "histogram", "gan", "auto"), and a word on it.

    "auto" is what models/look.json says of this detector; without it `gan` for a detector that
    knows plain radiographs only, where there is a translator of these frames' look.

    Raises:
        FileNotFoundError, ValueError: the look needs a file that is not there, or is damaged.
    """
    trial = moments.trial
    choice, note = None, ""
    if look in ("auto", HISTOGRAM) and look_file(trial).is_file():
        choice = LookChoice.read(look_file(trial))
    trained_in = str(detector.card.recipe.get("look", RANDOM)).split()[0]
    translator = None
    if look == "auto":
        look, note = _chosen(trial, choice, trained_in)
    if look == GAN:
        translator = Translator.read(trial.translator).to(device)
        if not knows_look(translator, moments):
            note = "; note: the translator was trained on frames of another look"
    if look == HISTOGRAM and choice is None:
        raise FileNotFoundError(
            f"{look_file(trial)}: the radiographs' grey values are kept there; make it with "
            f"`dualfluoro train gan {trial.folder}` or `dualfluoro prepare {trial.folder}`"
        )
    quantiles = [] if choice is None else choice.quantiles
    translate = translate_of(look, translator, quantiles, rim=trained_in == RANDOM)
    names = {
        AS_THEY_ARE: "as they are",
        HISTOGRAM: "histogram matched",
        GAN: f"translated by {trial.translator.name}",
    }
    said = f"the detector is shown the frames {names[look]}{note}"
    return replace(detector, translate=translate), said


def _chosen(trial: Trial, choice: LookChoice | None, trained_in: str) -> tuple[str, str]:
    if choice is not None and choice.detector == fingerprint(trial.detector):
        return choice.chosen, ""
    note = ""
    if choice is not None:
        note = f"; note: {look_file(trial).name} is of another detector and left aside"
    translated = trained_in == DRR and trial.translator.is_file()
    return (GAN if translated else AS_THEY_ARE), note


def knows_look(translator: Translator, moments: Moments) -> bool:
    """Whether a translator has learnt from frames that look like these."""
    mean, sd = (np.array(row) for row in translator.card.look)
    own = look_features(some_film_pictures(moments, translator.card.size_px))
    if own.shape[1:] != mean.shape:
        return False
    return float(np.median(np.abs(own.mean(0) - mean) / (sd + 1e-3))) < SAME_LOOK
