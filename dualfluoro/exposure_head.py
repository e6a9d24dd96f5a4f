"""The head of a trial as the beams meet it: skin, voxels, lenses and the structures of the user."""

from collections.abc import Mapping

import numpy as np

from drr import Volume, read_labels
from exposure import Head, Lens, Matter, Structure, estimated_lenses, lenses_of
from exposure.skull_frame import FRANKFORT_FRAME

from .subject import Subject
from .trial import Trial

BESIDE_MM = 20.0  # beyond the CT's outermost voxels: no structure of it lies there
LENS_NAMES = {"lens_left": "left", "lens_right": "right"}


def exposed_head(trial: Trial, subject: Subject, center_ct: np.ndarray) -> Head:
    """The head; a lens that is segmented counts before one that is marked, before an estimate.

    Raises:
        FileNotFoundError: there is no label map of that name.
        ValueError: it has not the labels that the trial names, it lies beside the CT, or left and
            right are exchanged.
    """
    motion, how = subject.skull_from_ct
    structures = structures_of(trial)
    check_places(structures, subject.volume, f"{trial.exposure.structures}")
    lenses = estimated_lenses(subject.landmarks_ct, motion) if how == FRANKFORT_FRAME else {}
    lenses |= lenses_of(subject.landmarks_ct, subject.landmarks_sd_mm)
    for name, side in LENS_NAMES.items():
        if name in structures:
            lenses[side] = Lens.segmented(structures.pop(name))
    if how == FRANKFORT_FRAME:
        check_sides(lenses, np.asarray(motion.R))
    return Head(
        skin=subject.skin,
        skull_from_ct=motion,
        skull_frame=how,
        center_ct=center_ct,
        lenses=lenses,
        structures=structures,
        matter=Matter.of(subject.volume),
    )


def structures_of(trial: Trial) -> dict[str, Structure]:
    """The structures that the trial names in its label map."""
    settings = trial.exposure
    if settings.structures is None:
        return {}
    return {
        name: Structure.of_mask(read_labels(settings.structures, (label,)))
        for name, label in settings.structure_labels.items()
    }


def check_places(structures: Mapping[str, Structure], volume: Volume, file: str) -> None:
    """ValueError where a structure lies beside the CT: the label map is of another scan."""
    affine = np.asarray(volume.ct_from_voxel, dtype=np.float64)
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    last = np.array(np.asarray(volume.data_hu).shape) - 1
    for name, structure in structures.items():
        index = np.linalg.solve(affine[:3, :3], structure.center_ct - affine[:3, 3])
        beyond_mm = np.maximum(-index, index - last) * spacing_mm
        if beyond_mm.max() > BESIDE_MM:
            raise ValueError(
                f"{file}: {name!r} lies {beyond_mm.max():.0f} mm beside the CT; is it a label map "
                "of this CT?"
            )


def check_sides(lenses: Mapping[str, Lens], skull_turn: np.ndarray) -> None:
    """ValueError where the left lens lies to the right of the right one."""
    if len(lenses) < 2:
        return
    across_mm = float(skull_turn[0] @ (lenses["right"].center_ct - lenses["left"].center_ct))
    if across_mm <= 0:
        raise ValueError(
            f"lens_left lies {-across_mm:.0f} mm to the right of lens_right: exchange the names "
            "in structure_labels or in the landmarks, or correct the CT's orientation"
        )
