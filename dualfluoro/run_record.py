"""run.json beside a track: which inputs, settings and versions it was made with."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from calibration.atomic import write_json

from .options import Common, TrackOptions
from .run_inputs import inputs_of, key_of
from .trial import Trial

RUN = "run.json"
FORMAT = "dualfluoro-run"
OUTPUTS = ("track.csv", "exposure.csv", "exposure.json", "report.html")
PROGRAMS = ("dualfluoro", "torch", "numpy", "scipy", "numba", "opencv-python-headless")


@dataclass(frozen=True)
class Run:
    """One run of `track`: its key, and what the key was made from."""

    key: str
    settings: Mapping[str, object]
    inputs: Mapping[str, str]
    device: str

    def write(self, folder: Path, seconds: float) -> None:
        """Write run.json: all outputs are there."""
        content = {
            "format": FORMAT,
            "version": 1,
            "command": "track",
            "settings": dict(self.settings),
            "inputs": dict(self.inputs),
            "programs": _programs(),
            "device": self.device,
            "seconds": round(seconds, 1),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "key": self.key,
        }
        write_json(folder / RUN, content)


def run_of(trial: Trial, options: TrackOptions, common: Common) -> Run:
    """The run of a trial as its files are now."""
    settings = asdict(options) | {"init": options.init is not None, "seed": common.seed}
    inputs = inputs_of(trial, options.init)
    return Run(key_of(inputs, settings), settings, inputs, common.torch_device())


def finished_seconds(folder: Path, key: str) -> float | None:
    """How long the run of this key took whose outputs are all in the folder; None: there is none.

    A run.json that cannot be read counts as none.
    """
    try:
        content = json.loads((folder / RUN).read_text(encoding="utf-8"))
        same = content["format"] == FORMAT and content["key"] == key
        seconds = float(content["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return seconds if same and all((folder / name).is_file() for name in OUTPUTS) else None


def _programs() -> dict[str, str]:
    found = {}
    for name in PROGRAMS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
