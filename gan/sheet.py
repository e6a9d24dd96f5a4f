"""A sheet of samples: what a translator makes of pictures it was not trained on."""

from dataclasses import replace
from typing import cast

import cv2
import numpy as np
from torch import nn

from .applied import applied
from .networks import Generator
from .pictures import Pictures

COLUMNS = 5
HEADINGS = ("frame", "as radiograph", "and back", "radiograph", "as frame", "and back")
STRIP_PX = 18


def sheet_of(
    generators: nn.ModuleDict, films: Pictures, radiographs: Pictures, noise_sd: float
) -> bytes:
    """A PNG with a row a step of both cycles, a column a picture."""
    to_drr, to_film = (cast(Generator, generators[name]) for name in ("to_drr", "to_film"))
    rows = []
    for pictures, first, second in ((films, to_drr, to_film), (radiographs, to_film, to_drr)):
        some = pictures.take(np.linspace(0, len(pictures) - 1, COLUMNS).round().astype(int))
        there = replace(some, attenuation=applied(first, some, noise_sd * (first is to_film)))
        back = applied(second, there, noise_sd * (second is to_film))
        rows += [some.attenuation, there.attenuation, back]
    strips = []
    for heading, row in zip(HEADINGS, rows, strict=True):
        strip = np.full((STRIP_PX, COLUMNS * row.shape[-1]), 255, np.uint8)
        cv2.putText(strip, heading, (4, STRIP_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0)
        strips += [strip, np.clip(np.hstack(list(row)) * 64 + 128, 0, 255).astype(np.uint8)]
    return cv2.imencode(".png", np.vstack(strips))[1].tobytes()
