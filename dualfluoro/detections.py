"""detections.csv: what the detector reads in every frame, and which reading the views agree on."""

import csv
from pathlib import Path

import numpy as np

from calibration.atomic import whole
from detector import Detections, Detector
from registration import solve_ambiguous_pose

from .exposures import field_of
from .frames import Frames
from .options import Common
from .progress import counted
from .trial import Trial

COLUMNS = ("frame", "view", "landmark", "u_px", "v_px", "sd_px", "in_field")


def write_detections(
    path: Path, trial: Trial, views: tuple[Frames, ...], detector: Detector, common: Common
) -> None:
    """Write a row a frame, view and landmark, whole or not at all."""
    with whole(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        with counted("detecting", len(views[0]), common) as progress:
            for frame in range(len(views[0])):
                images = [view[frame] for view in views]
                found = [
                    detector.detect(
                        image,
                        transmission=trial.views[n].transmission,
                        field_polygon_px=field_of(trial, n, image, frame).outline_px,
                    )
                    for n, image in enumerate(images)
                ]
                chosen = chosen_readings(trial, detector, found)
                for view, seen, reading in zip(trial.views, found, chosen, strict=True):
                    writer.writerows([frame, view.name, *cells] for cells in _rows(seen, reading))
                progress(frame + 1)


def chosen_readings(trial: Trial, detector: Detector, found: list[Detections]) -> tuple[int, ...]:
    """Which reading of each view is right: the one that fits the other views, else the surest."""
    uv, sd = np.stack([d.uv_px for d in found]), np.stack([d.sd_px for d in found])
    try:
        return solve_ambiguous_pose(trial.rig, detector.points_ct, uv, sd).chosen
    except ValueError:  # no pose in this frame
        return tuple(int(np.argmin(np.median(d.sd_px, axis=1))) for d in found)


def _rows(seen: Detections, reading: int) -> list[list[str]]:
    return [
        [name, f"{u:.3f}", f"{v:.3f}", f"{sd:.3f}", str(int(inside))]
        for name, (u, v), sd, inside in zip(
            seen.names,
            seen.uv_px[reading],
            seen.sd_px[reading],
            seen.in_field[reading],
            strict=True,
        )
    ]
