"""The loss of the patch network: which patch, how far from it, and where the vote falls."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .patch_network import PATCH_PX, Votes, vote

SOFTNESS_PX = 0.75 * PATCH_PX
"""Spread of the target posterior: a landmark at a patch's edge belongs to both."""
FAR_SHARE = 0.2
VOTE_SHARE = 0.5
OUTSIDE_SHARE = 0.05
"""Weight of a landmark that is not in the image against one that is."""


def patch_loss(
    votes: Votes,
    truth_px: Float[Tensor, "batch landmark dim"],
    within: Bool[Tensor, "batch landmark"],
) -> Float[Tensor, ""]:
    """Mean over the known landmarks; those with NaN are not known.

    Cross-entropy of the posterior against a soft one around the truth (or against "in no patch"),
    absolute error of the log displacements, mostly of the patches that are to vote, and the log
    distance of the vote from the truth. `within`: the landmark is in the image; the place of one
    that is not counts little.
    """
    known = torch.isfinite(truth_px).all(dim=-1)
    truth = torch.where(known[..., None], truth_px, torch.zeros_like(truth_px))
    off = truth[..., None, :] - votes.centres_px
    near = torch.softmax(-off.square().sum(dim=-1) / (2 * SOFTNESS_PX**2), dim=-1)
    scores = torch.cat([votes.logits, votes.outside[..., None]], dim=-1).log_softmax(dim=-1)
    entropy = torch.where(within, -(near * scores[..., :-1]).sum(dim=-1), -scores[..., -1])
    wrong = (votes.log_displacement - log_displacement(off)).abs().sum(dim=-1)
    displacement = (near * wrong).sum(dim=-1) + FAR_SHARE * wrong.mean(dim=-1)
    missed = torch.log1p((vote(votes).xy - truth).square().sum(dim=-1).add(1e-6).sqrt())
    each = entropy + displacement + VOTE_SHARE * missed
    weight = torch.where(within, 1.0, OUTSIDE_SHARE) * known
    return (each * weight).sum() / weight.sum().clamp(min=1)


def log_displacement(displacement_px: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """sign(d) log(1 + |d|)."""
    return torch.sign(displacement_px) * torch.log1p(displacement_px.abs())
