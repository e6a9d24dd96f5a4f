"""`dualfluoro track`: the head's pose in every frame, and the exposure that follows from it."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..options import DEFAULTS, Common, TrialFolder
from ..trial import load_trial

if TYPE_CHECKING:
    from calibration import Rig
    from registration import Track


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
    refinement; motion.csv has the motion of the head and of the bodies in the skull.

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
    from registration import Track
    from registration.calibrated_track import with_rig_uncertainty

    from ..detector_look import shown_in_look
    from ..exposures import expose_trial, write_exposures
    from ..frames import open_frames
    from ..motion_bodies import body_file, rigid_bodies, track_bodies
    from ..motion_table import TrackedFrame, write_motion
    from ..subject import subject_of
    from ..tracking import Moments, track_trial
    from ..trial_detector import detector_of
    from ..trial_report import write_report

    common.torch_device()
    start = None if init is None else Track.read(init)
    views, times_s = open_frames(loaded)
    if init is not None and not refine:
        _check_frames(init, len(times_s))
    subject = subject_of(loaded)
    detector = None if init is not None else detector_of(loaded, subject, common)
    bodies_known = rigid_bodies(loaded, subject)
    moments = Moments(loaded, views, detector)
    if detector is not None:
        wanted = look if translate else "none"
        shown, said = shown_in_look(moments, detector, wanted, common.torch_device())
        moments.detector = shown
        common.say(said)
    found, center_ct = track_trial(moments, subject, times_s, start, refine, common)
    folder = loaded.folder if out is None else Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    rig, skull = loaded.rig, found
    found = with_rig_uncertainty(skull, rig, subject.bone_points_ct[::10], center_ct)
    found.write(folder / "track.csv")
    _write_smoothed(skull, rig, subject.bone_points_ct[::10], center_ct, folder / "smoothed.csv")
    bodies = track_bodies(moments, bodies_known, skull, times_s, common) if refine else {}
    for name, (body, its) in bodies.items():
        known = with_rig_uncertainty(its, rig, body.points_ct[::10], body.center_ct)
        known.write(folder / body_file(name))
        smooth = folder / body_file(name, smoothed=True)
        _write_smoothed(its, rig, body.points_ct[::10], body.center_ct, smooth)
    for body, _ in bodies_known if not refine else ():
        for smoothed in (False, True):  # of an earlier run
            (folder / body_file(body.name, smoothed)).unlink(missing_ok=True)
    head_motion = TrackedFrame(skull, center_ct, subject.skull_from_ct[0])
    moving = {n: TrackedFrame(t, b.center_ct, b.frame_from_ct) for n, (b, t) in bodies.items()}
    write_motion(folder / "motion.csv", head_motion, moving)
    fields = [moments.fields_of(frame) for frame in range(len(found))]
    frames, skin_map, head = expose_trial(loaded, subject, found, fields, center_ct, common)
    write_exposures(folder, loaded, frames, head, folder / "track.csv", skin_map)
    write_report(loaded, subject, views, found, folder)
    counts = _counted(found)
    if not found.has_pose.any():
        raise ValueError(
            f"{folder / 'track.csv'}: all {len(found)} frames are lost; look at the frames, the "
            "rig and the CT, or train longer: dualfluoro prepare --minutes M"
        )
    common.say(f"{len(found)} frames: {counts}; wrote track.csv and report.html in {folder}")
    for name, (_, its) in bodies.items():
        common.say(f"{name}: {_counted(its)}; wrote {body_file(name)}")
    if loaded.bodies and not refine:
        common.say("note: bodies are found by refinement alone, none with --no-refine")
    return found


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


def _write_smoothed(found: "Track", rig: "Rig", points_ct, center_ct, path: Path) -> None:
    """The smoothed track, or none where it cannot be smoothed; never one of an earlier run."""
    import numpy as np

    from registration import smoothed_track
    from registration.calibrated_track import with_rig_uncertainty

    known = found.has_pose
    if known.sum() >= 3 and np.isfinite(found.covariance[known]).all():
        smooth = smoothed_track(found, center_ct)
        with_rig_uncertainty(smooth, rig, points_ct, center_ct).write(path)
    else:
        path.unlink(missing_ok=True)
