"""A tracked trial as something to look at: surfaces, poses, frames, beams, what they hit."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from calibration import Camera, Rig, Rigid
from detector import read_landmarks
from exposure import Skin
from exposure.patch import patch_of
from registration import Track

from .exposures import field_of
from .frames import Frames
from .scene_exposure import SceneExposure, point_covariance, read_scene_exposure, sd_covariance
from .scene_surfaces import HeadSurfaces, surfaces_of
from .trial import Trial

LENSES = ("lens_left", "lens_right")
BEHIND_HEAD = 1.5  # where the panel stands, over the head's depth, if no pixel spacing is known
FRAMES_KEPT_BYTES = 400 << 20


@dataclass(frozen=True, eq=False)
class Scene:
    """All that is drawn of a trial; `grey` and `outline` are by frame and view, and remembered."""

    rig: Rig
    track: Track
    surfaces: HeadSurfaces
    landmarks_ct: dict[str, Float[np.ndarray, "3"]]
    center_ct: Float[np.ndarray, "3"]
    exposure: SceneExposure
    grey: Callable[[int, int], UInt8[np.ndarray, "h w"]]
    outline: Callable[[int, int], Float[np.ndarray, "corner 2"]]
    hits: dict[int, UInt8[np.ndarray, "face"]] = field(default_factory=dict, init=False)
    """By frame, what `faces_hit` has found."""


def scene_of(trial: Trial, views: tuple[Frames, ...], track: Track, track_file: Path) -> Scene:
    """The scene of a track, a row a frame, and of the exposure.json beside its file.

    Raises:
        ValueError: the CT has no bone, the landmarks or the exposure.json are damaged.
    """
    surfaces = surfaces_of(trial)
    landmarks_ct = read_landmarks(trial.landmarks) if trial.landmarks.exists() else {}
    points = list(landmarks_ct.values()) or list(surfaces.bone.vertices_ct)
    exposure = read_scene_exposure(track_file, trial.rig.names, len(track))
    largest = max(camera.width * camera.height for camera in trial.rig)

    @functools.lru_cache(max(4, FRAMES_KEPT_BYTES // largest))
    def grey(frame: int, view: int) -> np.ndarray:
        return stretched(views[view][frame])

    @functools.lru_cache(4096)
    def outline(frame: int, view: int) -> np.ndarray:
        known = exposure.outline_px.get((frame, view))
        if known is not None:
            return known
        return field_of(trial, view, views[view][frame], frame).outline_px

    return Scene(
        trial.rig,
        track,
        surfaces,
        landmarks_ct,
        np.asarray(points, dtype=np.float64).mean(0),
        exposure,
        grey,
        outline,
    )


def stretched(image: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """8-bit grey values over the range that the image uses."""
    low, high = np.quantile(image[::3, ::3], [0.005, 0.995])
    return np.clip(255 * (image - low) / max(high - low, 1e-6), 0, 255).astype(np.uint8)


def panel_depth_mm(camera: Camera, center_world: Float[np.ndarray, "3"]) -> float:
    """Distance of the image plane from the source."""
    if camera.pixel_spacing_mm is not None:
        return float(camera.K[0, 0]) * camera.pixel_spacing_mm
    return BEHIND_HEAD * max(float(camera.depth(center_world)), 1.0)


def on_panel(
    camera: Camera, pixels: Float[np.ndarray, "n 2"], depth_mm: float
) -> Float[np.ndarray, "n 3"]:
    """Where pixels lie on the image plane, world mm."""
    K = camera.K.numpy()
    xy = (pixels - K[:2, 2]) / np.diag(K)[:2]
    points_cam = depth_mm * np.concatenate([xy, np.ones((len(xy), 1))], axis=1)
    return (camera.cam_from_world.inverse() @ points_cam).numpy()


def image_corners(camera: Camera) -> Float[np.ndarray, "4 2"]:
    """The outer corners of the image in pixels: top left, top right, bottom right, bottom left."""
    right, bottom = camera.width - 0.5, camera.height - 0.5
    return np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])


def shown_pose(scene: Scene, frame: int) -> Rigid:
    """The pose of a frame; of the nearest known frame, for the camera alone, where it is lost."""
    known = np.flatnonzero(scene.track.has_pose)
    return scene.track.world_from_ct[int(known[np.argmin(np.abs(known - frame))])]


def pose_covariance(scene: Scene, frame: int) -> Float[np.ndarray, "6 6"]:
    """Of the twist about the centre: from exposure.json, the track, or its two deviations."""
    for known in (scene.exposure.covariance[frame], scene.track.covariance[frame]):
        if np.isfinite(known).all():
            return known
    track = scene.track
    return sd_covariance(float(track.sd_translation_mm[frame]), float(track.sd_rotation_deg[frame]))


def landmark_covariances(scene: Scene, frame: int) -> Float[np.ndarray, "n 3 3"]:
    """Covariance (mm^2, world) of each landmark that follows from the pose's."""
    points = np.array(list(scene.landmarks_ct.values())).reshape(-1, 3)
    turn = scene.track.world_from_ct.R[frame].numpy()
    return point_covariance(pose_covariance(scene, frame), (points - scene.center_ct) @ turn.T)


@functools.lru_cache(4)
def light_skin(surfaces: HeadSurfaces) -> Skin:
    """The light skin, ready for beams."""
    skin = surfaces.skin
    vertices, faces = skin.vertices_ct.astype(np.float64), skin.faces.astype(np.int64)
    return Skin.from_mesh(vertices, faces, surfaces.skin_on_cut)


def faces_hit(scene: Scene, frame: int) -> UInt8[np.ndarray, "face"]:
    """Which beams meet each face of the light skin first: bit n for view n; none where lost."""
    if frame not in scene.hits:
        scene.hits[frame] = _faces_hit(scene, frame)
    return scene.hits[frame]


def _faces_hit(scene: Scene, frame: int) -> UInt8[np.ndarray, "face"]:
    skin = light_skin(scene.surfaces)
    found = np.zeros(len(skin.faces), np.uint8)
    if not scene.track.has_pose[frame]:
        return found
    for view, camera in enumerate(scene.rig):
        cam_from_ct = camera.cam_from_world @ scene.track.world_from_ct[frame]
        K = camera.K.numpy()
        outline = (scene.outline(frame, view) - K[:2, 2]) / np.diag(K)[:2]
        patch = patch_of(skin, outline, cam_from_ct.matrix().numpy())
        found[patch.face[patch.share >= 0.5]] |= np.uint8(1 << (view % 8))
    return found


def lens_states(scene: Scene, frame: int) -> dict[str, bool | None]:
    """Whether each marked lens is in any field of a frame; None where that is not known."""
    states: dict[str, bool | None] = {}
    for name in LENSES:
        if name in scene.landmarks_ct:
            side = name.removeprefix("lens_")
            found = [
                scene.exposure.lens_in_field.get((frame, view), {}).get(side)
                for view in range(len(scene.rig))
            ]
            known = [value for value in found if value is not None]
            states[name] = any(known) if known else None
    return states
