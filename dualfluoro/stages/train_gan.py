"""`dualfluoro train gan`: the translator between a trial's frames and radiographs of its CT."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from ..options import DEFAULTS, Common, Minutes, TrialFolder
from ..trial import Trial, load_trial

if TYPE_CHECKING:
    from gan import TranslatorConfig


def train_gan(
    trial: TrialFolder,
    /,
    *,
    minutes: Minutes | None = None,
    preset: Literal["tiny", "small", "medium", "full", "large"] = "small",
    steps: Annotated[int | None, Parameter(validator=Number(gt=0))] = None,
    common: Common = DEFAULTS,
) -> Path:
    """Train a CycleGAN on the trial's frames and on radiographs posed alike; unattended.

    Nothing needs to be labelled or paired. A run that was cut short goes on. models/ gets
    translator.safetensors with its card, translator_training.csv and translator_samples/ to look
    at; a translator that moves anatomy is refused. With a detector there, look.json says in which
    look the two views agree best, and `track` shows it the frames in that look.

    Parameters
    ----------
    minutes
        Bound of the training time, runs before included; that of the preset if left out.
    preset
        small: 128 x 128 on two cores, 40 minutes; medium, full, large: for a GPU; tiny: to try out.
    steps
        Train so many steps in place of minutes: the same weights on each run.
    """
    loaded = load_trial(trial)
    from gan import preset as preset_of
    from gan.processes import join_processes, rank_and_count

    from ..folder_lock import held

    if minutes is not None and steps is not None:
        raise ValueError("--minutes and --steps exclude each other")
    device = join_processes(common.torch_device() == "cuda")
    if rank_and_count()[0] > 0:
        common = replace(common, quiet=True)
    config = preset_of(preset, minutes, steps)
    with ExitStack() as locks:
        if rank_and_count()[0] == 0:  # for all processes that train together
            for folder in (loaded.folder, loaded.models):
                locks.enter_context(held(folder, "train gan"))
        return _train_gan(loaded, config, device, common)


def _train_gan(
    trial: Trial, config: "TranslatorConfig", device: str | None, common: Common
) -> Path:
    """The translator, trained and chosen or not; its file."""
    from gan import Translator, grey_quantiles
    from gan.processes import rank_and_count

    from ..frames import open_frames
    from ..look_choice import choose_look, look_file, said
    from ..subject import subject_of
    from ..tracking import Moments
    from ..trial_detector import detector_of
    from ..trial_translator import trained_translator, trial_pictures

    views, _ = open_frames(trial)
    subject = subject_of(trial)
    detector = detector_of(trial, subject, common) if trial.detector.is_file() else None
    moments = Moments(trial, views, None)
    films, radiographs = trial_pictures(trial, subject, moments, detector, config.size_px, common)
    quantiles = grey_quantiles(radiographs).tolist()

    def choose(translator: Translator | None) -> None:
        if detector is not None and rank_and_count()[0] == 0:
            rim = str(detector.card.recipe.get("look", "random")) == "random"
            choice = choose_look(moments, detector, translator, quantiles, rim)
            choice.write(look_file(trial))
            common.say(said(choice))

    try:
        translator = trained_translator(trial, films, radiographs, config, common, detector, device)
    except ValueError:
        choose(None)  # histogram matching needs no translator
        raise
    found = translator.card.judgement
    drifts = (found["drift_to_drr"]["p95_px"], found["drift_to_film"]["p95_px"])
    gaps = [max(found[f"to_{x}"], 0) / max(found[f"before_{x}"], 1e-3) for x in ("drr", "film")]
    common.say(
        f"wrote {trial.translator}: left of the gap between the looks: {gaps[0]:.0%} to "
        f"radiographs, {gaps[1]:.0%} to frames; 95 % of "
        f"places move by less than {drifts[0]:.2f} and {drifts[1]:.2f} px at 256 x 256"
    )
    choose(translator)
    return trial.translator
