"""What a calibration's own error adds to the pose of a head, predicted and found.

    .venv/bin/python benchmarks/rig_error.py [--calibrations 40]

Rigs of two views (`bead_images.random_truth`) are calibrated from 30 beads of an 80 mm cube, found
to 0.1 px, in 3 or 10 positions. A head of 64 landmarks near the cube's place is then solved from
pixels without any error: what is off is the rig's. Norms of the three axes, at the landmarks'
centroid; "between" is of the motion from one pose to another, 15 deg and 20 mm on.
"""

import argparse
from dataclasses import replace

import numpy as np
from bead_images import random_truth
from landmark_pose import LIMIT_95, symmetric_head

from calibration import Rig, Rigid
from calibration.bead_object import BeadObject
from calibration.bundle import adjusted
from calibration.bundle_projection import RigState, Sightings
from calibration.left_out import cameras_of
from calibration.rig_uncertainty import rig_uncertainty
from registration import distance_between, solve_pose
from registration.rig_error import calibration_covariance, pose_by_rig
from registration.twist import sd_of, twist_between


def true_state(truth) -> RigState:
    K, cam, moves = truth.K, truth.cam_from_world, truth.world_from_object
    return RigState(
        K[:, [0, 1], [0, 1]],
        K[:, :2, 2],
        np.zeros((len(K), 5)),
        cam[:, :3, :3],
        cam[:, :3, 3],
        moves[:, :3, :3],
        moves[:, :3, 3],
    )


def sightings(truth, rng, noise_px=0.1) -> Sightings:
    rows = []
    for view in range(len(truth.K)):
        for position in range(len(truth.world_from_object)):
            beads = np.flatnonzero(~truth.hidden[view, position])
            pixels = truth.projected(view, position)[beads]
            pixels = pixels + rng.normal(size=pixels.shape) * noise_px
            rows.append((beads * 0 + view, beads * 0 + position, beads, pixels))
    return Sightings(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def named(state: RigState) -> Rig:
    return Rig(tuple(replace(c, name=n) for c, n in zip(cameras_of(state), "AB", strict=True)))


def pixels_of(rig, pose, points):
    return np.stack([camera.project(pose @ points).numpy() for camera in rig])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calibrations", type=int, default=40)
    count = parser.parse_args().calibrations
    points = symmetric_head().points_ct - symmetric_head().points_ct.mean(0)
    sd = np.full((2, len(points)), 50.0)  # no landmark is an outlier, however wrong the rig
    print("                         found (rms)        predicted          in the 95 % ellipsoid")
    for positions in (3, 10):
        found, predicted, inside = [], [], []
        for seed in range(count):
            rng = np.random.default_rng(seed)
            truth = random_truth(seed, positions=positions)
            seen, state = sightings(truth, rng), true_state(truth)
            bundle = adjusted(state, truth.points_mm, seen)
            beads = BeadObject(truth.points_mm, tuple(truth.names))
            known = rig_uncertainty(bundle, beads, seen, ("A", "B"))
            right, used = named(state), named(bundle.state)
            first = Rigid.exp(np.concatenate([np.zeros(3), rng.normal(size=3)]))
            second = Rigid.exp(np.array([12.0, -9, 12, 0.1, 0.2, -0.15])) @ first
            poses = [
                solve_pose(used, points, pixels_of(right, pose, points), sd, pose).world_from_ct
                for pose in (first, second)
            ]
            covariance = calibration_covariance(used, known, poses[0], points)
            off = [
                twist_between(a, b, np.zeros(3))
                for a, b in zip((first, second), poses, strict=True)
            ]
            change = np.subtract(*[pose_by_rig(used, known.names, p, points) for p in poses])
            between = change @ known.covariance @ change.T
            inside.append(off[0] @ np.linalg.solve(covariance, off[0]) < LIMIT_95)
            found.append((*distance_between(first, poses[0], np.zeros(3)), *norms(off[0] - off[1])))
            predicted.append((*sd_of(covariance), *sd_of(between)))
        got = np.sqrt(np.mean(np.square(found), axis=0))
        said = np.sqrt(np.mean(np.square(predicted), axis=0))
        for place, what in ((0, "absolute"), (2, "between")):
            share = f"{100 * np.mean(inside):8.0f} %" if place == 0 else ""
            print(
                f"{positions:2} positions, {what:9} {got[place + 1]:6.3f} deg {got[place]:6.3f} mm"
                f"  {said[place + 1]:6.3f} deg {said[place]:6.3f} mm {share}"
            )


def norms(twist):
    return np.linalg.norm(twist[:3]), np.degrees(np.linalg.norm(twist[3:]))


if __name__ == "__main__":
    main()
