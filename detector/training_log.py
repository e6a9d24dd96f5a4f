"""`training.csv`: the course of a training; TensorBoard too, where it is installed."""

import csv
from pathlib import Path

import numpy as np

from drr.training_board import training_board


class TrainingLog:
    """`training.csv`: a row for every 50 steps."""

    EVERY = 50

    def __init__(self, path: Path, fresh: bool):
        """Write the header, unless a run goes on."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._rows = path, []
        self.board = training_board(path.parent / "tensorboard")
        if fresh or not path.exists():
            path.write_text("step,time_s,loss,in_field_mm,out_of_field_mm,waiting\n")

    def add(self, step: int, spent_s: float, figures: dict[str, float]) -> None:
        """Note one step."""
        self._rows = [*self._rows[1 - self.EVERY :], figures]
        if step % self.EVERY == 0:
            with self.path.open("a", newline="") as file:
                values = [f"{value:.4f}" for value in self.recent().values()]
                csv.writer(file).writerow([step, f"{spent_s:.1f}", *values])
            if self.board:
                for name, value in self.recent().items():
                    self.board.add_scalar(f"detector/{name}", value, step)
                self.board.flush()

    def recent(self) -> dict[str, float]:
        """Means over the last rows."""
        return {name: self._mean(name) for name in self._rows[-1]}

    def _mean(self, name: str) -> float:
        known = [row[name] for row in self._rows if np.isfinite(row[name])]
        return float(np.mean(known)) if known else np.nan
