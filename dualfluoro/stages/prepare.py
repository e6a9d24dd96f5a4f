"""`dualfluoro prepare`: all that `track` needs, in one go."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..options import DEFAULTS, Common, Minutes, TrialFolder
from ..trial import load_trial

if TYPE_CHECKING:
    from detector import Detector

    from ..frames import Frames
    from ..subject import Subject
    from ..tracking import Moments
    from ..trial import Trial

TRANSLATOR_SHARE = 0.25
"""Of the minutes, kept for a translator where it may be needed."""
MOST_UNSOLVED = 0.1
DISAGREES = 2.0
"""Times the detector's own deviation: views that disagree by more are seen in a look it does not
know."""


def prepare(
    trial: TrialFolder,
    /,
    *,
    minutes: Minutes = 20.0,
    translator: Literal["auto", "always", "never"] = "auto",
    common: Common = DEFAULTS,
) -> Path:
    """Make the landmarks, the detector and, where it helps, the translator of a trial.

    What is done already is skipped. The detector learns from machines of all kinds. Then the two
    views of some frames are compared: where they disagree by more than the detector expects of
    itself, a translator is trained. The look in which they agree best is written to
    models/look.json, and `track` uses it.

    Parameters
    ----------
    minutes
        Bound of the training time, runs before included.
    translator
        Train one: auto, where the views disagree; always; or never, and all time is the detector's.
    """
    loaded = load_trial(trial)
    from ..folder_lock import held
    from ..frames import open_frames

    views, _ = open_frames(loaded)  # a trial that cannot be tracked is not worth the training
    with held(loaded.folder, "prepare"), held(loaded.models, "prepare"):
        _prepare(loaded, views, minutes, translator, common)
    return loaded.detector


def _prepare(
    loaded: "Trial", views: "tuple[Frames, ...]", minutes: float, translator: str, common: Common
) -> None:
    """What is not done yet of landmarks, detector and translator."""
    from ..subject import subject_of
    from ..tracking import Moments
    from ..trial_detector import detector_of, is_trained, said_of_training, trained
    from .landmarks import landmarks

    landmarks(loaded, common=common)
    subject = subject_of(loaded)
    own = minutes if translator == "never" else minutes * (1 - TRANSLATOR_SHARE)

    def train(budget: float) -> "Detector":
        detector = trained(loaded, subject, budget, common)
        common.say(f"wrote {loaded.detector}: {said_of_training(detector)}")
        return detector

    if is_trained(loaded, subject, own):
        common.say(f"{loaded.detector} is there already, trained for {own:g} minutes or more")
        detector = detector_of(loaded, subject, common)
    else:
        detector = train(own)
    if translator != "never":
        moments = Moments(loaded, views, None)
        rest = minutes - own
        needed = _choose(loaded, subject, moments, detector, rest, translator, common)
        if not needed and not is_trained(loaded, subject, minutes):
            train(minutes)  # goes on: what a translator would have taken is the detector's


def _choose(
    trial: "Trial",
    subject: "Subject",
    moments: "Moments",
    detector: "Detector",
    minutes: float,
    translator: str,
    common: Common,
) -> bool:
    """Train a translator if it is wanted or needed, and write which look is best.

    False where the detector sees the frames well as they are, and nothing was done.
    """
    from gan import Translator, grey_quantiles, preset

    from ..look_choice import agreement_of, choose_look, look_file, said
    from ..trial_translator import trained_translator, trial_pictures

    known = Translator.read(trial.translator) if trial.translator.is_file() else None
    agreement = agreement_of(moments, detector)
    fine = agreement.surprise < DISAGREES and agreement.unsolved < MOST_UNSOLVED
    if known is None and translator == "auto" and fine:
        look_file(trial).unlink(missing_ok=True)  # of an earlier detector
        common.say(
            f"no translator is needed: the views disagree by {agreement.reprojection_px:.1f} px, "
            f"{agreement.surprise:.1f} of the deviation that the detector expects of itself"
        )
        return False
    config = preset("small", minutes)
    films, radiographs = trial_pictures(trial, subject, moments, detector, config.size_px, common)
    if known is None:
        try:
            known = trained_translator(trial, films, radiographs, config, common, detector)
        except ValueError as error:  # the detector works without it
            common.say(f"note: no translator: {error}")
    choice = choose_look(moments, detector, known, grey_quantiles(radiographs).tolist())
    choice.write(look_file(trial))
    common.say(said(choice))
    return True
