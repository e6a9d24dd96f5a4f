"""What a track depends on, as one key: the trial's files, the settings, the program's version."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from .exposures import sha256_of
from .frames import files_of
from .look_choice import look_file
from .trial import Trial

LARGEST_READ_BYTES = 64 << 20
"""Larger files are known by their size and time, as are frames and CTs."""


def inputs_of(trial: Trial, init: Path | None) -> dict[str, str]:
    """By name, relative to the trial: what tells whether a file that `track` reads has changed.

    Of frames, CTs and large files that is their number, size and time of change, of all others
    the content.
    """
    found = {}
    for view in trial.views:
        found[f"frames of {view.name}"] = _state_of(files_of(view.frames))
    for ct in (trial.ct, *(body.ct for body in trial.bodies)):
        if ct is not None:
            files = sorted(ct.rglob("*")) if ct.is_dir() else [ct]
            found[_name(ct, trial.folder)] = _state_of([f for f in files if f.is_file()])
    for path in (*_small_files(trial), init):
        if path is not None and path.is_file():
            large = path.stat().st_size > LARGEST_READ_BYTES
            found[_name(path, trial.folder)] = _state_of([path]) if large else sha256_of(path)
    return found


def key_of(inputs: Mapping[str, str], settings: Mapping[str, object]) -> str:
    """One key of inputs, settings and version: another one where any of them is another."""
    content = [dict(inputs), dict(settings), version("dualfluoro")]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _small_files(trial: Trial) -> Iterator[Path | None]:
    """All files of a trial but frames and CTs; some need not be there."""
    yield trial.folder / "trial.toml"
    yield trial.folder / "truth.csv"
    yield from (trial.landmarks, trial.times, trial.cranium_labels, *trial.rig_files)
    for weights in (trial.detector, trial.translator):
        yield from (weights, weights.with_suffix(".json"))
    yield look_file(trial)
    yield trial.exposure.structures
    for parts in trial.exposure.dose.given.values():
        yield from (part for part in parts.values() if isinstance(part, Path))
    for body in trial.bodies:
        yield from (body.labels, body.landmarks, body.init)


def _state_of(files: list[Path]) -> str:
    """Of many files in one line: their number, their bytes, and a digest of names and times."""
    states = [(path.name, path.stat()) for path in files]
    rows = [(name, state.st_size, state.st_mtime_ns) for name, state in states]
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    return f"{len(rows)} files, {sum(row[1] for row in rows)} bytes, {digest}"


def _name(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
