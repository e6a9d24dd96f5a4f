"""One person's CT and what is derived from it; each thing is made when it is first asked for."""

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from calibration import Rigid
from detector import read_landmark_deviations, read_landmarks
from drr import HeadAnatomy, Volume, find_anatomy, read_labels
from drr.couch import GRID_MM, head_mask, kept_alone
from drr.thick_slices import refined
from drr.volume import moved

from .trial import Trial

if TYPE_CHECKING:
    from exposure import Skin
    from registration.head_model import HeadModel

BONE_POINTS = 2000


class Scan(NamedTuple):
    """A CT ready to be worked with, and what was taken out of it."""

    volume: Volume
    """Fine slices, without couch and head rest."""
    overview: Volume
    """On a coarse grid, with everything that was scanned."""
    kept: np.ndarray
    """(i, j, k) bool, on the overview's grid."""


@dataclass(frozen=True)
class Subject:
    """A CT, and the files of its landmarks and of its cranium, which need not be there."""

    ct: Path
    landmarks_file: Path | None = None
    skin_threshold_hu: float = -300.0
    cranium_labels: Path | None = None
    cranium_label_values: tuple[int, ...] = ()

    @cached_property
    def scan(self) -> Scan:
        """The CT with its slices made fine and its couch taken out; what its reader says is said.

        Raises:
            FileNotFoundError: there is no CT.
            ValueError: it is no CT that can be worked with.
        """
        whole = refined(Volume.read(self.ct))
        for note in whole.notes:
            warnings.warn(f"{self.ct}: {note}", stacklevel=2)
        overview = whole.resampled(GRID_MM)
        kept = head_mask(overview)
        return Scan(kept_alone(whole, kept, overview.ct_from_voxel), overview, kept)

    @property
    def volume(self) -> Volume:
        """The CT without couch and head rest."""
        return self.scan.volume

    @cached_property
    def anatomy(self) -> HeadAnatomy:
        """Which voxels are bone, and which of it is the cranium: the user's, or found.

        Raises:
            ValueError: there is no bone, or the user's cranium is not that of this CT.
        """
        if self.cranium_labels is None:
            found = find_anatomy(self.volume)
            if not found.is_head:
                warnings.warn(
                    f"{self.ct}: no head in it, as no bone encloses a brain; its largest bone is "
                    "taken for the rigid one",
                    stacklevel=2,
                )
            return found
        given = read_labels(self.cranium_labels, self.cranium_label_values)
        try:
            return find_anatomy(self.volume, given)
        except ValueError as error:
            raise ValueError(f"{self.cranium_labels}: {error}") from None

    @cached_property
    def landmarks_ct(self) -> dict[str, np.ndarray]:
        """Named points (3,) ct mm; empty where there is no file of them."""
        if self.landmarks_file is None or not self.landmarks_file.exists():
            return {}
        return read_landmarks(self.landmarks_file)

    @cached_property
    def landmarks_sd_mm(self) -> dict[str, float]:
        """Deviations, per axis, of those of the landmarks that the program found by itself."""
        if self.landmarks_file is None or not self.landmarks_file.exists():
            return {}
        return read_landmark_deviations(self.landmarks_file)

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
        """The CT made ready to be matched with radiographs; as a single bone, if not of a head."""
        if not self.anatomy.is_head:
            from registration.bone_model import bone_model

            return bone_model(self.volume, self.anatomy)
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
    return Subject(
        trial.ct,
        trial.landmarks,
        trial.skin_threshold_hu,
        trial.cranium_labels,
        trial.cranium_label_values,
    )
