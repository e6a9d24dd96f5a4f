"""`dualfluoro track`: the head's pose in every frame, and the exposure that follows from it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..options import DEFAULTS, Common, TrackOptions, TrialFolder
from ..trial import Trial, load_trial

if TYPE_CHECKING:
    import numpy as np

    from registration import Track

    from ..frames import Frames
    from ..track_journal import Journal
    from ..trial_tracks import TrialTracks


def track(
    trial: TrialFolder,
    /,
    *,
    init: Path | None = None,
    refine: bool = True,
    translate: bool = True,
    look: Literal["auto", "none", "histogram", "gan"] = "auto",
    out: Path | None = None,
    common: Common = DEFAULTS,
):
    """Find the pose in every frame; write track.csv, exposure.csv, exposure.json, report.html.

    `smoothed.csv` holds the same poses on one continuous motion, where three frames have a pose.
    Each [[body]] of the trial has a track_NAME.csv of its own (and smoothed_NAME.csv), found by
    refinement; motion.csv has the motion of the head and of the bodies in the skull. run.json
    says which inputs, settings and versions made them. A run that was cut short goes on.

    Parameters
    ----------
    init
        A track to start from in place of the detector.
    refine
        Match radiographs of the CT with the frames; without it, poses are those of the start.
    translate
        Show the detector the frames in the look that `train gan` or `prepare` chose
        (models/look.json); without it, as they are.
    look
        Force a look: none, histogram (matched with radiographs) or gan (translated).
    out
        Folder of the outputs; the trial's if left out.
    """
    loaded = load_trial(trial)
    if look != "auto" and (init is not None or not translate):
        raise ValueError("--look is of the detector's frames: not with --init or --no-translate")
    if init is None and not loaded.detector.is_file():
        raise FileNotFoundError(
            f"{loaded.detector}: there is no detector; make it with: dualfluoro prepare "
            f"{loaded.folder}, or give a start with --init TRACK.csv"
        )
    from ..folder_lock import held
    from ..frames import open_frames

    common.torch_device()
    views, times_s = open_frames(loaded)
    if init is not None and not refine:
        _check_frames(init, len(times_s))
    folder = loaded.folder if out is None else Path(out)
    options = TrackOptions(init, refine, translate, look)
    with held(folder, "track"):
        found, bodies = _tracked(loaded, views, times_s, folder, options, common)
    if not found.has_pose.any():
        raise ValueError(
            f"{folder / 'track.csv'}: all {len(found)} frames are lost; look at the frames, the "
            "rig and the CT, or train longer: dualfluoro prepare --minutes M"
        )
    said = f"{len(found)} frames: {_counted(found)}"
    common.say(f"{said}; wrote track.csv and report.html in {folder}")
    for name, its in bodies.items():
        common.say(f"{name}: {_counted(its)}; wrote track_{name}.csv")
    if loaded.bodies and not refine:
        common.say("note: bodies are found by refinement alone, none with --no-refine")
    return found


def _tracked(
    trial: Trial,
    views: "tuple[Frames, ...]",
    times_s: "np.ndarray",
    folder: Path,
    options: TrackOptions,
    common: Common,
) -> "tuple[Track, dict[str, Track]]":
    """The tracks of the skull and of the bodies, with all outputs written; a killed run goes on."""
    from ..run_record import RUN, run_of
    from ..track_journal import journal_of
    from ..trial_tracks import write_tracks

    begun_s = time.monotonic()
    run = run_of(trial, options, common)
    with journal_of(folder, run.key) as journal:
        if journal.count:
            common.say(f"going on after {journal.count} poses that an earlier run found")
        tracks = _found(trial, views, times_s, options, common, journal)
        (folder / RUN).unlink(missing_ok=True)  # it would speak of other outputs
        skull = write_tracks(tracks, folder, common)
        if skull.has_pose.any():
            run.write(folder, time.monotonic() - begun_s)
    return skull, {name: its for name, (_, its) in tracks.bodies.items()}


def _found(
    trial: Trial,
    views: "tuple[Frames, ...]",
    times_s: "np.ndarray",
    options: TrackOptions,
    common: Common,
    journal: "Journal",
) -> "TrialTracks":
    """The poses of the skull and of the bodies."""
    from registration import Track

    from ..detector_look import shown_in_look
    from ..motion_bodies import rigid_bodies, track_bodies
    from ..subject import subject_of
    from ..tracking import Moments, track_trial
    from ..trial_detector import detector_of
    from ..trial_tracks import TrialTracks

    start = None if options.init is None else Track.read(options.init)
    subject = subject_of(trial)
    detector = None if start is not None else detector_of(trial, subject, common)
    bodies = rigid_bodies(trial, subject)
    moments = Moments(trial, views, detector)
    if detector is not None:
        wanted = options.look if options.translate else "none"
        moments.detector, said = shown_in_look(moments, detector, wanted, common.torch_device())
        common.say(said)
    skull, center_ct = track_trial(
        moments, subject, times_s, start, options.refine, common, journal.recall("skull")
    )
    found = track_bodies(moments, bodies, skull, times_s, common, journal) if options.refine else {}
    return TrialTracks(trial, subject, moments, skull, center_ct, found)


def _check_frames(init: Path, count: int) -> None:
    """ValueError where a start has no pose in any of the trial's frames."""
    from registration import Track

    start = Track.read(init)
    posed = start.frame[start.has_pose]
    if not (posed < count).any():
        has = f"its poses are of frames {posed[0]} to {posed[-1]}" if len(posed) else "it has none"
        raise ValueError(
            f"{init}: no pose of the trial's frames 0 to {count - 1}, {has}; --no-refine takes the "
            "poses as they are, so every frame would be lost"
        )


def _counted(track: "Track") -> str:
    return ", ".join(f"{track.status.count(s)} {s}" for s in ("ok", "doubtful", "lost"))
