"""The frames of one view, read one at a time: images, multi-page TIFF, video or DICOM XA/RF.

A frame is float32 (height, width): 0 to 1 over the range of the file's grey values, undistorted
where the trial asks for it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from calibration import Camera
from calibration.undistort import TrialMaps, trial_maps, undistorted_image

from .csv_column import read_column
from .trial import Trial, View

VIDEOS = {".avi", ".mp4", ".mov", ".mkv"}
DICOM = {".dcm", ".dicom", ".ima", ""}
Image = Float[np.ndarray, "height width"]


@dataclass(frozen=True, eq=False)
class Frames:
    """A sequence of images of one camera; `frames[i]` reads one, ValueError where it cannot."""

    camera: Camera
    names: tuple[str, ...]
    read: Callable[[int], np.ndarray]
    times_s: np.ndarray | None
    undistort: TrialMaps | None

    def __len__(self) -> int:
        """The number of frames."""
        return len(self.names)

    def __getitem__(self, index: int) -> Image:
        """One frame; its size is that of the camera."""
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        image = self.read(index)
        height, width = image.shape
        if (width, height) != (self.camera.width, self.camera.height):
            raise ValueError(
                f"{self.names[index]}: the image is {width} x {height} pixels, but camera "
                f"{self.camera.name!r} of the rig has {self.camera.width} x {self.camera.height}"
            )
        if self.undistort is not None:
            share = index / max(len(self) - 1, 1)
            image = undistorted_image(image, self.undistort.at(share))
        return np.ascontiguousarray(image, dtype=np.float32)


def open_frames(trial: Trial) -> tuple[tuple[Frames, ...], np.ndarray]:
    """The frames of every view, equally many, and their times (s).

    Raises:
        FileNotFoundError: a view without any file.
        ValueError: unequal counts, an image of another size than the rig's, no known times.
    """
    views = tuple(
        open_view(view, camera) for view, camera in zip(trial.views, trial.rig, strict=True)
    )
    counts = {view.name: len(frames) for view, frames in zip(trial.views, views, strict=True)}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ValueError(
            f"{trial.folder / 'trial.toml'}: the views differ in their number of frames: {found}; "
            "take away the frames that have no partner"
        )
    for frames in views:
        frames[0]
    return views, _times_s(trial, views)


def open_view(view: View, camera: Camera) -> Frames:
    """The frames of one view, none read yet."""
    files = files_of(view.frames)
    suffix = files[0].suffix.lower()
    if suffix in VIDEOS:
        from .video import open_video

        names, read, times_s = open_video(_only(files))
    elif suffix in DICOM or suffix[1:].isdigit():
        from .dicom_frames import open_dicom

        names, read, times_s = open_dicom(files)
    else:
        from .still_images import open_stills

        names, read, times_s = open_stills(files)
    return Frames(camera, names, read, times_s, trial_maps(camera) if view.distorted else None)


def files_of(pattern: Path) -> list[Path]:
    """The files of a glob in natural order: 2 before 10."""
    if pattern.is_file():
        return [pattern]
    anchor = Path(pattern.anchor)
    try:
        files = [path for path in anchor.glob(str(pattern.relative_to(anchor))) if path.is_file()]
    except ValueError as error:
        raise ValueError(f"{pattern}: `frames` in trial.toml is no file or glob: {error}") from None
    files = [path for path in files if not path.name.startswith(".")]
    if not files:
        raise FileNotFoundError(f"{pattern}: no frames found; is `frames` in trial.toml right?")
    return sorted(files, key=natural_key)


def natural_key(path: Path) -> list[tuple[int, int | str]]:
    """Sorts numbers in a name by their value."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]


def _only(files: list[Path]) -> Path:
    if len(files) > 1:
        raise ValueError(f"{files[0]}: a view is one video, found {len(files)}: name one of them")
    return files[0]


def _times_s(trial: Trial, views: tuple[Frames, ...]) -> np.ndarray:
    """Times from the trial's column, its rate, or the files, in this order."""
    count = len(views[0])
    if trial.times is not None:
        return _time_column(trial.times, count)
    if trial.rate_hz is not None:
        return np.arange(count) / trial.rate_hz
    if views[0].times_s is None:
        raise ValueError(
            f"{trial.folder / 'trial.toml'}: the frames bring no times; write [time] and "
            "rate_hz = 30.0 (frames per second)"
        )
    return views[0].times_s


def _time_column(path: Path, count: int) -> np.ndarray:
    """The column `time_s` of a CSV with a row a frame."""
    times_s = read_column(path, "time_s", count)
    if (np.diff(times_s) <= 0).any():
        raise ValueError(f"{path}: the times must increase from frame to frame")
    return times_s
