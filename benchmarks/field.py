"""How well `drr.find_field` finds collimator blades in films whose outline is known.

    python benchmarks/field.py project CACHE CT.nii.gz... [--views 10]
    python benchmarks/field.py measure CACHE [--frames 300] [--open] [--panel] [--split held]
                                       [--seed 0] [--sheet missed.png]

`project` stores line integrals by ITK-RTK: of each head so many views to tune on and as many that
are held out. `measure` makes films of them as `make_trial.py` does: random scatter, gamma, noise,
one to four blades 45 to 100 % wide, rolled, off centre, one film in five with the lag of a frame in
which the blades stood elsewhere. `--open`: no blades at all, so that any blade found is invented;
`--panel`: no circle. A blade counts where it takes 1 % of the field away.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import shapely
from make_trial import SIZE, draw_look, film, make_rig, motion, project, read_head, stored
from scipy.spatial.transform import Rotation

from drr import find_field
from drr.collimation import circle_polygon, frame_polygon

COUNTS = 0.01  # of the field: what a blade takes away at the least to count
INVENTED = 0.01  # of the field: what is cut off at the most where there is no blade
FACING_DEG = (0.0, 0.0, -90.0, 90.0, 180.0)


@dataclass(frozen=True, eq=False)
class Case:
    """A film and its true field.

    Args:
        image: (height, width) uint16.
        outline: of the field.
        without: for each blade that counts, the field without it.
        look: what it was drawn with.
    """

    image: np.ndarray
    outline: shapely.Polygon
    without: list[shapely.Polygon]
    look: dict


def project_views(cache: Path, heads: list[Path], views: int, seed: int) -> None:
    """Line integrals of each head, half of the views under tune, half under held."""
    for head in heads:
        attenuation, centroid_ras = read_head(head)
        for view in range(2 * views):
            folder = cache / ("tune" if view % 2 == 0 else "held")
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{head.name.split('.')[0]}_{view:02d}.npy"
            if path.exists():
                continue
            rng = np.random.default_rng([seed, view])
            cameras, world_from_room = make_rig(rng, 60.0, float(rng.choice([228.6, 300.0])))
            euler_deg, shift_mm = motion("walking", 8, rng)
            facing = rng.choice(FACING_DEG)
            turn = Rotation.from_euler("ZXY", euler_deg[0] + [facing, 0, 0], degrees=True)
            room_from_ct = np.eye(4)
            room_from_ct[:3, :3] = turn.as_matrix()
            room_from_ct[:3, 3] = shift_mm[0] - turn.apply(centroid_ras)
            integrals = project(attenuation, cameras[view // 2 % 2], world_from_room @ room_from_ct)
            np.save(path, integrals)


def draw_blades(rng: np.random.Generator, radius_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Outward normals (n, 2) and offsets (n,) px from the centre of one to four blades."""
    roll = np.radians(rng.choice([0.0, rng.uniform(-20, 20)]))
    angle = roll + np.arange(4) * np.pi / 2
    chosen = rng.choice(4, size=rng.integers(1, 5), replace=False)
    normals = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    half = rng.uniform(0.45, 1.0, size=2)[[0, 1, 0, 1]] * radius_px
    centre = rng.uniform(-0.25, 0.25, size=2) * radius_px
    return normals[chosen], (half + normals @ centre)[chosen]


def passed_by(normals: np.ndarray, offsets: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Share of the beam that passes blades, with make_trial's penumbra of 3 px."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    passed = np.ones((SIZE, SIZE))
    for (u, v), offset in zip(normals, offsets, strict=True):
        outside = u * (columns - centre[0]) + v * (rows - centre[1]) - offset
        passed *= np.clip(0.5 - outside / 3, 0, 1)
    return passed


def half_plane(normal: np.ndarray, offset: float, centre: np.ndarray) -> shapely.Polygon:
    along, far = np.array([-normal[1], normal[0]]), 4 * SIZE
    foot = centre + offset * normal
    corners = [foot - far * along, foot + far * along]
    return shapely.Polygon([*corners, corners[1] - far * normal, corners[0] - far * normal])


def draw_case(
    line_integrals: np.ndarray, rng: np.random.Generator, bare: bool, panel: bool
) -> Case:
    """A film of these line integrals, with or without blades, with or without a circle."""
    look = draw_look(rng) | {
        "spr": rng.uniform(0.2, 1.2),
        "photons": rng.uniform(400, 3000),
        "gamma": rng.uniform(0.4, 1.0),
    }
    reach = look["radius_px"]
    if panel:
        look["radius_px"] = float(SIZE)
    field = shapely.Polygon(frame_polygon(SIZE, SIZE)).intersection(
        shapely.Polygon(circle_polygon(tuple(look["centre"]), look["radius_px"]))
    )
    while True:
        normals, offsets = draw_blades(rng, reach)
        if bare:
            normals, offsets = normals[:0], offsets[:0]
        passed = passed_by(normals, offsets, look["centre"])
        if np.count_nonzero((line_integrals > 1) & (passed > 0.9)) > 2000:
            break
    image = film(line_integrals, passed, rng, look)
    if rng.uniform() < 0.2:
        moved = passed_by(normals, offsets + rng.uniform(-8, 8, len(offsets)), look["centre"])
        image += rng.uniform(0.03, 0.15) * (film(line_integrals, moved, rng, look) - image)
    planes = [half_plane(n, d, look["centre"]) for n, d in zip(normals, offsets, strict=True)]
    outline = shapely.intersection_all([field, *planes])
    without = [
        shapely.intersection_all([field, *planes[:n], *planes[n + 1 :]]) for n in range(len(planes))
    ]
    without = [other for other in without if outline.area < (1 - COUNTS) * other.area]
    look |= {"blades": len(normals), "roll": normals[:1].ravel().round(2).tolist()}
    bits = int(rng.choice([8, 12, 16]))
    return Case(stored(image, bits), outline, without, look | {"bits": bits})


def median_distance_px(found: shapely.Polygon, true: shapely.Polygon) -> float:
    """Median over the true outline, inside of the frame, of the distance to the found one."""
    ring = true.exterior
    points = [ring.interpolate(at) for at in np.arange(0, ring.length, 2.0)]
    inner = [p for p in points if 1 < p.x < SIZE - 2 and 1 < p.y < SIZE - 2]
    return float(np.median([found.exterior.distance(p) for p in inner])) if inner else 0.0


def blade_found(found: shapely.Polygon, case: Case, without: shapely.Polygon) -> bool:
    """Whether at most a tenth of what this blade takes away is left in the found field."""
    taken = without.difference(case.outline)
    return found.intersection(taken).area < 0.1 * taken.area


def sheet(path: Path, pictures: list[np.ndarray]) -> None:
    """The first twelve in rows of four."""
    pictures = (pictures + [np.zeros((SIZE, SIZE, 3), np.uint8)] * 12)[:12]
    rows = [np.hstack(pictures[n : n + 4]) for n in range(0, 12, 4)]
    cv2.imwrite(str(path), cv2.resize(np.vstack(rows), None, fx=0.7, fy=0.7))


def picture(case: Case, found: np.ndarray) -> np.ndarray:
    """The film with the true outline in green and the found one in red."""
    grey = case.image / np.quantile(case.image, 0.995)
    grey = np.uint8(255 * np.clip(grey, 0, 1) ** 0.8)
    colour = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    true = np.rint(np.array(case.outline.exterior.coords)).astype(np.int32)
    cv2.polylines(colour, [true], True, (0, 200, 0), 1)
    cv2.polylines(colour, [np.rint(found).astype(np.int32)], True, (60, 60, 255), 1)
    return colour


def measure(args: argparse.Namespace) -> None:
    files = sorted((args.cache / args.split).glob("*.npy"))
    if not files:
        raise SystemExit(f"no line integrals in {args.cache / args.split}: run project first")
    cv2.setNumThreads(1)
    blades, overlaps, distances, lost, times, pictures = [], [], [], [], [], []
    for n in range(args.frames):
        rng = np.random.default_rng([args.seed, n, args.split == "held"])
        case = draw_case(np.load(files[n % len(files)]), rng, args.open, args.panel)
        start = time.perf_counter()
        polygon = find_field(case.image).polygon_px
        times.append(time.perf_counter() - start)
        found = shapely.Polygon(polygon)
        hits = [blade_found(found, case, other) for other in case.without]
        blades += hits
        both = found.intersection(case.outline).area
        overlaps.append(both / found.union(case.outline).area)
        distances.append(median_distance_px(found, case.outline))
        lost.append(1 - both / case.outline.area)
        if not all(hits) or lost[-1] > 2 * INVENTED:
            look = {k: v for k, v in case.look.items() if k not in ("centre", "blade_phase")}
            print(n, files[n % len(files)].stem, hits, f"lost {lost[-1]:.3f}", look)
            pictures.append(picture(case, polygon))
    distance, overlap = np.array(distances), np.array(overlaps)
    print(f"{args.frames} films, {args.split}, open {args.open}, panel {args.panel}")
    if blades:
        print(f"blades missed: {len(blades) - sum(blades)} of {len(blades)}")
    print(
        f"outline: median {np.median(distance):.2f} px, within 1 px {np.mean(distance < 1):.3f}, "
        f"2 px {np.mean(distance < 2):.3f}; IoU median {np.median(overlap):.4f}, "
        f"5 % {np.quantile(overlap, 0.05):.4f}, least {overlap.min():.3f}"
    )
    print(f"films that lose over 1 % of the field: {np.sum(np.array(lost) > INVENTED)}")
    print(
        f"ms a film: median {1e3 * np.median(times):.0f}, 95 % {1e3 * np.quantile(times, 0.95):.0f}"
    )
    if args.sheet:
        sheet(args.sheet, pictures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    views = commands.add_parser("project")
    views.add_argument("cache", type=Path)
    views.add_argument("heads", type=Path, nargs="+")
    views.add_argument("--views", type=int, default=10)
    views.add_argument("--seed", type=int, default=0)
    films = commands.add_parser("measure")
    films.add_argument("cache", type=Path)
    films.add_argument("--frames", type=int, default=300)
    films.add_argument("--split", choices=["tune", "held"], default="tune")
    films.add_argument("--open", action="store_true", help="no blades")
    films.add_argument("--panel", action="store_true", help="no circle")
    films.add_argument("--seed", type=int, default=0)
    films.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    if args.command == "project":
        project_views(args.cache, args.heads, args.views, args.seed)
    else:
        measure(args)


if __name__ == "__main__":
    main()
