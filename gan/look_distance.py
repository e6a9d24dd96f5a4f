"""How far apart two looks are, by the features of a fixed random network: nothing is downloaded.

As the kernel inception distance (Binkowski et al. 2018, arXiv 1801.01401) it is the unbiased
squared maximum mean discrepancy of features, but with the kernel -|x - y| (the energy distance,
Sejdinovic et al. 2013), which still tells near from far where two looks have nothing in common.
Random features see grey values, contrast, sharpness and texture. The figures do not compare with
those of other networks.
"""

from functools import lru_cache
from itertools import pairwise
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from .pictures import Pictures

SEED = 20170331
WIDTHS = (1, 16, 32, 48)


def look_features(pictures: Pictures) -> Float[np.ndarray, "picture feature"]:
    """Means and deviations of random features over the field, at three scales."""
    network, rows = _random_network(), []
    with torch.inference_mode():
        for first in range(0, len(pictures), 16):
            x = torch.from_numpy(pictures.attenuation[first : first + 16])[:, None]
            mask = torch.from_numpy(pictures.mask[first : first + 16])[:, None]
            rows.append(_pooled(network, x, mask))
    return torch.cat(rows).double().numpy()


def kernel_distance(
    features: Float[np.ndarray, "a feature"], aim: Float[np.ndarray, "b feature"]
) -> float:
    """Unbiased squared distance of a set from the one aimed at, 2 or more each; about 0 if alike.

    Features count in deviations of the set aimed at.
    """
    x, y = ((z - aim.mean(0)) / (aim.std(0) + 1e-3) for z in (features, aim))
    apart = cdist(x, y).mean()
    within = [cdist(z, z).sum() / (len(z) * (len(z) - 1)) for z in (x, y)]
    return float(2 * apart - sum(within)) / x.shape[1] ** 0.5


def _pooled(network: nn.ModuleList, x: Tensor, mask: Tensor) -> Tensor:
    pooled = []
    for layer in network:
        x = layer(x)
        weight = nn.functional.adaptive_avg_pool2d(mask, (x.shape[-2], x.shape[-1]))
        total = weight.sum((2, 3)).clamp(min=1e-3)
        mean = (x * weight).sum((2, 3)) / total
        spread = ((x - mean[..., None, None]) ** 2 * weight).sum((2, 3)) / total
        pooled += [mean, spread.sqrt()]
    return torch.cat(pooled, 1)


@lru_cache(maxsize=1)
def _random_network() -> nn.ModuleList:
    generator = torch.Generator().manual_seed(SEED)
    layers = nn.ModuleList()
    for inputs, outputs in pairwise(WIDTHS):
        convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        with torch.no_grad():
            shape = convolution.weight.shape
            weight = torch.randn(shape, generator=generator) * (2 / (9 * inputs)) ** 0.5
            convolution.weight.copy_(weight)
            nn.init.zeros_(cast(Tensor, convolution.bias))
        layers.append(nn.Sequential(convolution, nn.LeakyReLU(0.2)))
    return layers.eval().requires_grad_(False)
