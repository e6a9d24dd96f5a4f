"""How far the outline that `drr.find_field` finds lies from the edge of real round fields.

    python benchmarks/real_fields.py DATA [--sheet fields.png]

The edge is measured by other means: along 720 rays from the middle of the bright part the steepest
fall of the smoothed image, a circle through those points that most of them agree on, and the
outermost place with half of the signal that is seen 40 to 80 px further in. Nothing of `drr` but
`find_field` is used. Only rays on which both the outline and the edge lie inside the image count,
and only images on which a third of the rays agree on one circle.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pydicom
import shapely
from scipy import ndimage

from drr import find_field

IMAGES = (
    *(f"calibration/xraycalib/{name}.IMA" for name in (
        "03_beads_centred_0", "04_grid_centred_0", "06_grid_orbit_15", "10_grid_tilt_15",
        "14_grid_tilt_45", "17_beads_orbit_45", "18_grid_orbit_45", "20_grid_orbit_60")),
    *(f"calibration/ball_plate/cropped_img{n}.jpg" for n in (2, 8, 9, 12, 16, 23)),
    "dicom/NEMA_XA1_UNC.dcm",
    "dicom/HasFragmentSequence.dcm",
    "implants/Cam1/000000.tif",
    "implants/Cam2/000522.tif",
    "wrist/cam01/xr_rad_uln_cam01_UND.0002.tif",
    "wrist/cam02/xr_rad_uln_cam02_UND.0002.tif",
)  # fmt: skip
RAYS, STEP_PX, SMOOTH_PX, NEAR_PX = 720, 0.25, 1.5, 3.0
ROUND = 1 / 3  # of the rays at least agree on the circle of a round field


def read(path: Path) -> np.ndarray:
    """The first frame in [0, 1], float32."""
    if path.suffix.lower() in (".dcm", ".ima"):
        data = pydicom.dcmread(path)
        pixels = data.pixel_array
        image = (pixels[0] if pixels.ndim == 3 else pixels).astype(np.float32)
        return image / (2 ** int(data.BitsStored) - 1)
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    return image.astype(np.float32) / np.iinfo(image.dtype).max


def edge_points(image: np.ndarray) -> np.ndarray:
    """Where each ray (n, 2) falls most steeply outwards beyond half of the way; nan: off image."""
    smooth = ndimage.gaussian_filter(image.astype(np.float64), SMOOTH_PX)
    bright = smooth > np.quantile(smooth, 0.02) + 0.25 * np.ptp(np.quantile(smooth, [0.02, 0.98]))
    rows, columns = np.nonzero(bright)
    low, high = (columns.min(), rows.min()), (columns.max(), rows.max())
    middle = np.add(low, high) / 2
    angle = 2 * np.pi * np.arange(RAYS) / RAYS
    way = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    t = np.arange(0.25 * min(image.shape), np.hypot(*image.shape) / 2, STEP_PX)
    at = middle + t[None, :, None] * way[:, None]
    inside = ((at >= 2) & (at <= np.array(image.shape[::-1]) - 3)).all(axis=2)
    values = ndimage.map_coordinates(smooth, [at[..., 1], at[..., 0]], order=1, mode="nearest")
    fall = np.where(inside[:, 1:] & inside[:, :-1], -np.diff(values, axis=1), -np.inf)
    best = fall.argmax(axis=1)
    points = at[np.arange(RAYS), best] + way * STEP_PX / 2
    points[~np.isfinite(fall.max(axis=1)) | (fall.max(axis=1) <= 0)] = np.nan
    return points


def half_signal(image: np.ndarray, center: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance from the centre, towards each edge point, of the outermost half of the signal."""
    smooth = ndimage.gaussian_filter(image.astype(np.float64), SMOOTH_PX)
    found = np.full(len(points), np.nan)
    for n, point in enumerate(points):
        reach = np.linalg.norm(point - center)
        t = np.arange(reach - 80, reach + 10, STEP_PX)
        at = center + t[:, None] * (point - center) / reach
        values = ndimage.map_coordinates(smooth, [at[:, 1], at[:, 0]], order=1, mode="nearest")
        above = np.flatnonzero(values >= np.median(values[t < reach - 40]) / 2)
        if len(above) and above[-1] + 1 < len(t):
            found[n] = t[above[-1]] + STEP_PX / 2
    return found


def circle_through(points: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Centre, radius and the agreeing points of the circle that most of the points lie on."""
    rng, best = np.random.default_rng(0), np.zeros(len(points), bool)
    for _ in range(2000):
        center, radius = solved(points[rng.choice(len(points), 3, replace=False)])
        near = np.abs(np.hypot(*(points - center).T) - radius) < NEAR_PX
        if near.sum() > best.sum():
            best = near
    for _ in range(5):
        center, radius = solved(points[best])
        best = np.abs(np.hypot(*(points - center).T) - radius) < NEAR_PX
    return center, radius, best


def solved(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre and radius of the circle through points, by least squares."""
    system = np.column_stack([2 * points, np.ones(len(points))])
    solution, *_ = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)
    return solution[:2], float(np.sqrt(max(solution[2] + (solution[:2] ** 2).sum(), 0.0)))


def outline_at(outline: np.ndarray, center: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance from the centre at which the outline is met towards each point; nan: not once."""
    ring, found = shapely.LinearRing(outline), np.full(len(points), np.nan)
    for n, point in enumerate(points):
        far = center + (point - center) * (4000 / np.linalg.norm(point - center))
        met = shapely.get_coordinates(ring.intersection(shapely.LineString([center, far])))
        if len(met) == 1:
            found[n] = np.linalg.norm(met[0] - center)
    return found


def drawn(image: np.ndarray, outline: np.ndarray, points: np.ndarray, text: str) -> np.ndarray:
    """The image with the outline (green) and the measured edge (red)."""
    scale = 640 / image.shape[1]
    low, high = np.quantile(image, [0.001, 0.999])
    grey = (255 * np.clip((image - low) / max(high - low, 1e-6), 0, 1)).astype(np.uint8)
    tile = cv2.cvtColor(cv2.resize(grey, None, fx=scale, fy=scale), cv2.COLOR_GRAY2BGR)
    place = np.round(((outline + 0.5) * scale - 0.5) * 8).astype(np.int32)
    cv2.polylines(tile, [place[:, None]], True, (0, 220, 0), 1, cv2.LINE_AA, 3)
    for u, v in points[:: RAYS // 120]:
        at = (round((u + 0.5) * scale - 0.5), round((v + 0.5) * scale - 0.5))
        cv2.circle(tile, at, 2, (60, 60, 255), -1)
    cv2.putText(tile, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 200, 255), 1, cv2.LINE_AA)
    height = 640
    return cv2.copyMakeBorder(tile[:height], 0, max(height - len(tile), 0), 0, 0, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    tiles, medians = [], []
    for name in IMAGES:
        image = read(args.data / name)
        outline, source = find_field(image, True)
        points = edge_points(image)
        points = points[np.isfinite(points).all(axis=1)]
        said, on_circle = f"{source}; no round field", points[:0]
        if len(points) >= RAYS * ROUND:
            center, radius, near = circle_through(points)
            if near.sum() >= RAYS * ROUND:
                on_circle = points[near]
                away = outline_at(outline, center, on_circle)
                edge = np.hypot(*(on_circle - center).T)
                inside = away < edge.max() + 40
                off, from_circle = np.abs(away - edge)[inside], np.abs(away - radius)[inside]
                half = np.abs(away - half_signal(image, center, on_circle))[inside]
                medians.append(float(np.median(off)))
                said = (f"{source}; circle ({center[0]:.1f}, {center[1]:.1f}) r {radius:.1f} on "
                        f"{near.sum()} rays; off edge median {np.median(off):.2f}, 95 % "
                        f"{np.quantile(off, 0.95):.2f}; off circle median "
                        f"{np.median(from_circle):.2f}; off half signal median "
                        f"{np.nanmedian(half):.2f} px")  # fmt: skip
        print(f"{name}: {said}", flush=True)
        tiles.append(drawn(image, outline, on_circle, Path(name).stem))
    print(f"{len(medians)} round fields: medians up to {max(medians):.2f} px; within 2 px: "
          f"{sum(m <= 2 for m in medians)}")  # fmt: skip
    if args.sheet:
        rows = [np.hstack(tiles[i : i + 4]) for i in range(0, len(tiles) - 3, 4)]
        cv2.imwrite(str(args.sheet), np.vstack(rows))


if __name__ == "__main__":
    main()
