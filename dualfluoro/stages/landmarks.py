"""`dualfluoro landmarks`: points of the skull that need no annotation."""

from pathlib import Path

from ..options import DEFAULTS, Common, TrialFolder
from ..trial import load_trial


def landmarks(trial: TrialFolder, /, *, common: Common = DEFAULTS) -> Path:
    """Write landmarks.json, points spread over the cranium's bone, if the trial has none yet."""
    loaded = load_trial(trial)
    if loaded.landmarks.exists():
        common.say(f"{loaded.landmarks} is there already; it is left as it is")
        return loaded.landmarks
    from detector import spread_landmarks, write_landmarks

    from ..atomic import whole
    from ..subject import subject_of

    points = spread_landmarks(subject_of(loaded).anatomy)
    with whole(loaded.landmarks) as unfinished:
        write_landmarks(unfinished, points)
    common.say(f"wrote {len(points)} landmarks to {loaded.landmarks}")
    return loaded.landmarks
