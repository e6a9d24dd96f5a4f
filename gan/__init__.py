"""The CycleGAN between the look of films and that of radiographs, and what keeps bones in place."""

from .config import PRESETS, TranslatorConfig, preset
from .drift import Drift, drift_between
from .histogram import grey_quantiles, histogram_matched
from .judgement import Judgement
from .look_distance import kernel_distance, look_features
from .pictures import Pictures, check_pictures
from .training import train_generators
from .translator import Translator, TranslatorCard

__all__ = [
    "PRESETS",
    "Drift",
    "Judgement",
    "Pictures",
    "Translator",
    "TranslatorCard",
    "TranslatorConfig",
    "check_pictures",
    "drift_between",
    "grey_quantiles",
    "histogram_matched",
    "kernel_distance",
    "look_features",
    "preset",
    "train_generators",
]
