"""The room in 3D: sources, image planes with their frames, beams, and the skull at its pose."""

from dataclasses import dataclass

import numpy as np
import pyvista as pv
from jaxtyping import Float

from calibration import Camera, Rig, Rigid
from drr import Volume

SKULL, SKIN, BEAMS = "#f2ead8", "#d9a58c", ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
STATUS_COLORS = {"ok": "#009E73", "doubtful": "#E69F00", "lost": "#D55E00"}
BEHIND_HEAD = 1.5  # where the panel stands, over the head's depth, if no pixel spacing is known
SURFACE_GRID_MM, FACES = 2.0, 100_000


@dataclass(frozen=True)
class Beam:
    """One view of one frame: its camera, image and field."""

    camera: Camera
    image: Float[np.ndarray, "height width"]
    field_px: Float[np.ndarray, "corner 2"]


def surface_of(inside: np.ndarray, ct_from_voxel: np.ndarray) -> pv.PolyData:
    """The surface of a part of a CT, smoothed and decimated, in ct, mm."""
    part = Volume(np.where(inside, np.float32(1000), np.float32(0)), ct_from_voxel)
    part = part.resampled(SURFACE_GRID_MM)
    data = np.pad(np.asarray(part.data_hu, dtype=np.float32), 1)
    grid = pv.ImageData(dimensions=data.shape, origin=(-1.0, -1.0, -1.0))
    grid.point_data["part"] = data.ravel(order="F")
    surface = grid.contour([500.0], scalars="part", method="flying_edges")
    if surface.n_cells == 0:
        raise ValueError("the CT has no surface to show: its bone mask is empty")
    surface = surface.smooth_taubin(n_iter=10, pass_band=0.2)
    if surface.n_cells > FACES:
        surface = surface.decimate(1 - FACES / surface.n_cells)
    return surface.transform(part.ct_from_voxel, inplace=False)


def add_room(plotter: pv.Plotter, beams: list[Beam], center_world: np.ndarray) -> None:
    """Sources, image planes and beam pyramids."""
    for number, beam in enumerate(beams):
        color = BEAMS[number % len(BEAMS)]
        source = beam.camera.center_world.numpy()
        depth_mm = panel_depth_mm(beam.camera, center_world)
        plotter.add_mesh(pv.Sphere(radius=14, center=source.tolist()), color=color)
        plotter.add_point_labels(
            [source], [f"source {beam.camera.name}"], text_color="white", shape=None, font_size=16,
            show_points=False, always_visible=True,
        )  # fmt: skip
        plane, texture = image_plane(beam, depth_mm)
        plotter.add_mesh(plane, texture=texture, lighting=False)
        outline = on_panel(beam.camera, beam.field_px, depth_mm)
        plotter.add_mesh(pv.lines_from_points(outline, close=True), color=color, line_width=3)
        plotter.add_mesh(_pyramid(source, outline), color=color, opacity=0.10, lighting=False)
        for corner in outline[:: max(1, len(outline) // 4)]:
            plotter.add_mesh(pv.Line(source, corner), color=color, line_width=1, opacity=0.6)


def add_head(plotter: pv.Plotter, skull_ct: pv.PolyData, world_from_ct: Rigid, color: str) -> None:
    """The skull where the pose puts it."""
    moved = skull_ct.transform(world_from_ct.matrix().numpy(), inplace=False)
    plotter.add_mesh(moved, color=color, smooth_shading=True, specular=0.3)


def look_at_room(plotter: pv.Plotter, rig: Rig, center_world: np.ndarray, up: np.ndarray) -> None:
    """See all of the room obliquely from above, from the side of the sources."""
    sources = np.stack([camera.center_world.numpy() for camera in rig])
    toward = sources.mean(0) - center_world
    toward -= up * (toward @ up)
    toward /= max(float(np.linalg.norm(toward)), 1e-9)
    side = np.cross(up, toward)
    reach = float(np.linalg.norm(sources - center_world, axis=1).max())
    eye = center_world + reach * (1.3 * toward + 0.9 * side + 1.1 * up)
    plotter.camera_position = [eye, center_world, up]
    plotter.renderer.reset_camera()
    plotter.camera.zoom(1.15)


def panel_depth_mm(camera: Camera, center_world: np.ndarray) -> float:
    """Distance of the image plane from the source."""
    if camera.pixel_spacing_mm is not None:
        return float(camera.K[0, 0]) * camera.pixel_spacing_mm
    return BEHIND_HEAD * float(camera.depth(center_world))


def on_panel(
    camera: Camera, pixels: Float[np.ndarray, "n 2"], depth_mm: float
) -> Float[np.ndarray, "n 3"]:
    """Where pixels lie on the image plane, world mm."""
    K = camera.K.numpy()
    xy = (pixels - K[:2, 2]) / np.diag(K)[:2]
    points_cam = depth_mm * np.concatenate([xy, np.ones((len(xy), 1))], axis=1)
    return (camera.cam_from_world.inverse() @ points_cam).numpy()


def image_plane(beam: Beam, depth_mm: float) -> tuple[pv.PolyData, pv.Texture]:
    """The image plane with its texture; the texture's first row is the image's last."""
    right, bottom = beam.camera.width - 0.5, beam.camera.height - 0.5
    edges = np.array([[-0.5, bottom], [right, bottom], [right, -0.5], [-0.5, -0.5]])
    plane = pv.PolyData(on_panel(beam.camera, edges, depth_mm), [4, 0, 1, 2, 3])
    plane.active_texture_coordinates = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    low, high = np.quantile(beam.image, [0.005, 0.995])
    grey = np.clip(255 * (beam.image - low) / max(high - low, 1e-6), 0, 255).astype(np.uint8)
    return plane, pv.numpy_to_texture(np.repeat(grey[..., None], 3, axis=2))


def _pyramid(source: np.ndarray, outline: np.ndarray) -> pv.PolyData:
    """The beam's sides, a fan of triangles."""
    n = len(outline)
    faces = [[3, 0, 1 + i, 1 + (i + 1) % n] for i in range(n)]
    return pv.PolyData(np.vstack([source, outline]), np.hstack(faces))
