"""The landmark network: a RegNetX-400MF trunk, and a map for each landmark wider than the image.

Input (batch, 4, 128, 128): see `network_input`. Output: each landmark's place in network pixels,
inside or outside the image, and its standard deviation. Everything is float32: in bfloat16 the
coordinates would be rounded to half a pixel, and many CPUs run it ten times slower.
"""

from . import torchvision_guard  # isort: skip  # noqa: F401  before torchvision

from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.regnet import BlockParams, RegNet

from .network_input import INPUT_PX, PLANES

STRIDE_PX = 8
BORDER_CELLS = 4
"""The maps reach this many cells of 8 px beyond the image: 1.5 times its size."""


class Shape(NamedTuple):
    """Size of the network; the default is torchvision's RegNetX-400MF."""

    landmarks: int
    depth: int = 22
    width: int = 24
    slope: float = 24.48
    growth: float = 2.54
    group: int = 16
    features: int = 64


class Places(NamedTuple):
    """What the network says of a batch."""

    uv: Float[Tensor, "batch landmark 2"]
    """Network pixels."""
    log_scale: Float[Tensor, "batch landmark"]
    """Log of the Laplace scale, pixels, per axis."""
    logits: Float[Tensor, "batch landmark row column"]
    """The maps before normalisation, cells of 8 px, 4 cells beyond the image on each side."""


class LandmarkNetwork(nn.Module):
    """Places of all landmarks, in and out of the image, with a standard deviation each."""

    def __init__(self, shape: Shape):
        """Build the network with random weights, drawn from torch's default generator."""
        super().__init__()
        self.shape = shape
        blocks = BlockParams.from_init_params(
            shape.depth, shape.width, shape.slope, shape.growth, shape.group
        )
        trunk = RegNet(blocks, num_classes=1)
        stem = cast(nn.Sequential, trunk.stem)
        first = cast(nn.Conv2d, stem[0])
        stem[0] = nn.Conv2d(PLANES, first.out_channels, 3, stride=2, padding=1, bias=False)
        self.stem, self.stages = stem, cast(nn.Sequential, trunk.trunk_output)
        trunk.eval()
        with torch.no_grad():
            probe = stem(torch.zeros(1, PLANES, INPUT_PX, INPUT_PX))
            widths = [(probe := stage(probe)).shape[1] for stage in self.stages]
        trunk.train()
        self.sides = nn.ModuleList(nn.Conv2d(w, shape.features, 1) for w in widths[1:])
        cells = INPUT_PX // STRIDE_PX + 2 * BORDER_CELLS
        self.place = nn.Parameter(torch.zeros(1, shape.features, cells, cells))
        self.mix = nn.Sequential(
            nn.BatchNorm2d(shape.features),
            nn.ReLU(inplace=True),
            nn.Conv2d(shape.features, shape.features, 3, padding=1, bias=False),
            nn.BatchNorm2d(shape.features),
            nn.ReLU(inplace=True),
        )
        self.maps = nn.Conv2d(shape.features, shape.landmarks, 1)
        self.log_scale = nn.Linear(widths[-1], shape.landmarks)
        centres = STRIDE_PX * (torch.arange(cells) - (cells - 1) / 2)
        self.centres_px: Tensor
        self.register_buffer("centres_px", centres, persistent=False)

    def forward(self, planes: Float[Tensor, "batch 4 128 128"]) -> Places:
        """Places of all landmarks."""
        x = self.stem(planes)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        _, fine, middle, coarse = levels  # strides 4, 8, 16, 32 px
        inside = self.sides[0](fine) + functional.interpolate(
            self.sides[1](middle), scale_factor=2, mode="bilinear"
        )
        around = functional.pad(self.sides[2](coarse), [BORDER_CELLS // 4] * 4, mode="replicate")
        around = functional.interpolate(around, scale_factor=4, mode="bilinear")
        features = self.mix(around + functional.pad(inside, [BORDER_CELLS] * 4) + self.place)
        logits = self.maps(features)
        share = logits.flatten(2).softmax(-1).view_as(logits)  # (batch, landmark, row, column)
        columns, rows = share.sum(2), share.sum(3)
        u = columns @ self.centres_px
        v = rows @ self.centres_px
        spread = (columns * (self.centres_px - u[..., None]) ** 2).sum(-1) + (
            rows * (self.centres_px - v[..., None]) ** 2
        ).sum(-1)
        log_scale = self.log_scale(coarse.mean((2, 3))) + 0.5 * torch.log(spread + 4)
        uv = torch.stack([u, v], dim=-1) + (INPUT_PX - 1) / 2
        return Places(uv, log_scale.clamp(-3, 6), logits)
