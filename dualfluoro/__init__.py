"""The main job from the command line or from Python: trials, stages, report and 3D view.

`dualfluoro.track`, `dualfluoro.prepare` ... are the command line's own functions. They are imported
when they are first used, so that `import dualfluoro` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .stages.batch import batch
    from .stages.calibrate import calibrate
    from .stages.convert import convert
    from .stages.demo import demo
    from .stages.detect import detect
    from .stages.evaluate import evaluate
    from .stages.exposure import exposure
    from .stages.landmarks import landmarks
    from .stages.locate import locate
    from .stages.new import new
    from .stages.prepare import prepare
    from .stages.report import report
    from .stages.synthesize import synthesize
    from .stages.track import track
    from .stages.train import train_detector
    from .stages.train_gan import train_gan
    from .stages.train_landmarks import train_landmarks
    from .stages.view import view
    from .trial import Trial, load_trial

_MODULE_OF = {
    "Trial": ".trial",
    "batch": ".stages.batch",
    "calibrate": ".stages.calibrate",
    "convert": ".stages.convert",
    "demo": ".stages.demo",
    "detect": ".stages.detect",
    "evaluate": ".stages.evaluate",
    "exposure": ".stages.exposure",
    "landmarks": ".stages.landmarks",
    "load_trial": ".trial",
    "locate": ".stages.locate",
    "new": ".stages.new",
    "prepare": ".stages.prepare",
    "report": ".stages.report",
    "synthesize": ".stages.synthesize",
    "track": ".stages.track",
    "train_detector": ".stages.train",
    "train_gan": ".stages.train_gan",
    "train_landmarks": ".stages.train_landmarks",
    "view": ".stages.view",
}

__all__ = [
    "Trial",
    "batch",
    "calibrate",
    "convert",
    "demo",
    "detect",
    "evaluate",
    "exposure",
    "landmarks",
    "load_trial",
    "locate",
    "new",
    "prepare",
    "report",
    "synthesize",
    "track",
    "train_detector",
    "train_gan",
    "train_landmarks",
    "view",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'dualfluoro' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name], __name__), name)
