"""What the generators are taught by, beside the discriminators: to keep the bones in place."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .networks import Picture

Mask = Float[Tensor, "batch 1 height width"]


class Weights(NamedTuple):
    """Of the terms beside the adversarial one, whose weight is 1."""

    cycle: float = 5.0
    identity: float = 0.5
    edges: float = 1.0
    turned: float = 5.0


def cycle_loss(x: Picture, back: Picture, mask: Mask) -> Float[Tensor, ""]:
    """Mean absolute difference in the field (Zhu et al. 2017, eq. 2)."""
    return ((back - x).abs() * mask).sum() / mask.sum().clamp(min=1)


def edge_loss(x: Picture, translated: Picture, mask: Mask) -> Float[Tensor, ""]:
    """1 less the correlation of the gradients (Hiasa et al. 2018, arXiv 1803.06629, eq. 3)."""
    inner = 1 - nn.functional.max_pool2d(1 - mask, 5, stride=1, padding=2)
    first, second = _gradients(x) * inner, _gradients(translated) * inner
    product = (first * second).flatten(1).sum(1)
    power = (first**2).flatten(1).sum(1) * (second**2).flatten(1).sum(1)
    return (1 - product / (power + 1e-6).sqrt()).mean()


def turned_loss(
    generator: Callable[[Tensor], Tensor], x: Picture, translated: Picture, mask: Mask, turn: int
) -> Float[Tensor, ""]:
    """Translating a turned picture turns the translation (Fu et al. 2019, arXiv 1809.05852).

    Args:
        turn: 0 to 3 quarter turns; 4 to 7 the same of the mirrored picture.
    """
    return cycle_loss(
        turned(translated, turn).detach(),
        generator(turned(x, turn)) * turned(mask, turn),
        turned(mask, turn),
    )


def turned(x: Tensor, turn: int) -> Tensor:
    """Quarter turns, of the mirrored picture from 4 on."""
    return torch.rot90(x.flip(-1) if turn >= 4 else x, turn % 4, (-2, -1))


def real_loss(verdict: Tensor, real: bool) -> Float[Tensor, ""]:
    """Least squares distance from the verdict that is wanted (Mao et al. 2017, eq. 9)."""
    return ((verdict - float(real)) ** 2).mean()


def _gradients(x: Tensor) -> Tensor:
    """Central differences of the picture, smoothed by 3 pixels across."""
    kernel = (
        torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], device=x.device, dtype=x.dtype) / 8
    )
    both = torch.stack([kernel, kernel.T])[:, None]
    return nn.functional.conv2d(x, both, padding=1)
