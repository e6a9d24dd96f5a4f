"""The look of a digitally reconstructed radiograph: the primary beam, without any machine."""

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

from .standardised import standardised
from .transmission import Beam, looked_up

DISPLAY = 0.25
"""Exponent of the transmission, as a display has it that shows the inside of a head."""
CLEAN_BEAM = Beam(75.0, 3.0, 0.1, 180.0)


def drr_look(
    line_integrals: Float[np.ndarray | Tensor, "material height width"],
    mask: Float[np.ndarray, "height width"],
) -> Float[np.ndarray, "height width"]:
    """Standardised attenuation in the field: no scatter, noise, blur or display curve.

    Args:
        line_integrals: as `render_materials` gives them.
        mask: of the field (`without_rim`, where films have one), 0 to 1.
    """
    images = np.asarray(line_integrals, dtype=np.float32)
    return standardised(cv2.exp(-DISPLAY * looked_up(images, CLEAN_BEAM)), mask)
