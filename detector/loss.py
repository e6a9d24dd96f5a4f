"""What the landmark network is taught by."""

import torch
from jaxtyping import Float
from torch import Tensor

from .network import Places
from .network_input import INPUT_PX

LABEL_SD_PX = 6.0
"""Width of the label in the maps, whose cells are 8 px."""


def landmark_loss(
    places: Places, truth: Float[Tensor, "batch landmark 2"], centres_px: Float[Tensor, "cell"]
) -> Float[Tensor, ""]:
    """Cross entropy of the maps, distance of the places, Laplace likelihood of the deviations.

    The maps learn the fastest, the distance makes them exact; the likelihood teaches the deviations
    alone. Landmarks beyond the maps teach only their deviation.
    """
    centred = truth - (INPUT_PX - 1) / 2
    distance = (places.uv - truth).abs().sum(-1)
    reachable = (centred.abs() < 0.72 * INPUT_PX).all(-1)
    target = torch.exp(-0.5 * ((centres_px - centred[..., None]) / LABEL_SD_PX) ** 2)
    target = target / target.sum(-1, keepdim=True).clamp(min=1e-6)
    label = target[..., 1, :, None] * target[..., 0, None, :]  # (batch, landmark, row, column)
    shares = places.logits.flatten(2).log_softmax(-1)
    entropy = -(label.flatten(2) * shares).sum(-1)
    count = reachable.sum().clamp(min=1)
    placed = ((entropy + distance / 20) * reachable).sum() / count
    scale = places.log_scale
    likelihood = (distance.detach() * torch.exp(-scale) + 2 * scale).mean()
    return placed + 0.2 * likelihood
