"""The network of any head: the landmark network, and whether the face looks where it is said to.

In one radiograph a head looks alike from azimuths a and 180 - a, but for the magnification of what
is nearer to the source. A plane of the input says which of the two is meant; this network also
learns to say how likely that is.
"""

from typing import NamedTuple, cast

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .loss import landmark_loss
from .network import LandmarkNetwork, Places, Shape

FACING_WEIGHT = 0.5


class Judged(NamedTuple):
    """Places, and how likely the facing of the input's plane is the right one."""

    places: Places
    facing_logit: Float[Tensor, "batch"]


class HeadNetwork(LandmarkNetwork):
    """Landmarks of any head in one radiograph, under the facing that the input's plane names."""

    def __init__(self, shape: Shape):
        """Build the network with random weights, drawn from torch's default generator."""
        super().__init__(shape)
        self.facing = nn.Sequential(
            nn.Linear(self.log_scale.in_features, shape.features),
            nn.ReLU(),
            nn.Linear(shape.features, 1),
        )

    def forward(self, planes: Float[Tensor, "batch 4 128 128"]) -> Judged:  # type: ignore[override]
        """Places of all landmarks, and the logit of the facing."""
        levels = self.levels(planes)
        return Judged(self.placed(*levels), self.facing(levels[-1].mean((2, 3)))[:, 0])


def learn_head(
    network: nn.Module, planes: Tensor, truth: Tensor, right: Tensor
) -> tuple[Tensor, Tensor]:
    """The loss of a batch, and the places: wrong facings teach nothing but that they are wrong."""
    head = cast(HeadNetwork, network)
    places, logit = head(planes)
    judged = functional.binary_cross_entropy_with_logits(logit, right)
    true = right > 0.5
    if not true.any():
        return FACING_WEIGHT * judged, places.uv
    kept = Places(*(part[true] for part in places))
    return landmark_loss(kept, truth[true], head.centres_px) + FACING_WEIGHT * judged, places.uv
