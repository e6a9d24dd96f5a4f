"""The exposure of a trial: fields, kerma and track brought together, and written."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from drr import find_field
from exposure import (
    Field,
    FrameExposure,
    Head,
    SkinMap,
    TubeOutput,
    expose_track,
    summary_of,
    write_exposure_csv,
    write_exposure_json,
)
from registration import Track

from .dose_events import check_reference, events_of, outputs_of_events, report_provenance
from .dose_rdsr import read_rdsr
from .dose_settings import dose_provenance, outputs_of
from .exposure_head import exposed_head
from .exposure_header import collimator_of, header_provenance
from .exposure_tube import is_exposed
from .frames import Frames, view_files
from .options import Common
from .progress import counted
from .subject import Subject
from .trial import Trial

FrameFields = Sequence[Sequence[Field]]
"""One sequence a frame, one field a view."""


def field_of(trial: Trial, view: int, image: np.ndarray, frame: int) -> Field:
    """The exposed field of one image: as given, else as found in it, else as its header says."""
    name = trial.views[view].name
    if name in trial.exposure.field_px:
        given_px = np.array(trial.exposure.field_px[name], dtype=np.float64)
        return Field(given_px, "given", is_exposed(image, trial.views[view].transmission))
    exposed = is_exposed(image, trial.views[view].transmission)
    polygon_px, source = find_field(image, trial.views[view].transmission)
    if source == "assumed":
        outline_px = collimator_of(
            _files_of(trial)[view],
            frame,
            trial.rig[name],
            distorted=trial.views[view].distorted,
        )
        if outline_px is not None:
            return Field(outline_px, "header", exposed)
    return Field(polygon_px, source, exposed)


@lru_cache(maxsize=2)
def _files_of(trial: Trial) -> list[list[Path]]:
    """The files of each view."""
    return view_files(trial)


def fields_of(trial: Trial, views: tuple[Frames, ...], common: Common) -> FrameFields:
    """The fields of all frames, read one frame at a time."""
    fields = []
    with counted("fields", len(views[0]), common) as progress:
        for frame in range(len(views[0])):
            fields.append([field_of(trial, n, view[frame], frame) for n, view in enumerate(views)])
            progress(len(fields))
    return fields


def expose_trial(
    trial: Trial,
    subject: Subject,
    track: Track,
    fields: FrameFields,
    center_ct: np.ndarray,
    common: Common,
    outputs: Sequence[Mapping[str, TubeOutput]] | None = None,
) -> tuple[list[FrameExposure], SkinMap, Head]:
    """The exposure of each frame of a track, and what the skin received.

    `center_ct` (mm) is the point that the track's covariances are about. `outputs` of the tubes, a
    mapping a frame, are those of the trial's file if left out.
    """
    head = exposed_head(trial, subject, center_ct)
    with counted("exposure", len(track), common) as progress:
        frames, skin_map = expose_track(
            track,
            trial.rig,
            head,
            fields,
            trial.exposure.reference_distance_mm,
            outputs_of(trial.exposure.dose, len(track)) if outputs is None else outputs,
            trial.time_offsets_s,
            progress,
        )
    return frames, skin_map, head


def write_exposures(
    folder: Path,
    trial: Trial,
    frames: list[FrameExposure],
    head: Head,
    track_file: Path,
    skin_map: SkinMap | None = None,
    report: Mapping[str, object] | None = None,
) -> None:
    """Write exposure.csv and exposure.json; inputs are named by fingerprint, never by file name.

    The summary needs the skin map; `report` is what is told of a dose report that was used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_exposure_csv(folder / "exposure.csv", frames)
    provenance = {
        "program": f"dualfluoro {version('dualfluoro')}",
        "ct_sha256": sha256_of(trial.ct),
        "rig_sha256": [sha256_of(path) for path in trial.rig_files],
        "track_sha256": sha256_of(track_file),
        "reference_distance_mm": trial.exposure.reference_distance_mm,
        "reference_point": trial.exposure.dose.reference_point,
        "field_edge": "half of the signal where detected; the user's or the header's own else",
        "dose": dose_provenance(trial.exposure.dose, report),
        "image_headers": _headers_of(trial, frames),
    }
    summary = None if skin_map is None else summary_of(frames, skin_map)
    write_exposure_json(folder / "exposure.json", frames, head, provenance, summary)


def _headers_of(trial: Trial, frames: list[FrameExposure]) -> dict[str, object]:
    """What the views' image headers say of the beam, where they are DICOM, by view."""
    found: dict[str, object] = {}
    for number, (view, files) in enumerate(zip(trial.views, _files_of(trial), strict=True)):
        field_px = frames[0].views[number].field_outline_px
        camera = trial.rig[view.name]
        told = header_provenance(files, camera, field_px, distorted=view.distorted)
        if told is not None:
            found[view.name] = told
    return found


def reported_outputs(
    trial: Trial, rdsr: Path, chosen: Sequence[int], given: Sequence[dict[str, TubeOutput]]
) -> tuple[list[dict[str, TubeOutput]], dict[str, object]]:
    """The tubes' outputs with those of a dose report, and what to tell of it.

    Raises:
        FileNotFoundError: there is no such report.
        ValueError: it is none, its events do not fit, or its reference point is another.
    """
    names = [view.name for view in trial.views]
    report = read_rdsr(rdsr)
    try:
        events = events_of(report, names, len(given), chosen)
        check_reference(events, trial.exposure.reference_distance_mm)
        outputs = outputs_of_events(events, names, given)
    except ValueError as error:
        raise ValueError(f"{rdsr}: {error}") from None
    return outputs, report_provenance(report, events, names)


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
