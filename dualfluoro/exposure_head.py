"""The head of a trial as the beams meet it: skin, voxels, lenses and the structures of the user."""

import numpy as np

from drr import read_labels
from exposure import Head, Lens, Matter, Structure, estimated_lenses, lenses_of
from exposure.skull_frame import FRANKFORT_FRAME

from .subject import Subject
from .trial import Trial

LENS_NAMES = {"lens_left": "left", "lens_right": "right"}


def exposed_head(trial: Trial, subject: Subject, center_ct: np.ndarray) -> Head:
    """The head; a lens that is segmented counts before one that is marked, before an estimate.

    Raises:
        FileNotFoundError: there is no label map of that name.
        ValueError: it has not the labels that the trial names.
    """
    motion, how = subject.skull_from_ct
    structures = structures_of(trial)
    lenses = estimated_lenses(subject.landmarks_ct, motion) if how == FRANKFORT_FRAME else {}
    lenses |= lenses_of(subject.landmarks_ct)
    for name, side in LENS_NAMES.items():
        if name in structures:
            lenses[side] = Lens.segmented(structures.pop(name))
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
