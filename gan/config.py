"""How a translator is trained: one dataclass, and a preset for each kind of machine."""

from dataclasses import dataclass, field, replace

from .losses import Weights


@dataclass(frozen=True)
class TranslatorConfig:
    """The defaults are the preset "small", for two cores."""

    size_px: int = 128
    """Side of the pictures."""
    crop_px: int = 96
    """Side of the parts of them that are trained on: cheaper, and the rest comes another time."""
    width: int = 16
    """Channels of the generators at full size."""
    blocks: int = 6
    judge_width: int = 24
    batch: int = 1
    minutes: float = 40.0
    steps: int | None = None
    """Train so many steps instead of minutes: the same weights on each run."""
    learning_rate: float = 5e-4
    judge_rate: float = 0.5
    """Learning rate of the discriminators over that of the generators."""
    grows_until: float = 0.2
    """Share of the budget over which the terms that keep things as they are grow to their weights,
    from a tenth: the generators begin by changing nothing, and would stay there."""
    decays_from: float = 0.4
    """Share of the budget after which the learning rate falls, in a line, to zero."""
    average: float = 0.99
    """Decay of the moving average of the generators, which is what is kept."""
    noise_sd: float = 0.03
    """Added to what is translated back, and to radiographs before they become films: a source of
    grain, and no room to hide the picture in (Chu et al. 2017, arXiv 1712.02950)."""
    weights: Weights = field(default_factory=Weights)
    identity_every: int = 2
    turned_every: int = 4
    """Steps between two that have these terms: they cost as much as the cycle."""
    epoch_steps: int = 200
    """Steps between two judgements on the pictures held out."""
    patience: int = 8
    """Judgements without gain after which training stops."""
    checkpoint_s: float = 60.0
    mixed: bool | None = None
    """bfloat16 in the convolutions; None is: on a GPU. Most CPUs are slower with it."""


PRESETS: dict[str, TranslatorConfig] = {
    "tiny": TranslatorConfig(
        size_px=64, crop_px=64, width=8, blocks=3, judge_width=16, epoch_steps=50
    ),
    "small": TranslatorConfig(),
    "medium": TranslatorConfig(
        size_px=256, crop_px=192, width=32, judge_width=64, batch=4, minutes=60.0
    ),
    "full": TranslatorConfig(256, 192, width=64, blocks=9, judge_width=64, batch=4, minutes=120.0),
    "large": TranslatorConfig(512, 320, width=64, blocks=9, judge_width=64, minutes=240.0),
}
"""tiny: tests, seconds; small: two cores; medium and above: a GPU."""


def preset(name: str, minutes: float | None = None, steps: int | None = None) -> TranslatorConfig:
    """A preset with another budget.

    Raises:
        ValueError: there is no such preset.
    """
    if name not in PRESETS:
        raise ValueError(f"preset {name!r} is not known, expected one of {', '.join(PRESETS)}")
    config = PRESETS[name]
    return replace(config, minutes=minutes or config.minutes, steps=steps)
