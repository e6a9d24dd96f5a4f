"""The loop that trains a CycleGAN, within a budget of time or steps; it goes on where it stopped.

Every picture and every random number is keyed by the seed and the step, so that a run that was
killed and started again takes the steps it would have taken. Under `torchrun` each process has its
own pictures, and the gradients are averaged.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from drr.checkpoint import read_checkpoint, write_checkpoint

from .config import TranslatorConfig
from .judgement import Judgement, judge_looks
from .losses import cycle_loss, edge_loss, real_loss, turned_loss
from .pictures import Pictures, drawn, split
from .processes import agreed, average_gradients, rank_and_count
from .training_log import TrainingLog
from .training_state import TrainingState

VERSION = 1
"""Of the networks and the loop: a checkpoint of another one is not continued."""
Progress = Callable[[float, dict[str, float]], None]
"""Called after each step with the share of the budget spent, and the latest figures."""
Judged = Callable[[int, nn.ModuleDict, Pictures, Pictures, Judgement], None]
"""Called after each judgement: step, averaged generators, pictures held out, what was found."""


@dataclass(frozen=True, eq=False)
class Course:
    """What a training has to do, and where it says how it goes."""

    films: Pictures
    radiographs: Pictures
    config: TranslatorConfig
    seed: int
    device: str
    checkpoint: Path
    key: str
    progress: Progress | None
    judged: Judged | None


def train_generators(
    films: Pictures,
    radiographs: Pictures,
    folder: Path,
    config: TranslatorConfig,
    *,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
    judged: Judged | None = None,
) -> tuple[nn.ModuleDict, Judgement, dict[str, int]]:
    """The best averaged generators ("to_drr", "to_film"), the judgement on them, and their steps.

    A checkpoint in `folder` of the same pictures, settings and seed is continued, one of others is
    replaced; the budget may have grown.

    Raises:
        ValueError: the checkpoint is damaged, or the losses are no longer finite.
    """
    torch.manual_seed(seed)
    state = TrainingState(config.width, config.blocks, config.judge_width, config.average, device)
    key, checkpoint = _key(films, radiographs, config, seed), folder / "translator.checkpoint"
    earlier = read_checkpoint(checkpoint)
    if earlier and earlier["key"] == key:
        state.restore(earlier, checkpoint)
    log = TrainingLog(folder / "translator_training.csv", state.step)
    (films, held_films), (radiographs, held_radiographs) = split(films), split(radiographs)
    course = Course(films, radiographs, config, seed, device, checkpoint, key, progress, judged)
    if state.stopped and _budget_of(earlier) != _budget(config):
        state.stopped = False
    try:
        _train(state, course, held_films, held_radiographs, log)
    finally:
        if state.whole:  # a step that was cut short is taken again from the last checkpoint
            _save(state, course)
    best = cast(nn.ModuleDict, state.averaged.module)
    for name, weights in state.best.items():
        best[name].load_state_dict(weights)
    judgement = judge_looks(best.eval(), held_films, held_radiographs, config.noise_sd)
    return best, judgement, state.best_step


def _train(state: TrainingState, course: Course, held_films, held_radiographs, log) -> None:
    config = course.config
    if state.step == 0:  # generators that change nothing: what is kept must be better
        _judge(state, course, held_films, held_radiographs, log)
    began, saved = time.monotonic() - state.spent_s, time.monotonic()
    while True:
        # all processes go by the clock of the first: the same rates, and the same end
        state.spent_s = agreed(state.spent_s)
        share = _share(state, config)
        if share >= 1 or state.stopped:
            return
        fall = min(1.0, (1 - share) / (1 - config.decays_from))
        for optimizer, rate in ((state.teach, 1.0), (state.judge, config.judge_rate)):
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * rate * fall
        state.whole = False
        figures = _step(state, course, min(1.0, 0.1 + 0.9 * share / config.grows_until))
        state.step += 1
        state.spent_s = agreed(time.monotonic() - began)
        log.add(figures)
        if state.step % config.epoch_steps == 0 or _share(state, config) >= 1:
            _judge(state, course, held_films, held_radiographs, log)
            state.spent_s = time.monotonic() - began
        state.whole = True
        if course.progress:
            course.progress(min(_share(state, config), 1.0), figures)
        if time.monotonic() - saved > config.checkpoint_s:
            _save(state, course)
            saved = time.monotonic()


def _judge(state: TrainingState, course: Course, held_films, held_radiographs, log) -> None:
    """Keep the averaged generators where they are the best, and say how they are."""
    config, averaged = course.config, cast(nn.ModuleDict, state.averaged.module.eval())
    found = judge_looks(averaged, held_films, held_radiographs, config.noise_sd)
    state.keep_best(found.scores)
    since = state.step - max(state.best_step.values())
    state.stopped = since >= config.patience * config.epoch_steps
    log.judged(state.step, state.spent_s, found)
    if course.judged and rank_and_count()[0] == 0:
        course.judged(state.step, averaged, held_films, held_radiographs, found)


def _step(state: TrainingState, course: Course, kept: float) -> dict[str, float]:
    """One picture of each look (or a batch), one step of the generators and of the judges.

    Args:
        kept: scales the terms that keep things as they are.
    """
    config, weights = course.config, course.config.weights
    rank, count = rank_and_count()
    rng = np.random.default_rng((course.seed, state.step * count + rank))
    film, film_mask = _batch(course.films, rng, course)
    drr, drr_mask = _batch(course.radiographs, rng, course)
    grain = [_noise(film, rng, config), _noise(drr, rng, config) * drr_mask]
    to_drr, to_film = (_through(state.generators[n], course) for n in ("to_drr", "to_film"))
    is_drr, is_film = (_through(state.judges[n], course) for n in ("drr", "film"))
    state.judges.requires_grad_(False)
    made_drr = to_drr(film) * film_mask
    back_film = to_film(made_drr + grain[0] * film_mask) * film_mask
    made_film = to_film(drr + grain[1]) * drr_mask
    back_drr = to_drr(made_film + _noise(drr, rng, config) * drr_mask) * drr_mask
    cycle = cycle_loss(film, back_film, film_mask) + cycle_loss(drr, back_drr, drr_mask)
    same = turned = torch.zeros((), device=film.device)
    if state.step % config.identity_every == 0:
        same = cycle_loss(drr, to_drr(drr), drr_mask)
        same = same + cycle_loss(film, to_film(film), film_mask)
    edges = edge_loss(film, made_drr, film_mask) + edge_loss(drr, made_film, drr_mask)
    fooled = real_loss(is_drr(made_drr), True) + real_loss(is_film(made_film), True)
    if weights.turned > 0 and state.step % config.turned_every == 0:
        turn = int(rng.integers(1, 8))
        if state.step // config.turned_every % 2:
            turned = turned_loss(to_drr, film, made_drr, film_mask, turn)
        else:
            turned = turned_loss(to_film, drr + grain[1], made_film, drr_mask, turn)
    keeps = weights.cycle * cycle + weights.identity * same
    loss = fooled + kept * (keeps + weights.edges * edges + weights.turned * turned)
    _descend(state.teach, loss, state.generators)
    state.averaged.update_parameters(state.generators)
    state.judges.requires_grad_(True)
    shown_drr = state.pools["drr"].exchange(made_drr.detach(), rng)
    shown_film = state.pools["film"].exchange(made_film.detach(), rng)
    wrong = _judged(is_drr, drr, shown_drr) + _judged(is_film, film, shown_film)
    _descend(state.judge, wrong, state.judges)
    if not math.isfinite(loss.item() + wrong.item()):
        raise ValueError(
            f"the losses are not finite at step {state.step}: a smaller learning_rate may help"
        )
    named = {"teach": loss, "judge": wrong, "cycle": cycle, "identity": same, "edges": edges}
    return {name: value.item() for name, value in (named | {"turned": turned}).items()}


def _through(network: nn.Module, course: Course) -> Callable[[Tensor], Tensor]:
    """The network in mixed precision, where it is faster; losses are taken in full precision."""
    kind, mixed = torch.device(course.device).type, course.config.mixed
    mixed = kind == "cuda" if mixed is None else mixed

    def run(pictures: Tensor) -> Tensor:
        with torch.autocast(kind, torch.bfloat16, enabled=mixed):
            return network(pictures).float()

    return run


def _judged(judge: Callable[[Tensor], Tensor], real: Tensor, made: Tensor) -> Tensor:
    return 0.5 * (real_loss(judge(real), True) + real_loss(judge(made), False))


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor, networks: nn.Module) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    average_gradients(networks.parameters())
    optimizer.step()


def _batch(pictures: Pictures, rng: np.random.Generator, course: Course) -> tuple[Tensor, Tensor]:
    pairs = [drawn(pictures, rng, course.config.crop_px) for _ in range(course.config.batch)]
    stacked = (torch.from_numpy(np.stack(planes))[:, None] for planes in zip(*pairs, strict=True))
    attenuation, mask = (planes.to(course.device) for planes in stacked)
    return attenuation, mask


def _noise(like: Tensor, rng: np.random.Generator, config: TranslatorConfig) -> Tensor:
    noise = rng.standard_normal(tuple(like.shape), dtype=np.float32)
    return torch.from_numpy(np.float32(config.noise_sd) * noise).to(like.device)


def _share(state: TrainingState, config: TranslatorConfig) -> float:
    if config.steps is not None:
        return state.step / config.steps
    return state.spent_s / (60 * config.minutes)


def _budget(config: TranslatorConfig) -> str:
    return json.dumps([config.minutes, config.steps, config.patience])


def _budget_of(earlier: dict | None) -> str:
    return str((earlier or {}).get("budget"))


def _key(films: Pictures, radiographs: Pictures, config: TranslatorConfig, seed: int) -> str:
    settings = asdict(config)
    for budget in ("minutes", "steps", "checkpoint_s", "patience"):
        settings.pop(budget)
    content = hashlib.sha256()
    for pictures in (films, radiographs):
        content.update(np.ascontiguousarray(pictures.attenuation).tobytes())
    return json.dumps([VERSION, settings, seed, rank_and_count()[1], content.hexdigest()])


def _save(state: TrainingState, course: Course) -> None:
    if rank_and_count()[0] == 0:
        content = state.saved(course.key) | {"budget": _budget(course.config)}
        write_checkpoint(course.checkpoint, content)
