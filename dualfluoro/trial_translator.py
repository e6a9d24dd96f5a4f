"""The translator of a trial: trained on its frames and on radiographs posed alike, and guarded."""

from dataclasses import asdict, replace
from typing import cast

import cv2
import numpy as np
import torch

from calibration.atomic import whole
from detector import Detector
from detector.detector import FACINGS
from detector.network_input import INPUT_PX, planes_of_attenuation, with_facing
from drr import varied_model
from gan import (
    Judgement,
    Pictures,
    Translator,
    TranslatorCard,
    TranslatorConfig,
    check_pictures,
    look_features,
    train_generators,
)
from gan.pictures import ALIKE, check_count
from gan.processes import rank_and_count
from gan.sheet import sheet_of

from .look_pictures import (
    LEAST_POSES,
    detected_poses,
    drawn_poses,
    film_pictures,
    radiograph_pictures,
)
from .options import Common
from .progress import training_bar
from .subject import Subject
from .tracking import Moments
from .training_pages import write_translator_page
from .trial import Trial

GRID_MM = 2.0
DIRECTIONS = {"to_drr": "on frames", "to_film": "on radiographs to train on"}


def trial_pictures(
    trial: Trial,
    subject: Subject,
    moments: Moments,
    detector: Detector | None,
    size_px: int,
    common: Common,
) -> tuple[Pictures, Pictures]:
    """Frames and radiographs to train on."""
    films, places = film_pictures(moments, size_px, common)
    check_count(films, "frames")
    head = varied_model(subject.volume, subject.anatomy, GRID_MM, common.seed)
    poses = [] if detector is None else detected_poses(moments, detector)
    points_ct = subject.bone_points_ct[::40] if detector is None else detector.points_ct
    if len(poses) < LEAST_POSES:
        poses = drawn_poses(trial, head, points_ct, common.seed)
        common.say("note: radiographs are posed at random: no detector that finds the head")
    radiographs = radiograph_pictures(head, points_ct, places, poses, common.seed, common)
    return films, radiographs


def trained_translator(
    trial: Trial,
    films: Pictures,
    radiographs: Pictures,
    config: TranslatorConfig,
    common: Common,
    detector: Detector | None,
    device: str | None = None,
) -> Translator:
    """Train, judge, and write the translator; a run that was cut short goes on.

    `translator_samples/` has a sheet of samples of each judgement.

    Args:
        device: of this process, where several train together.

    Raises:
        ValueError: pictures that nothing can be learnt from; anatomy that moves too much.
    """
    for note in check_pictures(films, radiographs):
        common.say(f"note: {note}")
    folder, device = trial.models, device or common.torch_device()

    def judged(step, generators, held_films, held_radiographs, found) -> None:
        path = folder / "translator_samples" / f"{step:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as unfinished:
            samples = sheet_of(generators, held_films, held_radiographs, config.noise_sd)
            unfinished.write_bytes(samples)

    with training_bar(config.minutes, common) as progress:
        generators, judgement, step = train_generators(
            films,
            radiographs,
            folder,
            config,
            seed=common.seed,
            device=device,
            progress=progress,
            judged=judged,
        )
    translator = Translator(generators, _card(films, config, judgement, common))
    recipe = translator.card.recipe | {"best_step": step, "radiographs": len(radiographs)}
    translator = replace(translator, card=replace(translator.card, recipe=recipe))
    if detector is not None:
        some = radiographs.take(np.arange(0, len(radiographs), 8))
        shift = detector_shift(detector, translator, some)
        measured = translator.card.judgement | {"detector": shift}
        translator = replace(translator, card=replace(translator.card, judgement=measured))
    if judgement.before_drr < ALIKE:
        common.say(
            f"note: the frames look like radiographs already (distance {judgement.before_drr:.2f}):"
            " there is little to translate"
        )
    for name, at in step.items():
        if at == 0:
            common.say(f"note: {name}: nothing that was learnt is better than no translation")
    refused = judgement.refused
    if len(refused) == len(DIRECTIONS):
        raise ValueError(
            f"{trial.translator}: not written: {refused['to_drr']}; see "
            f"{folder / 'translator_samples'}. More frames may help, or a detector trained before, "
            "which tells how radiographs are to be posed"
        )
    for name, reason in refused.items():
        common.say(f"note: the translator is not to be used {DIRECTIONS[name]}: {reason}")
    if rank_and_count()[0] == 0:
        translator.write(trial.translator)
        write_translator_page(trial, translator)
    return translator


def _card(
    films: Pictures, config: TranslatorConfig, judgement: Judgement, common: Common
) -> TranslatorCard:
    features = look_features(films)
    return TranslatorCard(
        size_px=config.size_px,
        shape={"width": config.width, "blocks": config.blocks},
        noise_sd=config.noise_sd,
        frames=len(films),
        judgement=asdict(judgement),
        refused=judgement.refused,
        look=[features.mean(0).tolist(), features.std(0).tolist()],
        recipe=asdict(config) | {"seed": common.seed},
    )


def detector_shift(
    detector: Detector, translator: Translator, radiographs: Pictures
) -> dict[str, float]:
    """What the detector makes of radiographs before and after they become films, px at 256 x 256.

    `moved` is how far its landmarks move; the errors tell whether they move away from the truth.
    """
    made = translator.to_film(radiographs.attenuation, radiographs.mask)
    before = _nearest(detector, radiographs, radiographs.attenuation)
    after = _nearest(detector, radiographs, made)
    truth, scale = radiographs.landmarks_px, 256 / radiographs.mask.shape[-1]
    if truth is None:
        raise ValueError("radiographs without landmarks cannot tell how far a detector moves")
    shown = _in_field(truth, radiographs.mask)
    moved, error_before, error_after = (
        np.linalg.norm(a - b, axis=-1)[shown] * scale
        for a, b in ((before, after), (before, truth), (after, truth))
    )
    return {
        "moved_median_px": float(np.median(moved)),
        "moved_p95_px": float(np.quantile(moved, 0.95)),
        "error_before_median_px": float(np.median(error_before)),
        "error_after_median_px": float(np.median(error_after)),
    }


def _nearest(detector: Detector, radiographs: Pictures, seen: np.ndarray) -> np.ndarray:
    """Landmarks of the facing that fits the truth better, in pixels of the pictures."""
    side, planes = radiographs.mask.shape[-1], []
    for attenuation, mask in zip(seen, radiographs.mask, strict=True):
        small = (_at_input_size(x) for x in (attenuation, mask))
        plain = planes_of_attenuation(*small)
        planes += [with_facing(plain, facing) for facing in FACINGS]
    device = next(detector.network.parameters()).device
    with torch.inference_mode():
        uv = np.concatenate(
            [
                detector.network(torch.from_numpy(np.stack(planes[n : n + 16])).to(device)).uv.cpu()
                for n in range(0, len(planes), 16)
            ]
        )
    uv = ((uv + 0.5) * side / INPUT_PX - 0.5).reshape(len(seen), len(FACINGS), -1, 2)
    truth = cast(np.ndarray, radiographs.landmarks_px)
    off = np.linalg.norm(uv - truth[:, None], axis=-1)
    return uv[np.arange(len(uv)), np.median(off, axis=2).argmin(1)]


def _at_input_size(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (INPUT_PX, INPUT_PX), interpolation=cv2.INTER_AREA)


def _in_field(places: np.ndarray, mask: np.ndarray) -> np.ndarray:
    side = mask.shape[-1]
    inside = ((places > -0.5) & (places < side - 0.5)).all(-1)
    u, v = np.moveaxis(np.clip(np.rint(places), 0, side - 1).astype(int), -1, 0)
    return inside & (mask[np.arange(len(mask))[:, None], v, u] > 0.5)
