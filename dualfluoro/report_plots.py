"""The report's interactive plots: poses, deviations, residuals, errors and exposure over time."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from calibration import Rigid
from registration import Track, at_frames, pose_errors
from registration.velocities import velocities

AXES = {"x": "#0072B2", "y": "#E69F00", "z": "#009E73"}
VIEWS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
SYMBOLS = {"ok": "square", "doubtful": "triangle-up", "lost": "x"}
DASHES = ("solid", "dot", "dash", "dashdot")
STATUS = {"ok": "#009E73", "doubtful": "#E69F00", "lost": "#D55E00"}


def position_plot(track: Track, center_ct: np.ndarray) -> go.Figure:
    """The head's centre in the world, from its mean, with a band of one standard deviation."""
    moved = (track.world_from_ct @ center_ct).numpy()
    shown = moved - np.nanmean(moved, axis=0)
    return _components(track, shown, track.sd_translation_mm / np.sqrt(3), "position, mm")


def rotation_plot(track: Track) -> go.Figure:
    """The head's turn since the first known frame, as a rotation vector in ct axes."""
    first = int(np.flatnonzero(track.has_pose)[0])
    turned = Rigid(track.world_from_ct.R[first].mT @ track.world_from_ct.R, np.zeros(3))
    shown = np.degrees(turned.log()[..., 3:].numpy())
    return _components(track, shown, track.sd_rotation_deg / np.sqrt(3), "rotation, deg")


def speed_plot(track: Track, center_ct: np.ndarray) -> go.Figure:
    """How fast the head moves and turns."""
    velocity = velocities(track, center_ct)
    figure = _figure("mm/s and deg/s")
    speeds = np.linalg.norm(velocity[:, :3], axis=1), np.linalg.norm(velocity[:, 3:], axis=1)
    figure.add_trace(_line(track.time_s, speeds[0], "centre, mm/s", VIEWS[0]))
    figure.add_trace(_line(track.time_s, np.degrees(speeds[1]), "turning, deg/s", VIEWS[1], "dot"))
    return figure


def deviation_plot(track: Track) -> go.Figure:
    """What the program says of its own errors."""
    figure = _figure("sd, deg and mm")
    figure.add_trace(_line(track.time_s, track.sd_rotation_deg, "rotation, deg", VIEWS[0]))
    figure.add_trace(_line(track.time_s, track.sd_translation_mm, "place, mm", VIEWS[1], "dot"))
    figure.update_yaxes(rangemode="tozero")
    return figure


def residual_plot(track: Track) -> go.Figure:
    """Landmark residuals of each view."""
    figure = _figure("reprojection, px")
    for number, name in enumerate(track.view_names):
        figure.add_trace(
            _line(track.time_s, track.reprojection_px[number], name, VIEWS[number % 4])
        )
    return figure


def similarity_plot(track: Track) -> go.Figure:
    """How well radiographs of the CT match the frames."""
    figure = _figure("similarity")
    for number, name in enumerate(track.view_names):
        figure.add_trace(_line(track.time_s, track.similarity[number], name, VIEWS[number % 4]))
    return figure


def error_plot(track: Track, truth: Track, points_ct: np.ndarray) -> go.Figure:
    """Errors against the truth, where it is known."""
    true = at_frames(truth, track.frame)
    errors = pose_errors(track.world_from_ct, true.world_from_ct, points_ct)
    figure = _figure("error")
    names = {
        "rotation_deg": "rotation, deg",
        "translation_mm": "translation, mm",
        "mtre_mm": "mTRE, mm",
    }
    for number, (key, name) in enumerate(names.items()):
        figure.add_trace(_line(track.time_s, errors[key], name, VIEWS[number]))
    return figure


def status_plot(track: Track) -> go.Figure:
    """What the program says of each frame, and below it every flag that was raised, over time."""
    figure = _figure("")
    flags = sorted({flag for found in track.flags for flag in found})
    rows = {s: [i for i, found in enumerate(track.status) if found == s] for s in STATUS}
    rows |= {flag: [i for i, found in enumerate(track.flags) if flag in found] for flag in flags}
    for height, (name, frames) in enumerate(rows.items()):
        flag = height >= len(STATUS)
        said = [f"frame {track.frame[i]} {escape(' '.join(track.flags[i]))}" for i in frames]
        figure.add_trace(
            go.Scatter(
                x=track.time_s[frames],
                y=[height] * len(frames),
                mode="markers",
                marker={
                    "color": "#808080" if flag else STATUS[name],
                    "size": 8 if flag else 9,
                    "symbol": "diamond" if flag else SYMBOLS[name],
                },
                text=said,
                hoverinfo="text",
            )
        )
    figure.update_layout(height=130 + 22 * len(rows), showlegend=False, hovermode="closest")
    ticks = {"tickvals": list(range(len(rows))), "ticktext": [escape(name) for name in rows]}
    figure.update_yaxes(range=[len(rows) - 0.5, -0.5], automargin=True, **ticks)
    return figure


def exposure_plot(rows: Sequence[Mapping[str, str]], column: str, label: str) -> go.Figure:
    """One column of exposure.csv over time, a line a view."""
    figure = _figure(label)
    for number, name in enumerate(dict.fromkeys(row["view"] for row in rows)):
        chosen = [row for row in rows if row["view"] == name]
        values = np.array([float(row[column] or "nan") for row in chosen])
        times = np.array([float(row["time_s"]) for row in chosen])
        figure.add_trace(_line(times, values, name, VIEWS[number % 4]))
    return figure


def margin_plot(rows: Sequence[Mapping[str, str]]) -> go.Figure | None:
    """How far each lens is inside (+) or outside (-) of each field; None where no lens is known."""
    figure, shown = _figure("lens margin, mm"), 0
    for number, name in enumerate(dict.fromkeys(row["view"] for row in rows)):
        chosen = [row for row in rows if row["view"] == name]
        times = np.array([float(row["time_s"]) for row in chosen])
        for side, dash in (("left", "solid"), ("right", "dot")):
            cells = [row.get(f"lens_{side}_margin_mm") for row in chosen]
            values = np.array([float(cell or "nan") for cell in cells])
            if np.isfinite(values).any():
                figure.add_trace(_line(times, values, f"{name}, {side}", VIEWS[number % 4], dash))
                shown += 1
    figure.add_hline(
        y=0, line={"color": "#808080", "width": 2}, annotation_text="above: in the field"
    )
    return figure if shown else None


def with_bad_frames(figure: go.Figure, track: Track) -> go.Figure:
    """The figure with doubtful and lost stretches of time shaded."""
    time_s = track.time_s
    half = float(np.median(np.diff(time_s))) / 2 if len(time_s) > 1 else 0.5
    start = 0
    for end in range(1, len(time_s) + 1):
        if end == len(time_s) or track.status[end] != track.status[start]:
            if (status := track.status[start]) != "ok":
                figure.add_vrect(
                    x0=time_s[start] - half, x1=time_s[end - 1] + half, fillcolor=STATUS[status],
                    opacity=0.22, line_width=0, layer="below",
                )  # fmt: skip
            start = end
    return figure


def angle_plot(time_s: np.ndarray, columns: Mapping[str, np.ndarray], name: str) -> go.Figure:
    """A body's Grood-Suntay angles from motion.csv, with bands of one standard deviation."""
    labels = {"x": "flexion, x", "y": "bending, floating y", "z": "rotation, z"}
    words = {"x": "flexion_x", "y": "bending_y", "z": "rotation_z"}
    figure = _figure("angle, deg")
    for axis, color in AXES.items():
        shown, sd = (columns[f"{name}_{kind}{words[axis]}_deg"] for kind in ("", "sd_"))
        _add_open(figure, time_s, shown, sd, labels[axis], color)
    return figure


def place_plot(time_s: np.ndarray, columns: Mapping[str, np.ndarray], name: str) -> go.Figure:
    """Where the origin of a body's frame is in its reference, from motion.csv, from its median."""
    figure = _figure("position, mm, from its median")
    for axis, color in AXES.items():
        shown, sd = (columns[f"{name}_{kind}{axis}_mm"] for kind in ("", "sd_"))
        known = np.isfinite(shown)
        middle = np.median(shown[known]) if known.any() else 0.0
        _add_open(figure, time_s, shown - middle, sd, axis, color)
    return figure


def course_plot(minutes: np.ndarray, named: Mapping[str, np.ndarray], label: str) -> go.Figure:
    """The course of a training, a line a column; logarithmic if it falls a hundredfold."""
    figure = _figure(label)
    for number, (name, values) in enumerate(named.items()):
        known = np.isfinite(values)
        color, dash = VIEWS[number % 4], DASHES[number % len(DASHES)]
        figure.add_trace(_line(minutes[known], values[known], name, color, dash))
    figure.update_xaxes(title="minutes of training")
    shown = np.concatenate([values[np.isfinite(values)] for values in named.values()])
    if len(shown) and shown.min() > 0 and shown.max() > 100 * shown.min():
        figure.update_yaxes(type="log")
    return figure


def html_of(figure: go.Figure, name: str) -> str:
    """A plot as part of a page that brings plotly itself."""
    content = str(figure.to_json()).replace("<", "\\u003c")
    height = figure.layout.height or 300
    return (
        f'<div class="plot" id="{escape(name, quote=True)}" style="height: {height}px">'
        f'<script type="application/json">{content}</script></div>'
    )


def _components(track: Track, values: np.ndarray, sd: np.ndarray, label: str) -> go.Figure:
    figure = _figure(label)
    for number, (axis, color) in enumerate(AXES.items()):
        _add_open(figure, track.time_s, values[:, number], sd, axis, color)
    return figure


def _add_open(
    figure: go.Figure, time_s: np.ndarray, values: np.ndarray, sd: np.ndarray, name: str, color: str
) -> None:
    """A line and its band; both stay open where a value is missing."""
    known = np.isfinite(values) & np.isfinite(sd)
    for run in np.split(np.arange(len(known)), np.flatnonzero(np.diff(known)) + 1):
        if len(run) and known[run[0]]:
            figure.add_trace(_band(time_s[run], values[run], sd[run], color))
    figure.add_trace(_line(time_s, values, name, color))


def _band(times: np.ndarray, middle: np.ndarray, sd: np.ndarray, color: str) -> go.Scatter:
    return go.Scatter(
        x=np.concatenate([times, times[::-1]]),
        y=np.concatenate([middle + sd, (middle - sd)[::-1]]),
        fill="toself",
        fillcolor=color,
        opacity=0.25,
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )


def _line(
    times: np.ndarray, values: np.ndarray, name: str, color: str, dash: str = "solid"
) -> go.Scatter:
    return go.Scatter(
        x=times,
        y=values,
        name=escape(name),
        mode="lines+markers",
        line={"color": color, "dash": dash},
        marker={"size": 4},
    )


def _figure(label: str) -> go.Figure:
    figure = go.Figure(layout={"template": "none"})
    figure.update_layout(
        height=300,
        hovermode="x unified",
        hoverlabel={"bgcolor": "rgba(40,44,52,0.92)", "font": {"color": "#ffffff"}},
        margin={"l": 55, "r": 15, "t": 15, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#808080"},
        legend={"orientation": "h", "y": 1.12},
    )
    figure.update_xaxes(title="time, s", gridcolor="rgba(128,128,128,0.25)", zeroline=False)
    figure.update_yaxes(title=label, gridcolor="rgba(128,128,128,0.25)", zeroline=False)
    return figure
