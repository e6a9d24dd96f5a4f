"""The bodies of a trial besides the skull: their models, their frames, and their tracks."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calibration import Rigid
from detector import read_landmarks
from drr import find_anatomy, read_labels
from drr.anatomy import LEAST_DENSE, HeadAnatomy
from drr.label_map import PlacedMask, placed_on
from exposure import skull_from_ct
from registration import Track
from registration.body_model import BodyModel, body_model
from registration.body_tracking import track_body
from registration.bone_model import bone_model
from registration.frame_pose import Subject as TrackedBody
from registration.head_model import HeadModel, head_model
from registration.tracking import track_frames

from .options import Common
from .progress import counted
from .subject import Subject
from .track_journal import Journal
from .tracking import Moments
from .trial import Trial
from .trial_bodies import Body


@dataclass(frozen=True, eq=False)
class RigidBody:
    """A body made ready to be tracked; `center_ct` (mm) is where its covariances are measured."""

    name: str
    model: BodyModel | HeadModel
    center_ct: np.ndarray
    frame_from_ct: Rigid
    """From the CT that it lies in to its own anatomical frame."""
    frame: str
    """That frame in words."""

    @property
    def points_ct(self) -> np.ndarray:
        """Points (n, 3) all over its bone, mm of the CT that it lies in."""
        model = self.model.body if isinstance(self.model, BodyModel) else self.model
        return model.points_ct


def rigid_body(body: Body, subject: Subject) -> RigidBody:
    """The body of a trial, in the subject's CT or in its own.

    Without landmarks, its frame has its origin at the middle of its bone, and the axes of the
    frame `skull` as they lay in the subject's CT; those of its own CT, where it has one.

    Raises:
        ValueError: its CT is none, or its labels are not those of the CT.
    """
    if body.ct is None:
        mask = _labels(body, subject.anatomy, subject.ct)
        model = body_model(subject.volume, subject.anatomy, mask)
        center, axes = model.body.centre_ct, subject.skull_from_ct[0].R
        words = "axes of the skull as it was scanned"
    else:
        volume = Subject(body.ct).volume
        anatomy = find_anatomy(volume)
        if body.labels is not None:
            labelled = _labels(body, anatomy, body.ct)
            mask = placed_on(labelled, anatomy.bone.shape, anatomy.ct_from_voxel)
            anatomy = replace(anatomy, bone=anatomy.bone | mask, cranium=mask)
        model = head_model(volume, anatomy) if anatomy.is_head else bone_model(volume, anatomy)
        center, axes, words = model.centre_ct, Rigid.identity().R, "axes of its CT"
    points = {} if body.landmarks is None else read_landmarks(body.landmarks)
    if points:
        frame_from_ct, words = skull_from_ct(points, np.mean(list(points.values()), axis=0))
    else:
        frame_from_ct = Rigid(axes, -axes.numpy() @ center)
        words += ", origin at the centroid of the bone"
    return RigidBody(body.name, model, center, frame_from_ct, words)


def rigid_bodies(trial: Trial, subject: Subject) -> list[tuple[RigidBody, Track | None]]:
    """The bodies of a trial, each with its start if it has one; what is wrong is said at once."""
    return [
        (rigid_body(body, subject), None if body.init is None else Track.read(body.init))
        for body in trial.bodies
    ]


def track_bodies(
    moments: Moments,
    bodies: list[tuple[RigidBody, Track | None]],
    skull: Track,
    times_s: np.ndarray,
    common: Common,
    journal: Journal | None = None,
) -> dict[str, tuple[RigidBody, Track]]:
    """Each body of a trial and its track; the journal knows what an earlier run found of those
    with a CT of their own.

    A body of the subject's CT is sought over the skull's shadow, one of its own CT alone.
    """
    trial, found = moments.trial, {}
    plain = Moments(trial, moments.views, None)
    plain.fields = moments.fields
    for rigid, start in bodies:
        with counted(f"tracking {rigid.name}", len(plain), common) as progress:
            if isinstance(rigid.model, BodyModel):
                track = track_body(
                    trial.rig,
                    plain,
                    rigid.model,
                    skull,
                    start,
                    time_offsets_s=trial.time_offsets_s,
                    progress=progress,
                )
            else:
                track = track_frames(
                    trial.rig,
                    plain,
                    TrackedBody(rigid.model, None),
                    times_s,
                    start,
                    time_offsets_s=trial.time_offsets_s,
                    progress=progress,
                    recall=None if journal is None else journal.recall(f"body {rigid.name}"),
                )
        found[rigid.name] = rigid, track
    return found


def body_file(name: str, smoothed: bool = False) -> str:
    """The name of a body's track in the trial's folder."""
    return f"{'smoothed' if smoothed else 'track'}_{name}.csv"


def _labels(body: Body, anatomy: HeadAnatomy, ct: Path) -> PlacedMask:
    """The labels of the body, if they lie in the bone of that CT."""
    if body.labels is None:
        raise ValueError(f"body {body.name!r} has neither labels nor a CT of its own")
    placed = read_labels(body.labels, body.label_values)
    mask = placed_on(placed, anatomy.bone.shape, anatomy.ct_from_voxel)
    dense = np.count_nonzero(mask & anatomy.bone) / max(1, np.count_nonzero(mask))
    if dense < LEAST_DENSE:
        raise ValueError(
            f"{body.labels}: {100 * dense:.0f} % of the body {body.name!r} lies in bone of {ct}: "
            "is it of that CT, and in its coordinates?"
        )
    return placed
