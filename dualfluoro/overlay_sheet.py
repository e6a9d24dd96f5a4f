"""All frames of a trial on one sheet, and a page of them with the worst first."""

from collections.abc import Callable
from html import escape
from pathlib import Path

import cv2
import numpy as np

from calibration.atomic import whole, write_text
from registration import Track

from .frames import Frames
from .overlay import Picture, Shadows, key_of, shown_camera
from .overlay_panels import (
    captioned,
    edge_picture,
    frame_panels,
    shown_field,
    side_by_side,
)
from .report_page import note, page, picture, section
from .scene import Scene
from .trial import Trial
from .view_marks import enlargement
from .view_page import webp

THUMB_PX, MOST_THUMBS, COLUMNS = 200, 240, 6
MOST_ON_PAGE = 60
PAGE_QUALITY = 70


def worst_first(track: Track) -> list[int]:
    """Frames in the order in which to look at them: lost, doubtful, then by similarity."""
    rank = {"lost": 0, "doubtful": 1, "ok": 2}
    match = np.full(len(track), np.inf)
    if track.view_names:
        match = np.where(np.isfinite(track.similarity), track.similarity, np.inf).min(0)
    return sorted(range(len(track)), key=lambda i: (rank[track.status[i]], match[i], i))


def contact_sheet(
    scene: Scene, views: tuple[Frames, ...], shadows: Shadows, frames: list[int]
) -> Picture:
    """Small pictures of frames, their views side by side, in the order given."""
    cells = []
    for frame in frames:
        pair = []
        for view, camera in enumerate(scene.rig):
            small = shown_camera(camera, THUMB_PX)
            field = shown_field(scene, frame, view, small)
            pair.append(edge_picture(scene, views[view][frame], small, shadows, frame, field))
        height = max(p.shape[0] for p in pair)
        pair = [np.pad(p, ((0, height - p.shape[0]), (0, 2), (0, 0))) for p in pair]
        status = scene.track.status[frame]
        cells.append(captioned(np.hstack(pair), f"{frame}  {status}", status))
    columns = max(1, COLUMNS // len(scene.rig) * 2 // 2)
    while len(cells) % columns and len(cells) > columns:
        cells.append(np.full_like(cells[0], 32))
    return side_by_side([cells[i : i + columns] for i in range(0, len(cells), columns)])


def write_overlays(
    trial: Trial,
    scene: Scene,
    views: tuple[Frames, ...],
    shadows: Shadows,
    folder: Path,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write frame_NNNN.jpg of every frame, contact_sheet.png, and worst.html into a folder."""
    count = len(scene.track)
    times = enlargement(scene)
    transmission = [view.transmission for view in trial.views]
    first = worst_first(scene.track)[:MOST_ON_PAGE]
    shown = {}
    for frame in range(count):
        images = [view[frame] for view in views]
        rows = frame_panels(scene, images, transmission, shadows, frame, times)
        sheet = side_by_side(rows)
        _write(folder / f"frame_{frame:04d}.jpg", sheet)
        if frame in first:
            shown[frame] = webp(sheet, PAGE_QUALITY)
        if progress is not None:
            progress(frame + 1)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_THUMBS)).round().astype(int))
    _write(folder / "contact_sheet.png", contact_sheet(scene, views, shadows, chosen.tolist()))
    parts = [note(key_of(shadows, times if scene.landmarks_ct else None))]
    parts += [picture(shown[frame], words(scene.track, frame)) for frame in first]
    title = f"{trial.folder.name}: frames, the worst first"
    heading = f"<h1>{escape(title)}</h1>"
    write_text(
        folder / "worst.html", page(title, [heading, section("Frames", *parts)], plots=False)
    )


def words(track: Track, frame: int) -> str:
    """A frame's caption: number, status, similarity of each view, flags."""
    parts = [f"frame {frame}", f"{track.time_s[frame]:.3f} s", track.status[frame]]
    for name, value in zip(track.view_names, track.similarity[:, frame], strict=True):
        if np.isfinite(value):
            parts.append(f"similarity {name} {value:.3f}")
    return ", ".join([*parts, *track.flags[frame]])


def _write(path: Path, image: Picture) -> None:
    """A picture, whole or not at all."""
    done, encoded = cv2.imencode(path.suffix, image)
    if not done:
        raise OSError(f"{path}: the picture could not be encoded")
    with whole(path) as unfinished:
        unfinished.write_bytes(encoded.tobytes())
