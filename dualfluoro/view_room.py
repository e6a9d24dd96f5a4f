"""The room in 3D with PyVista: made once, then moved from frame to frame without building again."""

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pyvista as pv
from jaxtyping import UInt8

from .scene import (
    Scene,
    faces_hit,
    image_corners,
    lens_states,
    on_panel,
    panel_depth_mm,
    shown_pose,
)
from .view_marks import Marks, add_marks, place_marks
from .view_words import HELP, STATUS_COLORS, caption

SIZE = (1280, 860)
BACKGROUND, BONE, SKIN, DARK_LENS, LIT_LENS = "#20242c", "#f2ead8", "#d9a58c", "#7fa8b8", "#fff200"
BEAMS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
SKIN_RGB, CUT_RGB, BOTH_RGB = (217, 165, 140), (120, 120, 120), (213, 94, 0)
LENS_MM = 5.0
BORDER = {"ok": 0.0, "doubtful": 12.0, "lost": 12.0}


@dataclass(frozen=True, eq=False)
class BeamParts:
    """What is drawn of one view; meshes and pixels that change in place."""

    sides: pv.PolyData
    outline: pv.PolyData
    pixels: np.ndarray
    """(h, w, 3) uint8 of the texture, last row first."""
    texture: pv.Texture
    actor: pv.Actor
    """Of the sides."""
    source: pv.Actor
    names: Any
    """Words beside source and detector."""
    depth_mm: float


@dataclass(frozen=True, eq=False)
class Room:
    """A plotter with the scene in it. `shows` alone changes: frame, and what is switched on."""

    plotter: pv.Plotter
    scene: Scene
    beams: tuple[BeamParts, ...]
    bone: pv.Actor
    skin: pv.Actor
    skin_rgb: np.ndarray
    skin_mesh: pv.PolyData
    lenses: dict[str, pv.Actor]
    marks: Marks | None
    words: pv.Text
    help: pv.Text
    shows: dict = field(default_factory=dict)


def room_of(scene: Scene, frame: int, window: bool = False, size: tuple[int, int] = SIZE) -> Room:
    """The room at a frame; with a window, or drawn off-screen."""
    plotter = pv.Plotter(off_screen=not window, window_size=list(size))
    cast(Any, plotter.ren_win).SetMultiSamples(0)  # four times as slow without a graphics card
    plotter.renderer.set_background(BACKGROUND)
    center_world = (shown_pose(scene, frame) @ scene.center_ct).numpy()
    beams = tuple(_beam(plotter, scene, n, center_world) for n in range(len(scene.rig)))
    bone = plotter.add_mesh(
        scene.surfaces.bone.mesh(), color=BONE, smooth_shading=True, specular=0.2
    )
    skin_mesh = scene.surfaces.skin.mesh()
    skin_mesh.cell_data["rgb"] = np.tile(np.array(SKIN_RGB, np.uint8), (skin_mesh.n_cells, 1))
    skin = plotter.add_mesh(
        skin_mesh, scalars="rgb", rgb=True, opacity=0.35, smooth_shading=False, culling="back"
    )
    lenses = {
        name: plotter.add_mesh(
            pv.Sphere(radius=LENS_MM, center=scene.landmarks_ct[name].tolist()), color=DARK_LENS
        )
        for name in lens_states(scene, frame)
    }
    words = cast(
        pv.Text, plotter.add_text("", position=(14, size[1] - 14), font_size=12, color="white")
    )
    words.prop.SetVerticalJustificationToTop()
    keys = cast(pv.Text, plotter.add_text(HELP, position=(14, 10), font_size=8, color="#b8bcc4"))
    room = Room(
        plotter, scene, beams, bone, skin, np.asarray(skin_mesh.cell_data["rgb"]), skin_mesh,
        lenses, add_marks(plotter, scene), words, keys,
        {"frame": frame, "skin": True, "landmarks": True, "rays": False, "help": window,
         "picked": None, "sums": None, "through": False},
    )  # fmt: skip
    show_frame(room, frame)
    return room


def show_frame(room: Room, frame: int) -> None:
    """Move everything to a frame; a lost one shows no head."""
    scene, shows = room.scene, room.shows
    shows["frame"] = frame
    status = scene.track.status[frame]
    known = status != "lost"
    for view, beam in enumerate(room.beams):
        _set_beam(scene, beam, frame, view)
    for actor in (room.bone, room.skin, *room.lenses.values()):
        actor.visibility = known
    through = shows["through"]  # a source's eye: the bone lets its shadow be seen
    room.bone.prop.opacity = 0.4 if through else 1.0
    room.skin.visibility = known and shows["skin"] and not through
    for beam in room.beams:
        beam.actor.visibility = beam.source.visibility = not through
        beam.names.SetVisibility(not through)
    # layers in their order: costs a third of the time, and only a see-through bone needs it
    cast(Any, room.plotter.renderer).SetUseOIT(through)
    if known:
        world_from_ct = scene.track.world_from_ct[frame].matrix().numpy()
        for actor in (room.bone, room.skin, *room.lenses.values()):
            actor.user_matrix = world_from_ct
    room.bone.prop.color = BONE if status == "ok" else STATUS_COLORS["doubtful"]
    if room.skin.visibility:
        room.skin_rgb[:] = _skin_colors(room, frame)
        room.skin_mesh.cell_data.VTKObject.GetScalars().Modified()
        room.skin_mesh.GetCellData().Modified()
    for name, lit in lens_states(scene, frame).items():
        room.lenses[name].prop.color = LIT_LENS if lit else DARK_LENS
        room.lenses[name].prop.ambient = 1.0 if lit else 0.2
    if room.marks is not None:
        place_marks(room.marks, scene, frame, shows)
    room.help.SetVisibility(shows["help"])
    room.words.input = caption(scene, frame, shows["picked"])
    room.words.prop.color = "white" if status == "ok" else STATUS_COLORS[status]
    _set_border(room, status)


def photograph(room: Room) -> UInt8[np.ndarray, "h w 3"]:
    """What the room looks like now; a plotter of its own accord keeps its first picture."""
    room.plotter.render()
    return np.asarray(room.plotter.screenshot(return_img=True))


def look_from(room: Room, eye: str | None) -> None:
    """See what the source of the view of this name sees; all of the room without a name."""
    if eye is None:
        look_at_room(room)
    else:
        look_through(room, room.scene.rig.names.index(eye))


def look_at_room(room: Room) -> None:
    """See all of the room obliquely from above, from the side of the sources."""
    scene, plotter = room.scene, room.plotter
    pose = shown_pose(scene, room.shows["frame"])
    center = (pose @ scene.center_ct).numpy()
    up = pose.R.numpy()[:, 2]
    sources = np.stack([camera.center_world.numpy() for camera in scene.rig])
    toward = sources.mean(0) - center
    toward -= up * (toward @ up)
    toward /= max(float(np.linalg.norm(toward)), 1e-9)
    reach = float(np.linalg.norm(sources - center, axis=1).max())
    eye = center + reach * (1.1 * toward + 0.5 * np.cross(up, toward) + 0.9 * up)
    room.shows["through"] = False
    show_frame(room, room.shows["frame"])
    plotter.camera.SetWindowCenter(0, 0)
    plotter.camera.view_angle = 30
    plotter.camera_position = [eye, center, up]
    plotter.renderer.reset_camera()
    plotter.camera.zoom(1.35)


def look_at_head(room: Room, right: float = 1.0) -> None:
    """See the head from its front, and from its right (1) or left (-1)."""
    pose = shown_pose(room.scene, room.shows["frame"])
    center = (pose @ room.scene.surfaces.skin.vertices_ct.mean(0)).numpy()
    R = pose.R.numpy()
    eye = center + 900 * R[:, 1] + right * 550 * R[:, 0] + 120 * R[:, 2]
    plotter = room.plotter
    room.shows["through"] = False
    show_frame(room, room.shows["frame"])
    plotter.camera.SetWindowCenter(0, 0)
    plotter.camera_position = [eye, center, R[:, 2]]
    plotter.camera.view_angle = 17
    plotter.renderer.reset_camera_clipping_range()


def look_through(room: Room, view: int) -> None:
    """See what the source of a view sees: its image fills the height, the bone lies on its shadow.

    The camera's principal point and field of view are those of K; fx counts as fy.
    """
    scene, plotter = room.scene, room.plotter
    room.shows["through"] = True
    show_frame(room, room.shows["frame"])
    camera = scene.rig.cameras[view]
    K, to_world = camera.K.numpy(), camera.cam_from_world.inverse()
    width, height = plotter.window_size
    shown = camera.height * max(1.0, camera.width * height / (camera.height * width))  # rows
    eye = camera.center_world.numpy()
    ahead, down = to_world.R.numpy()[:, 2], to_world.R.numpy()[:, 1]
    plotter.camera_position = [eye, eye + ahead * room.beams[view].depth_mm, -down]
    plotter.camera.view_angle = float(2 * np.degrees(np.arctan(shown / 2 / K[1, 1])))
    off_u = (K[0, 2] - (camera.width - 1) / 2) / (shown * width / height) * 2
    off_v = (K[1, 2] - (camera.height - 1) / 2) / shown * 2
    plotter.camera.SetWindowCenter(-off_u, off_v)
    plotter.renderer.reset_camera_clipping_range()


def _beam(plotter: pv.Plotter, scene: Scene, view: int, center_world: np.ndarray) -> BeamParts:
    """Source, panel and image of one view, and meshes for its field."""
    camera, color = scene.rig.cameras[view], BEAMS[view % len(BEAMS)]
    source, depth_mm = camera.center_world.numpy(), panel_depth_mm(camera, center_world)
    ball = plotter.add_mesh(pv.Sphere(radius=12, center=source.tolist()), color=color)
    corners = on_panel(camera, image_corners(camera), depth_mm)
    plotter.add_mesh(pv.lines_from_points(corners, close=True), color=color, line_width=1)
    names = plotter.add_point_labels(
        np.stack([source, corners[0]]),
        [f"source {camera.name}", f"detector {camera.name}"],
        text_color="white", shape=None, font_size=15, show_points=False, always_visible=True,
    )  # fmt: skip
    plane = pv.PolyData(corners[[3, 2, 1, 0]], [4, 0, 1, 2, 3])
    plane.active_texture_coordinates = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    texture = pv.numpy_to_texture(np.zeros((camera.height, camera.width, 3), np.uint8))
    plotter.add_mesh(plane, texture=texture, lighting=False)
    pixels = np.asarray(texture.to_image().point_data.active_scalars)
    sides = plotter.add_mesh(
        pv.Triangle(), color=color, opacity=0.10, lighting=False, show_edges=False
    )
    outline = plotter.add_mesh(pv.Line(), color=color, line_width=3)
    parts = (sides.mapper.dataset, outline.mapper.dataset)
    shape = (camera.height, camera.width, 3)
    return BeamParts(*parts, pixels.reshape(shape), texture, sides, ball, names, depth_mm)


def _set_beam(scene: Scene, beam: BeamParts, frame: int, view: int) -> None:
    """The image and the field of a frame."""
    beam.pixels[:] = scene.grey(frame, view)[::-1, :, None]
    beam.texture.to_image().Modified()
    beam.texture.Modified()
    camera = scene.rig.cameras[view]
    outline = on_panel(camera, scene.outline(frame, view), beam.depth_mm)
    n = len(outline)
    around = np.arange(n)
    fan = np.stack([np.full(n, 3), np.zeros(n, int), 1 + around, 1 + (around + 1) % n], axis=1)
    beam.sides.copy_from(pv.PolyData(np.vstack([camera.center_world.numpy(), outline]), fan))
    beam.outline.copy_from(pv.lines_from_points(outline, close=True))


def _skin_colors(room: Room, frame: int) -> np.ndarray:
    """Where each beam enters in its colour, where several do in vermilion; or the map of sums."""
    surfaces = room.scene.surfaces
    if (sums := room.shows["sums"]) is not None:
        rgb = heat(sums / max(int(sums.max()), 1))
        rgb[sums == 0] = SKIN_RGB
    else:
        bits = faces_hit(room.scene, frame)
        rgb = np.tile(np.array(SKIN_RGB, np.uint8), (len(bits), 1))
        for view in range(len(room.scene.rig)):
            rgb[bits == 1 << view] = pv.Color(BEAMS[view % len(BEAMS)]).int_rgb
        rgb[bits & (bits - 1) > 0] = BOTH_RGB
    rgb[surfaces.skin_on_cut] = CUT_RGB
    return rgb


def heat(share: np.ndarray) -> np.ndarray:
    """Shares from 0 to 1 as colours that the colour-blind can order too (cividis)."""
    import matplotlib

    return (255 * matplotlib.colormaps["cividis"](share)[:, :3]).astype(np.uint8)


def switch_map(room: Room) -> None:
    """Show what the skin received over all frames, or again what it receives in this one."""
    shows = room.shows
    shows["sums"] = sum_of_hits(room.scene) if shows["sums"] is None else None
    show_frame(room, shows["frame"])


def sum_of_hits(scene: Scene) -> np.ndarray:
    """Over all frames and views, how often each face of the skin was in a field."""
    total = np.zeros(len(scene.surfaces.skin.faces), np.int64)
    for frame in range(len(scene.track)):
        bits = faces_hit(scene, frame)
        for view in range(len(scene.rig)):
            total += bits >> view & 1
    return total


def _set_border(room: Room, status: str) -> None:
    """A thick frame about a picture that is not to be trusted."""
    if room.shows.get("border") != status:
        room.shows["border"] = status
        room.plotter.renderer.add_border(
            STATUS_COLORS.get(status, BACKGROUND) if status != "ok" else BACKGROUND,
            width=max(BORDER[status], 1.0),
        )
