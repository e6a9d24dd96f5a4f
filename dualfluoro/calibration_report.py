"""calibration.html: how well the rig fits its images, how sure it is, pictures to judge it by."""

from collections.abc import Sequence
from html import escape
from importlib.metadata import version

import cv2
import numpy as np

from calibration import Camera, Rig
from calibration.bundle_projection import LENS_TERMS
from calibration.left_out import LeftOut
from calibration.relabelling import predicted_beads
from calibration.rig_uncertainty import RigUncertainty, source_covariance
from calibration.solve_rig import SolvedRig
from calibration.undistort import Maps, undistorted_image, undistortion_maps

from . import calibration_plots as plots
from .calibration_file import CalibrationFile
from .calibration_images import ReadView
from .report_page import note, page, picture, row, section, table, verdict
from .report_plots import html_of
from .view_page import webp

GOOD_PX, FAIR_PX = 0.3, 1.0
SHOWN_PX = 512
MOST_PICTURES, QUALITY = 24, 75
USED, MISSING, OUTLIER = (115, 158, 0), (0, 159, 230), (0, 60, 230)  # blue, green, red
LIMITS = (
    "Deviations follow from the residuals as if these were independent; an error of the object's "
    "coordinates or of the distortion map comes on top of them. Left-out beads were triangulated "
    "by rigs that were adjusted without them, in five folds; the object's pose in each position "
    "comes from the other beads."
)


def calibration_page(
    calibration: CalibrationFile,
    reads: Sequence[ReadView],
    solved: SolvedRig,
    cameras: tuple[Camera, ...],
    uncertainty: RigUncertainty,
    left_out: LeftOut,
) -> str:
    """The whole page as text; it opens without a network."""
    title = calibration.path.parent.name
    views = ", ".join(escape(view.name) for view in solved.views)
    line = (
        f"{len(solved.bead_object)} beads, {len(solved.views[0].images)} positions, views {views}, "
        f"dualfluoro {version('dualfluoro')}"
    )
    sections = [
        f'<h1>Calibration {escape(title)}</h1><p class="note">{line}</p>',
        _summary(solved, left_out),
        _cameras(solved, cameras, uncertainty),
        _room(solved, cameras),
        _residuals(solved, cameras),
        _images(reads, solved),
        _left_out(solved, left_out),
        _grids(reads),
        section("Limits", note(LIMITS)),
    ]
    return page(f"dualfluoro: calibration {title}", [part for part in sections if part])


def _summary(solved: SolvedRig, left_out: LeftOut) -> str:
    bundle = solved.bundle
    rms = bundle.rms_px
    kind = "good" if rms <= GOOD_PX else "fair" if rms <= FAIR_PX else "bad"
    words = {"good": "Fits", "fair": "Fits roughly", "bad": "Fits badly"}[kind]
    text = (
        f"reprojection {rms:.3f} px RMS over {int(bundle.inlier.sum())} sightings "
        f"of beads, {int((~bundle.inlier).sum())} outliers left out"
    )
    if len(left_out.bead):
        middle, high = np.quantile(left_out.distance_mm, [0.5, 0.95])
        text += f"; left-out beads are {middle:.3f} mm off in space (median; 95 %: {high:.3f} mm)"
    parts = [verdict(kind, words, f"{text}."), *(note(said) for said in solved.notes)]
    seen, names = solved.seen, solved.bead_object.names
    out = np.flatnonzero(~bundle.inlier)
    if len(out):
        rows = [
            [
                solved.views[seen.view[i]].name,
                solved.views[seen.view[i]].files[seen.position[i]],
                names[seen.bead[i]],
                f"{np.hypot(*bundle.residual_px[i]):.2f}",
            ]
            for i in out[np.argsort(-np.hypot(*bundle.residual_px[out].T))]
        ]
        parts += [table(["view", "image", "outlier: bead", "px"], rows)]
    return section("Summary", *parts)


def _cameras(solved: SolvedRig, cameras: tuple[Camera, ...], uncertainty: RigUncertainty) -> str:
    """What was found, each with its standard deviation."""
    rows, state = [], solved.bundle.state
    for v, camera in enumerate(cameras):
        sd = {n: uncertainty.sd_of(f"{camera.name}.{n}_px") for n in ("fx", "fy", "cx", "cy")}
        K, source = camera.K.numpy(), camera.center_world.numpy()
        source_sd = np.sqrt(np.diag(source_covariance(uncertainty, state, camera.name, v)))
        spacing = camera.pixel_spacing_mm
        sid = "" if spacing is None else f"{K[0, 0] * spacing:.1f} ± {sd['fx'] * spacing:.1f}"
        rows.append(
            [
                camera.name,
                f"{K[0, 0]:.1f} ± {sd['fx']:.1f}",
                f"{K[1, 1]:.1f} ± {sd['fy']:.1f}",
                f"{K[0, 2]:.1f} ± {sd['cx']:.1f}",
                f"{K[1, 2]:.1f} ± {sd['cy']:.1f}",
                "" if spacing is None else f"{spacing:.5f}",
                sid,
                ", ".join(f"{x:.2f} ± {s:.2f}" for x, s in zip(source, source_sd, strict=True)),
            ]
        )
    header = ["view", "fx, px", "fy, px", "cx, px", "cy, px", "pixel, mm", "SID, mm", "source, mm"]
    parts = [table(header, rows), note("± one standard deviation; source in the world, x, y, z.")]
    if solved.bundle.lens_terms:
        terms = LENS_TERMS[: solved.bundle.lens_terms]
        lens = [
            [
                camera.name,
                *(
                    f"{state.lens[v, i]:.4f} ± {uncertainty.sd_of(f'{camera.name}.{term}'):.4f}"
                    for i, term in enumerate(terms)
                ),
            ]
            for v, camera in enumerate(cameras)
        ]
        parts.append(table(["view", *terms], lens))
    return section("Cameras", *parts)


def _room(solved: SolvedRig, cameras: tuple[Camera, ...]) -> str:
    parts = [html_of(plots.room_plot(solved, cameras), "room")]
    axes = [camera.cam_from_world.R[2].numpy() for camera in Rig(cameras)]
    angles = [
        f"{a.name} and {b.name}: {np.degrees(np.arccos(np.clip(axes[i] @ axes[j], -1, 1))):.2f} deg"
        for i, a in enumerate(cameras)
        for j, b in enumerate(cameras)
        if i < j
    ]
    if angles:
        parts.append(note("Between the optical axes of " + "; ".join(angles) + "."))
    parts.append(note("The world is the object's frame in the first position."))
    return section("The rig in space", *parts)


def _residuals(solved: SolvedRig, cameras: tuple[Camera, ...]) -> str:
    maps = [
        f"<h3>View {escape(camera.name)}</h3>"
        + html_of(plots.residual_map(solved, v, camera), f"map{v}")
        for v, camera in enumerate(cameras)
    ]
    return section(
        "Residuals",
        row(*maps),
        note(
            "From the projected to the found bead, all positions together. A pattern that holds "
            "together over a part of the image is a distortion that is left."
        ),
        html_of(plots.bead_plot(solved), "beads"),
    )


def _left_out(solved: SolvedRig, left_out: LeftOut) -> str:
    if not len(left_out.bead):
        return section("Beads left out", note("No bead was seen by two views; nothing to measure."))
    rows = []
    for p in np.unique(left_out.position):
        error = left_out.error_mm[left_out.position == p]
        distance = np.linalg.norm(error, axis=1)
        figures = [np.median(distance), np.quantile(distance, 0.95), distance.max()]
        rows.append(
            [f"{p + 1}", f"{len(error)}", *(f"{x:.3f}" for x in figures),
             ", ".join(f"{x:+.3f}" for x in error.mean(0))]
        )  # fmt: skip
    header = ["position", "beads", "median, mm", "95 %", "largest", "mean x, y, z, mm"]
    plot = html_of(plots.left_out_plot(solved, left_out), "leftout")
    return section("Beads left out", table(header, rows), plot)


def _images(reads: Sequence[ReadView], solved: SolvedRig) -> str:
    """Every image with its spots, and where the rig has the beads."""
    scales = [SHOWN_PX / max(read.images[0].shape) for read in reads]
    maps = [_maps(read.camera, scale) for read, scale in zip(reads, scales, strict=True)]
    parts = []
    for p in range(len(reads[0].images)):
        for v, read in enumerate(reads):
            if len(parts) < MOST_PICTURES:
                small = _shown(read.images[p], scales[v], maps[v])
                caption = f"view {read.view.name}, position {p + 1}: {read.view.files[p]}"
                parts.append(
                    picture(webp(_ringed(small, scales[v], solved, v, p), QUALITY), caption)
                )
    said = (
        "Undistorted. Green ring: found and used; red with a cross: found, an outlier; orange in "
        "a square: not found, or in another bead's shadow. Rings are where the rig has the bead."
    )
    return section("Images", row(*parts), note(said))


def _maps(camera: Camera, scale: float) -> Maps | None:
    """Where the pixels of an undistorted picture of that scale come from."""
    return None if camera.distortion is None else undistortion_maps(camera.resized(scale))


def _shown(image: np.ndarray, scale: float, maps: Maps | None) -> np.ndarray:
    """One image, made smaller and undistorted, as bytes of blue, green and red."""
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if maps is not None:
        small = undistorted_image(small, maps)
    low, high = np.quantile(small, [0.0005, 0.9995])
    grey = np.clip(255 * (small - low) / max(float(high - low), 1e-6), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _ringed(drawn: np.ndarray, scale: float, solved: SolvedRig, v: int, p: int) -> np.ndarray:
    """A picture with rings about its beads."""
    pixels, depth = predicted_beads(solved.bundle.state, solved.bead_object.points_mm, v, p)
    mine = (solved.seen.view == v) & (solved.seen.position == p)
    used = set(solved.seen.bead[mine & solved.bundle.inlier].tolist())
    found = set(solved.seen.bead[mine].tolist())
    for bead in np.flatnonzero((depth > 0) & (np.abs(pixels) < 1e5).all(1)).tolist():
        u, v_ = np.round(((pixels[bead] + 0.5) * scale - 0.5) * 16).astype(int).tolist()
        color = USED if bead in used else OUTLIER if bead in found else MISSING
        cv2.circle(drawn, (u, v_), 16 * 7, color, 1, cv2.LINE_AA, 4)
        if color == OUTLIER:
            cv2.drawMarker(drawn, (u // 16, v_ // 16), color, cv2.MARKER_TILTED_CROSS, 18)
        elif color == MISSING:
            cv2.drawMarker(drawn, (u // 16, v_ // 16), color, cv2.MARKER_SQUARE, 18)
    return drawn


def _grids(reads: Sequence[ReadView]) -> str:
    rows = []
    for read in reads:
        for when, grid in zip(("before", "after"), read.grids, strict=False):
            error = np.sqrt((grid.residual_px**2).sum(1).mean())
            tried = ", ".join(f"{k}: {x:.3f}" for k, x in grid.cross_validation_px.items())
            count = f"{len(grid.points_px)}"
            rows.append([read.view.name, when, count, grid.model, f"{error:.3f}", tried])
    if not rows:
        return ""
    header = ["view", "grid", "holes", "model", "residual, px RMS", "held-out holes, px RMS"]
    return section("Distortion", table(header, rows))
