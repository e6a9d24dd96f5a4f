"""`dualfluoro report`: one self-contained page about a trial."""

from pathlib import Path

from ..options import DEFAULTS, Common, TrialFolder
from ..trial import load_trial


def report(trial: TrialFolder, /, *, common: Common = DEFAULTS) -> Path:
    """Write report.html from the track and the exposure in the trial's folder."""
    loaded = load_trial(trial)
    from ..folder_lock import held
    from ..recording import open_tracked
    from ..subject import subject_of
    from ..trial_report import write_report

    views, track = open_tracked(loaded, loaded.folder / "track.csv")
    with held(loaded.folder, "report"):
        target = write_report(loaded, subject_of(loaded), views, track, loaded.folder)
    common.say(f"wrote {target}")
    return target
