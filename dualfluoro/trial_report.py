"""report.html of a trial: what was found, how sure it is, and pictures to judge it by."""

import csv
import tempfile
from html import escape
from importlib.metadata import version
from pathlib import Path

import numpy as np

from calibration.atomic import write_text
from registration import Track, evaluate

from . import report_plots as plots
from .frames import Frames
from .motion_table import read_motion
from .offscreen import ADVICE, can_draw
from .picture import cranium_projector, frame_overlays, room_plotter, write_screenshot
from .report_page import encoded, note, page, picture, row, section, table
from .subject import Subject
from .trial import Trial

EXPOSURE_COLUMNS = {
    "ssd_mm": "source to skin, mm",
    "path_length_mm": "path in the head, mm",
    "incidence_deg": "incidence, deg",
    "primary_angle_deg": "primary angle, deg",
    "secondary_angle_deg": "secondary angle, deg",
    "field_area_entrance_mm2": "field at entrance, mm²",
    "k_isq": "k_isq",
    "lens_left_margin_mm": "left lens margin, mm",
    "lens_right_margin_mm": "right lens margin, mm",
}
LIMITS = (
    "Research software, not a medical device. Standard deviations are the program's own estimate. "
    "A lens outside of the field still receives scatter; geometry alone does not say how much."
)


def write_report(
    trial: Trial, subject: Subject, views: tuple[Frames, ...], track: Track, folder: Path
) -> Path:
    """Write report.html into a folder, from the track and the exposure.csv that lies there."""
    exposure = _rows(folder / "exposure.csv")
    truth_file = trial.folder / "truth.csv"
    sections = [_head(trial, track), _summary(track)]
    if truth_file.is_file() and track.has_pose.any():
        sections.append(_accuracy(subject, track, Track.read(truth_file)))
    if track.has_pose.any():
        sections.append(_motion(subject, track))
        if (folder / "motion.csv").is_file():
            sections.append(_anatomical_motion(folder / "motion.csv"))
        sections.append(_pictures(trial, subject, views, track))
    if exposure:
        sections.append(_exposure(exposure, subject.skull_from_ct[1]))
    sections.append(section("Limits", note(LIMITS)))
    target = folder / "report.html"
    write_text(target, page(f"dualfluoro: {trial.folder.name}", sections))
    return target


def _head(trial: Trial, track: Track) -> str:
    name, program = escape(trial.folder.name), escape(version("dualfluoro"))
    views = ", ".join(escape(view.name) for view in trial.views)
    line = f"{len(track)} frames, views {views}, dualfluoro {program}"
    return f'<h1>{name}</h1><p class="note">{line}</p>'


def _summary(track: Track) -> str:
    counts = {s: track.status.count(s) for s in ("ok", "doubtful", "lost")}
    share = counts["ok"] / max(len(track), 1)
    kind = "good" if share >= 0.9 else "fair" if share >= 0.5 else "bad"
    words = {"good": "Tracked", "fair": "Tracked in part", "bad": "Not to be relied on"}[kind]
    text = ", ".join(f"{count} {status}" for status, count in counts.items())
    flags = sorted({flag for found in track.flags for flag in found})
    said = note("Flags raised: " + ", ".join(flags)) if flags else ""
    verdict = f'<p class="verdict {kind}"><b>{words}:</b> {text}.</p>'
    return section("Summary", verdict, plots.html_of(plots.status_plot(track), "status"), said)


def _accuracy(subject: Subject, track: Track, truth: Track) -> str:
    points = np.stack(list(subject.landmarks_ct.values()) or list(subject.bone_points_ct))
    result = evaluate(track, truth, points)
    statistics = ["median", "mean", "p95", "max"]
    rows = []
    for key, label in (
        ("rotation_deg", "rotation, deg"),
        ("translation_mm", "translation, mm"),
        ("mtre_mm", "mTRE, mm"),
    ):
        found = result[key]
        rows.append([label, *(f"{found[s]:.3f}" if found else "" for s in statistics)])
    return section(
        "Accuracy against the known truth",
        table(["error", *statistics], rows),
        note(
            f"{result['false_ok']} frames were said ok though they are off by over 2 deg or 2 mm."
        ),
        plots.html_of(plots.error_plot(track, truth, points), "error"),
    )


def _motion(subject: Subject, track: Track) -> str:
    position = plots.html_of(plots.position_plot(track, subject.center_ct), "position")
    rotation = plots.html_of(plots.rotation_plot(track), "rotation")
    parts = [row(position, rotation)]
    quality = {"residual": plots.residual_plot, "similarity": plots.similarity_plot}
    known = {"residual": track.reprojection_px, "similarity": track.similarity}
    shown = [plots.html_of(quality[n](track), n) for n in quality if np.isfinite(known[n]).any()]
    if shown:
        parts.append(row(*shown))
    parts.append(
        note(
            "Position of the landmarks' centroid in the world, from its mean; rotation since the "
            "first known frame, as a rotation vector in the CT's axes; bands are one standard "
            "deviation."
        )
    )
    return section("Motion of the head", *parts)


def _anatomical_motion(path: Path) -> str:
    """Angles and positions of motion.csv: of the head since its first pose, of bodies in it."""
    motion, parts = read_motion(path), []
    for name in motion.names:
        shown = {
            "angles": plots.angle_plot(motion.time_s, motion.columns, name),
            "place": plots.place_plot(motion.time_s, motion.columns, name),
        }
        title = "Head, since its first pose" if name == "head" else f"{name}, in the skull"
        parts.append(note(f"{title}:"))
        parts.append(row(*(plots.html_of(f, f"{name}-{what}") for what, f in shown.items())))
    parts.append(
        note(
            "Angles of Grood and Suntay: x, floating y, z, of the anatomical frames (x right, y "
            "front, z up). Bands are one standard deviation; gaps are frames without a pose. All "
            "columns stand in motion.csv."
        )
    )
    return section("Anatomical motion", *parts)


def _pictures(trial: Trial, subject: Subject, views: tuple[Frames, ...], track: Track) -> str:
    parts, cranium = [], cranium_projector(subject)
    for what, frame in chosen_frames(track).items():
        overlays = frame_overlays(trial, cranium, views, track, frame)
        captions = [
            f"{what}: frame {frame}, view {view.name}, {track.status[frame]}"
            for view in trial.views
        ]
        shown = [encoded(image) for image in overlays]
        parts.append(row(*(picture(o, c) for o, c in zip(shown, captions, strict=True))))
    typical = next(iter(chosen_frames(track).values()))
    key = note("Orange: the cranium's outline at the pose found. Blue: the field.")
    if not can_draw():
        return section("Pictures", key, *parts, note(f"No 3D picture: {ADVICE}."))
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "room.png"
        write_screenshot(room_plotter(trial, subject, views, track, typical, window=False), shot)
        parts.append(picture(shot.read_bytes(), f"the room at frame {typical}"))
    return section("Pictures", key, *parts)


def chosen_frames(track: Track) -> dict[str, int]:
    """Frames worth a look: a typical one, the worst match, the first doubtful one."""
    known = np.flatnonzero(track.has_pose)
    match = (
        np.nan_to_num(track.similarity[:, known].min(0))
        if track.view_names
        else np.zeros(len(known))
    )
    order = known[np.argsort(match, kind="stable")]
    chosen = {"typical": int(order[len(order) // 2])}
    if len(known) > 1 and np.ptp(match) > 0:
        chosen["worst match"] = int(order[0])
    doubtful = [i for i in known if track.status[i] == "doubtful"]
    if doubtful and doubtful[0] not in chosen.values():
        chosen["doubtful"] = int(doubtful[0])
    return chosen


def _exposure(rows: list[dict[str, str]], skull_frame: str) -> str:
    cells = []
    for name in dict.fromkeys(found["view"] for found in rows):
        for column, label in EXPOSURE_COLUMNS.items():
            values = [float(r[column]) for r in rows if r["view"] == name and r.get(column)]
            if values:
                low, middle, high = np.quantile(values, [0, 0.5, 1])
                cells.append([f"{name}: {label}", *(f"{x:.4g}" for x in (low, middle, high))])
    return section(
        "Exposure",
        row(
            plots.html_of(plots.exposure_plot(rows, "ssd_mm", "source to skin, mm"), "ssd"),
            plots.html_of(
                plots.exposure_plot(rows, "incidence_deg", "incidence, deg"), "incidence"
            ),
        ),
        table(["view: quantity", "least", "median", "most"], cells),
        note(f"Frame skull: {skull_frame}. All rows stand in exposure.csv."),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
