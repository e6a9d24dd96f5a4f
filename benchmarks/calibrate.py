"""`dualfluoro calibrate` against a known truth, seed by seed, on images drawn without our camera.

    .venv/bin/python benchmarks/calibrate.py --seeds 0 50 [--grid] [--file results.jsonl]
    .venv/bin/python benchmarks/calibrate.py --report results.jsonl
    .venv/bin/python benchmarks/calibrate.py --balls FOLDER      # photographs of a 5x5 ball plate

A seed: two views of 1024 x 1024, three positions, 30 beads on a cube, one in ten hidden, start
values 5 % off; with --grid the images are distorted (3 % pincushion, an S, a turn) and come with a
grid's. Seeds that the file has already are passed over. Points of the volume, projected by OpenCV
with the true rig, are triangulated with the rig found: their distance is the true error in space.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from bead_images import (
    SIZE,
    TURN_RAD,
    plate_beads,
    random_truth,
    raw_of,
    write_calibration,
)

from calibration import Rig
from dualfluoro.options import Common
from dualfluoro.stages.calibrate import calibrate


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 50))
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--unknown", action="store_true", help="no start values at all")
    parser.add_argument("--plate", action="store_true", help="a 5x5 plate in six positions")
    parser.add_argument("--file", type=Path)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--balls", type=Path)
    arguments = parser.parse_args()
    if arguments.balls:
        ball_plate(arguments.balls)
        return
    if arguments.report:
        report(rows_of(arguments.report))
        return
    file = arguments.file
    known = (
        [json.loads(line) for line in file.read_text().splitlines()]
        if file and file.exists()
        else []
    )
    done = {row["seed"] for row in known}
    for seed in range(*arguments.seeds):
        if seed in done:
            continue
        known.append(one_seed(seed, arguments))
        print(json.dumps(known[-1]), flush=True)
        if file:
            with file.open("a") as lines:
                lines.write(json.dumps(known[-1]) + "\n")
    report(known)


def rows_of(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def one_seed(seed, arguments):
    """What came out for a seed, beside the truth."""
    points, positions = (plate_beads(), 6) if arguments.plate else (None, 3)
    truth = random_truth(seed, points, positions, distorted=arguments.grid)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        references = [(0, 0), (1, 0)] if arguments.plate else []
        file = write_calibration(
            truth, folder, arguments.grid, sid_error=1.05, given=not arguments.unknown,
            references=references,
        )  # fmt: skip
        start = time.perf_counter()
        try:
            calibrate(file, common=Common(quiet=True))
        except ValueError as error:
            return {"seed": seed, "refused": str(error)}
        seconds = time.perf_counter() - start
        content = json.loads((folder / "rig.json").read_text())
        rig = Rig.read(folder / "rig.json")
        own = left_out_and_rms(folder)
    z = deviations(truth, rig, content["uncertainty"])
    return {
        "seed": seed,
        "seconds": round(seconds, 1),
        "space_median_mm": round(space_error(truth, rig), 5),
        "inside_95": round(float(np.mean(np.abs(list(z.values())) < 1.96)), 3),
        "z": {name: round(value, 2) for name, value in z.items()},
        **own,
    }


def left_out_and_rms(folder):
    """The page's own figures."""
    import re

    text = (folder / "calibration.html").read_text()
    found = re.search(r"reprojection ([\d.]+) px RMS over (\d+) sightings of beads, (\d+)", text)
    space = re.search(r"left-out beads are ([\d.]+) mm", text)
    return {
        "rms_px": float(found[1]),
        "beads": int(found[2]),
        "outliers": int(found[3]),
        "left_out_median_mm": float(space[1]) if space else None,
    }


def space_error(truth, rig):
    """Median distance (mm) of the points that the rig triangulates from the true ones."""
    points = np.random.default_rng(1).uniform(-45, 45, (300, 3))
    pixels = []
    for K, m in zip(truth.K, truth.cam_from_world, strict=True):
        turn = cv2.Rodrigues(m[:3, :3])[0]
        straight = cv2.projectPoints(points, turn, m[:3, 3], K, None)[0][:, 0]
        pixels.append(raw_of(straight) if truth.distorted else straight)
    found = rig.triangulate(np.array(pixels), distorted=truth.distorted).numpy()
    distance = np.linalg.norm(found - points, axis=1)
    return float(np.median(distance[np.isfinite(distance)]))


def deviations(truth, rig, uncertainty):
    """(found - true) / sd of every parameter of the cameras, by name.

    Undistorted pixels agree with the raw ones at the centre, so that there the true camera is
    turned back by the distortion's own turn.
    """
    sd = dict(zip(uncertainty["parameters"], uncertainty["sd"], strict=True))
    turn = TURN_RAD if truth.distorted else 0.0
    c, s = np.cos(turn), np.sin(turn)
    back = np.array([[c, s], [-s, c]])  # by -turn
    result = {}
    for view, camera in enumerate(rig):
        K, m = truth.K[view], truth.cam_from_world[view]
        middle = (SIZE - 1) / 2
        centre = middle + back @ (K[:2, 2] - middle)
        turned = np.eye(3)
        turned[:2, :2] = back
        R, t = turned @ m[:3, :3], turned @ m[:3, 3]
        found = camera.K.numpy()
        step = cv2.Rodrigues(R @ camera.cam_from_world.R.numpy().T)[0][:, 0]
        off = {
            "fx_px": K[0, 0] - found[0, 0],
            "fy_px": K[1, 1] - found[1, 1],
            "cx_px": centre[0] - found[0, 2],
            "cy_px": centre[1] - found[1, 2],
            **dict(
                zip(("tx_mm", "ty_mm", "tz_mm"), t - camera.cam_from_world.t.numpy(), strict=True)
            ),
            **dict(zip(("wx_rad", "wy_rad", "wz_rad"), step, strict=True)),
        }
        result |= {
            f"{camera.name}.{k}": float(x) / sd[f"{camera.name}.{k}"] for k, x in off.items()
        }
    return result


def report(rows):
    """The figures over all seeds."""
    refused = [row for row in rows if "refused" in row]
    solved = [row for row in rows if "refused" not in row]
    right = [row for row in solved if row["space_median_mm"] < 0.5]
    wrong = len(solved) - len(right)
    print(f"{len(rows)} seeds: {len(right)} right, {wrong} wrong, {len(refused)} refused")
    for row in refused:
        print(f"  seed {row['seed']}: {row['refused']}")
    if right:
        for name in ("rms_px", "left_out_median_mm", "space_median_mm", "outliers", "seconds"):
            values = [row[name] for row in right if row[name] is not None]
            print(f"  {name}: median {np.median(values):.4g}, largest {max(values):.4g}")
        z = np.array([list(row["z"].values()) for row in right])
        inside = np.abs(z) < 1.96
        print(f"  parameters inside their 95 % interval: {inside.mean():.3f} of all")
        worst = inside.mean(0).argmin()
        print(
            f"  least of one parameter: {inside.mean(0)[worst]:.2f} ({list(right[0]['z'])[worst]})"
        )


def ball_plate(folder):
    """Intrinsics from photographs of a 5x5 ball plate (pitch taken as 20 mm) beside OpenCV's."""
    from calibration.bead_object import BeadObject
    from calibration.blobs import find_spots
    from calibration.pose_fit import SpotImage
    from calibration.rig_start import CalibrationView
    from calibration.rig_uncertainty import rig_uncertainty
    from calibration.solve_rig import solved_rig

    plate = BeadObject(plate_beads(), tuple(f"{r}{c}" for r in range(5) for c in range(5)))
    files = sorted(folder.glob("*.jpg"))
    spots = []
    for file in files:
        image = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        found = find_spots(image, "dark", (4.0, 14.0), 0.1)
        spots.append(SpotImage(found.uv_px, found.radius_px, image.shape[1], image.shape[0]))
    view = CalibrationView("A", tuple(spots), tuple(file.name for file in files))
    for terms in (0, 1):
        solved = solved_rig([view], plate, bead_diameter_mm=3.0, lens_terms=terms)
        seen, state = solved.seen[solved.bundle.inlier], solved.bundle.state
        sd = rig_uncertainty(solved.bundle, plate, solved.seen, ("A",))
        objects, pixels = [], []
        for p in range(len(files)):
            mine = seen.position == p
            objects.append(plate.points_mm[seen.bead[mine]].astype(np.float32))
            pixels.append(seen.pixels[mine].astype(np.float32))
        fixed = cv2.CALIB_FIX_K1 if terms == 0 else 0
        flags = fixed | cv2.CALIB_FIX_K2 | cv2.CALIB_FIX_K3 | cv2.CALIB_ZERO_TANGENT_DIST
        rms, K, lens, _, _ = cv2.calibrateCamera(
            objects, pixels, (1024, 1024), None, None, flags=flags
        )
        print(f"{len(seen)} balls, {(~solved.bundle.inlier).sum()} outliers, {terms} lens terms")
        ours = [*state.focal_px[0], *state.centre_px[0], state.lens[0, 0], solved.bundle.rms_px]
        theirs = [K[0, 0], K[1, 1], K[0, 2], K[1, 2], lens.ravel()[0], rms]
        names = ("fx_px", "fy_px", "cx_px", "cy_px", "k1", "RMS px")
        for name, a, b in zip(names, ours, theirs, strict=True):
            key = f"A.{name}"
            deviation = f" (sd {sd.sd_of(key):.4g})" if key in sd.names else ""
            print(f"  {name}: {a:.4f}{deviation}, OpenCV {b:.4f}")


if __name__ == "__main__":
    main()
