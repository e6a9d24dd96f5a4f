"""Two sheets to look at: 24 random digital heads, and one head through 24 random machines.

.venv/bin/python benchmarks/sheets.py [--heads docs/heads.jpg] [--looks docs/looks.jpg]
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from drr import (
    Fluoroscope,
    digital_head,
    film,
    find_anatomy,
    material_model,
    random_collimation,
    render_materials,
)
from drr.head_orientation import CAM_FROM_UPRIGHT, draw_orientation
from drr.material_model import draw_condition, varied_model

COLUMNS, COUNT, SIZE = 6, 24, 256
SOURCE_TO_HEAD_MM, FIELD_MM = 750.0, 280.0
LATERAL = CAM_FROM_UPRIGHT @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=Path, default=Path("docs/heads.jpg"))
    parser.add_argument("--looks", type=Path, default=Path("docs/looks.jpg"))
    parser.add_argument("--spacing-mm", type=float, default=1.5)
    arguments = parser.parse_args()
    write(arguments.heads, [head_picture(seed, arguments.spacing_mm) for seed in range(COUNT)])
    write(arguments.looks, look_pictures(arguments.spacing_mm))


def camera_of(R, volume):
    """K and cam_from_ct that show the middle of a volume."""
    f = SOURCE_TO_HEAD_MM * SIZE / FIELD_MM
    K = np.array([[f, 0, (SIZE - 1) / 2], [0, f, (SIZE - 1) / 2], [0, 0, 1]])
    cam_from_ct = np.eye(4)
    cam_from_ct[:3, :3] = R
    cam_from_ct[:3, 3] = [0, 0, SOURCE_TO_HEAD_MM] - R @ volume.center_ct
    return K, cam_from_ct


def head_picture(seed, spacing_mm):
    """Frontal and lateral in turn, log of a clean transmission, bone bright."""
    head = digital_head(seed, spacing_mm)
    R = LATERAL if seed % 2 else CAM_FROM_UPRIGHT
    K, cam_from_ct = camera_of(R, head.volume)
    lines = render_materials(material_model(head.volume), K, SIZE, SIZE, cam_from_ct).sum(0)
    return np.clip(lines.numpy() / 6, 0, 1) ** 0.8


def look_pictures(spacing_mm):
    head = digital_head(0, spacing_mm)
    model = varied_model(head.volume, find_anatomy(head.volume), spacing_mm)
    pictures = []
    for number in range(COUNT):
        rng = np.random.default_rng(number)
        K, cam_from_ct = camera_of(draw_orientation(rng), head.volume)
        condition = draw_condition(model, rng)
        lines = render_materials(model, K, SIZE, SIZE, cam_from_ct, condition)
        mask = random_collimation(rng, SIZE, SIZE).mask(SIZE, SIZE)
        pictures.append(film(lines, Fluoroscope.randomised(rng, SIZE), mask, rng))
    return pictures


def write(path, pictures):
    rows = [np.hstack(pictures[n : n + COLUMNS]) for n in range(0, len(pictures), COLUMNS)]
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet = np.rint(np.vstack(rows) * 255).astype(np.uint8)
    if not cv2.imwrite(str(path), sheet, [cv2.IMWRITE_JPEG_QUALITY, 80]):
        raise OSError(f"{path} cannot be written")


if __name__ == "__main__":
    main()
