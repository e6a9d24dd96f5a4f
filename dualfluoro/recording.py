"""A track brought together with the frames that it was made from."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from registration import Track, at_frames

from .frames import Frames, open_frames
from .trial import Trial


def open_tracked(trial: Trial, file: Path) -> tuple[tuple[Frames, ...], Track]:
    """The frames of a trial, and a track with a row for each of them.

    Raises:
        FileNotFoundError: no such track, or no frames.
        ValueError: the track has more frames than the trial.
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: there is no such track; make it with: dualfluoro track {file.parent}"
        )
    track = Track.read(file)
    views, times_s = open_frames(trial)
    if len(track) and track.frame[-1] >= len(times_s):
        raise ValueError(
            f"{file}: the track goes to frame {track.frame[-1]}, the trial has frames 0 to "
            f"{len(times_s) - 1}: is it the track of another trial?"
        )
    return views, replace(at_frames(track, np.arange(len(times_s))), time_s=times_s)
