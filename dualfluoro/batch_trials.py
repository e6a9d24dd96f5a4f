"""The trials of a batch: found in folders, named, and shared out among machines."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

ARRAY = "SLURM_ARRAY_TASK_"


def trials_in(places: Sequence[Path]) -> list[Path]:
    """The folders with a trial.toml at or below some places, each once, in natural order.

    Raises:
        FileNotFoundError: a place that is not there, or has no trial.
    """
    found: dict[Path, None] = {}
    for place in places:
        folder = place.parent if place.name == "trial.toml" else place
        if not folder.is_dir():
            raise FileNotFoundError(f"{place}: there is no such folder")
        here = _trials_below(folder.absolute())
        if not here:
            raise FileNotFoundError(
                f"{place}: no trial.toml in it or below; make a trial with: dualfluoro new DIR"
            )
        found |= dict.fromkeys(Path(os.path.normpath(path)) for path in here)
    return sorted(found, key=_natural_key)


def _trials_below(folder: Path) -> list[Path]:
    """A trial's own subfolders are not searched."""
    found = []
    for here, inside, files in os.walk(folder, followlinks=True):
        if "trial.toml" in files:
            found.append(Path(here))
            inside.clear()
        inside[:] = [name for name in inside if not name.startswith(".")]
    return found


def _natural_key(path: Path) -> list[tuple[int, int | str]]:
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]


def folder_of_all(trials: Sequence[Path]) -> Path:
    """The folder that holds all trials."""
    return Path(os.path.commonpath([trial.parent for trial in trials]))


def names_of(trials: Sequence[Path], folder: Path) -> list[str]:
    """What each trial is called: its way from the folder of the results."""
    return [Path(os.path.relpath(trial, folder)).as_posix() for trial in trials]


def shard_of(given: str | None, environment: Mapping[str, str]) -> tuple[int, int]:
    """Which share of the trials is this run's, and of how many: (1, 1) is all.

    What is not given is that of the job array of SLURM in which the run is.

    Raises:
        ValueError: it is not I/N with I from 1 to N.
    """
    if given is None:
        return _shard_of_array(environment)
    parts = re.fullmatch(r"(\d{1,6})/(\d{1,6})", given)
    number, count = (int(parts[1]), int(parts[2])) if parts else (0, 0)
    if not 1 <= number <= count:
        raise ValueError(f"--shard {given}: must be I/N with I from 1 to N, such as 2/8")
    return number, count


def _shard_of_array(environment: Mapping[str, str]) -> tuple[int, int]:
    if f"{ARRAY}ID" not in environment or f"{ARRAY}COUNT" not in environment:
        return 1, 1
    known = {name: environment.get(f"{ARRAY}{name}", "") for name in ("ID", "COUNT", "MIN", "STEP")}
    known["MIN"], known["STEP"] = known["MIN"] or "1", known["STEP"] or "1"
    try:
        number, count, first, step = (int(value) for value in known.values())
        place, rest = divmod(number - first, step)
    except (ValueError, ZeroDivisionError):
        place, rest, count = 0, 1, 0
    if rest or not 0 <= place < count:
        said = ", ".join(f"{ARRAY}{name}={value}" for name, value in known.items())
        raise ValueError(f"{said}: the job array has gaps; say which share this is: --shard I/N")
    return place + 1, count


def shared(trials: Sequence[Path], number: int, count: int) -> list[Path]:
    """Every `count`-th trial from the `number`-th on: the shares are disjoint and complete."""
    return list(trials[number - 1 :: count])
