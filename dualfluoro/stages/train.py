"""`dualfluoro train detector`: the landmark network of one CT."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ..options import DEFAULTS, Common, Minutes, TrialFolder
from ..trial import load_trial


def train_detector(
    trial: TrialFolder,
    /,
    *,
    minutes: Minutes = 20.0,
    from_dataset: Annotated[bool, Parameter(negative=())] = False,
    look: Literal["random", "drr", "film"] = "random",
    common: Common = DEFAULTS,
) -> Path:
    """Train the detector on radiographs rendered on the fly; a run that was cut short goes on.

    Parameters
    ----------
    minutes
        Bound of the training time, runs before included.
    from_dataset
        Train on the dataset/ that `synthesize` wrote, in place of radiographs rendered on the fly.
    look
        random: machines of all kinds. drr: plain radiographs, for frames that are translated.
        film: radiographs translated to the look of the trial's frames, by its translator.
    """
    loaded = load_trial(trial)
    dataset = loaded.folder / "dataset" if from_dataset else None
    if dataset and look != "random":
        raise ValueError("--from-dataset and --look exclude each other: a data set has its looks")
    if dataset and not (dataset / "manifest.json").is_file():
        raise FileNotFoundError(f"{dataset}: there is no data set; run `dualfluoro synthesize`")
    from ..folder_lock import held
    from ..subject import subject_of
    from ..trial_detector import said_of_training, trained

    with held(loaded.folder, "train detector"), held(loaded.models, "train detector"):
        detector = trained(loaded, subject_of(loaded), minutes, common, dataset, look)
    common.say(f"wrote {loaded.detector}: {said_of_training(detector)}")
    return loaded.detector
