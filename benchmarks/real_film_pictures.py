"""Films with the projected edges of the bones (radius orange, ulna blue), to be looked at."""

from pathlib import Path

import cv2
import numpy as np
import real_film_wrist as wrist
from jaxtyping import Float, UInt8

from calibration import Camera, Rigid
from drr import Projector, Volume

MARGIN_PX, WIDTH_PX = 80, 700
EDGE_MM = 0.6
"""Of water, over flesh, along a ray."""
COLOURS_BGR = {"radius": (0, 159, 230), "ulna": (233, 180, 86)}


def write_overlays(frame: str, poses: dict[str, Rigid], volumes: dict[str, Volume], path: Path):
    """Both views of a frame side by side, about the bones."""
    solids = {bone: Projector(volume, 1.0) for bone, volume in volumes.items()}
    panels = []
    for camera in wrist.wrist_rig():
        image = wrist.image_of(frame, camera.name)
        panels.append(overlay(image, camera, poses, solids))
    height = max(panel.shape[0] for panel in panels)
    padded = [np.pad(p, ((0, height - p.shape[0]), (0, 6), (0, 0))) for p in panels]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.hstack(padded))


def overlay(
    image: Float[np.ndarray, "height width"],
    camera: Camera,
    poses: dict[str, Rigid],
    solids: dict[str, Projector],
) -> UInt8[np.ndarray, "h w 3"]:
    """One view, local contrast raised, with the edge of every bone."""
    shadows = {
        bone: solids[bone]
        .render(camera.K, camera.width, camera.height, camera.cam_from_world @ pose)
        .numpy()
        > EDGE_MM
        for bone, pose in poses.items()
    }
    v, u = np.nonzero(np.any(list(shadows.values()), axis=0))
    left, top = max(u.min() - MARGIN_PX, 0), max(v.min() - MARGIN_PX, 0)
    part = image[top : v.max() + MARGIN_PX, left : u.max() + MARGIN_PX]
    low, high = np.percentile(part, [1, 97])
    grey = (255 * np.clip((part - low) / max(high - low, 1e-3), 0, 1)).astype(np.uint8)
    scale = WIDTH_PX / grey.shape[1]
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    picture = cv2.cvtColor(cv2.createCLAHE(2.0, (6, 6)).apply(grey), cv2.COLOR_GRAY2BGR)
    for bone, shadow in shadows.items():
        found, _ = cv2.findContours(
            shadow.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        for outline in found:
            points = ((outline[:, 0] - [left, top] + 0.5) * scale - 0.5) * 16
            line = [np.asarray(np.round(points), dtype=np.int32)]
            cv2.polylines(picture, line, True, COLOURS_BGR[bone], 1, cv2.LINE_AA, shift=4)
    return picture
