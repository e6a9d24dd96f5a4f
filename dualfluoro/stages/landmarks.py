"""`dualfluoro landmarks`: points of the skull that need no annotation."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..options import DEFAULTS, Common, TrialFolder
from ..trial import Trial, load_trial

if TYPE_CHECKING:
    from ..subject import Subject


def landmarks(trial: TrialFolder, /, *, common: Common = DEFAULTS) -> Path:
    """Write landmarks.json, points spread over the cranium's bone, if the trial has none yet.

    ct_preview.png beside it shows what of the CT is used: look at it.
    """
    loaded = load_trial(trial)
    from ..folder_lock import held
    from ..subject import subject_of

    subject = subject_of(loaded)
    with held(loaded.folder, "landmarks"):
        if loaded.landmarks.exists():
            common.say(f"{loaded.landmarks} is there already; it is left as it is")
        else:
            _write_landmarks(loaded, subject, common)
        picture = loaded.folder / "ct_preview.png"
        if not _is_current(picture, loaded):
            from ..preview import write_preview

            write_preview(picture, subject)
            common.say(f"wrote {picture}: look whether the head is whole and the couch is gone")
    return loaded.landmarks


def _write_landmarks(loaded: Trial, subject: "Subject", common: Common) -> None:
    from calibration.atomic import whole
    from detector import spread_landmarks, write_landmarks

    points = spread_landmarks(subject.anatomy)
    with whole(loaded.landmarks) as unfinished:
        write_landmarks(unfinished, points)
    common.say(f"wrote {len(points)} landmarks to {loaded.landmarks}")


def _is_current(picture: Path, loaded: Trial) -> bool:
    """Whether the picture is newer than all that it shows."""
    shown = (loaded.ct, loaded.landmarks, loaded.cranium_labels, loaded.folder / "trial.toml")
    if not picture.is_file():
        return False
    made = picture.stat().st_mtime
    return all(path is None or path.stat().st_mtime <= made for path in shown)
