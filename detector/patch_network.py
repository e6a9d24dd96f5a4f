"""The patch network: every patch of an image of any size votes for where each landmark is.

After Noothout et al. 2020 (doi 10.1109/TMI.2020.3009002): for each patch and landmark a
displacement from the patch's centre, on a log scale, and the posterior that the landmark lies in
the patch. The landmark is where the patches point, weighted by their posteriors. Here the patches
exclude each other, and "in none of them" is one more class: the posterior is a softmax, its last
share is the chance that the landmark is outside.

One code in 2D and 3D: images are (batch, 1, x, y[, z]), coordinates (x, y[, z]) in network pixels,
0 at the centre of the first one. A small ResNet with group normalisation sees the image at strides
2, 4, 8, 16; a pyramid brings all that to patches of 4 pixels.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

PATCH_PX = 4
CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}
LINEAR = {2: "bilinear", 3: "trilinear"}
ALL_LEFT = 1e-3
"""The weight a patch keeps by its displacement alone, where no patch holds the landmark."""


class PatchShape(NamedTuple):
    """Size of a patch network."""

    dim: int
    landmarks: int
    width: int = 32
    blocks: int = 2
    features: int = 64


class Votes(NamedTuple):
    """What the patches say."""

    logits: Float[Tensor, "batch landmark patch"]
    outside: Float[Tensor, "batch landmark"]
    """Logit of the class "in no patch"."""
    log_displacement: Float[Tensor, "batch landmark patch dim"]
    """sign(d) log(1 + |d|) of the displacement d, network pixels."""
    centres_px: Float[Tensor, "patch dim"]


class Place(NamedTuple):
    """The vote: network pixels; the covariance is that of the weighted votes."""

    xy: Float[Tensor, "batch landmark dim"]
    covariance: Float[Tensor, "batch landmark dim dim"]
    inside: Float[Tensor, "batch landmark"]
    """Probability that the landmark lies in one of the patches."""


class PatchNetwork(nn.Module):
    """Votes of all patches for all landmarks."""

    def __init__(self, shape: PatchShape):
        """Build the network with random weights, drawn from torch's default generator."""
        super().__init__()
        if shape.dim not in CONVOLUTION:
            raise ValueError(f"a patch network is 2D or 3D, not {shape.dim}D")
        self.shape = shape
        conv, w = CONVOLUTION[shape.dim], shape.width
        self.stem = nn.Sequential(
            conv(1, w // 2, 5, stride=2, padding=2, bias=False),
            _norm(w // 2),
            nn.ReLU(inplace=True),
        )
        widths = (w // 2, w, 2 * w, 4 * w)
        self.stages = nn.ModuleList(
            nn.ModuleList(
                Block(shape.dim, before if n == 0 else after, after, 1 if n else 2)
                for n in range(shape.blocks)
            )
            for before, after in pairwise(widths)
        )
        self.sides = nn.ModuleList(conv(width, shape.features, 1) for width in widths[1:])
        self.mix = Block(shape.dim, shape.features, shape.features, 1)
        self.votes = conv(shape.features, shape.landmarks * (shape.dim + 1), 1)
        self.outside = nn.Linear(widths[-1], shape.landmarks)

    def forward(self, images: Float[Tensor, "batch 1 ..."]) -> Votes:
        """Votes of a batch of images."""
        x = self.stem(images)
        levels = []
        for stage in self.stages:
            for block in stage:  # type: ignore[union-attr]
                x = block(x)
            levels.append(x)
        outside = self.outside(x.flatten(2).mean(2))
        merged = self.sides[-1](levels[-1])
        for side, level in zip(reversed(self.sides[:-1]), reversed(levels[:-1]), strict=True):
            grown = functional.interpolate(merged, scale_factor=2, mode=LINEAR[self.shape.dim])
            merged = side(level) + grown[(..., *(slice(n) for n in level.shape[2:]))]
        votes = self.votes(self.mix(merged))
        cells = votes.shape[2:]
        votes = votes.flatten(2).unflatten(1, (self.shape.landmarks, self.shape.dim + 1))
        centres = patch_centres(cells, images.device)
        return Votes(votes[:, :, 0], outside, votes[:, :, 1:].transpose(2, 3), centres)


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, dim: int, before: int, after: int, stride: int):
        """`before` and `after`: number of channels."""
        super().__init__()
        conv = CONVOLUTION[dim]
        self.first = conv(before, after, 3, stride=stride, padding=1, bias=False)
        self.first_norm = _norm(after)
        self.second = conv(after, after, 3, padding=1, bias=False)
        self.second_norm = _norm(after)
        self.around = (
            nn.Identity() if (before, stride) == (after, 1) else conv(before, after, 1, stride)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features of the same image, at the block's stride."""
        y = functional.relu(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y))
        return functional.relu(y + self.around(x))


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(1, width // 8), width)


def patch_centres(cells: torch.Size, device: torch.device) -> Float[Tensor, "patch dim"]:
    """Centres of the patches, network pixels, in the order of the flattened grid."""
    axes = [PATCH_PX * torch.arange(n, device=device) + (PATCH_PX - 1) / 2 for n in cells]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, -2)


def displacement_px(log_displacement: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The inverse of sign(d) log(1 + |d|)."""
    return torch.sign(log_displacement) * torch.expm1(log_displacement.abs().clamp(max=8))


def vote(votes: Votes) -> Place:
    """The posterior-weighted mean of patch centre plus displacement, with its covariance.

    Where the landmark is in no patch the posteriors vanish; the patches it is nearest to by their
    own displacement then decide (weights p + 0.001 exp(-|d| / patch)).
    """
    posterior = torch.softmax(torch.cat([votes.logits, votes.outside[..., None]], dim=-1), dim=-1)
    inside = 1 - posterior[..., -1]
    moved = displacement_px(votes.log_displacement)
    near = torch.softmax(-moved.norm(dim=-1) / PATCH_PX, dim=-1)
    weight = posterior[..., :-1] + ALL_LEFT * near
    weight = weight / weight.sum(dim=-1, keepdim=True)
    places = votes.centres_px + moved
    xy = (weight[..., None] * places).sum(dim=-2)
    off = places - xy[..., None, :]
    covariance = torch.einsum("blp,blpi,blpj->blij", weight, off, off)
    return Place(xy, covariance, inside)
