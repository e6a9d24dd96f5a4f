"""Landmarks in the room: points, ellipsoids of their error, rays from the sources."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyvista as pv
from jaxtyping import Float

from .scene import Scene, landmark_covariances, pose_covariance

COLOR, PICKED = "#56B4E9", "#ffffff"
SEEN_MM = 4.0
"""Ellipsoids are enlarged until the usual one has a half axis of this length."""
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
REACH_PX = 14


@dataclass(frozen=True, eq=False)
class Marks:
    """Landmarks of a scene; the meshes change in place."""

    names: tuple[str, ...]
    points_ct: Float[np.ndarray, "n 3"]
    times: int
    """Ellipsoids are drawn this many times as large as one standard deviation."""
    ball: pv.PolyData
    cloud: pv.PolyData
    ellipsoids: pv.PolyData
    rays: pv.PolyData
    picked: pv.PolyData
    actors: dict[str, pv.Actor]


def add_marks(plotter: pv.Plotter, scene: Scene) -> Marks | None:
    """Add the landmarks of a scene to a plotter; None where there are none."""
    if not scene.landmarks_ct:
        return None
    points_ct = np.array(list(scene.landmarks_ct.values()))
    n = len(points_ct)
    ball = pv.Sphere(radius=1.0, theta_resolution=10, phi_resolution=8)
    corners = np.asarray(ball.faces).reshape(-1, 4)[:, 1:]
    faces = np.concatenate([corners + i * ball.n_points for i in range(n)])
    ellipsoids = pv.PolyData(
        np.tile(np.asarray(ball.points), (n, 1)), np.insert(faces, 0, 3, axis=1)
    )
    ends = np.zeros((2 * n * len(scene.rig), 3))
    rays = pv.PolyData(ends, lines=_pairs(len(ends)))
    picked = pv.PolyData(np.zeros((2 * len(scene.rig), 3)), lines=_pairs(2 * len(scene.rig)))
    cloud = pv.PolyData(points_ct.astype(np.float64))
    meshes = {"cloud": cloud, "ellipsoids": ellipsoids, "rays": rays, "picked": picked}
    actors = {
        "cloud": plotter.add_mesh(cloud, color=COLOR, point_size=6),
        "ellipsoids": plotter.add_mesh(ellipsoids, color=COLOR, opacity=0.5),
        "rays": plotter.add_mesh(rays, color=COLOR, line_width=1, opacity=0.5),
        "picked": plotter.add_mesh(picked, color=PICKED, line_width=2),
    }
    return Marks(
        tuple(scene.landmarks_ct), points_ct, enlargement(scene), ball, **meshes, actors=actors
    )


def enlargement(scene: Scene) -> int:
    """How many times ellipsoids are enlarged, a round number; 1 where no error is known."""
    sizes = [
        float(np.sqrt(np.linalg.eigvalsh(landmark_covariances(scene, frame))[:, -1]).mean())
        for frame in np.flatnonzero(scene.track.has_pose)[:50].tolist()
        if np.isfinite(pose_covariance(scene, frame)).all() and scene.landmarks_ct
    ]
    usual = float(np.median(sizes)) if sizes else SEEN_MM
    return max((s for s in STEPS if s * usual <= SEEN_MM), default=1)


def place_marks(marks: Marks, scene: Scene, frame: int, shows: Mapping) -> None:
    """Move the landmarks to a frame, and show what is switched on."""
    known = bool(scene.track.has_pose[frame])
    spread = known and bool(np.isfinite(pose_covariance(scene, frame)).all())
    for name, actor in marks.actors.items():
        wanted = shows["rays"] if name == "rays" else shows["landmarks"]
        wanted = wanted and spread if name == "ellipsoids" else wanted
        actor.visibility = known and bool(shows["picked"] if name == "picked" else wanted)
    if not known:
        return
    points = (scene.track.world_from_ct[frame] @ marks.points_ct).numpy()
    marks.cloud.points = points
    if spread:
        half = marks.times * half_axes(landmark_covariances(scene, frame))
        moved = np.asarray(marks.ball.points) @ half.transpose(0, 2, 1) + points[:, None]
        marks.ellipsoids.points = moved.reshape(-1, 3)
    sources = np.stack([camera.center_world.numpy() for camera in scene.rig])
    marks.rays.points = _ends(sources, points)
    if shows["picked"] in marks.names:
        marks.picked.points = _ends(sources, points[[marks.names.index(shows["picked"])]])


def half_axes(covariance: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, "n 3 3"]:
    """Matrices that carry the unit ball to the ellipsoids of one standard deviation."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]


def nearest_landmark(
    plotter: pv.Plotter,
    marks: Marks,
    scene: Scene,
    frame: int,
    at_px: tuple[float | int, float | int],
) -> str | None:
    """The landmark drawn within reach of a place on the screen (from its lower left)."""
    if not scene.track.has_pose[frame]:
        return None
    distances = []
    for x, y, z in (scene.track.world_from_ct[frame] @ marks.points_ct).tolist():
        plotter.renderer.SetWorldPoint(x, y, z, 1.0)
        plotter.renderer.WorldToDisplay()
        shown = plotter.renderer.GetDisplayPoint()
        distances.append(float(np.hypot(shown[0] - at_px[0], shown[1] - at_px[1])))
    best = int(np.argmin(distances))
    return marks.names[best] if distances[best] <= REACH_PX else None


def _pairs(ends: int) -> np.ndarray:
    """Lines from every even point to the next."""
    start = np.arange(0, ends, 2)
    return np.stack([np.full(len(start), 2), start, start + 1], axis=1).ravel()


def _ends(sources: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Source, point, source, point, ..."""
    from_to = np.broadcast_arrays(sources[:, None], points[None])
    return np.stack(from_to, axis=2).reshape(-1, 3)
