"""`dualfluoro detect`: what the detector reads in every frame, each view by itself."""

from pathlib import Path

from ..options import DEFAULTS, Common, TrialFolder
from ..trial import load_trial


def detect(trial: TrialFolder, /, *, common: Common = DEFAULTS) -> Path:
    """Write detections.csv: every landmark in every frame, inside the field or outside of it."""
    loaded = load_trial(trial)
    from ..detections import write_detections
    from ..frames import open_frames
    from ..subject import subject_of
    from ..trial_detector import detector_of

    detector = detector_of(loaded, subject_of(loaded), common)
    views, _ = open_frames(loaded)
    target = loaded.folder / "detections.csv"
    write_detections(target, loaded, views, detector, common)
    common.say(f"wrote {target}")
    return target
