"""The translator on real films: cephalograms against lateral radiographs of real heads.

    python benchmarks/real_looks.py SHARED_DATA OUT [--steps 1200] [--seed 0] [--size 128]

Trains on 150 unpaired cephalograms and 300 lateral radiographs of `heads/`, and writes to OUT what
stays there: the translator, a sheet of samples, figures.json (distances before and after, drift),
and other.png: an angiogram and a coronary frame, which it was not trained on, before and after, to
look at the field's edge. Needs the real data, of which nothing may be published.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pydicom
from scipy.spatial.transform import Rotation

from drr import Volume, find_anatomy, find_field, material_model
from drr.clean_look import drr_look
from drr.collimation import frame_polygon
from drr.couch import without_couch
from drr.field_window import field_mask, look_through, window_around
from drr.material_model import render_materials
from drr.standardised import standardised, without_rim
from gan import (
    Pictures,
    Translator,
    TranslatorCard,
    check_pictures,
    look_features,
    preset,
    train_generators,
)
from gan.sheet import sheet_of

RADIOGRAPHS = {"imagex_phantom.nii.gz": 200, "vtk_fullhead.nii.gz": 100}
LATERAL = np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])
"""Rows: camera x, y, z in RAS axes of a head that looks to the image's right."""
SOURCE_TO_HEAD_MM, MAGNIFICATION, PIXEL_MM = 1500.0, 1.1, 0.26
"""The films say 0.2 mm; so the heads have the same size in both sets."""


def cephalograms(folder: Path, size: int) -> tuple[Pictures, tuple[int, int]]:
    seen, shape = [], (0, 0)
    for path in sorted(folder.glob("images/*.jpg")) or sorted(folder.glob("*.jpg")):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32)
        shape = image.shape
        polygon = frame_polygon(shape[1], shape[0])
        window = window_around(polygon, size_px=size)
        mask = without_rim(field_mask(polygon, window))
        seen.append(standardised(look_through(255 - image, window) * mask, mask))
    return Pictures(np.stack(seen), np.stack([mask] * len(seen))), shape


def lateral_radiographs(folder: Path, shape: tuple[int, int], size: int, seed: int) -> Pictures:
    """Of every head so many, posed as in a cephalostat, give or take."""
    polygon = frame_polygon(shape[1], shape[0])
    window = window_around(polygon, size_px=size)
    mask = without_rim(field_mask(polygon, window))
    f = SOURCE_TO_HEAD_MM * MAGNIFICATION / PIXEL_MM * size / window.side_px
    K = np.array([[f, 0, (size - 1) / 2], [0, f, (size - 1) / 2], [0, 0, 1]])
    rng, seen = np.random.default_rng(seed), []
    for name, count in RADIOGRAPHS.items():
        volume = without_couch(Volume.read(folder / name)).resampled(1.5)
        anatomy, head = find_anatomy(volume), material_model(volume)
        voxels = np.argwhere(anatomy.bone)
        points = voxels @ anatomy.ct_from_voxel[:3, :3].T + anatomy.ct_from_voxel[:3, 3]
        centre = (points.min(0) + points.max(0)) / 2
        for _ in range(count):
            turn = Rotation.from_euler("xyz", rng.normal(0, [6, 4, 4]), degrees=True).as_matrix()
            cam_from_ct = np.eye(4)
            cam_from_ct[:3, :3] = turn @ LATERAL
            shift = np.array([*rng.normal([-6, 0], 10), SOURCE_TO_HEAD_MM])
            cam_from_ct[:3, 3] = shift - cam_from_ct[:3, :3] @ centre
            images = render_materials(head, K, size, size, cam_from_ct)
            seen.append(drr_look(images, mask))
    return Pictures(np.stack(seen), np.stack([mask] * len(seen)))


def other_films(folder: Path) -> list[tuple[np.ndarray, bool]]:
    """Frames and whether brighter means more x-rays."""
    head = pydicom.dcmread(folder / "NEMA_XA1_UNC.dcm").pixel_array.astype(np.float32)
    coronary = pydicom.dcmread(folder / "HasFragmentSequence.dcm").pixel_array[40]
    return [(head, True), (coronary.astype(np.float32), True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=128)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    films, shape = cephalograms(args.data / "cephalograms", args.size)
    radiographs = lateral_radiographs(args.data / "heads", shape, args.size, args.seed)
    print(len(films), "films", len(radiographs), "radiographs", check_pictures(films, radiographs))
    config = replace(preset("small", steps=args.steps), size_px=args.size)

    def judged(step, generators, held_films, held_radiographs, found) -> None:
        print(step, {k: round(v, 3) for k, v in found.scores.items()}, flush=True)
        sheet = sheet_of(generators, held_films, held_radiographs, config.noise_sd)
        (args.out / f"samples_{step:05d}.png").write_bytes(sheet)

    trained = train_generators(films, radiographs, args.out, config, seed=args.seed, judged=judged)
    generators, judgement, steps = trained
    features = look_features(films)
    card = TranslatorCard(
        args.size,
        {"width": config.width, "blocks": config.blocks},
        config.noise_sd,
        len(films),
        asdict(judgement),
        judgement.refused,
        [features.mean(0).tolist(), features.std(0).tolist()],
        {"best_step": steps},
    )
    translator = Translator(generators, card)
    translator.write(args.out / "translator.safetensors")
    (args.out / "figures.json").write_text(json.dumps(asdict(judgement), indent=1))
    print(json.dumps(asdict(judgement), indent=1), judgement.refused)
    rows = []
    for frame, transmission in other_films(args.data / "dicom"):
        outline = find_field(frame, transmission=transmission).polygon_px
        made = translator(frame, transmission=transmission, field_polygon_px=outline)
        pair = [255 * frame / frame.max(), 255 * made]
        rows.append(np.hstack([cv2.resize(x.astype(np.uint8), (512, 512)) for x in pair]))
    cv2.imwrite(str(args.out / "other.png"), np.vstack(rows))


if __name__ == "__main__":
    main()
