"""`dualfluoro view`: the room in 3D, in a window or as a picture."""

from pathlib import Path

from ..options import DEFAULTS, Common, TrialFolder
from ..trial import load_trial


def view(
    trial: TrialFolder,
    /,
    *,
    frame: int = 0,
    screenshot: Path | None = None,
    common: Common = DEFAULTS,
) -> None:
    """Show sources, frames, beams and the skull at its pose.

    Parameters
    ----------
    frame
        Which frame to show, from 0.
    screenshot
        A PNG to write in place of opening a window; needs no display.
    """
    loaded = load_trial(trial)
    if screenshot is not None and screenshot.suffix.lower() != ".png":
        raise ValueError(f"{screenshot}: a screenshot is a PNG; end its name in .png")
    from ..offscreen import ADVICE, can_draw
    from ..picture import room_plotter, write_screenshot
    from ..recording import open_tracked
    from ..subject import subject_of

    if screenshot is not None and not can_draw():
        raise OSError(f"no OpenGL to draw with; {ADVICE}")
    file = loaded.folder / "track.csv"
    views, track = open_tracked(loaded, file)
    if not 0 <= frame < len(track):
        raise ValueError(f"--frame {frame}: the trial has frames 0 to {len(track) - 1}")
    if not track.has_pose.any():
        raise ValueError(f"{file}: every frame is lost, there is nothing to show")
    plotter = room_plotter(
        loaded, subject_of(loaded), views, track, frame, window=screenshot is None
    )
    if screenshot is None:
        plotter.show()
        return
    write_screenshot(plotter, screenshot)
    common.say(f"wrote {screenshot}")
