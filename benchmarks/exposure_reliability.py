"""Is a lens said to be in the field with probability p in the field in a share p of the frames?

Random heads before random cameras, each pose known only up to a random covariance. Truth is the
projection of the lens by plain NumPy and shapely; nothing of it reaches the estimate.

    python benchmarks/exposure_reliability.py [--frames 2000] [--picture reliability.png]
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import shapely

from calibration import Camera, Rigid
from exposure import Field, Lens
from exposure.lenses import margin_at_mm, probability_in_field
from exposure.uncertainty import margin_deviation_mm, pose_spread
from exposure.view import view_of
from registration.twist import moved_rigid

CENTER_CT = np.array([0.0, 10.0, 5.0])
BINS = 10


def random_camera(rng: np.random.Generator) -> Camera:
    forward = rng.normal(size=3) * [1, 1, 0.3]
    forward /= np.linalg.norm(forward)
    down = -np.array([0, 0, 1.0]) + rng.normal(0, 0.1, 3)
    right = np.cross(down, forward)
    right /= np.linalg.norm(right)
    motion = np.eye(4)
    motion[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    motion[2, 3] = rng.uniform(600, 800)
    return Camera(np.array([[2000.0, 0, 299.5], [0, 2000, 299.5], [0, 0, 1]]), motion, 600, 600)


def random_field(rng: np.random.Generator, lens_px: np.ndarray) -> Field:
    """Round or polygonal, its edge within some millimetres of the lens."""
    radius_px = rng.uniform(60, 250)
    away = rng.normal(size=2)
    center = lens_px + away / np.linalg.norm(away) * (radius_px + rng.normal(0, 8))
    if rng.random() < 0.5:
        return Field.circle(center, radius_px, "detected")
    angle = np.sort(rng.uniform(0, 2 * np.pi, 3))[:, None] + [[0.0, 0.7, 1.4]]
    corners = center + radius_px * np.stack([np.cos(angle.ravel()), np.sin(angle.ravel())], -1)
    hull = shapely.MultiPoint(corners).convex_hull
    return Field(np.array(hull.exterior.coords[:-1]), "detected")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    told, inside, scores, clear, wrong = [], [], [], 0, 0
    for _ in range(args.frames):
        camera, lens = random_camera(rng), Lens(np.array([30.0, 80, 10]), sd_mm=rng.uniform(0, 0.6))
        true_pose = Rigid.exp(np.concatenate([rng.normal(0, 15, 3), rng.normal(0, 0.4, 3)]))
        lens_ct = lens.center_ct + lens.sd_mm * rng.standard_normal(3)
        seen = np.asarray(camera.project(true_pose @ lens_ct))
        field = random_field(rng, seen)
        root = rng.normal(size=(6, 6)) * np.array([0.15] * 3 + [2e-3] * 3)[:, None]
        covariance = root @ root.T
        error = root @ rng.standard_normal(6)
        tracked = moved_rigid(true_pose, error, CENTER_CT)
        view = view_of(camera, field, tracked, Rigid.identity())
        spread = pose_spread(tracked, covariance, CENTER_CT)
        center_cam = view.cam_from_ct[:3, :3] @ lens.center_ct + view.cam_from_ct[:3, 3]
        point = spread.of_point(center_cam, view.cam_from_world) + lens.sd_mm**2 * np.eye(3)
        told.append(probability_in_field(view.beam_ct.outline, center_cam, point))
        truly = shapely.Polygon(field.outline_px).contains(shapely.Point(*seen))
        inside.append(truly)
        exact = view_of(camera, field, true_pose, Rigid.identity())
        true_cam = exact.cam_from_ct[:3, :3] @ lens_ct + exact.cam_from_ct[:3, 3]
        true_margin = margin_at_mm(exact.beam_ct.outline, true_cam)
        sd = margin_deviation_mm(view.beam_ct.outline, center_cam, point)
        scores.append((margin_at_mm(view.beam_ct.outline, center_cam) - true_margin) / sd)
        if abs(true_margin) > 1:
            clear += 1
            wrong += (true_margin > 0) != truly
    told, inside, scores = np.array(told), np.array(inside), np.array(scores)
    print(f"true pose, margin beyond 1 mm: {clear} frames, flag wrong in {wrong}")
    print(f"margin errors over their deviation: rms {np.sqrt((scores**2).mean()):.3f}, "
          f"within 3: {100 * (np.abs(scores) <= 3).mean():.2f} %")  # fmt: skip
    print(f"Brier score {((told - inside) ** 2).mean():.4f}; mean said {told.mean():.4f}, "
          f"mean true {inside.mean():.4f}")  # fmt: skip
    edges = np.linspace(0, 1, BINS + 1)
    rows = []
    for low, high in itertools.pairwise(edges):
        of = (told >= low) & ((told < high) | (high == 1))
        if not of.any():
            continue
        said, true = told[of].mean(), inside[of].mean()
        sd = np.sqrt(max(said * (1 - said), 1e-4) / of.sum())
        rows.append((said, true, sd))
        print(f"  {low:.1f} to {high:.1f}: {of.sum():5d} frames, said {said:.3f}, true {true:.3f}, "
              f"{(true - said) / sd:+.1f} sd")  # fmt: skip
    if args.picture:
        draw(np.array(rows), args.picture)


def draw(rows: np.ndarray, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4.5, 4.5))
    axes.plot([0, 1], [0, 1], color="0.6")
    axes.errorbar(rows[:, 0], rows[:, 1], yerr=2 * rows[:, 2], fmt="o", color="#0072B2")
    axes.set(xlabel="said probability that the lens is in the field", ylabel="share that is")
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
