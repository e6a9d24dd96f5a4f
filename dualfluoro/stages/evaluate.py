"""`dualfluoro evaluate`: how far a track, or the tracks of many trials, are from the truth."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..options import DEFAULTS, Common

if TYPE_CHECKING:
    import numpy as np


def evaluate(
    track: Path,
    truth: Path | None = None,
    /,
    *trials: Path,
    landmarks: Path | None = None,
    ct: Path | None = None,
    json: Path | None = None,
    common: Common = DEFAULTS,
) -> dict:
    """Compare tracks with the truth: TRACK.csv TRUTH.csv, or folders that hold both.

    Errors are measured at the landmarks or, without them, at the CT's bone; for a trial's folder
    these are the trial's own unless given. Folders are evaluated together and one by one.

    Parameters
    ----------
    track
        A track.csv, or a folder with a track.csv and a truth.csv.
    truth
        The truth.csv of that track (the first ten columns of a track), or a second folder.
    trials
        More folders.
    landmarks
        landmarks.json, .mrk.json or .fcsv: translation is measured at their centroid.
    ct
        The CT, whose bone is used where there are no landmarks.
    json
        Where to write the errors as JSON.
    """
    given = [path for path in (track, truth, *trials) if path is not None]
    if len(given) == 2 and not any(path.is_dir() for path in given):
        result = _errors_of_pair(given[0], given[1], landmarks, ct)
    else:
        result = _errors_of_trials(given, landmarks, ct)
    from ..error_table import error_table, trial_table

    if json is not None:
        from calibration.atomic import write_json

        write_json(json, result)
    common.say(error_table(result))
    if len(result.get("trials", ())) > 1:
        common.say(trial_table(result["trials"]))
    return result


def _errors_of_pair(track: Path, truth: Path, landmarks: Path | None, ct: Path | None) -> dict:
    from registration import Track
    from registration import evaluate as errors_of

    found, true = Track.read(track), Track.read(truth)
    points = _points_ct(landmarks, ct)
    try:
        return errors_of(found, true, points)
    except ValueError as error:
        raise ValueError(f"{track} against {truth}: {error}") from None


def _errors_of_trials(folders: list[Path], landmarks: Path | None, ct: Path | None) -> dict:
    """The figures of all frames together, and `trials`: those of each folder, with its name."""
    from registration import Track
    from registration.evaluate import summary
    from registration.frame_errors import frame_errors, joined

    for folder in folders:
        if not folder.is_dir():
            raise ValueError(
                f"{folder} is not a folder; give one TRACK.csv and its TRUTH.csv, or any number of "
                "folders with a track.csv and a truth.csv each"
            )
    shared = None if landmarks is None and ct is None else _points_ct(landmarks, ct)
    of_bone: dict[Path, np.ndarray] = {}
    errors = []
    for folder in folders:
        found, true = Track.read(folder / "track.csv"), Track.read(folder / "truth.csv")
        points = _own_points_ct(folder, of_bone) if shared is None else shared
        try:
            errors.append(frame_errors(found, true, points))
        except ValueError as error:
            raise ValueError(f"{folder}: {error}") from None
    rows = [
        {"trial": str(folder), **summary(one)} for folder, one in zip(folders, errors, strict=True)
    ]
    return {**summary(joined(errors)), "trials": rows}


def _own_points_ct(folder: Path, of_bone: "dict[Path, np.ndarray]") -> "np.ndarray":
    """The landmarks of a trial's folder, else its CT's bone, which is looked for once a CT."""
    from ..subject import subject_of
    from ..trial import load_trial

    trial = load_trial(folder)
    if trial.landmarks.exists():
        return _points_ct(trial.landmarks, None)
    if trial.ct not in of_bone:
        of_bone[trial.ct] = subject_of(trial).bone_points_ct
    return of_bone[trial.ct]


def _points_ct(landmarks: Path | None, ct: Path | None) -> "np.ndarray":
    """Points (n, 3), ct mm, at which errors are measured."""
    import numpy as np

    if landmarks is not None:
        from detector import read_landmarks

        points = read_landmarks(landmarks)
        if not points:
            raise ValueError(f"{landmarks}: there is no landmark in it")
        return np.stack(list(points.values())).astype(np.float64)
    if ct is None:
        raise ValueError("errors are measured at points of the head: give --landmarks or --ct")
    from ..subject import Subject

    return Subject(ct).bone_points_ct
