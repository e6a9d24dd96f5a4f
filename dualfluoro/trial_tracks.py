"""All that `track` writes of the tracks that it found."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration import Rig
from registration import Track, smoothed_track
from registration.calibrated_track import with_rig_uncertainty

from .exposures import expose_trial, write_exposures
from .motion_bodies import RigidBody, body_file
from .motion_table import TrackedFrame, write_motion
from .options import Common
from .subject import Subject
from .tracking import Moments
from .trial import Trial
from .trial_report import write_report


@dataclass(frozen=True, eq=False)
class TrialTracks:
    """The tracks of a trial before the rig's own uncertainty is added."""

    trial: Trial
    subject: Subject
    moments: Moments
    skull: Track
    center_ct: np.ndarray
    """Where the skull's covariances are measured, ct mm."""
    bodies: dict[str, tuple[RigidBody, Track]]


def write_tracks(tracks: TrialTracks, folder: Path, common: Common) -> Track:
    """Write tracks, motion, exposure and report; the skull's track as it was written.

    Files of an earlier run that this one has nothing for are removed.
    """
    trial, subject, moments, center_ct = (
        tracks.trial,
        tracks.subject,
        tracks.moments,
        tracks.center_ct,
    )
    found = _write_track(
        tracks.skull,
        trial.rig,
        subject.bone_points_ct[::10],
        center_ct,
        (folder / "track.csv", folder / "smoothed.csv"),
    )
    for body in trial.bodies:
        files = tuple(folder / body_file(body.name, smoothed) for smoothed in (False, True))
        if body.name in tracks.bodies:
            rigid, its = tracks.bodies[body.name]
            _write_track(its, trial.rig, rigid.points_ct[::10], rigid.center_ct, files)
        else:
            for file in files:
                file.unlink(missing_ok=True)
    head_motion = TrackedFrame(tracks.skull, center_ct, subject.skull_from_ct[0])
    moving = {
        name: TrackedFrame(its, rigid.center_ct, rigid.frame_from_ct)
        for name, (rigid, its) in tracks.bodies.items()
    }
    write_motion(folder / "motion.csv", head_motion, moving)
    fields = [moments.fields_of(frame) for frame in range(len(found))]
    frames, skin_map, head = expose_trial(trial, subject, found, fields, center_ct, common)
    write_exposures(folder, trial, frames, head, folder / "track.csv", skin_map)
    write_report(trial, subject, moments.views, found, folder)
    return found


def _write_track(
    found: Track,
    rig: Rig,
    points_ct: np.ndarray,
    center_ct: np.ndarray,
    files: tuple[Path, ...],
) -> Track:
    """Write a track with the rig's uncertainty, and the smoothed one where it can be smoothed."""
    plain, smooth = files
    known = with_rig_uncertainty(found, rig, points_ct, center_ct)
    known.write(plain)
    posed = found.has_pose
    if posed.sum() >= 3 and np.isfinite(found.covariance[posed]).all():
        with_rig_uncertainty(smoothed_track(found, center_ct), rig, points_ct, center_ct).write(
            smooth
        )
    else:
        smooth.unlink(missing_ok=True)  # of an earlier run
    return known
