"""Training of the network of any head, on the family of digital heads."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from drr.head_landmark_names import LANDMARK_NAMES

from .head_family import FamilyRange, family_views
from .network import LandmarkNetwork, Shape
from .training import Progress, TrainingConfig, train_on
from .views import ViewRange
from .warm_start import warmed


@dataclass(frozen=True)
class HeadTrainingConfig:
    """How the network of any head is trained."""

    training: TrainingConfig = field(
        default_factory=lambda: TrainingConfig(views=ViewRange(ramp_views=20_000), minutes=60.0)
    )
    family: FamilyRange = field(default_factory=FamilyRange)
    seed: int = 0


def train_head_network(
    folder: Path,
    config: HeadTrainingConfig | None = None,
    *,
    shape: Shape | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> LandmarkNetwork:
    """The averaged network after the budget; goes on from the checkpoint in `folder`, if it fits.

    Args:
        folder: holds `detector.checkpoint` and `training.csv`.
    """
    config = config or HeadTrainingConfig()
    shape = shape or Shape(len(LANDMARK_NAMES))
    torch.manual_seed(config.seed)
    network = LandmarkNetwork(shape)
    if config.training.warm_start:
        warmed(network)
    timeless = replace(config.training, minutes=0.0, steps=None, checkpoint_s=0.0)
    key = json.dumps([asdict(replace(config, training=timeless)), list(shape)])

    def views_from(start: int):
        return family_views(
            config.training.views,
            config.family,
            seed=config.seed,
            start=start,
            looks_each=config.training.looks_each,
        )

    return train_on(
        network,
        views_from,
        folder,
        config.training,
        key=key,
        device=device,
        progress=progress,
    )
