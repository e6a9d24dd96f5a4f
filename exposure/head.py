"""What of a subject the beams can meet: the same in every frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Num

from calibration import Rigid

from .lenses import SIDES, Lens
from .matter import Matter
from .skin import Skin
from .skull_frame import FRANKFORT_FRAME
from .structures import Structure


def _origin() -> np.ndarray:
    return np.zeros(3)


@dataclass(frozen=True, eq=False)
class Head:
    """Skin, frame, lenses, named structures and voxels of one head.

    `center_ct` (mm) is the point that the pose's covariance is about: the landmarks' centroid.
    """

    skin: Skin
    skull_from_ct: Rigid = field(default_factory=Rigid.identity)
    skull_frame: str = "axes and origin of the CT"
    center_ct: Num[np.ndarray, "3"] = field(default_factory=_origin)
    lenses: Mapping[str, Lens] = field(default_factory=dict)
    structures: Mapping[str, Structure] = field(default_factory=dict)
    matter: Matter | None = None

    def __post_init__(self):
        """ValueError on an eye that is neither left nor right."""
        if unknown := sorted(set(self.lenses) - set(SIDES)):
            raise ValueError(f"a lens is 'left' or 'right', found {unknown[0]!r}")

    @property
    def anatomical(self) -> bool:
        """Whether the frame `skull` is that of the Frankfort plane."""
        return self.skull_frame == FRANKFORT_FRAME
