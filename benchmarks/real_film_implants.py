"""The knee replacement of ../shared/data: both implants refined from their .jts first guesses.

The guesses are one camera's each and only approximate; the tibia's are the femur's. The metal is
told from the film by its grey value in a box read off by eye, with no regard to any pose; how far a
silhouette overlaps it is the Dice coefficient in the box. It is a check, and no truth. In the
second pair of frames (row 120) no grey value parts metal from bone: the field's edge is too dark.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pyvista as pv
from jaxtyping import Bool, Float
from PIL import Image

from calibration import Camera, Rig, Rigid, read_mayacam
from drr import Projector, Volume, find_field
from registration.jointtrack_jts import read_jointtrack_poses
from registration.radiograph import Radiograph, radiograph

DATA = Path(__file__).parents[2] / "shared/data/implants"
PAIRS = {0: ("000000", "000522"), 120: ("000240", "000762")}
"""Rows of the .jts and the frames of both cameras."""
METAL_HU = 9000
"""Cobalt-chrome is denser still; a radiograph of it is black all the same."""
VOXEL_MM = 0.5
BOXES_PX = {
    ("femur", "000000"): (420, 440, 735, 697),
    ("femur", "000522"): (440, 430, 775, 692),
    ("femur", "000240"): (665, 334, 970, 646),
    ("femur", "000762"): (745, 383, 1003, 646),
    ("tibia", "000000"): (485, 697, 720, 885),
    ("tibia", "000522"): (485, 692, 765, 875),
    ("tibia", "000240"): (710, 646, 965, 830),
    ("tibia", "000762"): (748, 646, 1003, 815),
}
"""left, top, right, bottom."""


class Film(NamedTuple):
    """One view: its radiograph, and the metal of one implant in its box."""

    shot: Radiograph
    metal: Bool[np.ndarray, "h w"]
    box: tuple[int, int, int, int]


def implant_volume(implant: str, folder: Path = DATA) -> Volume:
    """The closed mesh as dense metal on a grid; the mesh's frame is the CT's."""
    mesh = pv.read(folder / f"{implant}0.stl").fill_holes(20.0)
    low, high = np.array(mesh.bounds).reshape(3, 2).T
    low, count = low - 3 * VOXEL_MM, np.ceil((high - low) / VOXEL_MM + 7).astype(int)
    grid = pv.ImageData(dimensions=count, spacing=[VOXEL_MM] * 3, origin=low)
    mask = mesh.voxelize_binary_mask(reference_volume=grid)["mask"]
    inside = np.asarray(mask).reshape(count, order="F") > 0
    ct_from_voxel = np.diag([VOXEL_MM] * 3 + [1.0])
    ct_from_voxel[:3, 3] = low
    return Volume(np.where(inside, METAL_HU, -1000).astype(np.int16), ct_from_voxel)


def implant_rig(folder: Path = DATA) -> Rig:
    """The two cameras."""
    return read_mayacam([folder / f"Camcal{n}.txt" for n in (1, 2)], "mm", ["Cam1", "Cam2"])


def films(implant: str, row: int, folder: Path = DATA) -> tuple[Film, ...]:
    """Both views of a pair of frames."""
    found = []
    for camera, frame in zip(implant_rig(folder), PAIRS[row], strict=True):
        with Image.open(folder / camera.name / f"{frame}.tif") as image:
            grey = np.asarray(image)
        outline_px = find_field(grey, True)[0]
        shot = radiograph(camera, grey.astype(np.float32) / 255, outline_px)
        box = BOXES_PX[implant, frame]
        found.append(Film(shot, metal_in(grey, shot.usable > 0, box), box))
    return tuple(found)


def metal_in(
    grey: np.ndarray, usable: Bool[np.ndarray, "h w"], box: tuple[int, int, int, int]
) -> Bool[np.ndarray, "h w"]:
    """The largest piece of a box that is as dark as the first hump of its histogram."""
    left, top, right, bottom = box
    part = cv2.GaussianBlur(grey[top:bottom, left:right], (5, 5), 0)
    inside = usable[top:bottom, left:right]
    dark = ((part < _first_valley(part[inside])) & inside).astype(np.uint8)
    dark = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(dark)
    metal = np.zeros(grey.shape, bool)
    metal[top:bottom, left:right] = labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])
    return metal


def _first_valley(values: np.ndarray) -> int:
    """The grey value with the fewest pixels between the darkest hump and the next."""
    count = np.convolve(np.bincount(values, minlength=256), np.ones(5) / 5, "same")
    hump = next(g for g in range(255) if count[g] > count.max() / 4 and count[g] > count[g + 1])
    beyond = count[hump:]
    rises = [g for g in range(3, len(beyond) - 6) if beyond[g] <= beyond[g + 1 : g + 6].min()]
    return hump + (rises[0] if rises else 10)


def first_guesses(implant: str, row: int, folder: Path = DATA) -> list[Rigid]:
    """world_from_ct of a row of each camera's .jts."""
    name = {"femur": "fem", "tibia": "tib"}[implant]
    guesses = []
    for camera in implant_rig(folder):
        cam_from_model = read_jointtrack_poses(folder / camera.name / f"{name}_poses.jts")
        guess = Rigid(cam_from_model.R[row], cam_from_model.t[row])
        guesses.append(camera.cam_from_world.inverse() @ guess)
    return guesses


def silhouette(
    solid: Projector, camera: Camera, world_from_ct: Rigid
) -> Bool[np.ndarray, "height width"]:
    """Pixels whose ray goes through half a millimetre of metal, or more."""
    return metal_line(solid, camera, world_from_ct) > 0.5


def metal_line(
    solid: Projector, camera: Camera, world_from_ct: Rigid
) -> Float[np.ndarray, "height width"]:
    """Mm of metal along each pixel's ray."""
    mu_metal = solid.mu_water_per_mm * (1 + METAL_HU / 1000)
    cam_from_ct = camera.cam_from_world @ world_from_ct
    image = solid.render(camera.K, camera.width, camera.height, cam_from_ct).numpy()
    return image / mu_metal


def dice(film: Film, solid: Projector, world_from_ct: Rigid) -> float:
    """Twice the overlap of silhouette and metal over the sum of both, inside field and box."""
    left, top, right, bottom = film.box
    shadow = silhouette(solid, film.shot.camera, world_from_ct) & (film.shot.usable > 0)
    a, b = (mask[top:bottom, left:right] for mask in (shadow, film.metal))
    return float(2 * (a & b).sum() / max(a.sum() + b.sum(), 1))


def slid_onto(start: Rigid, views: tuple[Film, ...], centre_ct: Float[np.ndarray, "3"]) -> Rigid:
    """The start, its turn kept, its centre where rays through the middles of the metal meet."""
    normal, right = np.zeros((3, 3)), np.zeros(3)
    for film in views:
        v, u = np.nonzero(film.metal)
        camera = film.shot.camera
        ray = camera.rays(np.array([u.mean(), v.mean()])).numpy()
        across = np.eye(3) - np.outer(ray, ray)
        normal += across
        right += across @ camera.center_world.numpy()
    R = start.R.numpy()
    return Rigid(R, np.linalg.solve(normal, right) - R @ centre_ct)
