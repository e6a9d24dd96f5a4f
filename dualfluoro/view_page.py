"""The room as a web page of its own: WebGL, no library, no network; it turns under the finger."""

import base64
import gzip
import json
from html import escape
from pathlib import Path

import cv2
import numpy as np

from calibration.atomic import write_text

from .report_page import resource
from .scene import (
    Scene,
    faces_hit,
    image_corners,
    landmark_covariances,
    lens_states,
    on_panel,
    panel_depth_mm,
    pose_covariance,
    shown_pose,
)
from .view_marks import enlargement, half_axes
from .view_words import MEANING, landmark_lines

MOST_FRAMES = 200
IMAGE_PX, QUALITY = 256, 55


def write_page(scene: Scene, path: Path, title: str) -> None:
    """Write the room as one HTML file, whole or not at all."""
    write_text(
        path,
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>html, body {{ margin: 0; height: 100%; }}\n"
        f".room {{ height: 100vh; height: 100dvh; }}\n{resource('view_room.css')}</style></head>"
        f"<body>{room_html(scene)}<script>{resource('view_room.js')}</script></body></html>\n",
    )


def room_html(scene: Scene) -> str:
    """The room as part of a page that has `view_room.css` and, further down, `view_room.js`."""
    content = json.dumps(page_data(scene), allow_nan=False, separators=(",", ":"))
    packed = base64.b64encode(gzip.compress(content.encode(), 6, mtime=0)).decode("ascii")
    return f'<div class="room"><script type="text/plain">{packed}</script></div>'


def page_data(scene: Scene) -> dict:
    """Everything that the page draws, as plain JSON; of long tracks evenly chosen frames."""
    count = len(scene.track)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_FRAMES)).round().astype(int))
    known = np.flatnonzero(scene.track.has_pose)
    pose = shown_pose(scene, int(known[0]))
    center_world = (pose @ scene.center_ct).numpy()
    sums = np.zeros((len(scene.rig), len(scene.surfaces.skin.faces)), np.int64)
    for frame in range(count):
        bits = faces_hit(scene, frame)
        sums += (bits >> np.arange(len(scene.rig))[:, None]) & 1
    return {
        "center": _list(center_world),
        "up": _list(pose.R.numpy()[:, 2], 5),
        "bone": _mesh(scene.surfaces.bone.vertices_ct, scene.surfaces.bone.faces),
        "skin": _mesh(scene.surfaces.skin.vertices_ct, scene.surfaces.skin.faces),
        "cut": _bits(scene.surfaces.skin_on_cut),
        "sums": _base64(np.minimum(sums.sum(0), 65535).astype(np.uint16)),
        "most": int(sums.sum(0).max()),
        "views": [_view(scene, view, center_world) for view in range(len(scene.rig))],
        "landmarks": {name: _list(p) for name, p in scene.landmarks_ct.items()},
        "lenses": {
            name: _list(scene.landmarks_ct[name]) for name in lens_states(scene, int(known[0]))
        },
        "times": enlargement(scene),
        "frames": [_frame(scene, int(frame), center_world) for frame in chosen],
        "count": count,
    }


def _view(scene: Scene, view: int, center_world: np.ndarray) -> dict:
    """Source and panel of a view."""
    camera = scene.rig.cameras[view]
    depth_mm = panel_depth_mm(camera, center_world)
    K = camera.K.numpy()
    return {
        "name": camera.name,
        "source": _list(camera.center_world.numpy()),
        "corners": [_list(p) for p in on_panel(camera, image_corners(camera), depth_mm)],
        "turn": _list(camera.cam_from_world.R.numpy().ravel(), 7),
        "K": _list(np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2]]), 3),
        "size": [camera.width, camera.height],
    }


def _frame(scene: Scene, frame: int, center_world: np.ndarray) -> dict:
    """What changes from frame to frame."""
    track, status = scene.track, scene.track.status[frame]
    sd = [track.sd_rotation_deg[frame], track.sd_translation_mm[frame]]
    content: dict[str, object] = {
        "frame": frame,
        "time": round(float(track.time_s[frame]), 4),
        "status": status,
        "meaning": MEANING.get(status, ""),
        "flags": list(track.flags[frame]),
        "sd": [round(float(x), 4) if np.isfinite(x) else None for x in sd],
        "views": [_image(scene, frame, view, center_world) for view in range(len(scene.rig))],
    }
    if status == "lost":
        return content
    bits = faces_hit(scene, frame)
    content["pose"] = _list(track.world_from_ct[frame].matrix().numpy()[:3].ravel(), 6)
    content["hits"] = [_bits((bits >> view & 1).astype(bool)) for view in range(len(scene.rig))]
    content["lit"] = {n: lit for n, lit in lens_states(scene, frame).items() if lit is not None}
    content["numbers"] = {
        name: landmark_lines(scene, frame, name)[2:] for name in scene.landmarks_ct
    }
    if scene.landmarks_ct and np.isfinite(pose_covariance(scene, frame)).all():
        half = half_axes(landmark_covariances(scene, frame))
        content["spread"] = [_list(h.ravel(), 4) for h in half]
    return content


def _image(scene: Scene, frame: int, view: int, center_world: np.ndarray) -> dict:
    """A small picture of the frame, and its field on the panel."""
    camera = scene.rig.cameras[view]
    scale = min(1.0, IMAGE_PX / max(camera.width, camera.height))
    grey = scene.grey(frame, view)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    outline = on_panel(camera, scene.outline(frame, view), panel_depth_mm(camera, center_world))
    return {
        "image": base64.b64encode(webp(small, QUALITY)).decode("ascii"),
        "field": _list(outline.ravel(), 1),
    }


def webp(image: np.ndarray, quality: int) -> bytes:
    """An image (h, w) or (h, w, 3), uint8, blue first, as WebP."""
    done, encoded = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise OSError("a picture could not be encoded as WebP")
    return encoded.tobytes()


def _mesh(vertices: np.ndarray, faces: np.ndarray) -> dict:
    """Vertices on a grid of 65536 steps over their box, a hundredth of a millimetre or less."""
    low, high = vertices.min(0), vertices.max(0)
    step = float(max((high - low).max(), 1e-3)) / 65535
    return {
        "low": _list(low, 4),
        "step": step,
        "vertices": _base64(np.rint((vertices - low) / step).astype(np.uint16)),
        "faces": _base64(faces.astype(np.uint32)),
    }


def _bits(flags: np.ndarray) -> str:
    return _base64(np.packbits(flags, bitorder="little"))


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def _list(values: np.ndarray, digits: int = 2) -> list[float]:
    return np.round(np.asarray(values, dtype=np.float64), digits).tolist()
