"""Training of the landmark network on radiographs rendered on the fly, within a budget of time."""

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from drr.checkpoint import read_checkpoint, write_checkpoint
from drr.dataset import read_manifest
from drr.material_model import MaterialModel

from .ahead import Ahead
from .dataset_views import dataset_views
from .loss import landmark_loss
from .network import LandmarkNetwork, Shape
from .training_log import TrainingLog
from .views import Look, View, ViewRange, view_sequence
from .warm_start import warmed

Progress = Callable[[float, dict[str, float]], None]
"""Called after each step with the share of the budget spent, and the latest figures."""


class NamedLook(NamedTuple):
    """A look to train in, and a name that stands for all that decides it."""

    name: str
    look: Look


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is trained; the defaults are for 20 minutes on two cores."""

    minutes: float = 20.0
    steps: int | None = None
    """Train so many steps instead of minutes: the same weights on each run."""
    batch: int = 20
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    average: float = 0.998
    """Decay of the moving average of the weights, which is what is kept."""
    looks_each: int = 4
    """Looks and collimations a rendered radiograph is seen through."""
    gradient_norm: float = 5.0
    warm_start: bool = True
    """Begin with the trunk of the released detector, where the network's shape is the same."""
    checkpoint_s: float = 60.0
    views: ViewRange = field(default_factory=ViewRange)


class _Run:
    """Everything that changes while training: what a checkpoint holds."""

    def __init__(self, network: LandmarkNetwork, config: TrainingConfig, device: str):
        self.network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        averaged = get_ema_multi_avg_fn(config.average)
        self.averaged = AveragedModel(self.network, multi_avg_fn=averaged, use_buffers=True)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.step, self.spent_s = 0, 0.0
        # torch's own threads gain little on layers this narrow: halves of the batch side by side do
        count = 2 if device == "cpu" and torch.get_num_threads() > 1 else 1
        self.replicas = [self.network, *[deepcopy(self.network) for _ in range(count - 1)]]
        self.pool = ThreadPoolExecutor(count)

    def share(self) -> None:
        """Give the replicas the network's weights, and empty their gradients."""
        with torch.no_grad():
            for replica in self.replicas[1:]:
                pairs = zip(replica.parameters(), self.network.parameters(), strict=True)
                for other, parameter in pairs:
                    other.copy_(parameter)
                    other.grad = None

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
        self.share()


def train_network(
    head: MaterialModel | None,
    points_ct: Float[np.ndarray, "landmark 3"],
    folder: Path,
    config: TrainingConfig,
    *,
    shape: Shape | None = None,
    seed: int = 0,
    device: str = "cpu",
    dataset: Path | None = None,
    look: NamedLook | None = None,
    progress: Progress | None = None,
) -> LandmarkNetwork:
    """The averaged network after the budget; goes on from the checkpoint in `folder`, if it fits.

    The views are read from a data set on disk, or rendered on the fly from the head.

    A checkpoint of the same head, settings and seed is continued, one of others is replaced; the
    budget may have grown. Interrupted by a signal, the state is saved before the exception goes on.
    """
    if head is None and dataset is None:
        raise ValueError("training takes a head to render, or a data set")
    shape = shape or Shape(len(points_ct))
    torch.manual_seed(seed)
    network = LandmarkNetwork(shape)
    if config.warm_start:
        warmed(network)

    def views_from(start: int) -> Iterator[View]:
        if dataset is not None:
            return dataset_views(dataset, points_ct, seed, start)
        drawn = {"seed": seed, "start": start, "looks_each": config.looks_each}
        given = None if look is None else look.look
        return view_sequence(
            cast(MaterialModel, head), points_ct, config.views, look=given, **drawn
        )

    key = _key(points_ct, config, shape, seed, dataset, look)
    return train_on(network, views_from, folder, config, key=key, device=device, progress=progress)


def train_on(
    network: LandmarkNetwork,
    views_from: Callable[[int], Iterator[View]],
    folder: Path,
    config: TrainingConfig,
    *,
    key: str,
    device: str = "cpu",
    progress: Progress | None = None,
) -> LandmarkNetwork:
    """The network's moving average after the budget; goes on from a checkpoint with this key.

    Args:
        views_from: the views from the n-th on.
        folder: holds `detector.checkpoint` and `training.csv`.
    """
    run = _Run(network, config, device)
    checkpoint = folder / "detector.checkpoint"
    if (state := read_checkpoint(checkpoint)) and state["key"] == key:
        run.restore(state)
    log = TrainingLog(folder / "training.csv", fresh=run.step == 0)
    views = views_from(run.step * config.batch)
    with Ahead(views, limit=4 * config.batch) as ahead, _stopped_by_sigterm():
        try:
            _train(run, ahead, config, device, checkpoint, key, log, progress)
        finally:
            write_checkpoint(checkpoint, run.state(key))
    return cast(LandmarkNetwork, run.averaged.module).eval()


def _train(run, views, config, device, checkpoint, key, log, progress) -> None:
    began = time.monotonic() - run.spent_s
    saved = time.monotonic()
    while (share := _share(run, config)) < 1:
        for group in run.optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(run.step, share)
        asked = time.monotonic()
        batch = [next(views) for _ in range(config.batch)]
        waited_s = time.monotonic() - asked
        figures = _step(run, batch, config, device)
        run.spent_s = time.monotonic() - began
        waiting = waited_s / (time.monotonic() - asked)
        log.add(run.step, run.spent_s, figures | {"waiting": waiting})
        if progress:
            progress(min(_share(run, config), 1.0), log.recent())
        if time.monotonic() - saved > config.checkpoint_s:
            write_checkpoint(checkpoint, run.state(key))
            saved = time.monotonic()


def _step(run: _Run, batch: list[View], config: TrainingConfig, device: str) -> dict[str, float]:
    planes = torch.from_numpy(np.stack([view.planes for view in batch]))
    planes = planes.to(device, memory_format=torch.channels_last)
    truth = torch.from_numpy(np.stack([view.uv for view in batch])).to(device)
    run.optimizer.zero_grad()
    parts = run.replicas if len(batch) % len(run.replicas) == 0 else run.replicas[:1]
    work = zip(parts, planes.chunk(len(parts)), truth.chunk(len(parts)), strict=True)
    done = list(run.pool.map(lambda part: _gradients(*part), work))
    for replica in parts[1:]:
        pairs = zip(run.network.parameters(), replica.parameters(), strict=True)
        for parameter, other in pairs:
            parameter.grad.add_(other.grad)
    for parameter in run.network.parameters():
        parameter.grad.div_(len(parts))
    torch.nn.utils.clip_grad_norm_(run.network.parameters(), config.gradient_norm)
    run.optimizer.step()
    run.averaged.update_parameters(run.network)
    run.step += 1
    run.share()
    loss = float(np.mean([loss for loss, _ in done]))
    return {"loss": loss} | errors_mm(batch, np.concatenate([uv for _, uv in done]))


def _gradients(network: LandmarkNetwork, planes: Tensor, truth: Tensor) -> tuple[float, np.ndarray]:
    """Leave the gradients of part of a batch in the network; its loss and places."""
    torch.set_num_threads(1)
    places = network(planes)
    loss = landmark_loss(places, truth, network.centres_px)
    loss.backward()
    return loss.item(), places.uv.detach().cpu().numpy()


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


def _key(points_ct, config: TrainingConfig, shape: Shape, seed: int, dataset, look) -> str:
    settings = asdict(config)
    for budget in ("minutes", "steps", "checkpoint_s"):
        settings.pop(budget)
    of = [] if dataset is None else [read_manifest(dataset)["parameters"]]
    of += [] if look is None else [look.name]
    return json.dumps([settings, list(shape), seed, np.round(points_ct, 6).tolist(), *of])


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """A polite kill ends the training as Ctrl-C does, with its state saved."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number, frame):
        raise KeyboardInterrupt(number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
