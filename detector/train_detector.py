"""From a CT and its landmarks to a detector: training, then calibration on views not trained on."""

from dataclasses import asdict
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from drr.material_model import MaterialModel, material_model
from drr.volume import Volume

from .card import Card
from .detector import SD_OF_SCALE, Detector, ct_fingerprint
from .network import LandmarkNetwork, Shape
from .training import NamedLook, Progress, TrainingConfig, train_network
from .views import View, view_sequence

TRAINING_GRID_MM = 2.5
"""Voxels finer than a network pixel at the head (0.9 to 2.4 mm) cost time and teach nothing."""
VALIDATION_VIEWS = 480
INSIDE_ONE_SD = 0.6827


def train_detector(
    volume: Volume,
    landmarks: dict[str, Float[np.ndarray, "3"]],
    folder: Path,
    config: TrainingConfig | None = None,
    *,
    shape: Shape | None = None,
    seed: int = 0,
    device: str = "cpu",
    dataset: Path | None = None,
    head: MaterialModel | None = None,
    look: NamedLook | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train on radiographs of the volume and write `folder/detector.safetensors` with its card.

    Args:
        volume: the head's CT, without the couch.
        landmarks: ct, mm, by name: on the rigid skull.
        folder: also holds the checkpoint and `training.csv`; a run that was cut short goes on.
        head: what the views are rendered from, such as `drr.varied_model` on TRAINING_GRID_MM;
            without it the volume as it is.
        dataset: folder of a data set to train on, in place of radiographs rendered on the fly.
        look: the look of all radiographs, in place of machines drawn at random.

    Raises:
        ValueError: no landmarks.
    """
    if not landmarks:
        raise ValueError("there are no landmarks to train on")
    config = config or TrainingConfig()
    points_ct = np.array(list(landmarks.values()), dtype=np.float64)
    shape = shape or Shape(len(points_ct))
    head = head or material_model(volume.resampled(TRAINING_GRID_MM))
    network = train_network(
        head,
        points_ct,
        folder,
        config,
        shape=shape,
        seed=seed,
        device=device,
        dataset=dataset,
        look=look,
        progress=progress,
    )
    fresh = view_sequence(
        head,
        points_ct,
        config.views,
        seed=seed + 1_000_003,
        looks_each=1,
        look=None if look is None else look.look,
    )
    sd_factor, accuracy = measured(network, list(islice(fresh, VALIDATION_VIEWS)), device)
    card = Card(
        landmarks={name: [float(x) for x in point] for name, point in landmarks.items()},
        ct_fingerprint=ct_fingerprint(volume),
        shape=shape._asdict(),
        sd_factor=sd_factor,
        accuracy=accuracy,
        recipe=asdict(config)
        | {
            "seed": seed,
            "grid_mm": TRAINING_GRID_MM,
            "from_dataset": dataset is not None,
            "look": "random" if look is None else look.name,
        },
    )
    path = folder / "detector.safetensors"
    Detector(network, card).write(path)
    return path


def measured(
    network: LandmarkNetwork, views: list[View], device: str
) -> tuple[float, dict[str, float]]:
    """The factor that makes 68 % of the errors lie within one deviation, and the errors.

    The factor is fitted on the first half of the views, everything else measured on the second.
    """
    uv, scale = _predicted(network, views, device)
    truth = np.stack([view.uv for view in views])
    mm_per_px = np.array([view.mm_per_px for view in views])[:, None]
    inside = np.stack([view.in_field for view in views]) > 0
    standardised = np.abs(uv - truth) / (SD_OF_SCALE * scale[..., None])
    half = len(views) // 2
    sd_factor = float(np.quantile(standardised[:half][inside[:half]], INSIDE_ONE_SD))
    error_mm = (np.linalg.norm(uv - truth, axis=-1) * mm_per_px)[half:]
    inside, standardised = inside[half:], standardised[half:] / sd_factor
    figures = {
        "views": float(len(error_mm)),
        "in_field_within_1_sd": float((standardised[inside] < 1).mean()),
        "in_field_within_2_sd": float((standardised[inside] < 2).mean()),
        "in_field_mean_mm": float(error_mm[inside].mean()),
        "in_field_median_mm": float(np.median(error_mm[inside])),
        "in_field_p95_mm": float(np.quantile(error_mm[inside], 0.95)),
        "in_field_within_10_mm": float((error_mm[inside] < 10).mean()),
    }
    if not inside.all():
        figures |= {
            "out_of_field_median_mm": float(np.median(error_mm[~inside])),
            "out_of_field_within_2_sd": float((standardised[~inside] < 2).mean()),
        }
    return sd_factor, {name: round(value, 4) for name, value in figures.items()}


def _predicted(
    network: LandmarkNetwork, views: list[View], device: str
) -> tuple[np.ndarray, np.ndarray]:
    places, scales = [], []
    with torch.inference_mode():
        for first in range(0, len(views), 16):
            planes = np.stack([view.planes for view in views[first : first + 16]])
            uv, log_scale, _ = network(torch.from_numpy(planes).to(device))
            places.append(uv.cpu().numpy())
            scales.append(log_scale.exp().cpu().numpy())
    return np.concatenate(places), np.concatenate(scales)
