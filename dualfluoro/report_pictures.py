"""The report's pictures: frames to judge by, the contact sheet, the room to turn and to print."""

from html import escape
from pathlib import Path

import cv2
import numpy as np

from calibration import Camera
from registration import Track

from .frames import Frames
from .offscreen import ADVICE, can_draw
from .overlay import Shadows, key_of, shadows_of, shown_camera
from .overlay_bodies import body_shadows
from .overlay_panels import compared, edge_picture, shown_field
from .overlay_sheet import contact_sheet, words, worst_first
from .report_page import note, picture, row, section
from .report_wipe import wipe
from .scene import Scene
from .subject import Subject
from .trial import Trial, View
from .view_marks import enlargement
from .view_page import room_html, webp

QUALITY, SHEET_QUALITY, SHEET_FRAMES = 72, 60, 48
PRINT_SIZE = (900, 600)
COMPARED_WORDS = (
    "Beside it the frame with the CT's radiograph laid over it: drag the line, or see both in "
    "squares. Edges that go on from one to the other are in place. In the difference, white is "
    "agreement of local contrast; where the frame is darker it is blue, where brighter vermilion."
)
ROOM_WORDS = (
    "Drag to turn, scroll or pinch to zoom, click a landmark for its numbers. Colours of the skin "
    "are the beams that enter there in this frame; the skin map is the sum over all frames. "
    "Surfaces are coarse (2 mm) and for the eye."
)


def chosen_frames(track: Track) -> dict[str, int]:
    """Frames worth a look: a typical one, the worst match, the first doubtful one."""
    known = np.flatnonzero(track.has_pose)
    match = (
        np.nan_to_num(track.similarity[:, known].min(0))
        if track.view_names
        else np.zeros(len(known))
    )
    order = known[np.argsort(match, kind="stable")]
    chosen = {"typical": int(order[len(order) // 2])}
    if len(known) > 1 and np.ptp(match) > 0:
        chosen["worst match"] = int(order[0])
    doubtful = [i for i in known if track.status[i] == "doubtful"]
    if doubtful and doubtful[0] not in chosen.values():
        chosen["doubtful"] = int(doubtful[0])
    return chosen


def pictures_section(
    trial: Trial, scene: Scene, subject: Subject, views: tuple[Frames, ...], folder: Path
) -> str:
    """Overlays of a typical frame and of bad ones, and a sheet with the worst frames first.

    Args:
        folder: holds the tracks of the trial's other bodies.
    """
    shadows = shadows_of(subject, body_shadows(trial, subject, scene.track, folder))
    times = enlargement(scene) if scene.landmarks_ct else None
    parts = [note(key_of(shadows, times)), note(COMPARED_WORDS)]
    for what, frame in chosen_frames(scene.track).items():
        rows = [
            _frame_row(scene, view, camera, views[view][frame], shadows, frame, times or 1, drawn)
            for view, (camera, drawn) in enumerate(zip(scene.rig, trial.views, strict=True))
        ]
        title = f"<h3>{what}: {escape(words(scene.track, frame))}</h3>"
        parts.append(f'<div class="frame {scene.track.status[frame]}">{title}{"".join(rows)}</div>')
    frames = worst_first(scene.track)[:SHEET_FRAMES]
    sheet = picture(
        webp(contact_sheet(scene, views, shadows, frames), SHEET_QUALITY),
        f"{len(frames)} frames, the worst first",
    )
    parts.append(f'<div class="scroll wide" tabindex="0">{sheet}</div>')
    return section("Pictures", *parts)


def _frame_row(
    scene: Scene,
    view: int,
    camera: Camera,
    image: np.ndarray,
    shadows: Shadows,
    frame: int,
    times: int,
    drawn: View,
) -> str:
    """One view of one frame with a pose: its edges, the wipe to the radiograph, the difference."""
    large = shown_camera(camera)
    field = shown_field(scene, frame, view, large)
    pose = scene.track.world_from_ct[frame]
    edges = edge_picture(scene, image, large, shadows, frame, field, times)
    found = compared(image, large, shadows, pose, field, drawn.transmission)
    pair = webp(found.frame, QUALITY), webp(found.radiograph, QUALITY)
    cells = [
        picture(webp(edges, QUALITY), f"{camera.name}: edges"),
        wipe(*pair, f"{camera.name}: frame and radiograph of the CT", ("frame", "radiograph")),
        picture(webp(found.difference, QUALITY), f"{camera.name}: difference"),
    ]
    return f'<div class="trio">{"".join(cells)}</div>'


def room_section(scene: Scene) -> str:
    """The room: to be turned on the screen, as pictures on paper."""
    parts = [room_html(scene), f'<div class="no-print">{note(ROOM_WORDS)}</div>']
    if can_draw():
        parts.append(
            f"<details><summary>The same as pictures</summary>{row(*_stills(scene))}</details>"
        )
    else:
        parts.append(note(f"No pictures for print: {ADVICE}."))
    return section("In space", *parts)


def _stills(scene: Scene) -> list[str]:
    """The room, what each source sees, and the skin map from two sides."""
    from .view_room import (
        look_at_head,
        look_at_room,
        look_through,
        photograph,
        room_of,
        switch_map,
    )

    frame = next(iter(chosen_frames(scene.track).values()))
    room = room_of(scene, frame, size=PRINT_SIZE)
    stills = []

    def shoot(caption: str) -> None:
        shot = photograph(room)
        encoded = cv2.imencode(".png", shot[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
        stills.append(picture(encoded.tobytes(), caption))

    look_at_room(room)
    shoot(f"the room at frame {frame}")
    for view, camera in enumerate(scene.rig):
        look_through(room, view)
        shoot(f"frame {frame} as source {camera.name} sees it")
    switch_map(room)
    for side, name in ((1.0, "right"), (-1.0, "left")):
        look_at_head(room, side)
        shoot(f"skin map from the front and the {name}: yellow was in a field most often")
    room.plotter.close()
    return stills
