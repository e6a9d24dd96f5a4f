"""2D points between XMALab's files and detections.csv."""

import csv
import math
import re
from pathlib import Path
from string import ascii_uppercase

import numpy as np
import torch

from calibration import Rig
from calibration.number_lines import text_lines
from registration.xmalab_points2d import MarkerPixels, points2d_text, read_points2d

from .file_facts import FileFacts

COLUMNS = ("frame", "view", "landmark", "u_px", "v_px", "sd_px", "in_field")
LARGEST_FRAME = 999_999
LARGEST_TABLE = 50_000_000
NEEDED_TO_READ = {
    "detections": {},
    "points2d": {
        "one_based": "whether pixels count from 1 or from 0 (XMALab's default: from 0)",
        "y_up": "whether y counts upwards or downwards (XMALab's default: downwards)",
    },
}
DISTORTED = "whether the points are those of the raw images (XMALab's default) or undistorted"
NOT_STORED = {
    "detections": "uncertainties (XMALab has none)",
    "points2d": "uncertainties, names of views, and that these pixels count from 0 with y down",
}


def read_pixels(name: str, path: Path, facts: FileFacts, views: list[str]) -> MarkerPixels:
    """The markers' pixels, in `views` order; raw or undistorted as the file has them."""
    if name == "detections":
        return _read_detections(path, views)
    return read_points2d(
        path, one_based=facts.one_based, y_up=facts.y_up, height_px=_heights(facts)
    )


def undistorted(markers: MarkerPixels, rig: Rig | None) -> MarkerPixels:
    """The pixels of raw images in the pinhole images of the rig's cameras."""
    if rig is None or len(rig) != len(markers.cameras):
        raise ValueError(
            f"--rig: raw points of {len(markers.cameras)} cameras need a rig of as many, with its "
            f"distortion; found {0 if rig is None else len(rig)}"
        )
    straight = [
        camera.undistorted(torch.from_numpy(uv)).numpy()
        for camera, uv in zip(rig, markers.uv_px, strict=True)
    ]
    return MarkerPixels(markers.names, markers.cameras, np.stack(straight))


def write_pixels(name: str, path: Path, markers: MarkerPixels, views: list[str]) -> None:
    """Write XMALab's plain form, or a row a frame, view and marker that was seen."""
    if name == "points2d":
        path.write_text(points2d_text(markers), encoding="utf-8")
        return
    names = views or list(ascii_uppercase[: len(markers.cameras)])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for frame in range(markers.uv_px.shape[1]):
            for view, pixels in zip(names, markers.uv_px[:, frame].tolist(), strict=True):
                for marker, (u, v) in zip(markers.names, pixels, strict=True):
                    if math.isfinite(u):
                        writer.writerow([frame, view, marker, repr(u), repr(v), "", "1"])


def _read_detections(path: Path, views: list[str]) -> MarkerPixels:
    """What was seen in the field: all else is NaN, as XMALab knows no uncertainty."""
    lines = text_lines(path, "detections.csv")
    if not lines or tuple(lines[0].split(",")) != COLUMNS:
        raise ValueError(f"{path}:1: expected the columns {','.join(COLUMNS)}")
    seen: dict[tuple[int, str, str], tuple[float, float]] = {}
    for number, line in enumerate(lines[1:], 2):
        where, cells = f"{path}:{number}", next(csv.reader([line]))
        if len(cells) != len(COLUMNS) or not re.fullmatch(r"\d{1,6}", cells[0], re.ASCII):
            raise ValueError(f"{where}: expected {len(COLUMNS)} cells, the first a frame number")
        key = (int(cells[0]), cells[1], cells[2])
        try:
            u, v, inside = float(cells[3]), float(cells[4]), float(cells[6])
        except ValueError:
            raise ValueError(f"{where}: u_px, v_px and in_field must be numbers") from None
        if key in seen:
            raise ValueError(f"{where}: frame {key[0]}, view {key[1]!r}, {key[2]!r} stand twice")
        seen[key] = (u, v) if inside else (math.nan, math.nan)
    names = list(dict.fromkeys(key[2] for key in seen))
    views = views or list(dict.fromkeys(key[1] for key in seen))
    frames = max((key[0] for key in seen), default=-1) + 1
    if unknown := sorted({key[1] for key in seen} - set(views)):
        raise ValueError(f"{path}: view {unknown[0]!r} is not one of {', '.join(views)}")
    if frames * len(names) * len(views) > LARGEST_TABLE:
        raise ValueError(f"{path}: {frames} frames of {len(names)} landmarks are too many")
    uv = np.full((len(views), frames, len(names), 2), np.nan)
    for (frame, view, marker), pixel in seen.items():
        uv[views.index(view), frame, names.index(marker)] = pixel
    return MarkerPixels(tuple(names), tuple(range(1, len(views) + 1)), uv)


def _heights(facts: FileFacts) -> list[int]:
    """Of the rig's images, or as they were given."""
    if facts.rig is not None:
        return [camera.height for camera in Rig.read(facts.rig)]
    return [height for _, height in facts.size]
