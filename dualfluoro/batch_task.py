"""One trial of a batch: tracked in a process of its own, and told in one row."""

import threading
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .error_words import said_of
from .options import Common, TrackOptions

if TYPE_CHECKING:
    from .trial import Trial

DONE, SKIPPED, FAILED, WAITING = "done", "skipped", "failed", "waiting"
WAIT_S = 7 * 86400.0
"""For another trial of the batch that prepares the models both use."""

_one_at_a_time = threading.Lock()
"""A worker of several threads would mix the notes of its trials, and their parallel loops."""


@dataclass(frozen=True)
class TrialTask:
    """What a worker needs to know to track a trial."""

    folder: Path
    init: str | None = None
    """Name of a start in the trial's folder."""
    prepare_minutes: float | None = None
    again: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = 0

    @property
    def common(self) -> Common:
        """The options of every command, without a word: the batch speaks."""
        return Common(device=self.device, seed=self.seed, quiet=True)


@dataclass(frozen=True)
class TrialRow:
    """A trial's row in batch.csv; what is not known is None."""

    trial: str
    status: str
    frames: int | None = None
    ok: int | None = None
    doubtful: int | None = None
    lost: int | None = None
    sd_rotation_deg: float | None = None
    """Median over the frames with a pose, by the program's own estimate; as the next."""
    sd_translation_mm: float | None = None
    error_rotation_deg: float | None = None
    """Median against truth.csv, as the next two."""
    error_translation_mm: float | None = None
    error_mtre_mm: float | None = None
    false_ok: int | None = None
    seconds: float | None = None
    message: str = ""


def run_trial(task: TrialTask) -> TrialRow:
    """Track a trial, unless that is done already; what went wrong stands in the row."""
    begun_s = time.monotonic()
    with _one_at_a_time, warnings.catch_warnings(record=True) as notes:
        try:
            row = _tracked(task)
        except Exception as error:  # whatever it is, the other trials go on
            known = isinstance(error, ValueError | OSError)
            message = said_of(error) if known else f"{type(error).__name__}: {said_of(error)}"
            row = TrialRow(str(task.folder), FAILED, message=message)
        said = list(dict.fromkeys(" ".join(str(note.message).split()) for note in notes))
    seconds = time.monotonic() - begun_s if row.seconds is None else row.seconds
    message = row.message or "; ".join(f"note: {text}" for text in said)
    return replace(row, seconds=round(seconds, 1), message=message)


def _tracked(task: TrialTask) -> TrialRow:
    from .folder_lock import held
    from .run_record import finished_seconds, run_of
    from .stages.track import track
    from .trial import load_trial

    trial = load_trial(task.folder)
    with held(trial.folder, "batch"):
        if task.prepare_minutes is not None and task.init is None:
            _prepare(trial, task.prepare_minutes, task.common)
        init = None if task.init is None else trial.folder / task.init
        run = run_of(trial, TrackOptions(init), task.common)
        seconds = finished_seconds(trial.folder, run.key)
        if seconds is not None and not task.again:
            return _row_of(trial, SKIPPED, seconds)
        track(trial, init=init, common=task.common)
        return _row_of(trial, DONE, None)


def _prepare(trial: "Trial", minutes: float, common: Common) -> None:
    """Models where there are none; trials that share a folder of models wait for one another."""
    from .folder_lock import held
    from .stages.prepare import prepare

    with held(trial.models, "prepare", WAIT_S):
        if not trial.detector.is_file():
            prepare(trial, minutes=minutes, common=common)


def _row_of(trial: "Trial", status: str, seconds: float | None) -> TrialRow:
    """The figures of a track, with its errors where the truth is known."""
    import numpy as np

    from registration import Track

    from .stages.evaluate import evaluate

    track = Track.read(trial.folder / "track.csv")
    known = track.has_pose

    def median(values: np.ndarray) -> float | None:
        values = values[known & np.isfinite(values)]
        return round(float(np.median(values)), 5) if values.size else None

    row = TrialRow(
        str(trial.folder),
        status,
        frames=len(track),
        ok=track.status.count("ok"),
        doubtful=track.status.count("doubtful"),
        lost=track.status.count("lost"),
        sd_rotation_deg=median(track.sd_rotation_deg),
        sd_translation_mm=median(track.sd_translation_mm),
        seconds=seconds,
    )
    if not (trial.folder / "truth.csv").is_file():
        return row
    errors = evaluate(trial.folder, common=Common(quiet=True))
    middle = {
        key: None if not errors[key] else round(errors[key]["median"], 5)
        for key in ("rotation_deg", "translation_mm", "mtre_mm")
    }
    return replace(
        row,
        error_rotation_deg=middle["rotation_deg"],
        error_translation_mm=middle["translation_mm"],
        error_mtre_mm=middle["mtre_mm"],
        false_ok=errors["false_ok"],
    )
