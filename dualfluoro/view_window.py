"""The window: a slider, keys, playing, looking through a source, picking a landmark."""

from collections.abc import Callable
from typing import Any, cast

from .scene import Scene
from .view_marks import nearest_landmark
from .view_room import (
    Room,
    look_at_room,
    look_from,
    look_through,
    room_of,
    show_frame,
    switch_map,
)

PLAY_MS = 40
FIRST_EYE = "abcdefg"  # a key for each view; the letters after g have other work


def open_window(scene: Scene, frame: int, eye: str | None = None) -> None:
    """Show the room until the window is closed."""
    room = room_of(scene, frame, window=True)
    wire(room)
    look_from(room, eye)
    room.plotter.show()


def wire(room: Room) -> dict[str, Callable[[], None]]:
    """Give the room its slider, its keys and its clicks; what each key does is given back."""
    plotter, shows, last = room.plotter, room.shows, len(room.scene.track) - 1
    shows["playing"] = False
    slider, window = None, cast(Any, plotter)  # its events are decorated: no checker knows them

    def go(frame: float) -> None:
        wanted = min(max(round(frame), 0), last)
        if wanted != shows["frame"]:
            show_frame(room, wanted)
        if slider is not None:
            slider.GetSliderRepresentation().SetValue(wanted)
        plotter.render()

    if last > 0:
        slider = window.add_slider_widget(
            go, [0, last], value=shows["frame"], title="frame", fmt="%.0f", color="white",
            pointa=(0.25, 0.92), pointb=(0.95, 0.92), interaction_event="always",
            title_height=0.02, style="modern",
        )  # fmt: skip
    keys = keys_of(room, go)
    for key, action in keys.items():
        window.add_key_event(key, action)
    if plotter.iren is not None and plotter.iren.interactor is not None:
        style = plotter.iren.interactor.GetInteractorStyle()
        cast(Any, style).AddObserver(
            "CharEvent", lambda *_: None
        )  # VTK's own keys: wireframe, stereo, exit
        plotter.iren.add_observer("LeftButtonReleaseEvent", lambda *_: _click(room))
        window.add_timer_event(2**31 - 1, PLAY_MS, lambda _: _tick(room, go))
    return keys


def keys_of(room: Room, go: Callable[[float], None]) -> dict[str, Callable[[], None]]:
    """What each key of the help does; `go` moves to a frame and draws."""
    plotter, shows, last = room.plotter, room.shows, len(room.scene.track) - 1

    def switched(what: str) -> Callable[[], None]:
        def action() -> None:
            shows[what] = not shows[what]
            show_frame(room, shows["frame"])
            plotter.render()

        return action

    def looked(look: Callable[[], None]) -> Callable[[], None]:
        def action() -> None:
            look()
            plotter.render()

        return action

    def map_of_sums() -> None:
        switch_map(room)
        plotter.render()

    actions = {
        "space": lambda: shows.update(playing=not shows["playing"]),
        "Right": lambda: go(shows["frame"] + 1),
        "Left": lambda: go(shows["frame"] - 1),
        "Home": lambda: go(0),
        "End": lambda: go(last),
        "o": looked(lambda: look_at_room(room)),
        "k": switched("skin"),
        "l": switched("landmarks"),
        "y": switched("rays"),
        "h": switched("help"),
        "m": map_of_sums,
        "q": plotter.close,
    }
    for view, key in zip(range(len(room.scene.rig)), FIRST_EYE, strict=False):
        actions[key] = looked(lambda view=view: look_through(room, view))
    return actions


def _tick(room: Room, go: Callable[[float], None]) -> None:
    """The next frame, while playing; after the last comes the first."""
    if room.shows["playing"]:
        go((room.shows["frame"] + 1) % len(room.scene.track))


def _click(room: Room) -> None:
    """Pick the landmark under the mouse; a click beside all of them changes nothing."""
    if room.marks is None or room.plotter.iren is None:
        return
    at_px = room.plotter.iren.get_event_position()
    frame = room.shows["frame"]
    name = nearest_landmark(room.plotter, room.marks, room.scene, frame, at_px)
    if name is not None:
        room.shows["picked"] = name
        show_frame(room, frame)
        room.plotter.render()
