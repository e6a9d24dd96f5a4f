"""Three pictures of a frame: with edges, in a checkerboard with the CT's radiograph, and their
difference."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from calibration import Camera, Rigid

from .overlay import (
    BONE_BGR,
    STATUS_BGR,
    Picture,
    Shadows,
    bone_outlines,
    draw_bodies,
    draw_field,
    draw_landmarks,
    draw_lines,
    framed,
    grey,
    shown_camera,
)
from .scene import Scene, landmark_covariances, pose_covariance

SQUARES = 8  # of the checkerboard, along a side
NEIGHBOURHOOD = 1 / 12  # of the width, for local contrast
SMOOTH_PX = 2.5
MOST = 2.5  # local deviations at which the difference's colours end
BLUE_BGR, ORANGE_BGR = (178, 114, 0), (0, 94, 213)
CAPTION_PX = 22


class Compared(NamedTuple):
    """A frame beside the CT's radiograph at the pose, in pictures of one size."""

    frame: Picture
    radiograph: Picture
    """With the frame's grey values; the frame itself outside of the field."""
    checkerboard: Picture
    difference: Picture


def frame_panels(
    scene: Scene,
    images: Sequence[Float[np.ndarray, "h w"]],
    transmission: Sequence[bool],
    shadows: Shadows,
    frame: int,
    times: int,
) -> list[list[Picture]]:
    """A row of pictures for each view: edges, checkerboard, difference; of a lost frame the first.

    `times` is how much landmarks' ellipses are enlarged.
    """
    rows = []
    for view, (camera, image) in enumerate(zip(scene.rig, images, strict=True)):
        large = shown_camera(camera)
        field = shown_field(scene, frame, view, large)
        row = [edge_picture(scene, image, large, shadows, frame, field, times)]
        if scene.track.has_pose[frame]:
            pose = scene.track.world_from_ct[frame]
            row += compared(image, large, shadows, pose, field, transmission[view])[2:]
        status = scene.track.status[frame]
        words = ("edges", "checkerboard", "difference")
        rows.append(
            [
                captioned(picture, f"{camera.name} {frame}: {what}, {status}", status)
                for picture, what in zip(row, words, strict=False)
            ]
        )
    return rows


def shown_field(
    scene: Scene, frame: int, view: int, large: Camera
) -> Float[np.ndarray, "corner 2"]:
    """The field's outline in pixels of a resized camera."""
    return (scene.outline(frame, view) + 0.5) * (large.width / scene.rig.cameras[view].width) - 0.5


def edge_picture(
    scene: Scene,
    image: Float[np.ndarray, "h w"],
    large: Camera,
    shadows: Shadows,
    frame: int,
    field_px: Float[np.ndarray, "corner 2"],
    times: int = 1,
) -> Picture:
    """The frame with the bone's edge, those of other bodies, the landmarks and the field."""
    picture = framed(image, large)
    draw_field(picture, field_px)
    draw_bodies(picture, large, shadows.bodies, frame)
    if scene.track.has_pose[frame]:
        pose = scene.track.world_from_ct[frame]
        draw_lines(picture, bone_outlines(shadows.cranium, large, pose), BONE_BGR)
        if scene.landmarks_ct:
            points = (pose @ np.array(list(scene.landmarks_ct.values()))).numpy()
            known = bool(np.isfinite(pose_covariance(scene, frame)).all())
            spread = landmark_covariances(scene, frame) if known else None
            draw_landmarks(picture, large, points, spread, times)
    return picture


def compared(
    image: Float[np.ndarray, "h w"],
    large: Camera,
    shadows: Shadows,
    world_from_ct: Rigid,
    field_px: Float[np.ndarray, "corner 2"],
    transmission: bool,
) -> Compared:
    """Frame and radiograph, both in a checkerboard, and the difference of their local contrast."""
    shown = cv2.resize(image, (large.width, large.height), interpolation=cv2.INTER_AREA)
    inside = np.zeros(shown.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(field_px).astype(np.int32)], 1)
    inside = inside > 0
    cam_from_ct = large.cam_from_world @ world_from_ct
    drr = shadows.head.render(large.K, large.width, large.height, cam_from_ct).numpy()
    signal = np.exp(-drr) if transmission else drr
    like = np.where(inside, matched(signal, shown, inside), shown)
    frame, radiograph = (cv2.cvtColor(grey(p), cv2.COLOR_GRAY2BGR) for p in (shown, like))
    squares = checkerboard(frame, radiograph, inside)
    return Compared(frame, radiograph, squares, difference(shown, signal, inside))


def matched(
    radiograph: Float[np.ndarray, "h w"],
    frame: Float[np.ndarray, "h w"],
    inside: Bool[np.ndarray, "h w"],
) -> Float[np.ndarray, "h w"]:
    """The radiograph with the grey values of the frame, by their order within the field."""
    if not inside.any():
        return np.full_like(frame, frame.min())
    share = np.linspace(0, 1, 257)
    known, wanted = np.quantile(radiograph[inside], share), np.quantile(frame[inside], share)
    return np.interp(radiograph, known, wanted).astype(np.float32)


def checkerboard(frame: Picture, radiograph: Picture, inside: Bool[np.ndarray, "h w"]) -> Picture:
    """Frame and radiograph in turns; a bone's edge that goes on across the squares is in place."""
    height, width = inside.shape
    side = width / SQUARES
    rows, columns = np.arange(height) // side, np.arange(width) // side
    odd = (rows[:, None] + columns[None]) % 2 > 0
    picture = np.where((odd & inside)[..., None], radiograph, frame)
    edges, _ = cv2.findContours(
        (odd & inside).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE
    )
    cv2.polylines(picture, edges, True, (150, 130, 60), 1)
    return picture


def difference(
    frame: Float[np.ndarray, "h w"],
    radiograph: Float[np.ndarray, "h w"],
    inside: Bool[np.ndarray, "h w"],
) -> Picture:
    """Where local contrast differs: blue, the frame is darker; vermilion, it is brighter."""
    side = max(5, int(NEIGHBOURHOOD * frame.shape[1]) | 1)
    off = local(frame, inside, side) - local(radiograph, inside, side)
    share = np.where(inside, np.clip(off / MOST, -1, 1), 0)[..., None]
    white = np.full(3, 245, np.float32)
    colored = white + np.abs(share) * (np.where(share > 0, ORANGE_BGR, BLUE_BGR) - white)
    return np.where(inside[..., None], colored, 60).astype(np.uint8)


def local(
    image: Float[np.ndarray, "h w"], inside: Bool[np.ndarray, "h w"], side_px: int
) -> Float[np.ndarray, "h w"]:
    """An image over its mean and deviation in the field's part of squares about each pixel; little
    where it is flat."""
    mask = inside.astype(np.float32)
    soft = np.maximum(cv2.GaussianBlur(mask, (0, 0), SMOOTH_PX), 1e-3)
    smooth = cv2.GaussianBlur(image.astype(np.float32) * mask, (0, 0), SMOOTH_PX) / soft
    share = np.maximum(cv2.blur(mask, (side_px, side_px)), 1e-3)
    mean = cv2.blur(smooth * mask, (side_px, side_px)) / share
    square = cv2.blur((smooth - mean) ** 2 * mask, (side_px, side_px)) / share
    deviation = np.sqrt(np.maximum(square, 0))  # running sums go a little below
    usual = float(np.median(deviation[inside])) if inside.any() else 0.0
    return (smooth - mean) / np.maximum(deviation, max(0.5 * usual, 1e-6))


def captioned(picture: Picture, text: str, status: str) -> Picture:
    """The picture under a strip with words; the strip of a bad frame is coloured and says so."""
    strip = np.full((CAPTION_PX, picture.shape[1], 3), 32, np.uint8)
    if status != "ok":
        strip[:] = STATUS_BGR[status]
    ink = (255, 255, 255) if status == "ok" else (0, 0, 0)
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(strip, plain, (6, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1, cv2.LINE_AA)
    return np.vstack([strip, picture])


def side_by_side(rows: list[list[Picture]]) -> UInt8[np.ndarray, "h w 3"]:
    """All pictures of a frame in one, filled up with grey."""
    made = []
    for row in rows:
        height = max(picture.shape[0] for picture in row)
        cells = [
            np.pad(p, ((0, height - p.shape[0]), (0, 4), (0, 0)), constant_values=32) for p in row
        ]
        made.append(np.hstack(cells))
    width = max(row.shape[1] for row in made)
    return np.vstack(
        [np.pad(r, ((0, 4), (0, width - r.shape[1]), (0, 0)), constant_values=32) for r in made]
    )
