"""report.html of a trial: what was found, how sure it is, and pictures to judge it by."""

import csv
from html import escape
from importlib.metadata import version
from pathlib import Path

import numpy as np

from calibration.atomic import write_text
from registration import Track, evaluate

from . import report_plots as plots
from .frames import Frames
from .motion_table import read_motion
from .report_inputs import cards_section, inputs_section, rig_section
from .report_page import note, page, row, section, table, verdict
from .report_pictures import chosen_frames as chosen_frames
from .report_pictures import pictures_section, room_section
from .scene import scene_of
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
    known = bool(track.has_pose.any())
    scene = scene_of(trial, views, track, folder / "track.csv") if known else None
    sections = [_head(trial, track), _summary(track, exposure)]
    if truth_file.is_file() and known:
        sections.append(_accuracy(subject, track, Track.read(truth_file)))
    if scene is not None:
        sections += [room_section(scene), _motion(subject, track)]
        if (folder / "motion.csv").is_file():
            sections.append(_anatomical_motion(folder / "motion.csv"))
        sections.append(pictures_section(trial, scene, subject, views, folder))
    if exposure:
        sections.append(_exposure(exposure, track, subject.skull_from_ct[1]))
    sections += [rig_section(trial.rig), cards_section(trial), inputs_section(trial, views)]
    sections.append(section("Limits", note(LIMITS)))
    target = folder / "report.html"
    title = f"dualfluoro: {trial.folder.name}"
    write_text(target, page(title, [part for part in sections if part], room=known))
    return target


def _head(trial: Trial, track: Track) -> str:
    name, program = escape(trial.folder.name), escape(version("dualfluoro"))
    views = ", ".join(escape(view.name) for view in trial.views)
    line = f"{len(track)} frames, views {views}, dualfluoro {program}"
    return f'<h1>{name}</h1><p class="note">{line}</p>'


def _summary(track: Track, exposure: list[dict[str, str]]) -> str:
    """A verdict on the track, on its precision, and on each lens."""
    counts = {s: track.status.count(s) for s in ("ok", "doubtful", "lost")}
    share = counts["ok"] / max(len(track), 1)
    kind = "good" if share >= 0.9 else "fair" if share >= 0.5 else "bad"
    words = {"good": "Tracked", "fair": "Tracked in part", "bad": "Not to be relied on"}[kind]
    parts = [verdict(kind, words, ", ".join(f"{n} {status}" for status, n in counts.items()) + ".")]
    sd = track.sd_rotation_deg, track.sd_translation_mm
    if np.isfinite(sd).any():
        middle, high = np.nanquantile(sd, [0.5, 0.95], axis=1)
        kind = "good" if high[0] < 1 and high[1] < 1 else "fair" if max(high) < 2 else "bad"
        words = {"good": "Precise", "fair": "Less precise", "bad": "Imprecise"}
        usual = f"{middle[0]:.2f} deg and {middle[1]:.2f} mm (sd, median"
        most = f"95 % below {high[0]:.2f} deg and {high[1]:.2f} mm)."
        parts.append(verdict(kind, f"{words[kind]} by its own estimate", f"{usual}; {most}"))
    parts += _lens_verdicts(exposure)
    flags = sorted({flag for found in track.flags for flag in found})
    if flags:
        parts.append(note("Flags raised: " + ", ".join(flags)))
    parts.append(plots.html_of(plots.status_plot(track), "status"))
    return section("Summary", *parts)


def _lens_verdicts(exposure: list[dict[str, str]]) -> list[str]:
    """How many frames had each lens in a field."""
    parts = []
    for side in ("left", "right"):
        known = [r for r in exposure if r.get(f"lens_{side}_in_field") in ("0", "1")]
        if not known:
            continue
        hit = {r["frame"] for r in known if r[f"lens_{side}_in_field"] == "1"}
        text = f"in a field in {len(hit)} of {len({r['frame'] for r in known})} frames."
        word = f"{side.capitalize()} lens {'in the beam' if hit else 'outside'}"
        parts.append(verdict("bad" if hit else "good", word, text))
    return parts


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
    figure = plots.with_bad_frames(plots.error_plot(track, truth, points), track)
    return section(
        "Accuracy against the known truth",
        table(["error", *statistics], rows),
        note(
            f"{result['false_ok']} frames were said ok though they are off by over 2 deg or 2 mm."
        ),
        plots.html_of(figure, "error"),
    )


def _motion(subject: Subject, track: Track) -> str:
    figures = {
        "position": plots.position_plot(track, subject.center_ct),
        "rotation": plots.rotation_plot(track),
        "speed": plots.speed_plot(track, subject.center_ct),
        "deviation": plots.deviation_plot(track),
    }
    if np.isfinite(track.reprojection_px).any():
        figures["residual"] = plots.residual_plot(track)
    if np.isfinite(track.similarity).any():
        figures["similarity"] = plots.similarity_plot(track)
    shown = [plots.html_of(plots.with_bad_frames(f, track), name) for name, f in figures.items()]
    said = (
        "Position of the landmarks' centroid in the world, from its mean; rotation since the "
        "first known frame, as a rotation vector in the CT's axes; bands are one standard "
        "deviation. Shaded times are doubtful (orange) or lost (vermilion)."
    )
    return section("Motion of the head", row(*shown), note(said))


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


def _exposure(rows: list[dict[str, str]], track: Track, skull_frame: str) -> str:
    cells = []
    for name in dict.fromkeys(found["view"] for found in rows):
        for column, label in EXPOSURE_COLUMNS.items():
            values = [float(r[column]) for r in rows if r["view"] == name and r.get(column)]
            if values:
                low, middle, high = np.quantile(values, [0, 0.5, 1])
                cells.append([f"{name}: {label}", *map(_figures, (low, middle, high))])
    figures = {
        column: plots.exposure_plot(rows, column, EXPOSURE_COLUMNS[column])
        for column in ("ssd_mm", "incidence_deg", "primary_angle_deg", "field_area_entrance_mm2")
    }
    margins = plots.margin_plot(rows)
    if margins is not None:
        figures["margins"] = margins
    shown = [plots.html_of(plots.with_bad_frames(f, track), name) for name, f in figures.items()]
    return section(
        "Exposure",
        row(*shown),
        table(["view: quantity", "least", "median", "most"], cells),
        note(f"Frame skull: {skull_frame}. All rows stand in exposure.csv."),
    )


def _figures(value: float) -> str:
    """Four figures, never as a power of ten."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
