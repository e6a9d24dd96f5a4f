"""The frames of one view, read one at a time: images, multi-page TIFF, video, cine, DICOM XA/RF.

A frame is float32 (height, width): 0 to 1 over the range of the file's grey values, undistorted
where the trial asks for it.
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from calibration import Camera
from calibration.undistort import TrialMaps, trial_maps, undistorted_image

from .csv_column import read_column
from .frame_checks import Repeats, numbering_notes, partner_notes, rate_notes, time_notes
from .trial import Trial, View

VIDEOS = {".avi", ".mp4", ".mov", ".mkv"}
CINE = ".cine"
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
    repeats: Repeats = field(default_factory=Repeats)

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
        if said := self.repeats.note(index, image, self.names[index]):
            warnings.warn(said, stacklevel=2)
        if self.undistort is not None:
            share = index / max(len(self) - 1, 1)
            image = undistorted_image(image, self.undistort.at(share))
        return np.ascontiguousarray(image, dtype=np.float32)


def open_frames(trial: Trial) -> tuple[tuple[Frames, ...], np.ndarray]:
    """The frames of every view, equally many, and their times (s).

    What is odd but can be worked with (gaps, repeated frames, other rates, files that do not belong
    together) is a warning.

    Raises:
        FileNotFoundError: a view without any file.
        ValueError: unequal counts, an image of another size than the rig's, no known times.
    """
    files = view_files(trial)
    views = tuple(
        opened(view, camera, of_view)
        for view, camera, of_view in zip(trial.views, trial.rig, files, strict=True)
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
    times_s = _times_s(trial, views)
    for note in _notes(trial, views, files, times_s):
        warnings.warn(note, stacklevel=2)
    return views, times_s


def view_files(trial: Trial) -> list[list[Path]]:
    """The files of each view; two views that name the same DICOM files share out a biplane pair."""
    files = [files_of(view.frames) for view in trial.views]
    if len(files) == 2 and files[0] == files[1] and len(files[0]) > 1 and is_dicom(files[0][0]):
        from .dicom_pairs import planes_among

        return [[path] for path in planes_among(files[0])]
    return files


def open_view(view: View, camera: Camera) -> Frames:
    """The frames of one view, none read yet."""
    return opened(view, camera, files_of(view.frames))


def opened(view: View, camera: Camera, files: list[Path]) -> Frames:
    """The frames of a view in these files, none read yet."""
    suffix = files[0].suffix.lower()
    if suffix in VIDEOS:
        from .video import open_video

        names, read, times_s = open_video(_only(files))
    elif suffix == CINE:
        from .cine import open_cine

        names, read, times_s = open_cine(_only(files))
    elif is_dicom(files[0]):
        from .dicom_frames import open_dicom

        names, read, times_s = open_dicom(files)
    else:
        from .still_images import open_stills

        names, read, times_s = open_stills(files)
    return Frames(camera, names, read, times_s, trial_maps(camera) if view.distorted else None)


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by the ending of its name, which may be a number or nothing."""
    suffix = path.suffix.lower()
    return suffix in DICOM or suffix[1:].isdigit()


def _notes(
    trial: Trial, views: tuple[Frames, ...], files: list[list[Path]], times_s: np.ndarray
) -> list[str]:
    """What is odd about the recording as a whole."""
    names = [view.name for view in trial.views]
    own_times_s = [frames.times_s for frames in views]
    notes = partner_notes(names, files)
    for view, of_view, own_s, camera in zip(
        trial.views, files, own_times_s, trial.rig, strict=True
    ):
        notes += numbering_notes(view.name, of_view) + time_notes(f"view {view.name!r}", own_s)
        if is_dicom(of_view[0]):
            from .dicom_notes import header_notes

            notes += header_notes(of_view[0], camera, transmission=view.transmission)
    notes += rate_notes(names, own_times_s, trial.rate_hz)
    if trial.times is not None:
        notes += time_notes(trial.times.name, times_s)
    if len(files) == 2 and all(len(of_view) == 1 and is_dicom(of_view[0]) for of_view in files):
        from .dicom_pairs import pair_notes, recording_of

        notes += pair_notes(*(recording_of(of_view[0]) for of_view in files))
    return notes


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
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


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
