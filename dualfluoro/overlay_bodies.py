"""The bodies of a trial besides the skull, made ready for their outlines to be laid over frames."""

from pathlib import Path

import numpy as np

from drr import Projector, Volume, find_anatomy, read_labels
from drr.label_map import placed_on
from registration import Track, at_frames

from .motion_bodies import body_file
from .overlay import BodyShadow
from .subject import Subject
from .trial import Trial
from .trial_bodies import Body


def body_shadows(
    trial: Trial, subject: Subject, skull: Track, folder: Path
) -> tuple[BodyShadow, ...]:
    """The bodies of a trial whose tracks lie in a folder.

    Raises:
        ValueError: a track is damaged, labels are not those of their CT.
    """
    found = []
    for body in trial.bodies:
        file = folder / body_file(body.name)
        if file.is_file():
            track = at_frames(Track.read(file), skull.frame)
            found.append(BodyShadow(body.name, _bone(body, subject), track))
    return tuple(found)


def _bone(body: Body, subject: Subject) -> Projector:
    """The body's bone alone, in the CT that its track moves."""
    anatomy = subject.anatomy if body.ct is None else find_anatomy(Subject(body.ct).volume)
    if body.labels is not None:
        labelled = read_labels(body.labels, body.label_values)
        mask = placed_on(labelled, anatomy.bone.shape, anatomy.ct_from_voxel)
    else:
        mask = anatomy.cranium if anatomy.is_head else anatomy.bone
    hu = np.where(mask, np.float32(0), np.float32(-1000))
    return Projector(Volume(hu, anatomy.ct_from_voxel), 1.0)
