"""The figures of `evaluate` as lines of text."""

QUANTITIES = {
    "rotation_deg": "rotation, deg",
    "translation_mm": "translation, mm",
    "mtre_mm": "mTRE, mm",
}
STATISTICS = ("median", "mean", "p95", "max")
AXES = {"x_mm": "x, mm", "y_mm": "y, mm", "z_mm": "z, mm"} | {
    f"rotation_{axis}_deg": f"about {axis}, deg" for axis in "xyz"
}
COLUMN = 18


def error_table(result: dict) -> str:
    """All errors of one trial or of several together, the frames said ok alone in brackets."""
    counts = ", ".join(f"{result[name]} {name}" for name in ("ok", "doubtful", "lost"))
    return "\n".join(
        [
            f"{result['frames']} frames: {counts}; {result['false_ok']} said ok by mistake",
            *_statistics(result),
            *_shares(result),
            *_agreement(result),
            *_coverage(result),
            "in brackets: frames said ok alone",
        ]
    )


def trial_table(trials: list[dict]) -> str:
    """A row a trial: its frames, the medians and the 95th percentiles."""
    width = max(len(row["trial"]) for row in trials) + 2
    heads = ("frames", "ok", "false ok", "deg: median", "p95", "mm: median", "p95")
    lines = [f"{'trial':{width}}" + "".join(f"{name:>13}" for name in heads)]
    for row in trials:
        counts = [str(row[name]) for name in ("frames", "ok", "false_ok")]
        turn, shift = row["rotation_deg"], row["translation_mm"]
        cells = [_cell(values, name) for values in (turn, shift) for name in ("median", "p95")]
        lines.append(f"{row['trial']:{width}}" + "".join(f"{c:>13}" for c in (*counts, *cells)))
    return "\n".join(lines)


def _statistics(result: dict) -> list[str]:
    lines = [_line("", STATISTICS)]
    for name, label in QUANTITIES.items():
        both, alone = result[name], result[f"{name}_ok_only"]
        lines.append(_line(label, [f"{_cell(both, s)} ({_cell(alone, s)})" for s in STATISTICS]))
    return lines


def _shares(result: dict) -> list[str]:
    """How many of all frames are within each bound."""
    found, alone = result["within"], result["within_ok_only"]
    bounds = tuple(found["both"])
    lines = [_line("of all frames", [f"within {bound}" for bound in bounds])]
    labels = {"rotation_deg": "deg", "translation_mm": "mm", "both": "deg and mm"}
    for name, label in labels.items():
        cells = [f"{_percent(found, name, b)} ({_percent(alone, name, b)})" for b in bounds]
        lines.append(_line(label, cells))
    return lines


def _agreement(result: dict) -> list[str]:
    lines = [_line("axes of the CT", ("bias", "-1.96 sd", "+1.96 sd"))]
    for name, label in AXES.items():
        values = result["agreement"][name]
        lines.append(_line(label, [_cell(values, n) for n in ("bias", "lower", "upper")]))
    return lines


def _coverage(result: dict) -> list[str]:
    """How many errors the stated deviations cover; nothing where the track has none."""
    found, alone = result["coverage"], result["coverage_ok_only"]
    if not any(found.values()):
        return []
    lines = [_line("stated deviation", ("within 1 sd", "within 2 sd", "rms error / sd"))]
    for name in ("rotation_deg", "translation_mm"):
        cells = [
            f"{_percent(found, name, share)} ({_percent(alone, name, share)})"
            for share in ("within_1_sd", "within_2_sd")
        ]
        cells.append(f"{_cell(found[name], 'rms', 2)} ({_cell(alone[name], 'rms', 2)})")
        lines.append(_line(QUANTITIES[name].split(",")[0], cells))
    return lines


def _line(label: str, cells) -> str:
    return f"{label:{COLUMN}}" + "".join(f"{cell:>{COLUMN}}" for cell in cells)


def _percent(shares: dict | None, name: str, key: str) -> str:
    values = None if shares is None else shares[name]
    return "-" if values is None else f"{100 * values[key]:.1f} %"


def _cell(values: dict | None, name: str, digits: int = 3) -> str:
    value = None if values is None else values[name]
    return "-" if value is None else f"{value:.{digits}f}"
