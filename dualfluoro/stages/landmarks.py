"""`dualfluoro landmarks`: points of the skull, spread and named, that need no annotation."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..options import DEFAULTS, Common, TrialFolder
from ..trial import Trial, load_trial

if TYPE_CHECKING:
    import numpy as np

    from ..subject import Subject

MOST_SD_MM = 5.0
"""Per axis: named landmarks that are known less well are left out."""


def landmarks(trial: TrialFolder, /, *, common: Common = DEFAULTS) -> Path:
    """Write landmarks.json if the trial has none yet: points of the cranium, no annotation needed.

    They are spread over the bone (s00, s01, ...), and named (nasion, lens_left, ...) where the
    released model finds them in the CT; `sd_mm` has the deviations of these. Points of your own are
    never touched. ct_preview.png beside it shows what of the CT is used: look at it.
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
    named, sd_mm = _named(loaded, subject, common)
    with whole(loaded.landmarks) as unfinished:
        write_landmarks(unfinished, points | named, sd_mm)
    more = f", {len(named)} of them by name" if named else ""
    common.say(f"wrote {len(points) + len(named)} landmarks{more} to {loaded.landmarks}")


def _named(
    loaded: Trial, subject: "Subject", common: Common
) -> tuple[dict[str, "np.ndarray"], dict[str, float]]:
    """Anatomical landmarks of the cranium, and their deviations; none where no head is seen."""
    from detector.ct_landmarks import cranial, find_ct_landmarks

    if not subject.anatomy.is_head:
        return {}, {}
    try:
        found = find_ct_landmarks(subject.volume)
    except ValueError as error:
        common.say(f"{loaded.ct}: no landmarks by name: {error}")
        return {}, {}
    named = cranial(found, MOST_SD_MM)
    spread = dict(zip(found.names, found.sd_mm.tolist(), strict=True))
    return named, {name: spread[name] for name in named}


def _is_current(picture: Path, loaded: Trial) -> bool:
    """Whether the picture is newer than all that it shows."""
    shown = (loaded.ct, loaded.landmarks, loaded.cranium_labels, loaded.folder / "trial.toml")
    if not picture.is_file():
        return False
    made = picture.stat().st_mtime
    return all(path is None or path.stat().st_mtime <= made for path in shown)
