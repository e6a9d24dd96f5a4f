"""The report's pictures: frames to judge by, the contact sheet, the room to turn and to print."""

import cv2
import numpy as np

from registration import Track

from .frames import Frames
from .offscreen import ADVICE, can_draw
from .overlay import KEY, shadows_of
from .overlay_panels import frame_panels, side_by_side
from .overlay_sheet import contact_sheet, words, worst_first
from .report_page import note, picture, row, section
from .scene import Scene
from .subject import Subject
from .trial import Trial
from .view_marks import enlargement
from .view_page import room_html, webp

QUALITY, SHEET_QUALITY, SHEET_FRAMES = 72, 60, 48
PRINT_SIZE = (900, 600)
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
    trial: Trial, scene: Scene, subject: Subject, views: tuple[Frames, ...]
) -> str:
    """Overlays of a typical frame and of bad ones, and a sheet with the worst frames first."""
    shadows, times = shadows_of(subject), enlargement(scene)
    transmission = [view.transmission for view in trial.views]
    parts = [note(f"{KEY}, {times} times as large." if scene.landmarks_ct else f"{KEY}.")]
    for what, frame in chosen_frames(scene.track).items():
        images = [view[frame] for view in views]
        sheet = side_by_side(frame_panels(scene, images, transmission, shadows, frame, times))
        parts.append(picture(webp(sheet, QUALITY), f"{what}: {words(scene.track, frame)}"))
    parts.append(
        note(
            "In the checkerboard every other square is the CT's radiograph: edges that go on from "
            "square to square are in place. In the difference, white is agreement of local "
            "contrast; blue and vermilion are frame darker and brighter."
        )
    )
    frames = worst_first(scene.track)[:SHEET_FRAMES]
    sheet = contact_sheet(scene, views, shadows, frames)
    parts.append(picture(webp(sheet, SHEET_QUALITY), f"{len(frames)} frames, the worst first"))
    return section("Pictures", *parts)


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
