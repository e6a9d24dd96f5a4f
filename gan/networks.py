"""The networks of the CycleGAN: generators that change the look, discriminators that judge it.

Zhu et al. 2017 (arXiv 1703.10593), section 7: ResNet generators with reflection padding and
instance normalisation, and 70 x 70 PatchGANs. Two things differ, so that bones stay where they are:
the generator adds a bounded change to its input, and it grows by interpolation and convolution,
not by transposed convolution, whose pattern shows in smooth parts.
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

Picture = Float[Tensor, "batch 1 height width"]
LARGEST_CHANGE = 1.5
"""Of a grey value in [-1, 1]: a generator can turn black to light grey, not to white."""


class Block(nn.Module):
    """Two convolutions whose result is added to what came in."""

    def __init__(self, width: int):
        """`width` channels in and out."""
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(width, width, 3), nn.ReLU(inplace=True), *_convolution(width, width, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return x + self.body(x)


class Generator(nn.Module):
    """From one look to the other: `x + 1.5 tanh(change(x))`, of any size divisible by 4."""

    def __init__(self, width: int = 16, blocks: int = 6):
        """`width` channels at full size, four times as many at a quarter of it."""
        super().__init__()
        self.change = nn.Sequential(
            *_convolution(1, width, 7),
            nn.ReLU(inplace=True),
            *_convolution(width, 2 * width, 3, stride=2),
            nn.ReLU(inplace=True),
            *_convolution(2 * width, 4 * width, 3, stride=2),
            nn.ReLU(inplace=True),
            *[Block(4 * width) for _ in range(blocks)],
            nn.Upsample(scale_factor=2, mode="nearest"),
            *_convolution(4 * width, 2 * width, 3),
            nn.ReLU(inplace=True),
            nn.Upsample(scale_factor=2, mode="nearest"),
            *_convolution(2 * width, width, 3),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(3),
            nn.Conv2d(width, 1, 7),
        )
        _initialised(self)
        nn.init.zeros_(cast(nn.Conv2d, self.change[-1]).weight)  # begins by changing nothing

    def forward(self, x: Picture) -> Picture:
        """The same picture in the other look."""
        return x + LARGEST_CHANGE * torch.tanh(self.change(x))


class Discriminator(nn.Module):
    """Judges patches of 70 x 70 pixels: near 1 where they look real, near 0 where made."""

    def __init__(self, width: int = 16):
        """`width` channels after the first layer, at most eight times as many later."""
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, width, 4, stride=2, padding=1), _leaky()]
        for n, stride in ((1, 2), (2, 2), (4, 1)):
            layers += [
                nn.Conv2d(n * width, 2 * n * width, 4, stride=stride, padding=1, bias=False),
                nn.InstanceNorm2d(2 * n * width),
                _leaky(),
            ]
        self.judge = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, padding=1))
        _initialised(self)

    def forward(self, x: Picture) -> Float[Tensor, "batch 1 row column"]:
        """A verdict for each patch."""
        return self.judge(x)


def new_generators(width: int, blocks: int) -> nn.ModuleDict:
    """Both generators with weights that mean nothing yet."""
    names = ("to_drr", "to_film")
    return nn.ModuleDict({name: Generator(width, blocks) for name in names})


def _convolution(inputs: int, outputs: int, side: int, stride: int = 1) -> list[nn.Module]:
    """Reflection padding, convolution, instance normalisation."""
    return [
        nn.ReflectionPad2d(side // 2),
        nn.Conv2d(inputs, outputs, side, stride=stride, bias=False),
        nn.InstanceNorm2d(outputs, affine=True),
    ]


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.2, inplace=True)


def _initialised(network: nn.Module) -> None:
    """Normal weights of deviation 0.02, as the paper draws them."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
