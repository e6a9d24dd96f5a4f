"""The exposure of every frame of a track, two frames at a time, with memory that does not grow."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from calibration import Rig
from registration.track import Track
from registration.velocities import velocities
from registration.view_times import rig_in_motion

from .expose import expose
from .field import Field
from .head import Head
from .skin_map import SkinMap
from .tube_output import TubeOutput
from .uncertainty import covariance_of_sd
from .view_exposure import ViewExposure

WORKERS = 2
AHEAD = 16  # frames in flight, so that patches never pile up


@dataclass(frozen=True, eq=False)
class FrameExposure:
    """One frame of a track; a lost frame has exposures without any number."""

    frame: int
    time_s: float
    status: str
    covariance: Float[np.ndarray, "6 6"] | None
    views: tuple[ViewExposure, ...]


def expose_track(
    track: Track,
    rig: Rig,
    head: Head,
    fields: Sequence[Sequence[Field | None]] | None = None,
    reference_distance_mm: float | None = None,
    outputs: Sequence[Mapping[str, TubeOutput]] | None = None,
    time_offsets_s: Sequence[float] = (),
    progress: Callable[[int], None] | None = None,
) -> tuple[list[FrameExposure], SkinMap]:
    """The exposure of each frame, and what the skin received over all of them.

    Args:
        fields: one sequence a frame, one field a view.
        outputs: of the tube, one mapping a frame, by view.
        time_offsets_s: how much later than the pose each view is exposed; the head moves on as
            the track does. Where that is unknown, the flag is `motion_unknown`.
        progress: called with the number of frames done.
    """
    for what, given in (("fields", fields), ("outputs", outputs)):
        if given is not None and len(given) != len(track):
            raise ValueError(f"{what} are for {len(given)} frames, the track has {len(track)}")

    fields = [[None] * len(rig)] * len(track) if fields is None else fields
    outputs = [{}] * len(track) if outputs is None else outputs

    moving = any(time_offsets_s)
    velocity = velocities(track, head.center_ct) if moving else np.full((len(track), 6), np.nan)

    def exposed(i: int) -> FrameExposure:
        head_line = (int(track.frame[i]), float(track.time_s[i]), track.status[i])
        if track.status[i] == "lost":
            return FrameExposure(*head_line, None, tuple(ViewExposure(view=n) for n in rig.names))
        covariance = _covariance(track, i)
        world_from_ct, seen_by = track.world_from_ct[i], rig
        if known := bool(np.isfinite(velocity[i]).all()):
            centre_world = (world_from_ct @ head.center_ct).numpy()
            seen_by = rig_in_motion(rig, time_offsets_s, velocity[i], centre_world)
        views = expose(
            world_from_ct, seen_by, head, fields[i], reference_distance_mm, covariance, outputs[i]
        )
        if moving and not known:
            views = tuple(replace(v, flags=(*v.flags, "motion_unknown")) for v in views)
        return FrameExposure(*head_line, covariance, views)

    frames: list[FrameExposure] = []
    skin_map = SkinMap.empty(head, rig.names)
    with ThreadPoolExecutor(WORKERS) as pool:
        for first in range(0, len(track), AHEAD):
            for found in pool.map(exposed, range(first, min(first + AHEAD, len(track)))):
                skin_map.add(found.views, reference_distance_mm)
                frames.append(replace(found, views=_without_patches(found.views)))
                if progress is not None:
                    progress(len(frames))
    return frames, skin_map


def _without_patches(views: tuple[ViewExposure, ...]) -> tuple[ViewExposure, ...]:
    """The exposures without the lists of faces, which are large."""
    return tuple(replace(view, patch=None) for view in views)


def _covariance(track: Track, i: int) -> np.ndarray | None:
    """The pose's covariance, or the one of its two deviations without a direction, or None."""
    if np.isfinite(track.covariance[i]).all():
        return track.covariance[i]
    sd = float(track.sd_translation_mm[i]), float(track.sd_rotation_deg[i])
    return covariance_of_sd(*sd) if np.isfinite(sd).all() else None
