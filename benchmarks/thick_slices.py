"""What interpolation between thick slices does to the pose found with them.

    python benchmarks/thick_slices.py [--thickness 3 5] [--methods linear histospline ...]

The digital head (1 mm) is averaged to thick slices, refined by each method, and matched with noisy
radiographs of the fine head in two views 60 deg apart. Anatomy is that of the fine head, so that
nothing but the interpolation differs. Errors are at the head's centre.
"""

import argparse
import math
import time
from collections.abc import Callable

import cv2
import numpy as np
from scipy.interpolate import CubicSpline

from calibration import Camera, Rigid
from drr import Projector, Volume, digital_head, find_anatomy
from drr.thick_slices import refined
from registration import refine_pose
from registration.head_model import head_model
from registration.radiograph import radiograph
from registration.twist import distance_between, moved_rigid

SIZE_PX, FIELD_MM, SID_MM, SOD_MM = 320, 300.0, 1100.0, 750.0


def two_views() -> tuple[Camera, ...]:
    focal = SID_MM / (FIELD_MM / SIZE_PX)
    K = np.array([[focal, 0, (SIZE_PX - 1) / 2], [0, focal, (SIZE_PX - 1) / 2], [0, 0, 1.0]])
    away = Rigid(np.eye(3), np.array([0, 0, SOD_MM]))
    turns = [Rigid.exp(np.array([0, 0, 0, 0, np.radians(yaw), 0])) for yaw in (-30.0, 30.0)]
    return tuple(
        Camera(K, away @ turn, SIZE_PX, SIZE_PX, name)
        for name, turn in zip("AB", turns, strict=True)
    )


def poses(count: int, centre_ct: np.ndarray, rng: np.random.Generator) -> list[Rigid]:
    """Upright heads, turned about as people do; world y points down."""
    upright = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    found = []
    for _ in range(count):
        w = np.radians(rng.normal(0, [10, 40, 8]))
        R = Rigid.exp(np.array([0, 0, 0, *w])).R.numpy() @ upright
        found.append(Rigid(R, rng.normal(0, 8, 3) - R @ centre_ct))
    return found


def filmed(projector: Projector, cameras: tuple[Camera, ...], pose: Rigid, rng) -> tuple:
    shots = []
    for camera in cameras:
        cam_from_ct = camera.cam_from_world @ pose
        line = projector.render(camera.K, camera.width, camera.height, cam_from_ct).numpy()
        image = np.exp(-line)
        image = (image + 0.01) ** 0.55 + rng.normal(0, 0.004, image.shape)
        shots.append(radiograph(camera, image.astype(np.float32)))
    return tuple(shots)


def averaged(volume: Volume, thickness: int) -> Volume:
    """Slices of that many slices' mean, in whole HU."""
    data = volume.data_hu[:, :, : volume.shape[2] // thickness * thickness]
    blocks = data.reshape(*data.shape[:2], -1, thickness).mean(axis=3)
    ct_from_voxel = volume.ct_from_voxel @ np.diag([1, 1, thickness, 1.0])
    ct_from_voxel[:3, 3] = volume.points_ct(np.array([0, 0, (thickness - 1) / 2]))
    return Volume(np.rint(blocks).astype(np.int16), ct_from_voxel)


def between(volume: Volume, values: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Volume:
    """Slices at most 1.25 mm apart; `values` gives them at places counted in thick slices."""
    parts = math.ceil(volume.spacing_mm[2] / 1.25)
    places = (np.arange(volume.shape[2] * parts) + 0.5) / parts - 0.5
    slices = np.moveaxis(volume.data_hu, 2, 0).astype(np.float32)
    new = values(slices, np.clip(places, 0, len(slices) - 1))
    ct_from_voxel = volume.ct_from_voxel @ np.diag([1, 1, 1 / parts, 1.0])
    ct_from_voxel[:3, 3] = volume.points_ct(np.array([0, 0, places[0]]))
    new = np.rint(np.clip(new, slices.min(), slices.max())).astype(np.int16)
    return Volume(np.moveaxis(new, 0, 2), ct_from_voxel)


def linear(slices: np.ndarray, places: np.ndarray) -> np.ndarray:
    k = np.minimum(places.astype(int), len(slices) - 2)
    share = (places - k)[:, None, None].astype(np.float32)
    return (1 - share) * slices[k] + share * slices[k + 1]


def cubic(slices: np.ndarray, places: np.ndarray) -> np.ndarray:
    return CubicSpline(np.arange(len(slices)), slices, bc_type="natural")(places)


def windowed_sinc(slices: np.ndarray, places: np.ndarray, lobes: int = 3) -> np.ndarray:
    new = []
    for place in places:
        taps = math.floor(place) + np.arange(1 - lobes, lobes + 1)
        weights = np.sinc(taps - place) * np.sinc((taps - place) / lobes)
        near = slices[np.clip(taps, 0, len(slices) - 1)]
        new.append(np.tensordot((weights / weights.sum()).astype(np.float32), near, 1))
    return np.stack(new)


def along_flow(slices: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Registration-based: each pixel on its way from one slice to the next (DIS optical flow)."""
    grey = np.clip((slices + 1000) / 12, 0, 255).astype(np.uint8)
    row, column = np.mgrid[: grey.shape[1], : grey.shape[2]].astype(np.float32)
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def moved(k: int, way: np.ndarray, share: float) -> np.ndarray:
        map_u, map_v = column - share * way[..., 0], row - share * way[..., 1]
        return cv2.remap(slices[k], map_u, map_v, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)

    new = []
    for place in places:
        k = min(int(place), len(slices) - 2)
        share = np.float32(place - k)
        there, back = (flow.calc(*grey[[a, b]], None) for a, b in ((k, k + 1), (k + 1, k)))
        new.append((1 - share) * moved(k, there, share) + share * moved(k + 1, back, 1 - share))
    return np.stack(new)


METHODS = {
    "none": lambda volume: volume,
    "linear": lambda volume: between(volume, linear),
    "cubic": lambda volume: between(volume, cubic),
    "windowed sinc": lambda volume: between(volume, windowed_sinc),
    "optical flow": lambda volume: between(volume, along_flow),
    "histospline": refined,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--thickness", type=int, nargs="*", default=[3, 5])
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--poses", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    fine = digital_head(0, 1.0).volume
    anatomy = find_anatomy(fine)
    model = head_model(fine, anatomy)
    projector, cameras = Projector(fine), two_views()
    truth = poses(args.poses, model.centre_ct, rng)
    shots = [filmed(projector, cameras, pose, rng) for pose in truth]
    off = np.concatenate(
        [rng.normal(0, 2, (len(truth), 3)), rng.normal(0, 0.04, (len(truth), 3))], 1
    )
    starts = [moved_rigid(p, o, model.centre_ct) for p, o in zip(truth, off, strict=True)]
    print(
        f"{'slices':>8} {'method':14} {'deg: median':>12} {'worst':>6} {'mm: median':>11} "
        f"{'worst':>6} {'similarity':>10} {'refined in s':>12}"
    )
    report("1 mm", "-", truth, shots, starts, model, 0.0)
    for thickness in args.thickness:
        thick = averaged(fine, thickness)
        for name in args.methods:
            begun = time.perf_counter()
            refined = METHODS[name](thick)
            seconds = time.perf_counter() - begun
            model = head_model(refined, anatomy)
            report(f"{thickness} mm", name, truth, shots, starts, model, seconds)


def report(slices, name, truth, shots, starts, model, seconds) -> None:
    found = [refine_pose(s, model, start, 1) for s, start in zip(shots, starts, strict=True)]
    off = [
        distance_between(t, f.world_from_ct, model.centre_ct)
        for t, f in zip(truth, found, strict=True)
    ]
    mm, deg = np.array(off).T
    similarity = np.median([f.similarity.mean() for f in found])
    print(
        f"{slices:>8} {name:14} {np.median(deg):12.3f} {deg.max():6.3f} {np.median(mm):11.3f} "
        f"{mm.max():6.3f} {similarity:10.4f} {seconds:12.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
