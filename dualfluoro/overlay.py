"""A frame with what the pose says should be seen there: the bone's edge, landmarks, the field."""

from dataclasses import dataclass

import cv2
import numpy as np
import pyvista as pv
from jaxtyping import Float, UInt8

from calibration import Camera, Rigid
from drr import Projector, Volume
from registration import Track

from .subject import Subject

WIDTH_PX = 640
EDGE_MM = 1.5  # a ray through this much cranium is inside of its shadow
RADIOGRAPH_MM = 1.5
SHORTEST_PX = 30
BONE_BGR, FIELD_BGR, LANDMARK_BGR = (0, 159, 230), (233, 180, 86), (167, 121, 204)
BODY_BGR = (66, 228, 240)
DASH_PX, DASH_DOT_PX = (9.0, 7.0), (8.0, 4.0, 1.5, 4.0)
"""Lengths of line and gap in turns: what is told by colour is told without colour too."""
STATUS_BGR = {"ok": (115, 158, 0), "doubtful": (0, 159, 230), "lost": (0, 94, 213)}
KEY = "Orange line: the cranium's outline at the pose found. Blue dashes: the field."
CHI2_95 = 5.991  # of two dimensions
Picture = UInt8[np.ndarray, "_ _ 3"]


@dataclass(frozen=True, eq=False)
class BodyShadow:
    """Millimetres of a body's bone along rays, and its track, a row a frame of the trial."""

    name: str
    bone: Projector
    track: Track


@dataclass(frozen=True, eq=False)
class Shadows:
    """A CT made ready to be laid over frames: mm of cranium along rays, and its radiograph."""

    cranium: Projector
    head: Projector
    bodies: tuple[BodyShadow, ...] = ()
    """Bones that move apart from the skull."""


def shadows_of(subject: Subject, bodies: tuple[BodyShadow, ...] = ()) -> Shadows:
    """The shadows of a subject, and those of other bodies."""
    mask = np.where(subject.anatomy.cranium, np.float32(0), np.float32(-1000))
    cranium = Projector(Volume(mask, subject.anatomy.ct_from_voxel), 1.0)
    coarse = max(RADIOGRAPH_MM, float(subject.volume.spacing_mm.min()))
    return Shadows(cranium, Projector(subject.volume.resampled(coarse)), bodies)


def key_of(shadows: Shadows, times: int | None) -> str:
    """What the lines mean; `times` is how much ellipses are enlarged, None without landmarks."""
    said = [KEY]
    if times is not None:
        said.append(
            "Purple crosses: landmarks, with the 95 % ellipses of their places"
            + (f", {times} times as large." if times > 1 else ".")
        )
    if shadows.bodies:
        names = ", ".join(body.name for body in shadows.bodies)
        said.append(f"Yellow dash-dotted lines: {names}, at poses of their own.")
    return " ".join(said)


def shown_camera(camera: Camera, width_px: int = WIDTH_PX) -> Camera:
    """The camera of a picture of this width."""
    return camera.resized(width_px / camera.width)


def framed(image: Float[np.ndarray, "height width"], large: Camera) -> Picture:
    """The frame at the size of a camera, local contrast raised."""
    shown = cv2.resize(grey(image), (large.width, large.height), interpolation=cv2.INTER_CUBIC)
    return cv2.cvtColor(shown, cv2.COLOR_GRAY2BGR)


def bone_outlines(
    cranium: Projector, camera: Camera, world_from_ct: Rigid, edge_mm: float = EDGE_MM
) -> list[Float[np.ndarray, "_ 2"]]:
    """Outlines (px of the camera) of the bone's shadow, between pixels where they cross."""
    cam_from_ct = camera.cam_from_world @ world_from_ct
    bone_mm = cranium.render(camera.K, camera.width, camera.height, cam_from_ct).numpy()
    return [line for line in level_lines(bone_mm, edge_mm) if len(line) > SHORTEST_PX]


def level_lines(
    image: Float[np.ndarray, "h w"], level: float | int
) -> list[Float[np.ndarray, "_ 2"]]:
    """Where an image crosses a level, as lines through points (u, v) found by interpolation."""
    height, width = image.shape
    grid = pv.ImageData(dimensions=(width, height, 1))
    grid.point_data["value"] = image.ravel()
    found = grid.contour([level], scalars="value")
    if found.n_cells == 0:
        return []
    joined = found.strip(join=True, max_length=100_000)
    points, cells = np.asarray(joined.points, dtype=np.float64), np.asarray(joined.lines)
    lines, start = [], 0
    while start < len(cells):
        count = int(cells[start])
        lines.append(points[cells[start + 1 : start + 1 + count], :2])
        start += 1 + count
    return lines


def draw_lines(
    picture: Picture, lines: list[Float[np.ndarray, "_ 2"]], color: tuple[int, int, int]
) -> None:
    """Open lines at sub-pixel positions."""
    for line in lines:
        points = np.round(line * 16).astype(np.int32)
        cv2.polylines(picture, [points], False, color, 1, cv2.LINE_AA, shift=4)


def draw_field(picture: Picture, outline_px: Float[np.ndarray, "corner 2"]) -> None:
    """The field's outline, dashed."""
    draw_dashed(picture, np.vstack([outline_px, outline_px[:1]]), FIELD_BGR, DASH_PX)


def draw_bodies(
    picture: Picture, camera: Camera, bodies: tuple[BodyShadow, ...], frame: int
) -> None:
    """The outlines of bodies, dash-dotted, where they have a pose in a frame."""
    for body in bodies:
        if body.track.has_pose[frame]:
            for line in bone_outlines(body.bone, camera, body.track.world_from_ct[frame]):
                draw_dashed(picture, line, BODY_BGR, DASH_DOT_PX)


def draw_dashed(
    picture: Picture,
    line: Float[np.ndarray, "point 2"],
    color: tuple[int, int, int],
    pattern_px: tuple[float, ...],
) -> None:
    """A line in which drawn and left-out lengths follow each other."""
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    start, n = 0.0, 0
    while start < along[-1]:
        end = start + pattern_px[n % len(pattern_px)]
        if n % 2 == 0:
            at = np.linspace(start, min(end, along[-1]), 6)
            dash = np.stack([np.interp(at, along, line[:, axis]) for axis in (0, 1)], axis=1)
            draw_lines(picture, [dash], color)
        start, n = end, n + 1


def draw_landmarks(
    picture: Picture,
    camera: Camera,
    points_world: Float[np.ndarray, "n 3"],
    covariance_world: Float[np.ndarray, "n 3 3"] | None,
    times: int,
) -> None:
    """Crosses where landmarks are projected, and their 95 % ellipses, enlarged `times`."""
    pixels = camera.project(points_world).numpy()
    spread = (
        None
        if covariance_world is None
        else pixel_covariances(camera, points_world, covariance_world)
    )
    for i, (u, v) in enumerate(pixels.tolist()):
        if not (0 <= u < camera.width and 0 <= v < camera.height):
            continue
        center = (round(u * 16), round(v * 16))
        for du, dv in ((56, 0), (0, 56)):
            first, last = (center[0] - du, center[1] - dv), (center[0] + du, center[1] + dv)
            cv2.line(picture, first, last, LANDMARK_BGR, 1, cv2.LINE_AA, 4)
        if spread is not None:
            values, vectors = np.linalg.eigh(spread[i])
            half = np.sqrt(np.maximum(values, 0) * CHI2_95) * times * 16
            angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
            axes = (min(round(half[1]), 30000), min(round(half[0]), 30000))
            cv2.ellipse(picture, center, axes, angle, 0, 360, LANDMARK_BGR, 1, cv2.LINE_AA, 4)


def pixel_covariances(
    camera: Camera,
    points_world: Float[np.ndarray, "n 3"],
    covariance_world: Float[np.ndarray, "n 3 3"],
) -> Float[np.ndarray, "n 2 2"]:
    """Covariance (px^2) of projections, to first order in the points' own (mm^2)."""
    R = camera.cam_from_world.R.numpy()
    x, y, z = (camera.cam_from_world @ points_world).numpy().T
    fx, fy = float(camera.K[0, 0]), float(camera.K[1, 1])
    zero = np.zeros_like(z)
    J = np.stack([[fx / z, zero, -fx * x / z**2], [zero, fy / z, -fy * y / z**2]])
    J = J.transpose(2, 0, 1) @ R
    return J @ covariance_world @ J.transpose(0, 2, 1)


def grey(image: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """8-bit grey values over the range that the image uses, local contrast raised."""
    low, high = np.quantile(image, [0.005, 0.995])
    shown = np.clip(255 * (image - low) / max(high - low, 1e-6), 0, 255).astype(np.uint8)
    return cv2.createCLAHE(3.0, (6, 6)).apply(shown)
