"""How a training went, as a small page: the course, what was held out, the card, samples."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from pathlib import Path

import numpy as np

from calibration.atomic import write_text

from . import report_plots as plots
from .report_inputs import card_rows
from .report_page import folded, note, page, picture, row, section, table, verdict

LIMITS = (
    "What is held out comes from the same head and the same simulation, or from the same images: "
    "it says how well the training went, not how well other machines or people are served."
)


@dataclass(frozen=True)
class CoursePlot:
    """Columns of a training's CSV that are drawn together, each under its name on the page."""

    file: Path
    title: str
    columns: dict[str, str]
    """Column of the CSV to its words."""
    label: str
    """Of the axis, with the unit."""


@dataclass(frozen=True)
class Judged:
    """What is said first: `good`, `fair` or `bad`, in a word and with its reason."""

    kind: str
    word: str
    text: str


def write_training_report(
    weights: Path,
    title: str,
    judged: Sequence[Judged],
    accuracy: str,
    courses: Sequence[CoursePlot],
    samples: Sequence[tuple[bytes, str]] = (),
) -> Path:
    """Write NAME_training.html beside NAME.safetensors, from its card and its course.

    Args:
        accuracy: the entry of the card that holds what was measured on data held out.
        samples: pictures (PNG, WebP) and their captions.

    Raises:
        ValueError: the card or a course is damaged.
    """
    card = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    line = f"dualfluoro {escape(version('dualfluoro'))}"
    measured = table(["measured on what was held out", ""], card_rows(card.get(accuracy, {})))
    sections = [
        f'<h1>{escape(title)}</h1><p class="note">{line}</p>',
        section("Summary", *(verdict(j.kind, j.word, j.text) for j in judged), measured),
        _course(courses),
        section("Samples", *(picture(*sample) for sample in samples)) if samples else "",
        section("Card", folded("All entries", table(["entry", "value"], card_rows(card)))),
        section("Limits", note(LIMITS)),
    ]
    target = weights.with_name(f"{weights.stem}_training.html")
    write_text(target, page(title, [part for part in sections if part]))
    return target


def _course(courses: Sequence[CoursePlot]) -> str:
    """A plot a course, where its CSV has at least one row."""
    shown = []
    for number, course in enumerate(courses):
        minutes, values = read_course(course.file, list(course.columns))
        named = dict(zip(course.columns.values(), values, strict=True))
        if len(minutes) and np.isfinite(values).any():
            plot = plots.html_of(plots.course_plot(minutes, named, course.label), f"course{number}")
            shown.append(f"<h3>{escape(course.title)}</h3>{plot}")
    said = note("Lines are means over the last steps; gaps are steps at which nothing was judged.")
    none = note("Too short to have a course.")
    return section("Course of the training", *([row(*shown), said] if shown else [none]))


def read_course(path: Path, columns: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Minutes spent, (n,), and the columns, (column, n), of a training's CSV; empty cells are NaN.

    Raises:
        ValueError: a column is missing, or a cell is no number.
    """
    if not path.is_file():
        return np.zeros(0), np.zeros((len(columns), 0))
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        cells = [[row["time_s"], *(row[name] for name in columns)] for row in rows]
        found = np.array([[float(cell or "nan") for cell in line] for line in cells])
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: damaged ({error}); train again to have a course") from None
    found = found.reshape(-1, 1 + len(columns)).T
    return found[0] / 60, found[1:]
