"""The 3D picture of one frame, drawn off-screen or in a window."""

from pathlib import Path

import numpy as np
import pyvista as pv

from calibration.atomic import whole
from drr import Projector, Volume
from registration import Track

from .exposures import field_of
from .frames import Frames
from .overlay import overlay
from .scene import SKULL, STATUS_COLORS, Beam, add_head, add_room, look_at_room, surface_of
from .subject import Subject
from .trial import Trial

SIZE = (1280, 860)


def room_plotter(
    trial: Trial,
    subject: Subject,
    views: tuple[Frames, ...],
    track: Track,
    frame: int,
    window: bool,
) -> pv.Plotter:
    """The room at one frame; a doubtful pose is coloured, a lost one shows no head."""
    anatomy = subject.anatomy
    plotter = pv.Plotter(off_screen=not window, window_size=list(SIZE))
    plotter.renderer.set_background("#20242c")
    status = track.status[frame]
    known = np.flatnonzero(track.has_pose)
    shown = frame if status != "lost" else int(known[np.argmin(np.abs(known - frame))])
    pose = track.world_from_ct[shown]
    center_world = (pose @ subject.center_ct).numpy()
    beams = []
    for number, (camera, frames) in enumerate(zip(trial.rig, views, strict=True)):
        image = frames[frame]
        beams.append(Beam(camera, image, field_of(trial, number, image).outline_px))
    add_room(plotter, beams, center_world)
    if status != "lost":
        skull_ct = surface_of(anatomy.bone, anatomy.ct_from_voxel)
        add_head(plotter, skull_ct, pose, SKULL if status == "ok" else STATUS_COLORS["doubtful"])
    look_at_room(plotter, trial.rig, center_world, pose.R.numpy()[:, 2])
    caption = f"frame {frame}   {track.time_s[frame]:.3f} s   {status}"
    plotter.add_text(caption, color=STATUS_COLORS[status], font_size=12)
    return plotter


def write_screenshot(plotter: pv.Plotter, path: Path) -> None:
    """Draw into a PNG, whole or not at all."""
    with whole(path) as unfinished:
        plotter.screenshot(str(unfinished))
    plotter.close()


def cranium_projector(subject: Subject) -> Projector:
    """Line integrals through it are mm of cranium."""
    mask = np.where(subject.anatomy.cranium, np.float32(0), np.float32(-1000))
    return Projector(Volume(mask, subject.anatomy.ct_from_voxel), 1.0)


def frame_overlays(
    trial: Trial,
    cranium: Projector,
    views: tuple[Frames, ...],
    track: Track,
    frame: int,
) -> list[np.ndarray]:
    """Every view of one frame with the projected edge of the bone, (h, w, 3) uint8, blue first."""
    pictures = []
    for number, (camera, frames) in enumerate(zip(trial.rig, views, strict=True)):
        image = frames[frame]
        field = field_of(trial, number, image)
        pictures.append(
            overlay(image, camera, cranium, track.world_from_ct[frame], field.outline_px)
        )
    return pictures
