"""A network that begins with what the released detector learnt on the digital head.

The trunk knows skulls and films' looks already; only the maps of the subject's own landmarks, and
their deviations, start at random.
"""

from pathlib import Path

import torch

from .card import read_weights
from .network import LandmarkNetwork

RELEASED = Path(__file__).parent / "weights" / "digital_head.safetensors"
OWN = ("maps.", "log_scale.")
"""What belongs to the landmarks of one subject."""


def warmed(network: LandmarkNetwork) -> bool:
    """Give the network the released trunk; False, and nothing done, where its trunk is another."""
    card, tensors = read_weights(RELEASED)
    if network.shape._replace(landmarks=0)._asdict() != card.shape | {"landmarks": 0}:
        return False
    trunk = {
        name: t.float() if t.is_floating_point() else t
        for name, t in tensors.items()
        if not name.startswith(OWN)
    }
    with torch.no_grad():
        missing, unexpected = network.load_state_dict(trunk, strict=False)
    if unexpected or any(not name.startswith(OWN) for name in missing):
        raise ValueError(f"{RELEASED}: its tensors are not those of this program's network")
    return True
