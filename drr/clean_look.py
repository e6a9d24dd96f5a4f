"""The look of a digitally reconstructed radiograph: attenuation itself, without any machine."""

import numpy as np
from jaxtyping import Float
from torch import Tensor

from .standardised import restandardised
from .transmission import Beam, looked_up

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
    return restandardised(looked_up(images, CLEAN_BEAM), mask)
