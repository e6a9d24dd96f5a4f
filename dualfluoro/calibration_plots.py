"""The plots of calibration.html: residuals by place and by bead, errors in space, the room."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from calibration import Camera
from calibration.left_out import LeftOut
from calibration.solve_rig import SolvedRig

from .report_plots import VIEWS

GRID = "rgba(128,128,128,0.25)"
POSITION_SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up")


def residual_map(solved: SolvedRig, view: int, camera: Camera) -> go.Figure:
    """Residuals of one view where they are in the image, as arrows that are made longer."""
    seen, bundle = solved.seen, solved.bundle
    mine = (seen.view == view) & bundle.inlier
    uv, error = seen.pixels[mine], bundle.residual_px[mine]
    usual = float(np.sqrt((error**2).sum(1).mean())) if len(error) else 1.0
    longer = _round(0.08 * camera.width / max(usual, 1e-3))
    ends = uv + longer * error
    figure = _figure("u, px", f"v, px (arrows {longer:g} times as long)", 430)
    gap = np.full(len(uv), np.nan)
    figure.add_trace(
        go.Scatter(
            x=np.stack([uv[:, 0], ends[:, 0], gap], 1).ravel(),
            y=np.stack([uv[:, 1], ends[:, 1], gap], 1).ravel(),
            mode="lines",
            line={"color": VIEWS[view % 4], "width": 1.5},
            hoverinfo="skip",
        )
    )
    names = solved.bead_object.names
    text = [
        f"{names[b]}, position {p + 1}: {np.hypot(*e):.3f} px"
        for b, p, e in zip(seen.bead[mine], seen.position[mine], error, strict=True)
    ]
    figure.add_trace(
        go.Scatter(
            x=uv[:, 0],
            y=uv[:, 1],
            mode="markers",
            marker={"size": 4, "color": VIEWS[view % 4]},
            text=text,
            hoverinfo="text",
        )
    )
    figure.update_layout(showlegend=False)
    figure.update_xaxes(range=[-0.5, camera.width - 0.5], constrain="domain")
    figure.update_yaxes(range=[camera.height - 0.5, -0.5], scaleanchor="x", constrain="domain")
    return figure


def bead_plot(solved: SolvedRig) -> go.Figure:
    """Root mean square residual of each bead in each view."""
    seen, bundle = solved.seen, solved.bundle
    names = solved.bead_object.names
    figure = _figure("bead", "reprojection, px", 300)
    for v, view in enumerate(solved.views):
        mine = (seen.view == v) & bundle.inlier
        squares = np.zeros(len(names))
        np.add.at(squares, seen.bead[mine], (bundle.residual_px[mine] ** 2).sum(1))
        count = np.bincount(seen.bead[mine], minlength=len(names))
        shown = count > 0
        figure.add_trace(
            go.Bar(
                x=[name for name, yes in zip(names, shown, strict=True) if yes],
                y=np.sqrt(squares[shown] / count[shown]),
                name=view.name,
                marker={"color": VIEWS[v % 4]},
            )
        )
    figure.update_xaxes(type="category")
    return figure


def left_out_plot(solved: SolvedRig, left_out: LeftOut) -> go.Figure:
    """Distance in space of every left-out bead from where it should be."""
    names = solved.bead_object.names
    figure = _figure("bead", "left-out error, mm", 300)
    for p in np.unique(left_out.position):
        mine = left_out.position == p
        order = np.argsort(left_out.bead[mine])
        figure.add_trace(
            go.Scatter(
                x=[names[b] for b in left_out.bead[mine][order]],
                y=left_out.distance_mm[mine][order],
                mode="markers",
                name=f"position {p + 1}",
                marker={"color": VIEWS[p % 4], "symbol": POSITION_SYMBOLS[p % 6], "size": 7},
            )
        )
    order = [names[b] for b in np.unique(left_out.bead)]
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=order)
    figure.update_yaxes(rangemode="tozero")
    return figure


def room_plot(solved: SolvedRig, cameras: tuple[Camera, ...]) -> go.Figure:
    """Sources, detectors and the object's beads in all positions, in the world, mm."""
    figure = go.Figure()
    state, points = solved.bundle.state, solved.bead_object.points_mm
    for p, (R, t) in enumerate(zip(state.R_position, state.t_position, strict=True)):
        world = points @ R.T + t
        figure.add_trace(_dots(world, f"position {p + 1}", ("#000000", "#777777")[p > 0], 2))
    for v, camera in enumerate(cameras):
        color, source = VIEWS[v % 4], camera.center_world.numpy()
        figure.add_trace(_dots(source[None], f"source {camera.name}", color, 6))
        corners = _detector_corners(camera)
        ring = np.vstack([corners, corners[:1]])
        edges = np.vstack([np.stack([source, corner, source * np.nan]) for corner in corners])
        figure.add_trace(_lines(ring, color, 4))
        figure.add_trace(_lines(edges, color, 1.5))
    axis = {"backgroundcolor": "rgba(0,0,0,0)", "gridcolor": GRID, "color": "#808080"}
    axes = {f"{name}axis": {**axis, "title": f"{name}, mm"} for name in "xyz"}
    figure.update_layout(
        height=560,
        margin={"l": 0, "r": 0, "t": 10, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        font={"color": "#808080"},
        scene={"aspectmode": "data", "camera": {"eye": {"x": 1.6, "y": -2.4, "z": 1.3}}, **axes},
        legend={"orientation": "h", "y": 1.02},
    )
    return figure


def _detector_corners(camera: Camera) -> Float[np.ndarray, "4 3"]:
    """The image's corners on the detector; without a pixel spacing, 1.4 times behind the world."""
    right, bottom = camera.width - 0.5, camera.height - 0.5
    pixels = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
    rays_cam = camera.cam_from_world.R.numpy() @ camera.rays(pixels).numpy().T
    if camera.pixel_spacing_mm is not None:
        depth_mm = float(camera.K[0, 0]) * camera.pixel_spacing_mm
    else:
        depth_mm = 1.4 * abs(float(camera.cam_from_world.t[2]))
    points_cam = depth_mm * (rays_cam / rays_cam[2]).T
    return (camera.cam_from_world.inverse() @ points_cam).numpy()


def _dots(
    points: Float[np.ndarray, "n 3"], name: str, color: str, size: float | int
) -> go.Scatter3d:
    x, y, z = points.T
    return go.Scatter3d(
        x=x, y=y, z=z, name=name, mode="markers", marker={"color": color, "size": size}
    )


def _lines(points: Float[np.ndarray, "n 3"], color: str, width: float | int) -> go.Scatter3d:
    x, y, z = points.T
    return go.Scatter3d(
        x=x, y=y, z=z, mode="lines", line={"color": color, "width": width},
        showlegend=False, hoverinfo="skip",
    )  # fmt: skip


def _round(value: float) -> float:
    """1, 2 or 5 times a power of ten, the next below."""
    power = 10 ** np.floor(np.log10(max(value, 1.0)))
    return float(power * max(m for m in (1, 2, 5) if m * power <= max(value, 1.0)))


def _figure(x: str, y: str, height: int) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        height=height,
        margin={"l": 55, "r": 15, "t": 15, "b": 45},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#808080"},
        legend={"orientation": "h", "y": 1.12},
    )
    figure.update_xaxes(title=x, gridcolor=GRID, zeroline=False)
    figure.update_yaxes(title=y, gridcolor=GRID, zeroline=False)
    return figure
