"""Trunks of the landmark network: error against the time a frame takes, one plot.

    python benchmarks/trunks.py WORK [--steps 3000] [--threads 1] [--trunks resnet18 ...]

Each trunk begins at random and learns one digital head from the same views, for the same steps; all
are measured on the same views not trained on. Below some 1000 steps none has learnt anything. WORK
keeps what is done: a trunk is not trained twice. Writes trunks.csv and trunks.png.
"""

from detector import torchvision_guard  # isort: skip  # noqa: F401  before torchvision

import argparse
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from torchvision.models.resnet import BasicBlock

from detector.landmark_choice import spread_landmarks
from detector.network import LandmarkNetwork, Shape
from detector.network_input import INPUT_PX, PLANES
from detector.train_detector import TRAINING_GRID_MM, VALIDATION_VIEWS, measured
from detector.training import TrainingConfig, train_on
from detector.views import View, ViewRange, view_sequence
from drr import digital_head, find_anatomy, material_model
from drr.checkpoint import read_checkpoint

HEAD_SEED = 7
REGNETS = {
    "regnet_x_400mf": {},
    "regnet_x_200mf": {"depth": 13, "width": 24, "slope": 36.44, "growth": 2.49, "group": 8},
}
RESNETS = {  # blocks of the four stages, channels of the first
    "resnet18": ((2, 2, 2, 2), 64),
    "resnet34": ((3, 4, 6, 3), 64),
    "resnet18_half": ((2, 2, 2, 2), 32),
    "resnet34_half": ((3, 4, 6, 3), 32),
    "resnet18_quarter": ((2, 2, 2, 2), 16),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--trunks", nargs="*", default=[*REGNETS, *RESNETS])
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    volume = digital_head(HEAD_SEED, 1.5).volume
    points_ct = np.array(list(spread_landmarks(find_anatomy(volume)).values()), np.float64)
    head = material_model(volume.resampled(TRAINING_GRID_MM))
    config = TrainingConfig(steps=args.steps, warm_start=False)

    def views_from(start: int, seed: int = 0, looks_each: int = 4) -> Iterator[View]:
        return view_sequence(
            head, points_ct, ViewRange(), seed=seed, start=start, looks_each=looks_each
        )

    unseen = list(islice(views_from(0, 1_000_003, 1), VALIDATION_VIEWS))
    rows = []
    for name in args.trunks:
        torch.manual_seed(0)
        network = with_trunk(name, len(points_ct))
        count = sum(p.numel() for p in network.parameters()) / 1e6
        folder = args.work / name
        folder.mkdir(exist_ok=True)
        trained = train_on(network, views_from, folder, config, key=f"{name} {args.steps}")
        _, figures = measured(trained, unseen, "cpu")
        ms = frame_ms(trained)
        spent_s = (read_checkpoint(folder / "detector.checkpoint") or {"spent_s": 0.0})["spent_s"]
        inside = (figures["in_field_median_mm"], figures["in_field_mean_mm"])
        outside = figures.get("out_of_field_median_mm", float("nan"))
        rows.append((name, count, ms, spent_s, *inside, outside))
        print(
            ", ".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in rows[-1]), flush=True
        )
    lines = [
        "trunk,million_weights,cpu_ms,training_s,in_field_median_mm,in_field_mean_mm,out_median_mm"
    ]
    lines += [",".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row) for row in rows]
    (args.work / "trunks.csv").write_text("\n".join(lines) + "\n")
    plot(rows, args.steps, args.work / "trunks.png")


def with_trunk(name: str, landmarks: int) -> LandmarkNetwork:
    """The landmark network on another trunk of the same strides; its head is the same."""
    if name in REGNETS:
        return LandmarkNetwork(Shape(landmarks, **REGNETS[name]))
    counts, width = RESNETS[name]
    network = LandmarkNetwork(Shape(landmarks))
    network.stem = nn.Sequential(
        nn.Conv2d(PLANES, width, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )
    stages: list[nn.Module] = []
    before = width
    for number, count in enumerate(counts):
        after, stride = width << number, 2 if number else 1
        blocks: list[nn.Module] = [] if number else [nn.MaxPool2d(3, 2, 1)]
        for n in range(count):
            blocks.append(block(before, after, 1 if n else stride))
            before = after
        stages.append(nn.Sequential(*blocks))
    network.stages = nn.Sequential(*stages)
    features = network.shape.features
    network.sides = nn.ModuleList(nn.Conv2d(width << n, features, 1) for n in (1, 2, 3))
    network.log_scale = nn.Linear(8 * width, landmarks)
    return network


def block(before: int, after: int, stride: int) -> BasicBlock:
    if (before, stride) == (after, 1):
        return BasicBlock(before, after)
    around = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
    return BasicBlock(before, after, stride, around)


def frame_ms(network: LandmarkNetwork, count: int = 60) -> float:
    """Median processor time of one image, one thread."""
    planes, taken = torch.rand(1, PLANES, INPUT_PX, INPUT_PX), []
    network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    planes = planes.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        for _ in range(count):
            began = time.thread_time()
            network(planes)
            taken.append(1000 * (time.thread_time() - began))
    return float(np.median(taken[count // 4 :]))


def plot(rows: list[tuple], steps: int, path: Path) -> None:
    figure = Figure((7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, count, ms, spent_s, median, *_ in rows:
        axes.plot(
            ms, median, "o" if name in REGNETS else "s", color="C0" if name in REGNETS else "C1"
        )
        note = f"{name}\n{count:.1f} M, {spent_s / 60:.0f} min"
        axes.annotate(note, (ms, median), (6, 4), textcoords="offset points", fontsize=8)
    axes.set_xlabel("processor time of one image, ms (one thread)")
    axes.set_ylabel("median error in the field, mm at the head")
    axes.set_title(f"{steps} steps of training each")
    axes.margins(0.2)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
