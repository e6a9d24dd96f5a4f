"""How exact tracking is, over heads and motions; the table of docs/accuracy.md.

    python benchmarks/accuracy.py WORK [--data ../shared/data/heads] [--minutes 20] [--frames 24]
                                  [--heads phantom ...] [--motions walking ...] [--no-variants]

Heads, films, models and tracks are made in WORK, each only if it is not there yet: remove what is
to be made again. Films are ITK-RTK's (make_trial.py); tracking is the command line's. The table is
printed as Markdown, and written to WORK/accuracy.md and WORK/accuracy.json.
"""

import argparse
import sys
from pathlib import Path

from accuracy_table import head_table, markdown, motion_table, variant_table
from accuracy_trials import (
    HEADS,
    MOTIONS,
    Trials,
    film_trial,
    landmarks_ct,
    make_head,
    prepare_head,
    share_in_field,
    track_trial,
)
from accuracy_variants import film_variants, track_from_truth, variants_of

from calibration.atomic import write_json, write_text
from registration import Track
from registration.evaluate import summary
from registration.frame_errors import FrameErrors, frame_errors, joined


def main() -> None:
    args = arguments()
    trials = Trials(args.work, args.data, args.frames, args.minutes)
    heads = [head for head in args.heads if make_head(trials, head)]
    errors: dict[tuple[str, str, str], FrameErrors] = {}
    for head in heads:
        for motion in args.motions:
            film_trial(trials, head, motion)
        prepare_head(trials, head, args.motions)
        for motion in args.motions:
            for run in ("landmarks", "refined"):
                errors[head, motion, run] = tracked(track_trial(trials, head, motion, run))
    variants: dict[tuple[str, str], FrameErrors] = {}
    if not args.no_variants and "walking" in args.motions:
        for head in heads:
            film_variants(trials, head)
            for variant in variants_of(head):
                variants[head, variant] = tracked(track_from_truth(trials, head, variant))
    result = figures(errors, variants, trials)
    text = markdown(
        [
            motion_table(result["motions"]),
            head_table(result["heads"]),
            variant_table(result["variants"]),
        ]
    )
    write_json(args.work / "accuracy.json", result)
    write_text(args.work / "accuracy.md", text)
    print(text)


def arguments() -> argparse.Namespace:
    shared = Path(__file__).resolve().parents[2] / "shared" / "data" / "heads"
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--data", type=Path, default=shared, help="folder of the real heads' CTs")
    parser.add_argument("--minutes", type=float, default=20.0, help="of training, a head")
    parser.add_argument("--frames", type=int, default=24, help="frame pairs a trial")
    parser.add_argument("--heads", nargs="+", choices=HEADS, default=list(HEADS))
    parser.add_argument("--motions", nargs="+", choices=MOTIONS, default=list(MOTIONS))
    parser.add_argument("--no-variants", action="store_true", help="leave lag, bits, slices out")
    return parser.parse_args()


def tracked(folder: Path) -> FrameErrors:
    """The errors of a run's track, at the landmarks of its trial."""
    trial = folder.parent
    found, truth = Track.read(folder / "track.csv"), Track.read(trial / "truth.csv")
    return frame_errors(found, truth, landmarks_ct(trial))


def figures(errors, variants, trials: Trials) -> dict:
    """All summaries: by motion over the heads, by trial, and by variant beside its baseline."""
    pooled: dict = {}
    by_head: dict = {}
    for motion in dict.fromkeys(motion for _, motion, _ in errors):
        pooled[motion] = {
            run: summary(joined([e for key, e in errors.items() if key[1:] == (motion, run)]))
            for run in ("landmarks", "refined")
        }
    for head, motion, run in errors:
        entry = by_head.setdefault(
            f"{head} {motion}",
            {
                "field_mm": trials.field_mm(head, motion),
                "skull_in_field": share_in_field(trials.folder(head, motion)),
            },
        )
        entry[run] = summary(errors[head, motion, run])
    compared: dict = {}
    for variant in dict.fromkeys(name for _, name in variants if name != "baseline"):
        heads = [head for head, name in variants if name == variant]
        compared[variant] = {"heads": heads} | {
            label: summary(joined([variants[head, name] for head in heads]))
            for label, name in (("baseline", "baseline"), ("variant", variant))
        }
    return {
        "frames_a_trial": trials.frames,
        "minutes": trials.minutes,
        "motions": pooled,
        "heads": by_head,
        "variants": compared,
    }


if __name__ == "__main__":
    sys.exit(main())
