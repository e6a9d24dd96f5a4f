"""One person's CT and what is derived from it; each thing is made when it is first asked for."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from calibration import Rigid
from detector import read_landmarks
from drr import HeadAnatomy, Volume, find_anatomy, without_couch
from drr.volume import moved

from .trial import Trial

if TYPE_CHECKING:
    from exposure import Skin
    from registration.head_model import HeadModel

BONE_POINTS = 2000


@dataclass(frozen=True)
class Subject:
    """A CT, and the file of its landmarks, which need not be there."""

    ct: Path
    landmarks_file: Path | None = None
    skin_threshold_hu: float = -300.0

    @cached_property
    def volume(self) -> Volume:
        """The CT without couch and head rest."""
        return without_couch(Volume.read(self.ct))

    @cached_property
    def anatomy(self) -> HeadAnatomy:
        """Which voxels are bone, and which of it is the cranium."""
        return find_anatomy(self.volume)

    @cached_property
    def landmarks_ct(self) -> dict[str, np.ndarray]:
        """Named points (3,) ct mm; empty where there is no file of them."""
        if self.landmarks_file is None or not self.landmarks_file.exists():
            return {}
        return read_landmarks(self.landmarks_file)

    @cached_property
    def bone_points_ct(self) -> np.ndarray:
        """Points (n, 3) spread evenly over the voxels of the cranium, ct mm."""
        voxels = np.argwhere(self.anatomy.cranium)
        chosen = voxels[:: max(1, len(voxels) // BONE_POINTS)]
        return moved(self.anatomy.ct_from_voxel, chosen)

    @cached_property
    def skull_from_ct(self) -> tuple[Rigid, str]:
        """The constant motion into the frame `skull`, and how it was found."""
        from exposure import skull_from_ct

        return skull_from_ct(self.landmarks_ct, self.bone_points_ct.mean(0))

    @cached_property
    def skin(self) -> "Skin":
        """The skin's surface."""
        from exposure import Skin

        return Skin.from_volume(self.volume, self.skin_threshold_hu)

    @cached_property
    def head_model(self) -> "HeadModel":
        """The CT made ready to be matched with radiographs."""
        from registration.head_model import head_model

        return head_model(self.volume, self.anatomy)

    @cached_property
    def center_ct(self) -> np.ndarray:
        """Where translations and their deviations are measured: the centroid of the landmarks, or
        of the cranium."""
        points = list(self.landmarks_ct.values()) or list(self.bone_points_ct)
        return np.mean(points, axis=0)


def subject_of(trial: Trial) -> Subject:
    """The subject of a trial."""
    return Subject(trial.ct, trial.landmarks, trial.skin_threshold_hu)
