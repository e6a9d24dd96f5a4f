"""batch.html: all trials of a batch on one page, with a link to the report of each."""

from collections.abc import Sequence
from html import escape
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from calibration.atomic import write_text

from .batch_results import figure
from .batch_task import DONE, FAILED, SKIPPED, WAITING, TrialRow
from .report_page import note, page, section, verdict

COLOURS = {"ok": "#009E73", "doubtful": "#E69F00", "lost": "#D55E00"}
"""As in the reports."""
STATUS_WORDS = {
    DONE: "done",
    SKIPPED: "done before with the same inputs",
    FAILED: "failed",
    WAITING: "not run yet",
}
BAR_PX = 100


def write_page(path: Path, rows: Sequence[TrialRow], title: str) -> None:
    """Write the page, whole or not at all."""
    failed = [row for row in rows if row.status == FAILED]
    said = f"{len(rows)} trials, dualfluoro {escape(version('dualfluoro'))}"
    sections = [
        f'<h1>{escape(title)}</h1><p class="note">{said}</p>',
        section("Summary", *_verdicts(rows)),
        section("Trials", _table(rows, path.parent), _legend(rows)),
    ]
    if failed:
        sections.insert(2, section("Failed", *(verdict("bad", r.trial, r.message) for r in failed)))
    write_text(path, page(f"dualfluoro: {title}", sections, plots=False))


def _verdicts(rows: Sequence[TrialRow]) -> list[str]:
    counts = {word: sum(row.status == word for row in rows) for word in STATUS_WORDS}
    said = ", ".join(
        f"{counts[word]} {text}" for word, text in STATUS_WORDS.items() if counts[word]
    )
    kind = "bad" if counts[FAILED] else "fair" if counts[WAITING] else "good"
    words = {"bad": "Not all could be done", "fair": "Not finished", "good": "All trials are done"}
    parts = [verdict(kind, words[kind], f"{said}.")]
    frames = sum(row.frames or 0 for row in rows)
    if frames:
        tracked = {word: sum(getattr(row, word) or 0 for row in rows) for word in COLOURS}
        share = tracked["ok"] / frames
        kind = "good" if share >= 0.9 else "fair" if share >= 0.5 else "bad"
        text = ", ".join(f"{count} {word}" for word, count in tracked.items())
        parts.append(verdict(kind, f"{frames} frames", f"{text}."))
    return parts


def _table(rows: Sequence[TrialRow], folder: Path) -> str:
    known = any(row.error_rotation_deg is not None for row in rows)
    heads = ["trial", "", "frames", "ok / doubtful / lost", "", "sd, deg", "sd, mm"]
    heads += ["error, deg", "error, mm", "mTRE, mm", "false ok"] if known else []
    heads.append("s")
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heads)
    body = "".join(f"<tr>{_row(row, folder, known)}</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(row: TrialRow, folder: Path, known: bool) -> str:
    name = escape(row.trial)
    if row.status in (DONE, SKIPPED) and (folder / row.trial / "report.html").is_file():
        name = f'<a href="{quote(row.trial)}/report.html">{name}</a>'
    counts = "" if row.frames is None else f"{row.ok} / {row.doubtful} / {row.lost}"
    cells = [name, row.status, "" if row.frames is None else str(row.frames), counts, _bar(row)]
    cells += [figure(row.sd_rotation_deg), figure(row.sd_translation_mm)]
    if known:
        errors = (row.error_rotation_deg, row.error_translation_mm, row.error_mtre_mm)
        cells += [*map(figure, errors), "" if row.false_ok is None else str(row.false_ok)]
    cells.append(figure(row.seconds, 0))
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _bar(row: TrialRow) -> str:
    """The shares of ok, doubtful and lost frames as a strip of colour."""
    if not row.frames:
        return ""
    parts, at = [], 0.0
    for word, colour in COLOURS.items():
        width = BAR_PX * (getattr(row, word) or 0) / row.frames
        parts.append(f'<rect x="{at:.1f}" width="{width:.1f}" height="12" fill="{colour}"/>')
        at += width
    return f'<svg width="{BAR_PX}" height="12" aria-hidden="true">{"".join(parts)}</svg>'


def _legend(rows: Sequence[TrialRow]) -> str:
    said = "Strips: ok green, doubtful orange, lost vermilion. sd: medians, by the program's own "
    said += "estimate. "
    if any(row.error_rotation_deg is not None for row in rows):
        said += "Errors: medians against truth.csv, ok and doubtful frames together. "
    notes = [row for row in rows if row.message and row.status != FAILED]
    told = [note(f"{row.trial}: {row.message}") for row in notes]
    return note(said + "All figures stand in batch.csv.") + "".join(told)
