"""`dualfluoro view`: the room in 3D, in a window or as a picture, a movie, a page, overlays."""

from pathlib import Path

from ..options import DEFAULTS, Common, TrialFolder
from ..trial import load_trial


def view(
    trial: TrialFolder,
    /,
    *,
    frame: int = 0,
    eye: str | None = None,
    screenshot: Path | None = None,
    movie: Path | None = None,
    html: Path | None = None,
    overlays: Path | None = None,
    common: Common = DEFAULTS,
) -> None:
    """Show sources, frames, beams, the head at its pose, and what the beams hit.

    The trial must have been tracked. With --screenshot, --movie, --html or --overlays files are
    written and no window opens; no display is needed then. In the window, `h` lists the keys.

    Parameters
    ----------
    frame
        Which frame to show first, from 0; the one of the screenshot.
    eye
        Look from the source of this view: the skull must lie on its shadow. For the window, the
        screenshot and the movie.
    screenshot
        A PNG of one frame.
    movie
        An MP4 or GIF of all frames.
    html
        A page to send: it turns in any browser, without a network.
    overlays
        A folder for pictures of every frame with the projected bone, a contact sheet, and a page
        with the worst frames first.
    """
    loaded = load_trial(trial)
    wanted = (
        (screenshot, (".png",), "a screenshot is a PNG; end its name in .png"),
        (movie, (".mp4", ".gif"), "a movie is an MP4 or a GIF; end its name in .mp4 or .gif"),
        (html, (".html", ".htm"), "the page is HTML; end its name in .html"),
    )
    for path, endings, said in wanted:
        if path is not None and path.suffix.lower() not in endings:
            raise ValueError(f"{path}: {said}")
    if eye is not None and eye not in loaded.rig.names:
        raise ValueError(f"--eye {eye}: the views are {', '.join(loaded.rig.names)}")
    from ..offscreen import has_display
    from ..recording import open_tracked
    from ..scene import scene_of

    to_window = all(path is None for path in (screenshot, movie, html, overlays))
    if to_window and not has_display():
        raise OSError(
            "no display to open a window on; write files with --screenshot FILE.png, --movie "
            "FILE.mp4, --html FILE.html or --overlays FOLDER"
        )

    file = loaded.folder / "track.csv"
    views, track = open_tracked(loaded, file)
    if not 0 <= frame < len(track):
        raise ValueError(f"--frame {frame}: the trial has frames 0 to {len(track) - 1}")
    if not track.has_pose.any():
        raise ValueError(f"{file}: every frame is lost, there is nothing to show")
    scene = scene_of(loaded, views, track, file)
    if html is not None:
        from ..view_page import write_page

        write_page(scene, html, f"{loaded.folder.name} in space")
        common.say(f"wrote {html}")
    if overlays is not None:
        from ..overlay import shadows_of
        from ..overlay_bodies import body_shadows
        from ..overlay_sheet import write_overlays
        from ..progress import counted
        from ..subject import subject_of

        with counted("overlays", len(track), common) as progress:
            subject = subject_of(loaded)
            shadows = shadows_of(subject, body_shadows(loaded, subject, track, loaded.folder))
            write_overlays(loaded, scene, views, shadows, overlays, progress)
        common.say(f"wrote {len(track)} pictures, contact_sheet.png and worst.html in {overlays}")
    if screenshot is not None or movie is not None:
        _draw_files(scene, frame, eye, screenshot, movie, common)
    if to_window:
        from ..view_window import open_window

        open_window(scene, frame, eye)


def _draw_files(
    scene,
    frame: int,
    eye: str | None,
    screenshot: Path | None,
    movie: Path | None,
    common: Common,
) -> None:
    """Screenshot and movie, drawn off-screen."""
    from PIL import Image

    from calibration.atomic import whole

    from ..offscreen import ADVICE, can_draw
    from ..progress import counted
    from ..view_movie import SIZE, write_movie
    from ..view_room import look_from, photograph, room_of

    if not can_draw():
        raise OSError(f"no OpenGL to draw with; {ADVICE}")
    if screenshot is not None:
        room = room_of(scene, frame)
        look_from(room, eye)
        with whole(screenshot) as unfinished:
            Image.fromarray(photograph(room)).save(unfinished)
        room.plotter.close()
        common.say(f"wrote {screenshot}")
    if movie is not None:
        count = len(scene.track)
        span_s = float(scene.track.time_s[-1] - scene.track.time_s[0])
        rate_hz = (count - 1) / span_s if span_s > 0 else 10.0
        room = room_of(scene, frame, size=SIZE)
        look_from(room, eye)
        with counted("filming", count, common) as progress:
            write_movie(room, movie, rate_hz, progress)
        room.plotter.close()
        common.say(f"wrote {movie}")
