"""exposure.csv and exposure.json, written: the only place that knows their form."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from calibration.atomic import write_text

from .head import Head
from .track_exposure import FrameExposure
from .view_exposure import COLUMNS, FRAME_COLUMNS, VIEW_COLUMNS, ViewExposure

DIGITS = 9  # significant; a micrometre in a metre and more


def write_exposure_csv(path: str | Path, frames: Sequence[FrameExposure]) -> None:
    """Write exposure.csv, a row a frame and view, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for frame in frames:
        for view in frame.views:
            start = [frame.frame, _cell(frame.time_s), view.view, frame.status]
            rest = [_cell(getattr(view, name)) for name in VIEW_COLUMNS]
            writer.writerow(start + rest)
    write_text(path, text.getvalue())


def write_exposure_json(
    path: str | Path,
    frames: Sequence[FrameExposure],
    head: Head,
    provenance: Mapping[str, object],
    summary: Mapping[str, object] | None = None,
) -> None:
    """Write exposure.json: columns, deviations, outlines, covariances, summary, provenance."""
    outlines: dict[tuple[str, bytes], int] = {}
    fields_px: list[object] = []
    fields_mm: list[object] = []
    rows = []
    for frame in frames:
        for view in frame.views:
            row = _row(frame, view)
            if view.field_outline_px is not None:
                key = view.view, view.field_outline_px.tobytes()
                if key not in outlines:
                    outlines[key] = len(fields_px)
                    fields_px.append(_plain(view.field_outline_px))
                    fields_mm.append(_plain(view.field_outline_mm))
                row["field"] = outlines[key]
            rows.append(row)
    document = {
        "format": "dualfluoro-exposure",
        "version": 1,
        "unit": "mm",
        "frame": "skull",
        "skull_frame": head.skull_frame,
        "skull_from_ct": _plain(head.skull_from_ct.matrix()),
        "pose_covariance": (
            "of a left twist (v mm, w rad) in world about the landmarks' centroid, "
            f"{_plain(head.center_ct)} in ct"
        ),
        "pose_center_ct_mm": _plain(np.asarray(head.center_ct, dtype=np.float64)),
        "skin": {
            "threshold_hu": head.skin.threshold_hu,
            "faces": len(head.skin.faces),
            "sha256": head.skin.sha256,
        },
        "lenses_ct": {
            side: {"center_mm": _plain(lens.center_ct), "sd_mm": lens.sd_mm, "model": lens.model}
            for side, lens in head.lenses.items()
        },
        "structures_ct": {
            name: {"center_mm": _plain(part.center_ct), "volume_mm3": _plain(part.volume_mm3)}
            for name, part in head.structures.items()
        },
        "provenance": _plain(provenance),
        "summary": _plain(summary or {}),
        "fields_px": fields_px,
        "fields_mm": fields_mm,
        "rows": rows,
    }
    write_text(path, json.dumps(document, allow_nan=False))


def _row(frame: FrameExposure, view: ViewExposure) -> dict[str, object]:
    """One frame and view as JSON; a lost frame has only what names it."""
    start = [frame.frame, frame.time_s, view.view, frame.status]
    row = {name: _plain(value) for name, value in zip(FRAME_COLUMNS, start, strict=True)}
    if frame.status == "lost":
        return row
    row |= {name: _plain(getattr(view, name)) for name in VIEW_COLUMNS}
    row["sd"] = _plain(view.sd)
    row["more"] = _plain(view.more)
    row["patch_outline_skull_mm"] = _plain(view.patch_outline_skull)
    row["pose_covariance"] = _plain(frame.covariance)
    return row


def _cell(value: object) -> str:
    """A value as a cell; empty where it is undefined, never nan and never -0."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, tuple):
        return " ".join(value)
    return f"{value + 0.0:.{DIGITS}g}" if isinstance(value, float) else str(value)


def _plain(value: object) -> object:
    """A value as JSON has it: arrays are lists, numbers have nine digits, no number is null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, torch.Tensor):
        value = value.numpy()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.{DIGITS}g}") + 0.0 if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
