"""The moments of a trial, loaded one at a time: frames, fields, and what the detector reads."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from detector import Detector
from exposure import Field
from registration import Track, at_frames
from registration.frame_pose import Moment, TrackingConfig
from registration.frame_pose import Subject as TrackedHead
from registration.radiograph import radiograph
from registration.tracking import Recall, track_frames

from .exposures import field_of
from .frames import Frames
from .options import Common
from .progress import counted
from .subject import Subject
from .trial import Trial


class Moments(Sequence):
    """`moments[frame]` reads the frames of all views; the fields found on the way are kept."""

    def __init__(self, trial: Trial, views: tuple[Frames, ...], detector: Detector | None):
        """Without a detector, moments hold radiographs alone."""
        self.trial, self.views, self.detector = trial, views, detector
        self.fields: list[list[Field] | None] = [None] * len(views[0])

    def __len__(self) -> int:
        """The number of frames."""
        return len(self.fields)

    def fields_of(self, frame: int) -> list[Field]:
        """The fields of one frame, a view each."""
        kept = self.fields[frame]
        return kept or self._fields_in(frame, [view[frame] for view in self.views])

    def _fields_in(self, frame: int, images: list[np.ndarray]) -> list[Field]:
        kept = self.fields[frame]
        if kept is None:
            kept = [
                field_of(self.trial, number, image, frame) for number, image in enumerate(images)
            ]
            self.fields[frame] = kept
        return kept

    def __getitem__(self, frame: int) -> Moment:
        """All views of one frame."""
        images = [view[frame] for view in self.views]
        found = self._fields_in(frame, images)
        radiographs = tuple(
            radiograph(camera, image, field.outline_px, view.transmission)
            for camera, image, field, view in zip(
                self.trial.rig, images, found, self.trial.views, strict=True
            )
        )
        if self.detector is None:
            return Moment(radiographs)
        seen = [
            self.detector.detect(
                image, transmission=view.transmission, field_polygon_px=field.outline_px
            )
            for image, view, field in zip(images, self.trial.views, found, strict=True)
        ]
        return Moment(
            radiographs,
            np.stack([np.asarray(d.uv_px, dtype=np.float64) for d in seen]),
            np.stack([np.asarray(d.sd_px, dtype=np.float64) for d in seen]),
        )


def track_trial(
    moments: Moments,
    subject: Subject,
    times_s: np.ndarray,
    start: Track | None,
    refine: bool,
    common: Common,
    recall: Recall | None = None,
) -> tuple[Track, np.ndarray]:
    """The track of a trial, and the point of the head (ct, mm) that its covariances are about.

    `recall` gives back the poses that an earlier run found.
    """
    if start is not None and not refine:
        return _as_given(start, moments, times_s), subject.center_ct
    detector = moments.detector
    points_ct = None if detector is None else np.asarray(detector.points_ct, dtype=np.float64)
    head = TrackedHead(subject.head_model if refine else None, points_ct)
    with counted("tracking", len(moments), common) as progress:
        trial = moments.trial
        track = track_frames(
            trial.rig,
            moments,
            head,
            times_s,
            start,
            TrackingConfig(),
            trial.time_offsets_s,
            progress,
            recall,
        )
    return track, head.centre_ct


def _as_given(start: Track, moments: Moments, times_s: np.ndarray) -> Track:
    """The start itself, on the frames of the trial."""
    names, count = moments.trial.rig.names, len(moments)
    unknown = np.full((len(names), count), np.nan)
    kept = at_frames(start, np.arange(count))
    return replace(
        kept, time_s=times_s, view_names=names, reprojection_px=unknown, similarity=unknown
    )
