"""Make the released detector of the digital head: `detector/weights/digital_head.safetensors`.

    python benchmarks/train_released.py [--minutes 15] [--work FOLDER]

It learns from the digital head alone (seed 0, 1 mm) and from looks drawn at random; the demo's
films are made by a simulator that shares neither projection nor looks with it. Weights are kept
as float16.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import rich.progress

from detector import Detector, TrainingConfig, train_detector
from detector.card import write_weights
from detector.views import ViewRange
from dualfluoro.demo_trial import DemoPlan, write_demo_trial
from dualfluoro.subject import subject_of
from dualfluoro.trial import load_trial
from dualfluoro.trial_detector import training_landmarks

TARGET = Path(__file__).parents[1] / "detector" / "weights" / "digital_head.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--work", type=Path, default=None, help="holds the checkpoint")
    parser.add_argument("--out", type=Path, default=TARGET)
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp())
    write_demo_trial(work / "trial", DemoPlan(frames=1))
    subject = subject_of(load_trial(work / "trial"))
    with rich.progress.Progress() as bar:
        task = bar.add_task("training", total=1.0)
        path = train_detector(
            subject.volume,
            training_landmarks(subject),
            work,
            TrainingConfig(
                minutes=args.minutes, warm_start=False, views=ViewRange(ramp_views=30_000)
            ),
            progress=lambda share, figures: bar.update(task, completed=share),
        )
    detector = Detector.read(path)
    card = replace(
        detector.card,
        licence="Apache-2.0",
        recipe=detector.card.recipe | {"head": "drr.digital_head(0, 1.0)", "stored": "float16"},
    )
    tensors = detector.network.state_dict()
    write_weights(
        args.out,
        card,
        {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()},
    )
    print(card.accuracy)


if __name__ == "__main__":
    main()
