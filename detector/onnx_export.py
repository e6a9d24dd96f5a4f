"""A landmark network as ONNX, for programs that have no PyTorch: written, run, and compared."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from calibration.atomic import whole

from .network_input import INPUT_PX, PLANES

LARGEST_DIFFERENCE_PX = 0.01
OUTPUTS = ("uv_px", "log_scale")


class _Plain(nn.Module):
    """Places and log scales alone, as two tensors."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Network pixels and the log of the Laplace scale of every landmark."""
        places = self.network(planes)
        return places.uv, places.log_scale


def write_onnx(network: nn.Module, path: Path) -> float:
    """Write a `LandmarkNetwork` as ONNX, for batches of any size; the largest difference in pixels.

    The file is run by ONNX Runtime on random planes and compared before it is kept: input `planes`
    (batch, 4, 128, 128), outputs `uv_px` (batch, landmark, 2) and `log_scale` (batch, landmark).

    Raises:
        ValueError: the extra `onnx` is not installed, or the two do not agree to 0.01 px.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  what torch exports with
    except ImportError as error:
        raise ValueError(
            f"ONNX takes the extra `onnx`: pip install 'dualfluoro[onnx]' ({error})"
        ) from None
    plain = _Plain(network).eval().cpu()
    generator = torch.Generator().manual_seed(0)
    planes = torch.randn((3, PLANES, INPUT_PX, INPUT_PX), generator=generator)
    batch = torch.export.Dim("batch", min=1, max=4096)
    with whole(path) as unfinished:
        program = torch.onnx.export(
            plain,
            (planes,),
            input_names=["planes"],
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: batch},),
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        program.save(str(unfinished), external_data=False)
        session = onnxruntime.InferenceSession(str(unfinished), providers=["CPUExecutionProvider"])
        found = session.run(list(OUTPUTS), {"planes": planes.numpy()})
        with torch.inference_mode():
            expected = [tensor.numpy() for tensor in plain(planes)]
        away = max(float(np.abs(a - b).max()) for a, b in zip(expected, found, strict=True))
        if not away < LARGEST_DIFFERENCE_PX:
            raise ValueError(
                f"{path}: ONNX Runtime and PyTorch differ by {away:.3g} px; not written"
            )
    return away
