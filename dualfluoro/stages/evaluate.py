"""`dualfluoro evaluate`: how far a track is from the truth."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..options import DEFAULTS, Common

if TYPE_CHECKING:
    import numpy as np

QUANTITIES = {
    "rotation_deg": "rotation, deg",
    "translation_mm": "translation, mm",
    "mtre_mm": "mTRE, mm",
}
STATISTICS = ("median", "mean", "p95", "max")


def evaluate(
    track: Path,
    truth: Path,
    /,
    *,
    landmarks: Path | None = None,
    ct: Path | None = None,
    json: Path | None = None,
    common: Common = DEFAULTS,
) -> dict:
    """Compare a track with the truth, at the landmarks or, without them, at the CT's bone.

    Parameters
    ----------
    track
        A track.csv.
    truth
        A truth.csv: the first ten columns of a track.
    landmarks
        landmarks.json, .mrk.json or .fcsv: translation is measured at their centroid.
    ct
        The CT, whose bone is used where there are no landmarks.
    json
        Where to write the errors as JSON.
    """
    from calibration.atomic import write_json
    from registration import Track
    from registration import evaluate as errors_of

    found, true = Track.read(track), Track.read(truth)
    result = errors_of(found, true, _points_ct(landmarks, ct))
    if json is not None:
        write_json(json, result)
    common.say(table(result))
    return result


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


def table(result: dict) -> str:
    """The errors as lines of text, the frames said ok alone in brackets."""
    counts = ", ".join(f"{result[name]} {name}" for name in ("ok", "doubtful", "lost"))
    lines = [f"{result['frames']} frames: {counts}; {result['false_ok']} said ok by mistake"]
    lines.append(f"{'':18}" + "".join(f"{name:>18}" for name in STATISTICS))
    for name, label in QUANTITIES.items():
        both, alone = result[name], result[f"{name}_ok_only"]
        cells = [
            _cell(both, statistic) + f" ({_cell(alone, statistic)})" for statistic in STATISTICS
        ]
        lines.append(f"{label:18}" + "".join(f"{cell:>18}" for cell in cells))
    return "\n".join([*lines, "in brackets: frames said ok alone"])


def _cell(statistics: dict | None, name: str) -> str:
    return "-" if statistics is None else f"{statistics[name]:.3f}"
