"""A film of the room: an MP4 that any phone plays, or a GIF for a page."""

from collections.abc import Callable
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
from PIL import Image

from calibration.atomic import whole

from .view_room import Room, photograph, show_frame

SIZE = (960, 640)  # multiples of 16, as the codec wants
GIF_SIZE = (600, 400)
ENDINGS = (".mp4", ".gif")
SLOWEST_FPS, FASTEST_FPS = 2.0, 30.0
TURN_DEG = 60.0
"""The camera swings so far to and fro over the film, so that depth is seen; not in a source."""


def write_movie(
    room: Room, path: Path, rate_hz: float, progress: Callable[[int], None] | None = None
) -> None:
    """Film every frame of the track, at its own rate where that is watchable; whole or not at all.

    Raises:
        ValueError: the name ends in neither .mp4 nor .gif.
    """
    suffix = path.suffix.lower()
    if suffix not in ENDINGS:
        raise ValueError(f"{path}: a movie is an MP4 or a GIF; end its name in .mp4 or .gif")
    fps = min(max(rate_hz, SLOWEST_FPS), FASTEST_FPS)
    count = len(room.scene.track)
    with whole(path) as unfinished:
        if suffix == ".mp4":
            writer = imageio.get_writer(unfinished, fps=fps, quality=7, macro_block_size=16)
        else:
            writer = imageio.get_writer(unfinished, mode="I", duration=1000 / min(fps, 15), loop=0)
        with writer:
            for frame in range(count):
                picture = _picture(room, frame, count)
                writer.append_data(picture if suffix == ".mp4" else _small(picture))
                if progress is not None:
                    progress(frame + 1)


def _picture(room: Room, frame: int, count: int) -> np.ndarray:
    """The room at a frame, the camera a little further on its way."""
    show_frame(room, frame)
    step = TURN_DEG / max(count - 1, 1)
    first_half = frame < count / 2
    if frame > 0 and not room.shows["through"]:
        room.plotter.camera.azimuth += 2 * step * (1 if first_half else -1)
    return photograph(room)


def _small(picture: np.ndarray) -> np.ndarray:
    """As small as a GIF should be."""
    return np.asarray(Image.fromarray(picture).resize(GIF_SIZE, Image.Resampling.LANCZOS))
