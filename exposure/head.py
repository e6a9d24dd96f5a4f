"""What of a subject the beams can meet: the same in every frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from calibration import Rigid

from .lenses import Lens
from .skin import Skin


@dataclass(frozen=True, eq=False)
class Head:
    """Skin, frame and lenses of one head; `center_ct` is the landmarks' centroid (mm)."""

    skin: Skin
    skull_from_ct: Rigid
    skull_frame: str
    center_ct: Float[np.ndarray, "3"]
    lenses: Mapping[str, Lens] = field(default_factory=dict)
