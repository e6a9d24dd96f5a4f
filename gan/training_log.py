"""The course of a training: `translator_training.csv`, and TensorBoard where it is installed."""

import csv
from pathlib import Path

from drr.training_board import training_board

from .judgement import Judgement
from .processes import rank_and_count

COLUMNS: tuple[str, ...] = (
    "step",
    "time_s",
    "teach",
    "judge",
    "cycle",
    "identity",
    "edges",
    "turned",
)
JUDGED = (
    *("to_drr", "to_film", "drift_to_drr_px", "drift_to_drr_p95_px", "drift_to_film_px"),
    *("drift_to_film_p95_px", "cycle_film", "cycle_drr", "score_to_drr", "score_to_film"),
)


class TrainingLog:
    """Writes a row a judgement: means of the losses since the last, and the judgement."""

    def __init__(self, path: Path, step: int):
        """A new file; of a run that goes on from `step`, the rows up to there stay."""
        self.path, self._sums, self._count = path, dict.fromkeys(COLUMNS[2:], 0.0), 0
        self.board = None
        if rank_and_count()[0] > 0:  # the first process writes
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = []
        if step > 0 and path.is_file():
            with path.open(newline="") as file:
                rows = [row for row in csv.reader(file) if row and row[0].isdigit()]
        kept = [row for row in rows if int(row[0]) <= step]
        fresh = path.with_suffix(".new")
        with fresh.open("w", newline="") as file:
            csv.writer(file).writerows([[*COLUMNS, *JUDGED], *kept])
        fresh.replace(path)
        self.board = training_board(path.parent / "tensorboard")

    def add(self, figures: dict[str, float]) -> None:
        """Note the losses of a step."""
        self._count += 1
        for name, value in figures.items():
            self._sums[name] += value

    def judged(self, step: int, spent_s: float, judgement: Judgement) -> None:
        """Write a row."""
        if rank_and_count()[0] > 0:
            return
        means = {name: total / max(self._count, 1) for name, total in self._sums.items()}
        found = dict(zip(JUDGED, _figures(judgement), strict=True))
        with self.path.open("a", newline="") as file:
            values = [f"{value:.5f}" for value in [*means.values(), *found.values()]]
            csv.writer(file).writerow([step, f"{spent_s:.1f}", *values])
        if self.board:
            for name, value in (means | found).items():
                self.board.add_scalar(f"translator/{name}", value, step)
            self.board.flush()
        self._sums, self._count = dict.fromkeys(COLUMNS[2:], 0.0), 0


def _figures(j: Judgement) -> tuple[float, ...]:
    a, b = j.drift_to_drr, j.drift_to_film
    drifts = (a.median_px, a.p95_px, b.median_px, b.p95_px)
    return (j.to_drr, j.to_film, *drifts, j.cycle_film, j.cycle_drr, *j.scores.values())
