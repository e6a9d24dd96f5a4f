"""`dualfluoro synthesize`: labelled radiographs of a trial's head, as its cameras would see it."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from ..options import DEFAULTS, Common, TrialFolder
from ..trial import load_trial

FINEST_GRID_MM = 1.0


def synthesize(
    trial: TrialFolder,
    /,
    *,
    count: Annotated[int, Parameter(validator=Number(gt=0, lte=10_000_000))] = 2000,
    size: Annotated[int, Parameter(validator=Number(gte=32, lte=4096))] = 256,
    common: Common = DEFAULTS,
) -> Path:
    """Write dataset/: random poses, machines and fields; what is there already is kept.

    Parameters
    ----------
    count
        Number of radiographs; the two views of a pose follow each other.
    size
        Pixels of an image's longer side.
    """
    loaded = load_trial(trial)
    import numpy as np

    from detector import ct_fingerprint
    from drr.dataset import write_dataset
    from drr.labelled_radiograph import Studio, resized_rig
    from drr.material_model import varied_model

    from ..folder_lock import held
    from ..progress import counted
    from ..subject import subject_of
    from ..trial_detector import training_landmarks
    from .landmarks import landmarks

    landmarks(loaded, common=common)
    subject = subject_of(loaded)
    points = training_landmarks(subject)
    volume = subject.volume
    about = {
        "ct_fingerprint": ct_fingerprint(volume),
        "landmarks_ct": {name: [float(x) for x in point] for name, point in points.items()},
    }
    rig = resized_rig(loaded.rig, size)
    head = varied_model(volume, subject.anatomy, FINEST_GRID_MM, common.seed)
    studio = Studio(head, np.array(list(points.values()), np.float64), rig)
    folder = loaded.folder / "dataset"
    with (
        held(loaded.folder, "synthesize"),
        counted("radiographs", count, common) as progress,
    ):
        manifest = write_dataset(folder, studio, count, common.seed, about, progress)
    common.say(f"wrote {count} radiographs of {size} px to {folder}")
    return manifest
