"""`dualfluoro exposure`: what the beams hit in every frame of a track."""

from pathlib import Path

from ..options import DEFAULTS, Common, TrialFolder
from ..trial import load_trial


def exposure(
    trial: TrialFolder,
    /,
    *,
    track: Path | None = None,
    out: Path | None = None,
    common: Common = DEFAULTS,
) -> Path:
    """Write exposure.csv, exposure.json and skin.vtp of a track.

    Parameters
    ----------
    track
        A track.csv; that of the trial if left out.
    out
        Folder of the outputs; the trial's if left out.
    """
    loaded = load_trial(trial)
    from ..exposures import expose_trial, fields_of, write_exposures
    from ..recording import open_tracked
    from ..subject import subject_of

    folder = loaded.folder if out is None else Path(out)
    file = loaded.folder / "track.csv" if track is None else Path(track)
    views, found = open_tracked(loaded, file)
    fields, subject = fields_of(loaded, views, common), subject_of(loaded)
    frames, skin_map, head = expose_trial(loaded, subject, found, fields, subject.center_ct, common)
    write_exposures(folder, loaded, frames, head, file)
    skin_map.write(folder / "skin.vtp")
    common.say(f"wrote exposure.csv, exposure.json and skin.vtp in {folder}")
    return folder / "exposure.csv"
