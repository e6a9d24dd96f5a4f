"""Training of one stage of a landmark model, within a budget of time or steps."""

import json
import math
import pickle
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from calibration.atomic import whole

from .patch_batches import Batch
from .patch_loss import patch_loss
from .patch_network import PatchNetwork, PatchShape, vote
from .patch_settings import BUDGET, PatchSettings

Progress = Callable[[float, dict[str, float]], None]
Draw = Callable[[np.random.Generator], Batch]
FIRST_LOOK, LOOKS = 0.3, 0.1
"""The validation images are looked at first after 0.3 of the budget, then after every 0.1."""
LOG_EVERY = 25
WARM_UP_STEPS = 30


class _Run:
    """Everything that changes while training: what a checkpoint holds."""

    def __init__(self, shape: PatchShape, settings: PatchSettings, seed: int, device: str):
        torch.manual_seed(seed)
        layout = torch.channels_last if shape.dim == 2 else torch.contiguous_format
        self.network = PatchNetwork(shape).to(device, memory_format=layout)  # type: ignore[call-overload]
        self.averaged = deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.step, self.spent_s, self.looked = 0, 0.0, 0.0
        self.best_error, self.best = math.inf, self.averaged.state_dict()

    def state(self, key: str) -> dict:
        """Tensors, numbers and strings only: loads with weights_only=True."""
        return {
            "key": key,
            "step": self.step,
            "spent_s": self.spent_s,
            "looked": self.looked,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best_error": self.best_error,
            "best": self.best,
        }

    def restore(self, state: dict) -> None:
        self.step, self.spent_s, self.looked = state["step"], state["spent_s"], state["looked"]
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best_error, self.best = state["best_error"], state["best"]


def train_stage(
    shape: PatchShape,
    draw: Draw,
    error: Callable[[PatchNetwork], float],
    folder: Path,
    settings: PatchSettings,
    *,
    of: str,
    minutes: float | int,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> PatchNetwork:
    """The averaged network with the least error on the validation images.

    A checkpoint `folder/stage.checkpoint` of the same data, settings and seed is continued, one of
    others replaced; the budget may have grown. `folder/stage.csv` holds the course.

    Args:
        draw: a batch from a generator, which is seeded by (seed, step).
        error: of a network on the validation images.
        of: what the stage is trained on, in words that change where the data do; the first is its
            name.
        minutes: this stage's budget, unless the settings count steps.
    """
    run = _Run(shape, settings, seed, device)
    name = of.split()[0]
    checkpoint, table = folder / f"{name}.checkpoint", folder / f"{name}.csv"
    key = _key(shape, settings, seed, of)
    folder.mkdir(parents=True, exist_ok=True)
    if (state := _saved(checkpoint)) and state["key"] == key:
        run.restore(state)
    if run.step == 0 or not table.exists():
        table.write_text("step,time_s,loss,train_px,validation\n")
    try:
        _train(run, draw, error, settings, minutes, seed, device, checkpoint, key, table, progress)
    finally:
        _save(run.state(key), checkpoint)
    run.averaged.load_state_dict(run.best)
    return run.averaged.eval()


def _train(
    run, draw, error, settings, minutes, seed, device, checkpoint, key, table, progress
) -> None:
    began, saved = time.monotonic() - run.spent_s, time.monotonic()
    recent: list[dict[str, float]] = []
    while (share := _share(run, settings, minutes)) < 1:
        for group in run.optimizer.param_groups:
            group["lr"] = settings.learning_rate * _schedule(run.step, share)
        batch = draw(np.random.default_rng((seed, run.step)))
        recent = [*recent[1 - LOG_EVERY :], _step(run, batch, settings, device)]
        run.spent_s = time.monotonic() - began
        share = _share(run, settings, minutes)
        looked = share >= 1 or share >= max(FIRST_LOOK, run.looked + LOOKS)
        if looked:
            found = error(run.averaged.eval())
            run.looked, run.spent_s = share, time.monotonic() - began
            if found <= run.best_error:
                run.best_error = found
                run.best = {name: t.clone() for name, t in run.averaged.state_dict().items()}
        figures = {name: float(np.mean([row[name] for row in recent])) for name in recent[0]}
        if looked or run.step % LOG_EVERY == 0:
            cells = [f"{run.step},{run.spent_s:.1f}", *(f"{v:.4f}" for v in figures.values())]
            with table.open("a") as file:
                file.write(",".join([*cells, f"{found:.4f}" if looked else ""]) + "\n")
        if progress:
            progress(min(share, 1.0), figures)
        if time.monotonic() - saved > settings.checkpoint_s:
            _save(run.state(key), checkpoint)
            saved = time.monotonic()


def _step(run: _Run, batch: Batch, settings: PatchSettings, device: str) -> dict[str, float]:
    images, truth = batch.images.to(device), batch.truth_px.to(device)
    votes = run.network(images)
    within = batch.within.to(device)
    loss = patch_loss(votes, truth, within)
    run.optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.network.parameters(), settings.gradient_norm)
    run.optimizer.step()
    run.step += 1
    decay = min(settings.average, run.step / (run.step + 9))
    with torch.no_grad():
        for kept, now in zip(run.averaged.parameters(), run.network.parameters(), strict=True):
            kept.lerp_(now, 1 - decay)
        off = errors_px(vote(votes).xy, truth, within)
    return {"loss": loss.item(), "train_px": float(off.mean()) if len(off) else math.nan}


def errors_px(found: Tensor, truth: Tensor, within: Tensor) -> Tensor:
    """Distances, one for each landmark that is known and in the image."""
    return (found - truth).norm(dim=-1)[within]


def _share(run: _Run, settings: PatchSettings, minutes: float | int) -> float:
    if settings.steps is not None:
        return run.step / settings.steps
    return run.spent_s / (60 * minutes)


def _schedule(step: int, share: float) -> float:
    """Linear warm-up, then a cosine down to a hundredth over the budget."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(share, 1)))
    return min(1.0, (step + 1) / WARM_UP_STEPS) * (0.01 + 0.99 * cosine)


def _key(shape: PatchShape, settings: PatchSettings, seed: int, of: str) -> str:
    fixed = {name: value for name, value in asdict(settings).items() if name not in BUDGET}
    return json.dumps([list(shape), fixed, seed, of])


def _saved(checkpoint: Path) -> dict | None:
    """The state of an earlier run; None where there is none."""
    if not checkpoint.exists():
        return None
    try:
        return torch.load(checkpoint, weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise ValueError(
            f"{checkpoint}: damaged, or not a checkpoint of this program; delete it to start anew"
        ) from error


def _save(state: dict, path: Path) -> None:
    content = BytesIO()
    torch.save(state, content)
    with whole(path) as unfinished:  # torch itself says nothing of a full disk
        unfinished.write_bytes(content.getbuffer())
