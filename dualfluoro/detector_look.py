"""The look a detector is trained in, and the look it is shown a trial's frames in."""

import hashlib
from dataclasses import replace

import numpy as np

from detector import Detector
from detector.training import NamedLook
from detector.views import Look
from drr.clean_look import drr_look, transmitted
from drr.standardised import standardised, without_rim
from gan import Translator

from .look_choice import AS_THEY_ARE, GAN, HISTOGRAM, LookChoice, look_file, translate_of
from .trial import Trial

DRR, FILM, RANDOM = "drr", "film", "random"


def training_look(trial: Trial, look: str) -> NamedLook | None:
    """The look of that name; None is machines drawn at random.

    Raises:
        FileNotFoundError: "film" without a translator.
    """
    if look == DRR:
        return NamedLook(DRR, lambda line_integrals, mask, _: drr_look(line_integrals, mask))
    if look == FILM:
        translator = Translator.read(trial.translator)
        translator.check("to_film")
        content = hashlib.sha256(trial.translator.read_bytes()).hexdigest()
        return NamedLook(f"{FILM} by {content[:16]}", film_look(translator))
    return None


def film_look(translator: Translator) -> Look:
    """Radiographs as the translator shows them."""

    def look(line_integrals: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        inner = without_rim(mask)
        seen = standardised(transmitted(line_integrals), inner)
        return translator.to_film(seen[None], inner[None], int(rng.integers(2**31)))[0]

    return look


def shown_in_look(trial: Trial, detector: Detector, look: str, device: str) -> tuple[Detector, str]:
    """The detector, shown frames in a look ("none", "histogram", "gan", "auto"), and a word on it.

    "auto" is what models/look.json says, else `gan` for a detector that knows plain radiographs
    only and has a translator beside it.

    Raises:
        FileNotFoundError, ValueError: the look needs a file that is not there, or is damaged.
    """
    path = look_file(trial)
    choice = LookChoice.read(path) if path.is_file() else None
    if look == "auto":
        trained_in = str(detector.card.recipe.get("look", RANDOM))
        look = AS_THEY_ARE if choice is None else choice.chosen
        if choice is None and trained_in == DRR and trial.translator.is_file():
            look = GAN
    if look == HISTOGRAM and choice is None:
        raise FileNotFoundError(
            f"{path}: the radiographs' grey values are kept there; make it with `dualfluoro train "
            f"gan {trial.folder}` or `dualfluoro prepare {trial.folder}`"
        )
    translator = Translator.read(trial.translator).to(device) if look == GAN else None
    quantiles = [] if choice is None else choice.quantiles
    names = {
        AS_THEY_ARE: "as they are",
        HISTOGRAM: "histogram matched",
        GAN: f"translated by {trial.translator.name}",
    }
    shown = replace(detector, translate=translate_of(look, translator, quantiles))
    return shown, f"the detector is shown the frames {names[look]}"
