"""ONNX Runtime says what PyTorch says, for batches of any size."""

import sys

import numpy as np
import pytest
import torch

from detector.network import LandmarkNetwork
from detector.onnx_export import write_onnx


def test_parity(tiny, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    network = LandmarkNetwork(tiny).eval()
    assert write_onnx(network, tmp_path / "x.onnx") < 1e-3
    assert [file.name for file in tmp_path.iterdir()] == ["x.onnx"]
    session = onnxruntime.InferenceSession(str(tmp_path / "x.onnx"))
    planes = torch.randn(5, 4, 128, 128)
    uv, log_scale = session.run(["uv_px", "log_scale"], {"planes": planes.numpy()})
    with torch.inference_mode():
        places = network(planes)
    assert np.abs(uv - places.uv.numpy()).max() < 1e-3
    assert np.abs(log_scale - places.log_scale.numpy()).max() < 1e-4


def test_without_the_extra(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ValueError, match="takes the extra `onnx`"):
        write_onnx(LandmarkNetwork(tiny), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())
