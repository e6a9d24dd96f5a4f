"""Training of the landmark network on radiographs rendered on the fly, within a budget of time."""

import csv
import json
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from drr.projector import Projector

from .network import LandmarkNetwork, Shape
from .network_input import INPUT_PX
from .views import View, ViewRange, view_sequence

Progress = Callable[[float, dict[str, float]], None]
"""Called after each step with the share of the budget spent, and the latest figures."""


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is trained; the defaults are for 20 minutes on two cores."""

    minutes: float = 20.0
    steps: int | None = None
    """Train so many steps instead of minutes: the same weights on each run."""
    batch: int = 16
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-4
    warm_up_steps: int = 200
    """Steps of plain distance before the likelihood with learnt deviations."""
    average: float = 0.998
    """Decay of the moving average of the weights, which is what is kept."""
    looks_each: int = 4
    """Looks and collimations a rendered radiograph is seen through."""
    gradient_norm: float = 5.0
    checkpoint_s: float = 60.0
    views: ViewRange = field(default_factory=ViewRange)


class _Run:
    """Everything that changes while training: what a checkpoint holds."""

    def __init__(self, shape: Shape, config: TrainingConfig, seed: int, device: str):
        torch.manual_seed(seed)
        self.network = LandmarkNetwork(shape).to(device, memory_format=torch.channels_last)
        averaged = get_ema_multi_avg_fn(config.average)
        self.averaged = AveragedModel(self.network, multi_avg_fn=averaged, use_buffers=True)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.step, self.spent_s = 0, 0.0

    def state(self, key: str) -> dict:
        """Tensors, numbers and strings only: loads with weights_only=True."""
        return {
            "key": key,
            "step": self.step,
            "spent_s": self.spent_s,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, state: dict) -> None:
        self.step, self.spent_s = state["step"], state["spent_s"]
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])


def train_network(
    projector: Projector,
    points_ct: Float[np.ndarray, "landmark 3"],
    folder: Path,
    config: TrainingConfig,
    *,
    shape: Shape | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> LandmarkNetwork:
    """The averaged network after the budget; goes on from the checkpoint in `folder`, if it fits.

    A checkpoint of the same head, settings and seed is continued, one of others is replaced; the
    budget may have grown. Interrupted by a signal, the state is saved before the exception goes on.
    """
    shape = shape or Shape(len(points_ct))
    run = _Run(shape, config, seed, device)
    key = _key(points_ct, config, shape, seed)
    checkpoint = folder / "detector.checkpoint"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        if state["key"] == key:
            run.restore(state)
    log = _Log(folder / "training.csv", fresh=run.step == 0)
    views = view_sequence(
        projector,
        points_ct,
        config.views,
        seed=seed,
        start=run.step * config.batch,
        looks_each=config.looks_each,
    )
    with _Ahead(views, limit=4 * config.batch) as ahead:
        try:
            _train(run, ahead, config, device, checkpoint, key, log, progress)
        finally:
            _save(run.state(key), checkpoint)
    return run.averaged.module.eval()


def _train(run, views, config, device, checkpoint, key, log, progress) -> None:
    began = time.monotonic() - run.spent_s
    saved = time.monotonic()
    while (share := _share(run, config)) < 1:
        for group in run.optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(run.step, share)
        figures = _step(run, [next(views) for _ in range(config.batch)], config, device)
        run.spent_s = time.monotonic() - began
        log.add(run.step, run.spent_s, figures)
        if progress:
            progress(min(_share(run, config), 1.0), log.recent())
        if time.monotonic() - saved > config.checkpoint_s:
            _save(run.state(key), checkpoint)
            saved = time.monotonic()


def _step(run: _Run, batch: list[View], config: TrainingConfig, device: str) -> dict[str, float]:
    planes = torch.from_numpy(np.stack([view.planes for view in batch]))
    planes = planes.to(device, memory_format=torch.channels_last)
    truth = torch.from_numpy(np.stack([view.uv for view in batch])).to(device)
    uv, log_scale = run.network(planes)
    loss = landmark_loss(uv, log_scale, truth, learn_scale=run.step >= config.warm_up_steps)
    run.optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.network.parameters(), config.gradient_norm)
    run.optimizer.step()
    run.averaged.update_parameters(run.network)
    run.step += 1
    return {"loss": loss.item()} | errors_mm(batch, uv.detach().cpu().numpy())


def landmark_loss(
    uv: Float[Tensor, "batch landmark 2"],
    log_scale: Float[Tensor, "batch landmark"],
    truth: Float[Tensor, "batch landmark 2"],
    *,
    learn_scale: bool,
) -> Float[Tensor, ""]:
    """Laplace likelihood of the places; those beyond the maps teach only their deviation."""
    distance = (uv - truth).abs().sum(-1)
    reachable = ((truth - (INPUT_PX - 1) / 2).abs() < 0.72 * INPUT_PX).all(-1)
    plain = (distance * reachable).sum() / reachable.sum().clamp(min=1)
    if not learn_scale:
        return plain / 10
    taught = torch.where(reachable, distance, distance.detach())
    likelihood = (taught * torch.exp(-log_scale) + 2 * log_scale).mean()
    return likelihood + 0.02 * plain


def errors_mm(batch: list[View], uv: Float[np.ndarray, "batch landmark 2"]) -> dict[str, float]:
    """Mean error at the head (mm), of landmarks in and out of the field."""
    truth = np.stack([view.uv for view in batch])
    scale = np.array([view.mm_per_px for view in batch])[:, None]
    error = np.linalg.norm(uv - truth, axis=-1) * scale
    inside = np.stack([view.in_field for view in batch]) > 0
    return {
        "in_field_mm": float(error[inside].mean()) if inside.any() else np.nan,
        "out_of_field_mm": float(error[~inside].mean()) if not inside.all() else np.nan,
    }


def _share(run: _Run, config: TrainingConfig) -> float:
    if config.steps is not None:
        return run.step / config.steps
    return run.spent_s / (60 * config.minutes)


def _schedule(step: int, share: float) -> float:
    """Linear warm-up, then a cosine down to a hundredth over the budget."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(share, 1)))
    return min(1.0, (step + 1) / 100) * (0.01 + 0.99 * cosine)


def _key(points_ct, config: TrainingConfig, shape: Shape, seed: int) -> str:
    settings = asdict(config)
    for budget in ("minutes", "steps", "checkpoint_s"):
        settings.pop(budget)
    return json.dumps([settings, list(shape), seed, np.round(points_ct, 6).tolist()])


def _save(state: dict, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    torch.save(state, partial)
    os.replace(partial, path)


class _Ahead:
    """An iterator that a thread keeps `limit` items ahead of its user; errors come through."""

    def __init__(self, items: Iterator[View], limit: int):
        self._queue: queue.Queue = queue.Queue(limit)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._fill, args=(items,), daemon=True)

    def _fill(self, items: Iterator[View]) -> None:
        try:
            for item in items:
                while not self._stop.is_set():
                    try:
                        self._queue.put(item, timeout=0.2)
                        break
                    except queue.Full:
                        continue
                if self._stop.is_set():
                    return
        except (ValueError, RuntimeError, MemoryError) as error:
            self._queue.put(error)

    def __enter__(self):
        self._thread.start()
        return self

    def __next__(self) -> View:
        item = self._queue.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


class _Log:
    """`training.csv`: a row for every 50 steps."""

    EVERY = 50

    def __init__(self, path: Path, fresh: bool):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._rows = path, []
        if fresh or not path.exists():
            path.write_text("step,time_s,loss,in_field_mm,out_of_field_mm\n")

    def add(self, step: int, spent_s: float, figures: dict[str, float]) -> None:
        self._rows = [*self._rows[1 - self.EVERY :], figures]
        if step % self.EVERY == 0:
            with self.path.open("a", newline="") as file:
                values = [f"{value:.4f}" for value in self.recent().values()]
                csv.writer(file).writerow([step, f"{spent_s:.1f}", *values])

    def recent(self) -> dict[str, float]:
        """Means over the last rows."""
        names = self._rows[-1].keys()
        return {name: float(np.nanmean([row[name] for row in self._rows])) for name in names}
