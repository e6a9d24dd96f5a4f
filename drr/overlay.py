"""Metal that hangs in the beam of every frame: wires, beads and plates."""

from random import Random

import cv2
import numpy as np
from jaxtyping import Float

from .attenuation_table import MATERIALS
from .fluoroscope import Fluoroscope
from .transmission import effective_attenuation

FULL = 3.0  # line integral where an overlay is drawn at 255: all but 5 % of the beam is taken
CURVE = np.linspace(0, 1, 16)[:, None]


def with_metal(
    attenuation: Float[np.ndarray, "height width"],
    images: Float[np.ndarray, "material height width"],
    fluoroscope: Fluoroscope,
) -> Float[np.ndarray, "height width"]:
    """Effective attenuation of the material images with the overlay among their metal."""
    f = fluoroscope
    if not (f.wires or f.beads or f.blocks):
        return attenuation
    count, height, width = images.shape
    drawn = overlay(f, width, height).ravel()
    where = np.flatnonzero(drawn > 0)
    materials = np.zeros((len(MATERIALS), len(where)), np.float32)
    materials[:count] = images.reshape(count, -1)[:, where]
    materials[-1] += drawn[where]
    found = attenuation.copy()
    found.reshape(-1)[where] = effective_attenuation(materials, f.beam)
    return found


def overlay(fluoroscope: Fluoroscope, width: int, height: int) -> Float[np.ndarray, "height width"]:
    """Line integrals of the wires, beads and plates, drawn by the fluoroscope's seed."""
    f = fluoroscope
    drawn = np.zeros((height, width), dtype=np.uint8)  # OpenCV antialiases bytes only
    draw = Random(int(f.pattern_seed))
    px = 16 * max(width / 128, 1.0)  # coordinates are in sixteenths
    for _ in range(f.wires):
        ends = [(draw.uniform(-0.1, 1.1) * width, draw.uniform(-0.1, 1.1) * height) for _ in "abc"]
        a, b, c = np.array(ends) * 16
        bend = (1 - CURVE) ** 2 * a + 2 * CURVE * (1 - CURVE) * b + CURVE**2 * c
        thick = max(1, round(px / 16 * draw.uniform(0.5, 2.5)))
        path = [np.rint(bend).astype(np.int32)]
        cv2.polylines(drawn, path, False, draw.randint(30, 254), thick, cv2.LINE_AA, 4)
    for _ in range(f.beads):
        middle = int(16 * width * draw.random()), int(16 * height * draw.random())
        cv2.circle(drawn, middle, int(px * draw.uniform(0.7, 3.0)), 255, -1, cv2.LINE_AA, 4)
    for _ in range(f.blocks):
        middle = 16 * width * draw.random(), 16 * height * draw.random()
        sides = 16 * width * draw.uniform(0.05, 0.25), 16 * width * draw.uniform(0.05, 0.25)
        corners = cv2.boxPoints((middle, sides, draw.uniform(0, 90)))
        path = [np.rint(corners).astype(np.int32)]
        cv2.fillPoly(drawn, path, draw.randint(80, 254), cv2.LINE_AA, 4)
    return drawn * np.float32(FULL / 255)
