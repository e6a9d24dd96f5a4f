"""Makes `import torchvision` work beside a CPU build of torch.

The torchvision wheels of the package index are CUDA builds. Their compiled extension does not load
beside torch's CPU build, and the import then stops with "operator torchvision::nms does not exist",
although the networks are pure Python. Declaring the two missing operators cures it.
"""

import importlib.util
from ctypes import CDLL
from pathlib import Path

import torch

SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _extension_loads() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ImportError("torchvision is not installed: run `make test` once, it installs it")
    for extension in Path(spec.origin).parent.glob("_C*.so"):
        try:
            CDLL(str(extension))
        except OSError:
            return False
    return True


if not _extension_loads():
    OPERATORS = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        OPERATORS.define(f"{name}{SCHEMA}")
