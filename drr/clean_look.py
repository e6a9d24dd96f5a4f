"""The look of a digitally reconstructed radiograph: the primary beam alone, without any machine."""

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

from .standardised import standardised, without_rim
from .transmission import Beam, looked_up

CLEAN_BEAM = Beam(75.0, 3.0, 0.1, 180.0)


def drr_look(
    line_integrals: Float[np.ndarray | Tensor, "material height width"],
    mask: Float[np.ndarray, "height width"],
) -> Float[np.ndarray, "height width"]:
    """Standardised attenuation in the field without its rim: no scatter, noise, blur or display.

    Args:
        line_integrals: as `render_materials` gives them.
        mask: of the field, 0 to 1.
    """
    return standardised(transmitted(line_integrals), without_rim(mask))


def transmitted(
    line_integrals: Float[np.ndarray | Tensor, "material height width"],
) -> Float[np.ndarray, "height width"]:
    """The primary beam's share that passes, 0 to 1."""
    images = np.asarray(line_integrals, dtype=np.float32)
    return cv2.exp(-looked_up(images, CLEAN_BEAM))
