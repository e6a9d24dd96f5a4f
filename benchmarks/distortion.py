"""Distortion from real grids: holes found, what is left over, and how it moves with the gantry.

    .venv/bin/python benchmarks/distortion.py [DATA] [--pictures FOLDER]

DATA: the folder of the shared calibration images (default ../shared/data/calibration). Grids of
`xraycalib` are one perforated plate (hexagonal, pitch unknown) at six gantry angles; `ball_plate`
are photographs of 5 x 5 balls. Seconds are of the whole fit_grid on one core.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import pydicom

from calibration import Camera
from calibration.blobs import find_spots
from calibration.grid_fit import alike, fit_grid
from calibration.lattice import index_lattice

ZOOM, ARROWS = 1.5, 50


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    here = Path(__file__).resolve().parents[2] / "shared/data/calibration"
    parser.add_argument("data", nargs="?", type=Path, default=here)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    grids(arguments.data / "xraycalib", arguments.pictures)
    balls(arguments.data / "ball_plate", arguments.pictures)


def grids(folder, pictures):
    print("grid               spots  used  seconds  model       left out px: none  poly   plate")
    fits, images = {}, {}
    for path in sorted(folder.glob("*grid*")):
        name = path.stem[3:]
        images[name] = pydicom.dcmread(path).pixel_array.astype(np.float32)
        start = time.perf_counter()
        fit = fits[name] = fit_grid(images[name], 1.0, "hexagonal")
        seconds = time.perf_counter() - start
        scores = "  ".join(f"{value:.3f}" for value in fit.cross_validation_px.values())
        print(
            f"{name:18} {fit.spots_found:5} {len(fit.index):5}  {seconds:7.1f}  {fit.model:10}"
            f"               {scores}"
        )
    if not fits:
        return print(f"no grids in {folder}")
    own_part(fits)
    with_gantry(fits)
    if pictures:
        for name, fit in fits.items():
            draw(pictures, name, images[name], fit)


def own_part(fits):
    """What the residuals of one hole have in common at all angles is the plate's, not noise."""
    tables = [aligned(fit, next(iter(fits.values()))) for fit in fits.values()]
    shared = sorted(set.intersection(*(set(table) for table in tables)))
    stack = np.array([[table[number] for number in shared] for table in tables])
    total = np.sqrt((stack**2).sum(-1).mean())
    spread = stack - stack.mean(axis=0)
    noise = np.sqrt((spread**2).sum(-1).mean() * len(fits) / (len(fits) - 1))
    print(
        f"{len(shared)} holes seen at all angles: residual {total:.3f} px RMS (per axis "
        f"{total / np.sqrt(2):.3f}); that of one hole differs between angles by "
        f"{noise:.3f} px RMS: the rest is the plate's own (rows of holes punched aside)"
    )


def aligned(fit, reference):
    """Residual by the number of a hole in the reference fit: nearest in place, by majority."""
    order = {tuple(i): p for i, p in zip(reference.index, reference.undistorted_px, strict=True)}
    places = np.array(list(order.values()))
    numbers = np.array(list(order))
    middle = np.argsort(np.hypot(*(fit.points_px - 512).T))[:200]
    votes = []
    for k in middle:
        near = np.argmin(np.hypot(*(places - fit.undistorted_px[k]).T))
        votes.append(tuple(numbers[near] - fit.index[k]))
    shift = np.array(max(set(votes), key=votes.count))
    return {tuple(i + shift): r for i, r in zip(fit.index, fit.residual_px, strict=True)}


def with_gantry(fits):
    """How far another angle's map puts points from the first angle's, px, inside both grids."""
    first = next(iter(fits))
    raw = np.stack(np.meshgrid(*2 * [np.arange(40.0, 1000, 20)]), -1).reshape(-1, 2)
    base = camera(fits[first])
    at_first, covered = base.undistorted(raw).numpy(), base.inside_grid(base.undistorted(raw))
    print(f"change of the map against {first}, px:   median   95 %    max")
    for name in list(fits)[1:]:
        view = camera(fits[name])
        now = view.undistorted(raw).numpy()
        inside = covered.numpy() & view.inside_grid(now).numpy()
        moved = np.hypot(*(now - at_first)[inside].T)
        numbers = [np.median(moved), np.percentile(moved, 95), moved.max()]
        print(f"  {name:38}" + "".join(f"{value:8.2f}" for value in numbers))


def camera(fit):
    K = np.diag([3000.0, 3000.0, 1.0])
    return Camera(K, np.eye(4), fit.width, fit.height, distortion=fit.distortion)


def balls(folder, pictures):
    for path in sorted(folder.glob("*.jpg")):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        found = find_spots(image, "dark", (4, 25))
        spots = alike(found)
        index, known = index_lattice(spots.uv_px, "square")
        rows, columns = np.ptp(index[known], axis=0) + 1
        print(
            f"{path.stem:16} {len(found)} spots, {known.sum()} in a lattice of {rows} x {columns}"
        )
        if pictures:
            picture = canvas(image)
            dots(picture, spots.uv_px[known], index[known])
            cv2.imwrite(str(pictures / f"grid_{path.stem}.png"), picture)


def draw(folder, name, image, fit):
    """The lattice coloured by number, residual arrows, and the map of the displacement."""
    folder.mkdir(parents=True, exist_ok=True)
    lattice = canvas(image)
    dots(lattice, fit.points_px, fit.index)
    cv2.imwrite(str(folder / f"grid_{name}_lattice.png"), lattice)
    arrows = np.full_like(lattice, 255)
    for point, residual in zip(fit.points_px, fit.residual_px, strict=True):
        ends = [tuple(np.round(p * ZOOM).astype(int)) for p in (point, point + ARROWS * residual)]
        cv2.arrowedLine(arrows, *ends, (0, 0, 200), 1, cv2.LINE_AA)
    cv2.imwrite(str(folder / f"grid_{name}_residual.png"), arrows)
    view = camera(fit)
    grid = np.stack(np.meshgrid(np.arange(fit.width), np.arange(fit.height)), -1).astype(float)
    moved = np.hypot(*np.moveaxis(view.distorted(grid).numpy() - grid, -1, 0))
    inside = view.inside_grid(grid).numpy()
    shade = cv2.applyColorMap(
        (255 * np.clip(moved / 20, 0, 1)).astype(np.uint8), cv2.COLORMAP_TURBO
    )
    for level in range(1, 40):  # a line each pixel of displacement
        shade[(np.abs(moved - level) < 0.03)] = 0
    shade[~inside] //= 3
    cv2.imwrite(str(folder / f"grid_{name}_map.png"), shade)


def canvas(image):
    grey = np.clip(image / np.percentile(image, 99.8) * 255, 0, 255).astype(np.uint8)
    return cv2.cvtColor(cv2.resize(grey, None, fx=ZOOM, fy=ZOOM), cv2.COLOR_GRAY2BGR)


def dots(picture, points, index):
    """A dot a hole: hue by the first number, light or full by the second's parity."""
    for (u, v), (i, j) in zip(points, index, strict=True):
        hsv = np.uint8([[[(i * 23) % 180, 255 if j % 2 else 110, 255]]])
        colour = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0].tolist()
        cv2.circle(picture, (round(u * ZOOM), round(v * ZOOM)), 4, colour, -1, cv2.LINE_AA)


if __name__ == "__main__":
    main()
