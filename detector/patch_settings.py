"""How a landmark model is built and trained: one set of settings for both of its stages."""

from dataclasses import dataclass, field

from .patch_augment import Augmentation


@dataclass(frozen=True)
class PatchSettings:
    """The defaults are for 2D; `settings_for` gives those of either."""

    minutes: float | int = 30.0
    """Budget of both stages together."""
    steps: int | None = None
    """Train so many steps in each stage instead of minutes: the same weights on each run."""
    global_share: float | int = 0.2
    """Of the minutes, spent on the global stage."""
    validation: float | int = 0.2
    """Share of the images, the last in natural order, that is never trained on."""
    global_px: int = 160
    """Size at which the global stage sees the longest side of a typical image."""
    zoom: float | int = 3.0
    """How much finer the local stage sees."""
    local_px: int = 96
    """Side of the local stage's sub-image; a multiple of 16."""
    width: int = 32
    blocks: int = 2
    features: int = 64
    global_batch: int = 8
    local_batch: int = 16
    learning_rate: float | int = 2e-3
    weight_decay: float | int = 1e-3
    average: float | int = 0.998
    """Decay of the moving average of the weights, which is what is kept."""
    gradient_norm: float | int = 5.0
    checkpoint_s: float | int = 60.0
    augmentation: Augmentation = field(default_factory=Augmentation)


BUDGET = ("minutes", "steps", "checkpoint_s")
"""What a run that goes on may change."""


def settings_for(dim: int, minutes: float | int = 30.0) -> PatchSettings:
    """Settings for images (dim 2) or volumes (dim 3)."""
    if dim == 2:
        return PatchSettings(minutes=minutes)
    return PatchSettings(
        minutes=minutes,
        global_px=32,
        zoom=3.2,
        local_px=32,
        width=16,
        blocks=1,
        features=32,
        global_batch=4,
        local_batch=8,
        global_share=0.3,
        augmentation=Augmentation(rotation_deg=15.0, cut=0.3),
    )


def check_settings(settings: PatchSettings) -> None:
    """ValueError, naming the setting, where one makes no sense."""
    if settings.local_px % 16 or settings.local_px < 32:
        raise ValueError(f"local_px must be a multiple of 16 from 32, found {settings.local_px}")
    if not 0 < settings.validation < 1 or not 0 < settings.global_share < 1:
        raise ValueError("validation and global_share must lie between 0 and 1")
    if settings.global_px < 16 or settings.zoom < 1:
        raise ValueError("global_px must be at least 16, and zoom at least 1")
