"""`dualfluoro demo`: the main job from end to end, on a head that is made on the spot."""

import json
import shutil
from pathlib import Path

from ..options import DEFAULTS, Common
from .evaluate import evaluate
from .track import track


def demo(*, out: Path = Path("demo"), frames: int = 24, common: Common = DEFAULTS) -> Path:
    """Film the digital head, track it, and compare with the known truth.

    Parameters
    ----------
    out
        The trial folder to make.
    frames
        How many frame pairs to film.
    """
    from ..demo_trial import DemoPlan, write_demo_trial
    from ..folder_lock import held

    weights = released_weights()
    common.say(f"filming {frames} frame pairs of the digital head into {out}")
    with held(out, "demo"):
        write_demo_trial(out, DemoPlan(frames=frames, seed=common.seed))
        install(weights, out)
        track(out, common=common)
        evaluate(
            out / "track.csv",
            out / "truth.csv",
            landmarks=out / "landmarks.json",
            json=out / "evaluation.json",
            common=common,
        )
    common.say(f"report: {(out / 'report.html').absolute()}")
    return out


def install(weights: Path, out: Path) -> None:
    """Put the released weights into the trial, for the CT that was just made.

    The CT is that of the weights' training, but arithmetic differs between machines in the last
    digit, and with it a few voxels: the card is given this CT's fingerprint.
    """
    from calibration.atomic import whole, write_json
    from detector import ct_fingerprint

    from ..subject import Subject

    target = out / "models" / "detector.safetensors"
    with whole(target) as unfinished:
        shutil.copyfile(weights, unfinished)
    card = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    card["ct_fingerprint"] = ct_fingerprint(Subject(out / "ct.nii.gz").volume)
    write_json(target.with_suffix(".json"), card)


def released_weights() -> Path:
    """The detector of the digital head that comes with the package."""
    import detector

    path = Path(detector.__file__).parent / "weights" / "digital_head.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the released weights are missing; install again")
    return path
