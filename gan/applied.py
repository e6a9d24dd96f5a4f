"""A generator applied to pictures."""

import numpy as np
import torch
from jaxtyping import Float

from .networks import Generator
from .pictures import Pictures

BATCH = 8


def applied(
    generator: Generator, pictures: Pictures, noise_sd: float = 0.0, seed: int = 0
) -> Float[np.ndarray, "picture side side"]:
    """The pictures in the other look, 0 outside of the field; noise is added before.

    Grain is not made from nothing: a generator of films takes the noise it was trained with.
    """
    device, rng, done = next(generator.parameters()).device, np.random.default_rng(seed), []
    with torch.inference_mode():
        for first in range(0, len(pictures), BATCH):
            x = pictures.attenuation[first : first + BATCH]
            mask = pictures.mask[first : first + BATCH]
            if noise_sd > 0:
                noise = rng.standard_normal(x.shape, dtype=np.float32)
                x = x + np.float32(noise_sd) * noise * mask
            made = generator(torch.from_numpy(x)[:, None].to(device))[:, 0].float()
            done.append(made.cpu().numpy() * mask)
    return np.concatenate(done) if done else pictures.attenuation[:0]
