"""Training views from a data set on disk, by the steps that frames take when they are used."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from drr.dataset import read_manifest, read_shard
from drr.field_window import field_mask, look_through, window_around
from drr.labelled_radiograph import LabelledRadiograph

from .network_input import INPUT_PX, planes_of, with_facing
from .views import View

PROFILE = 0.08
"""Near the profile both readings of which way the face looks are alike: either is taken."""


def dataset_views(
    folder: Path, points_ct: Float[np.ndarray, "landmark 3"], seed: int, start: int = 0
) -> Iterator[View]:
    """Endless views from the `start`-th on, shard by shard in a new order each time.

    Raises:
        ValueError: the data set is empty, damaged, or of other landmarks.
    """
    manifest = read_manifest(folder)
    shards = manifest["shards"]
    if not manifest["count"]:
        raise ValueError(f"{folder}: the data set is empty")
    known = np.array(list(manifest["parameters"]["landmarks_ct"].values()), np.float64)
    if known.shape != points_ct.shape or not np.allclose(known, points_ct, atol=1e-6):
        raise ValueError(f"{folder}: the data set has other landmarks; delete it and make it anew")
    passes, skip = divmod(start, manifest["count"])
    while True:
        for place in np.random.default_rng((seed, 3, passes)).permutation(len(shards)):
            shard = shards[place]
            if skip >= shard["count"]:
                skip -= shard["count"]
                continue
            rng = np.random.default_rng((seed, 4, passes, int(place)))
            radiographs = list(read_shard(folder / shard["file"], shard["sha256"]))
            order = rng.permutation(len(radiographs))
            noise = rng.standard_normal(len(radiographs))
            for n in order[skip:]:
                yield view_of(radiographs[n], points_ct, PROFILE * float(noise[n]))
            skip = 0
        passes += 1


def view_of(
    radiograph: LabelledRadiograph, points_ct: Float[np.ndarray, "landmark 3"], doubt: float = 0.0
) -> View:
    """What the network sees of a radiograph; `doubt` is added to the cosine of the facing."""
    height, width = radiograph.image.shape
    outline = np.clip(radiograph.field_polygon_px, -0.5, [width - 0.5, height - 0.5])
    window = window_around(outline)
    mask = field_mask(outline, window)
    planes = planes_of(look_through(radiograph.image, window) * mask, mask)
    facing = 1.0 if doubt - radiograph.cam_from_ct[2, 1] > 0 else -1.0
    depth_mm = radiograph.cam_from_ct[2] @ np.append(points_ct.mean(0), 1)
    mm_per_px = float(depth_mm / radiograph.K[0, 0] * window.side_px / INPUT_PX)
    uv = window.network_from_frame(radiograph.uv_px).astype(np.float32)
    return View(with_facing(planes, facing), uv, radiograph.in_field.astype(np.float32), mm_per_px)
