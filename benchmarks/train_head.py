"""Make the released model of any head: `detector/weights/head.safetensors`.

    python benchmarks/train_head.py WORK [--minutes 100] [--device cpu]

It learns from digital heads alone, some of them deformed, each radiograph's stretched a little, and
from looks drawn at random; WORK holds the checkpoint, and a run that was cut short goes on. The
card's figures are of heads not trained on; `unseen_heads.py` measures with another projector and
other looks. Weights are kept as float16.
"""

import argparse
from dataclasses import asdict
from pathlib import Path

import rich.progress

from detector.head_calibration import calibrated_head
from detector.head_model import RELEASED
from detector.train_head import HeadTrainingConfig, train_head_network
from detector.training import TrainingConfig
from detector.views import ViewRange


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=100.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=RELEASED)
    args = parser.parse_args()
    views = ViewRange(ramp_views=20_000)
    config = HeadTrainingConfig(
        TrainingConfig(minutes=args.minutes, views=views, checkpoint_s=120.0)
    )
    with rich.progress.Progress() as bar:
        task = bar.add_task("training", total=1.0)
        network = train_head_network(
            args.work,
            config,
            device=args.device,
            progress=lambda share, figures: bar.update(task, completed=share),
        )
    recipe = asdict(config) | {"heads": "the digital family, some deformed", "stored": "float16"}
    model = calibrated_head(network, config.family, views, recipe, device=args.device)
    model.write(args.out)
    print(model.card.accuracy)


if __name__ == "__main__":
    main()
