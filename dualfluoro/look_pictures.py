"""The pictures that a translator learns from: a trial's frames, and radiographs posed like them."""

from typing import NamedTuple

import numpy as np

from calibration import Camera, Rigid
from detector import Detector
from drr.clean_look import drr_look
from drr.field_window import Window, field_mask, look_through, window_around
from drr.material_model import MaterialModel, draw_condition, render_materials
from drr.standardised import standardised, without_rim
from gan import Pictures
from registration.frame_flags import TrackingConfig
from registration.frame_pose import Subject as TrackedHead
from registration.frame_pose import locate
from registration.twist import moved_rigid

from .frames import Frames
from .options import Common
from .progress import counted
from .tracking import Moments
from .trial import Trial

MOST_FRAMES = 800
"""Of all views together, evenly spread."""
RADIOGRAPHS = 500
POSES = 60
"""Frames whose pose is looked for, so that radiographs can be posed alike."""
LEAST_POSES = 10
TURN_SD_DEG, SHIFT_SD_MM = 6.0, 8.0
"""Drawn about the poses found: they are as wrong as the landmarks."""


class Place(NamedTuple):
    """Where a picture was seen: the camera, the window on its frame, the field in the window."""

    camera: Camera
    window: Window
    mask: np.ndarray


def film_pictures(moments: Moments, size_px: int, common: Common) -> tuple[Pictures, list[Place]]:
    """The trial's frames as a translator sees them, from all views in turn."""
    trial, views = moments.trial, moments.views
    count = min(len(views[0]), -(-MOST_FRAMES // len(views)))
    numbers = np.unique(np.linspace(0, len(views[0]) - 1, count).round().astype(int))
    seen, places = [], []
    with counted("reading frames", len(numbers), common) as update:
        for done, number in enumerate(numbers):
            fields = moments.fields_of(int(number))
            for view, camera, frames, field in zip(
                trial.views, trial.rig, views, fields, strict=True
            ):
                picture, place = _seen(camera, frames, int(number), field.outline_px, size_px, view)
                seen.append(picture)
                places.append(place)
            update(done + 1)
    return Pictures(np.stack(seen), np.stack([place.mask for place in places])), places


def some_film_pictures(moments: Moments, size_px: int, frames: int = 6) -> Pictures:
    """Pictures of a few frames of every view, to tell their look."""
    seen, masks = [], []
    for number in np.unique(np.linspace(0, len(moments) - 1, frames).round().astype(int)):
        fields = moments.fields_of(int(number))
        of_views = zip(moments.trial.views, moments.trial.rig, moments.views, fields, strict=True)
        for view, camera, shown, field in of_views:
            picture, place = _seen(camera, shown, int(number), field.outline_px, size_px, view)
            seen.append(picture)
            masks.append(place.mask)
    return Pictures(np.stack(seen), np.stack(masks))


def _seen(camera: Camera, frames: Frames, number: int, outline_px, size_px: int, view):
    frame = frames[number]
    shown = frame if view.transmission else float(frame.max()) - frame
    window = window_around(outline_px, size_px=size_px)
    mask = without_rim(field_mask(outline_px, window))
    return standardised(look_through(shown, window) * mask, mask), Place(camera, window, mask)


def detected_poses(moments: Moments, detector: Detector) -> list[Rigid]:
    """Poses (world_from_ct) by landmarks alone, of frames spread over the trial."""
    numbers = np.linspace(0, len(moments) - 1, min(POSES, len(moments))).round().astype(int)
    reading = Moments(moments.trial, moments.views, detector)
    reading.fields = moments.fields
    head, rig = TrackedHead(None, detector.points_ct), moments.trial.rig
    found = [locate(rig, reading[int(n)], head, (), TrackingConfig()) for n in numbers]
    return [pose.world_from_ct for pose in found if pose.world_from_ct is not None]


def drawn_poses(trial: Trial, head: MaterialModel, points_ct: np.ndarray, seed: int) -> list[Rigid]:
    """Upright heads of any azimuth where the beams cross: what is known without a detector."""
    from drr.labelled_radiograph import Studio, draw_pose

    studio = Studio(head, points_ct, trial.rig)
    return [draw_pose(studio, np.random.default_rng((seed, 6, n))) for n in range(RADIOGRAPHS)]


def radiograph_pictures(
    head: MaterialModel,
    points_ct: np.ndarray,
    places: list[Place],
    poses: list[Rigid],
    seed: int,
    common: Common,
    count: int = RADIOGRAPHS,
    spread: float = 1.0,
) -> Pictures:
    """Radiographs through the windows and fields of the frames, in the look of a DRR.

    Args:
        poses: world_from_ct, each drawn about anew for every radiograph.
        spread: scales how far.
    """
    seen, masks, landmarks = [], [], []
    with counted("rendering radiographs", count, common) as update:
        for number in range(count):
            rng = np.random.default_rng((seed, 7, number))
            camera, window, mask = places[int(rng.integers(len(places)))]
            shift_mm = spread * SHIFT_SD_MM * rng.standard_normal(3)
            twist = np.append(shift_mm, spread * np.radians(TURN_SD_DEG) * rng.standard_normal(3))
            centre = np.asarray(points_ct, dtype=np.float64).mean(0)
            world_from_ct = moved_rigid(poses[int(rng.integers(len(poses)))], twist, centre)
            cam_from_ct = camera.cam_from_world @ world_from_ct
            K = _through(window) @ camera.K.numpy()
            size = window.size_px
            condition = draw_condition(head, rng)._replace(contrast=None)  # the frames have none
            images = render_materials(head, K, size, size, cam_from_ct, condition)
            seen.append(drr_look(images, mask))
            masks.append(mask)
            uv = camera.project(world_from_ct @ np.asarray(points_ct, dtype=np.float64)).numpy()
            landmarks.append(window.network_from_frame(uv))
            update(number + 1)
    return Pictures(np.stack(seen), np.stack(masks), np.stack(landmarks))


def _through(window: Window) -> np.ndarray:
    """Pixels of the window's picture from those of the frame, (3, 3)."""
    scale = window.size_px / window.side_px
    shift = [0.5 * scale - 0.5 - scale * edge for edge in (window.left_px, window.top_px)]
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]], [0, 0, 1]])
