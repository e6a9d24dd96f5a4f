"""`dualfluoro detect`: what the detector reads in every frame, each view by itself."""

from pathlib import Path
from typing import Literal

from ..options import DEFAULTS, Common, TrialFolder
from ..trial import load_trial


def detect(
    trial: TrialFolder,
    /,
    *,
    translate: bool = True,
    look: Literal["auto", "none", "histogram", "gan"] = "auto",
    common: Common = DEFAULTS,
) -> Path:
    """Write detections.csv: every landmark in every frame, inside the field or outside of it.

    Parameters
    ----------
    translate
        Show the detector the frames in the look that was chosen (models/look.json); without it,
        as they are.
    look
        Force a look: none, histogram (matched with radiographs) or gan (translated).
    """
    loaded = load_trial(trial)
    from ..detections import write_detections
    from ..detector_look import shown_in_look
    from ..folder_lock import held
    from ..frames import open_frames
    from ..subject import subject_of
    from ..tracking import Moments
    from ..trial_detector import detector_of

    detector = detector_of(loaded, subject_of(loaded), common)
    if look != "auto" and not translate:
        raise ValueError("--look and --no-translate exclude each other")
    wanted = look if translate else "none"
    views, _ = open_frames(loaded)
    moments = Moments(loaded, views, None)
    detector, said = shown_in_look(moments, detector, wanted, common.torch_device())
    common.say(said)
    target = loaded.folder / "detections.csv"
    with held(loaded.folder, "detect"):
        write_detections(target, loaded, views, detector, common)
    common.say(f"wrote {target}")
    return target
