"""The figures of accuracy.py as Markdown, each beside its goal."""

GOALS = {
    "walking": {"landmarks": (1.5, 1.5), "median": (0.2, 0.2), "p95": (0.6, 0.6), "ok": 0.99},
    "neck": {"landmarks": (3.0, 3.0), "median": (0.4, 0.4), "p95": (1.5, 1.5), "ok": 0.85},
    "collimated": {"landmarks": (2.0, 2.0), "median": (0.3, 0.3), "p95": (1.0, 1.0), "ok": 0.95},
}
QUANTITIES = ("rotation_deg", "translation_mm")


def markdown(tables: list[str]) -> str:
    return "\n\n".join(table for table in tables if table) + "\n"


def motion_table(motions: dict) -> str:
    """The table of the issue, all heads together: measured, and the goal in brackets."""
    names = list(motions)
    rows = [
        ("frame pairs", lambda m: str(motions[m]["refined"]["frames"])),
        (
            "landmarks only, median",
            lambda m: _both(motions[m]["landmarks"], "median", _goal(m, "landmarks")),
        ),
        ("landmarks only, frames lost", lambda m: str(motions[m]["landmarks"]["lost"])),
        ("landmarks only, `ok` and falsely so", lambda m: _ok_of(motions[m]["landmarks"])),
        ("refined, median", lambda m: _both(motions[m]["refined"], "median", _goal(m, "median"))),
        (
            "refined, 95th percentile",
            lambda m: _both(motions[m]["refined"], "p95", _goal(m, "p95")),
        ),
        (
            "`ok` but off by more than 2 deg or 2 mm",
            lambda m: _at_most(motions[m]["refined"]["false_ok"], 0),
        ),
        ("frames `ok`", lambda m: _ok_share(motions[m]["refined"], _goal(m, "ok"))),
        ("frames lost", lambda m: str(motions[m]["refined"]["lost"])),
    ]
    for quantity in QUANTITIES:
        label = quantity.split("_")[0]
        rows.append(
            (
                f"{label}: within 1 sd, within 2 sd, rms error / sd",
                lambda m, quantity=quantity: _covered(motions[m]["refined"], quantity),
            )
        )
    return _table(["figure (goal)", *names], [[label, *map(cell, names)] for label, cell in rows])


def head_table(heads: dict) -> str:
    """A row a trial."""
    columns = [
        "head, motion",
        "field, mm",
        "skull in it",
        "landmarks only, median",
        "refined, median",
    ]
    columns += ["95th percentile", "ok / doubtful / lost", "false ok"]
    rows = []
    for name, entry in heads.items():
        found = entry["refined"]
        counts = " / ".join(str(found[status]) for status in ("ok", "doubtful", "lost"))
        medians = [_both(entry["landmarks"], "median"), _both(found, "median")]
        cells = [*medians, _both(found, "p95"), counts, str(found["false_ok"])]
        field = [f"{entry['field_mm']:g}", f"{100 * entry['skull_in_field']:.0f} %"]
        rows.append([name, *field, *cells])
    return _table(columns, rows)


def variant_table(variants: dict) -> str:
    """Each variant beside the same heads without it, from the same starts."""
    columns = ["variant", "frame pairs", "baseline, median", "median", "baseline, 95th percentile"]
    columns += ["95th percentile", "ok, baseline", "ok", "false ok"]
    rows = []
    for name, entry in variants.items():
        base, found = entry["baseline"], entry["variant"]
        errors = [_both(x, s) for s in ("median", "p95") for x in (base, found)]
        counts = [str(base["ok"]), str(found["ok"]), str(found["false_ok"])]
        rows.append([name, str(found["frames"]), *errors, *counts])
    return _table(columns, rows) if rows else ""


def _ok_of(summary: dict) -> str:
    return f"{summary['ok']}, {summary['false_ok']}"


def _goal(motion: str, name: str):
    return GOALS[motion][name]


def _both(summary: dict, statistic: str, goal: tuple[float, float] | None = None) -> str:
    if summary["rotation_deg"] is None:
        return "no pose"
    values = [summary[quantity][statistic] for quantity in QUANTITIES]
    text = f"{values[0]:.2f} deg, {values[1]:.2f} mm"
    if goal is None:
        return text
    met = all(value <= most for value, most in zip(values, goal, strict=True))
    return _beside(text, f"{goal[0]:g}, {goal[1]:g}", met)


def _ok_share(summary: dict, goal: float) -> str:
    share = summary["ok"] / summary["frames"]
    return _beside(f"{100 * share:.1f} %", f"{100 * goal:g} %", share >= goal)


def _at_most(count: int, goal: int) -> str:
    return _beside(str(count), str(goal), count <= goal)


def _beside(text: str, goal: str, met: bool) -> str:
    return f"{text} ({goal})" if met else f"{text} ({goal}: **missed**)"


def _covered(summary: dict, quantity: str) -> str:
    found = summary["coverage"][quantity]
    if found is None:
        return ""
    return f"{found['within_1_sd']:.2f}, {found['within_2_sd']:.2f}, {found['rms']:.2f}"


def _table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
