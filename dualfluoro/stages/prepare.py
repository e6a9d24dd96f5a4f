"""`dualfluoro prepare`: all that `track` needs, in one go."""

from pathlib import Path

from ..options import DEFAULTS, Common, Minutes, TrialFolder
from ..trial import load_trial


def prepare(trial: TrialFolder, /, *, minutes: Minutes = 20.0, common: Common = DEFAULTS) -> Path:
    """Make the landmarks and train the detector of a trial; what is done already is skipped.

    Parameters
    ----------
    minutes
        Bound of the training time, runs before included.
    """
    loaded = load_trial(trial)
    from ..frames import open_frames
    from ..subject import subject_of
    from ..trial_detector import is_trained, trained
    from .landmarks import landmarks

    open_frames(loaded)  # a trial that cannot be tracked is not worth the training
    landmarks(loaded, common=common)
    subject = subject_of(loaded)
    if is_trained(loaded, subject, minutes):
        common.say(f"{loaded.detector} is there already, trained for {minutes:g} minutes or more")
        return loaded.detector
    detector = trained(loaded, subject, minutes, common)
    error_mm = detector.card.accuracy["in_field_median_mm"]
    common.say(f"wrote {loaded.detector}: median error {error_mm:.1f} mm on fresh radiographs")
    return loaded.detector
