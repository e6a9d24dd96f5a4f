"""SSD, entry and path length of exposure.json against a march through the CT that shares no code.

SimpleITK reads the CT, SciPy fills its cavities and interpolates; nothing of ours is imported. With
a rig and a true track, the tracked SSD is held against the true one in its own deviations.

    dualfluoro exposure TRIAL --out OUT
    python benchmarks/exposure_march.py OUT/exposure.json CT [--rig rig.json --truth truth.csv]
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

THRESHOLD_HU, STEP_MM, REACH_MM = -300.0, 0.25, 1500.0
REGROWN = 14  # voxels: the tip of a nose is far from where four layers were taken off
HOLDER_MM = 20.0  # a last body thinner than that, behind air, is couch or head rest


class Scan:
    """The CT in LPS, marched in RAS."""

    def __init__(self, path: Path):
        image = sitk.ReadImage(str(path), sitk.sitkFloat32)
        self.hu = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
        affine = np.eye(4)
        affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
        affine[:3, 3] = image.GetOrigin()
        self.voxel_from_ct = np.linalg.inv(np.diag([-1.0, -1, 1, 1]) @ affine)
        body = self.hu >= THRESHOLD_HU
        core = ndimage.binary_erosion(body, iterations=4)
        labels, count = ndimage.label(core)
        largest = 1 + np.argmax(np.bincount(labels.ravel(), minlength=count + 1)[1:])
        # within the body, so that tip of nose and ears come back and what lies apart does not
        head = ndimage.binary_dilation(labels == largest, iterations=REGROWN, mask=body)
        filled = head.copy()
        for axis in range(3):
            for n in range(head.shape[axis]):
                at = tuple(n if a == axis else slice(None) for a in range(3))
                filled[at] |= ndimage.binary_fill_holes(head[at])
        near = ndimage.binary_dilation(filled, iterations=2)
        self.hu[~near] = -1000.0  # couch and holder
        self.hu[filled & ~head] = 0.0

    def along(self, points_ct: np.ndarray) -> np.ndarray:
        voxels = points_ct @ self.voxel_from_ct[:3, :3].T + self.voxel_from_ct[:3, 3]
        return ndimage.map_coordinates(self.hu, voxels.T, order=1, cval=-1000.0)

    def march(self, source: np.ndarray, direction: np.ndarray) -> tuple[float, float] | None:
        """Distance to the first crossing, and the length inside."""
        t = np.arange(300.0, REACH_MM, STEP_MM)
        hu = self.along(source + t[:, None] * direction)
        inside = hu >= THRESHOLD_HU
        at = np.flatnonzero(inside[1:] != inside[:-1])
        if len(at) == 0:
            return None
        share = (THRESHOLD_HU - hu[at]) / (hu[at + 1] - hu[at])
        crossings = t[at] + STEP_MM * share
        if len(crossings) % 2:
            return crossings[0], float("nan")
        pairs = crossings.reshape(-1, 2)
        if len(pairs) > 1 and pairs[-1, 1] - pairs[-1, 0] < HOLDER_MM:
            pairs = pairs[:-1]
        return crossings[0], float((pairs[:, 1] - pairs[:, 0]).sum())


def truth_of(path: Path) -> dict[int, np.ndarray]:
    poses = {}
    for row in csv.DictReader(path.open()):
        motion = np.eye(4)
        q = [float(row[name]) for name in ("qx", "qy", "qz", "qw")]
        motion[:3, :3] = Rotation.from_quat(q).as_matrix()
        motion[:3, 3] = [float(row[name]) for name in ("x_mm", "y_mm", "z_mm")]
        poses[int(row["frame"])] = motion
    return poses


def told(name: str, values: list[float], limit: float) -> None:
    known = np.abs([v for v in values if np.isfinite(v)])
    print(
        f"{name}: n {len(known)}, median {np.median(known):.3f}, "
        f"95 % {np.quantile(known, 0.95):.3f}, most {known.max():.3f}; "
        f"within {limit:g}: {100 * (known <= limit).mean():.1f} %"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exposure", type=Path)
    parser.add_argument("ct", type=Path)
    parser.add_argument("--rig", type=Path)
    parser.add_argument("--truth", type=Path)
    args = parser.parse_args()
    document, scan = json.loads(args.exposure.read_text()), Scan(args.ct)
    ct_from_skull = np.linalg.inv(document["skull_from_ct"])
    cameras = {}
    if args.rig:
        rig = json.loads(args.rig.read_text())
        cameras = {c["name"]: np.array(c["cam_from_world"]) for c in rig["cameras"]}
    truth = truth_of(args.truth) if args.truth else {}
    ssd, path, entry, deviations = [], [], [], []
    for row in document["rows"]:
        if row["status"] == "lost" or row["ssd_mm"] is None:
            continue
        vector = np.array([row["beam_x"], row["beam_y"], row["beam_z"]])
        place = np.array([row[f"source_{a}_mm"] for a in "xyz"])
        source = ct_from_skull[:3, :3] @ place + ct_from_skull[:3, 3]
        direction = ct_from_skull[:3, :3] @ vector
        found = scan.march(source, direction)
        if found is None:
            print(f"frame {row['frame']} view {row['view']}: the march misses the head")
            continue
        ssd.append(row["ssd_mm"] - found[0])
        point = np.array([row[f"entry_{a}_mm"] for a in "xyz"])
        point = ct_from_skull[:3, :3] @ point + ct_from_skull[:3, 3]
        entry.append(float(np.linalg.norm(point - source - found[0] * direction)))
        path.append((row["path_length_mm"] or np.nan) - found[1])
        if row["frame"] in truth and row["view"] in cameras and row["ssd_sd_mm"]:
            axis_cam = np.array(row["more"]["skull_from_cam"])[:3, :3].T @ vector
            ct_from_cam = np.linalg.inv(cameras[row["view"]] @ truth[row["frame"]])
            true = scan.march(ct_from_cam[:3, 3], ct_from_cam[:3, :3] @ axis_cam)
            if true is not None:
                deviations.append((row["ssd_mm"] - true[0]) / row["ssd_sd_mm"])
    told("SSD, mm", ssd, 0.5)
    told("entry point, mm", entry, 0.5)
    told("path length, mm", path, 0.5)
    if deviations:
        told("tracked minus true SSD, standard deviations", deviations, 3.0)


if __name__ == "__main__":
    main()
