"""Training of the network of any head, on the family of digital heads."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import cast

import torch

from drr.head_landmark_names import LANDMARK_NAMES

from .head_family import FamilyRange, family_views
from .head_network import HeadNetwork, learn_head
from .network import Shape
from .training import Progress, TrainingConfig, train_on
from .views import ViewRange
from .warm_start import warmed

LIES = 0.15
"""Share of views whose facing is given wrong, so that the network learns to tell."""


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
) -> HeadNetwork:
    """The averaged network after the budget; goes on from the checkpoint in `folder`, if it fits.

    Args:
        folder: holds `detector.checkpoint` and `training.csv`.
    """
    config = config or HeadTrainingConfig()
    shape = shape or Shape(len(LANDMARK_NAMES))
    torch.manual_seed(config.seed)
    network = HeadNetwork(shape)
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
            lies=LIES,
        )

    trained = train_on(
        network,
        views_from,
        learn_head,
        folder,
        config.training,
        key=key,
        device=device,
        progress=progress,
    )
    return cast(HeadNetwork, trained)
