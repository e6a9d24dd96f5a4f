"""The exposure of a trial: fields, kerma and track brought together, and written."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from drr import find_field
from exposure import (
    Field,
    FrameExposure,
    Head,
    SkinMap,
    expose_track,
    lenses_of,
    write_exposure_csv,
    write_exposure_json,
)
from registration import Track

from .csv_column import read_column
from .frames import Frames
from .options import Common
from .progress import counted
from .subject import Subject
from .trial import Trial

FrameFields = Sequence[Sequence[Field]]
"""One sequence a frame, one field a view."""


def field_of(trial: Trial, view: int, image: np.ndarray) -> Field:
    """The exposed field of one image: as given, else as found in it."""
    name = trial.views[view].name
    if name in trial.exposure.field_px:
        return Field(np.array(trial.exposure.field_px[name], dtype=np.float64), "given")
    polygon_px, source = find_field(image, trial.views[view].transmission)
    return Field(polygon_px, source)


def fields_of(trial: Trial, views: tuple[Frames, ...], common: Common) -> FrameFields:
    """The fields of all frames, read one frame at a time."""
    fields = []
    with counted("fields", len(views[0]), common) as progress:
        for frame in range(len(views[0])):
            fields.append([field_of(trial, n, view[frame]) for n, view in enumerate(views)])
            progress(len(fields))
    return fields


def expose_trial(
    trial: Trial,
    subject: Subject,
    track: Track,
    fields: FrameFields,
    center_ct: np.ndarray,
    common: Common,
) -> tuple[list[FrameExposure], SkinMap, Head]:
    """The exposure of each frame of a track, and what the skin received.

    `center_ct` (mm) is the point that the track's covariances are about.
    """
    motion, how = subject.skull_from_ct
    head = Head(
        skin=subject.skin,
        skull_from_ct=motion,
        skull_frame=how,
        center_ct=center_ct,
        lenses=lenses_of(subject.landmarks_ct),
    )
    with counted("exposure", len(track), common) as progress:
        frames, skin_map = expose_track(
            track,
            trial.rig,
            head,
            fields,
            trial.exposure.reference_distance_mm,
            kerma_of(trial, len(track)),
            trial.time_offsets_s,
            progress,
        )
    return frames, skin_map, head


def write_exposures(
    folder: Path, trial: Trial, frames: list[FrameExposure], head: Head, track_file: Path
) -> None:
    """Write exposure.csv and exposure.json; inputs are named by fingerprint, never by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    write_exposure_csv(folder / "exposure.csv", frames)
    provenance = {
        "program": f"dualfluoro {version('dualfluoro')}",
        "ct_sha256": sha256_of(trial.ct),
        "rig_sha256": [sha256_of(path) for path in trial.rig_files],
        "track_sha256": sha256_of(track_file),
        "reference_distance_mm": trial.exposure.reference_distance_mm,
    }
    write_exposure_json(folder / "exposure.json", frames, head, provenance)


def kerma_of(trial: Trial, count: int) -> list[dict[str, float]]:
    """Kerma (mGy) at the reference distance by view, one mapping a frame."""
    columns = {
        name: _kerma_column(value, count) if isinstance(value, Path) else np.full(count, value)
        for name, value in trial.exposure.kerma_mGy.items()
    }
    return [{name: float(column[i]) for name, column in columns.items()} for i in range(count)]


def _kerma_column(path: Path, count: int) -> np.ndarray:
    """The column `kerma_mGy` of a CSV with a row a frame."""
    kerma = read_column(path, "kerma_mGy", count)
    if (kerma < 0).any():
        raise ValueError(f"{path}: kerma_mGy must be 0 or above in every frame")
    return kerma


def sha256_of(path: Path) -> str:
    """Fingerprint of a file, or of all the files of a folder."""
    digest = hashlib.sha256()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if file.is_file():
            with file.open("rb") as stream:
                while chunk := stream.read(1 << 20):
                    digest.update(chunk)
    return digest.hexdigest()
