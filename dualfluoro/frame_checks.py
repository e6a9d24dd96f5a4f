"""What may be wrong with a recording as a whole: gaps, repeated frames, clocks that disagree."""

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

GAP = 1.5
"""A step this much longer than usual leaves a frame out."""
SAME_RATE = 0.02
"""Headers round a frame's time to ms: 33 of 33.3."""
TOLD = 3
"""So many places are named one by one."""


def numbering_notes(view: str, files: Sequence[Path]) -> list[str]:
    """Where numbers are missing in the names of a view's files; any even step is complete."""
    numbers = frame_numbers(files)
    if numbers is None or len(numbers) < 3:
        return []
    steps = np.diff(numbers)
    usual = int(np.median(steps))
    gaps = np.flatnonzero(steps > usual) if usual > 0 else np.array([], int)
    if not len(gaps):
        return []
    told = ", ".join(f"between {files[k].name} and {files[k + 1].name}" for k in gaps[:TOLD])
    more = f" and {len(gaps) - TOLD} more" if len(gaps) > TOLD else ""
    return [
        f"view {view!r}: numbers are missing in the names of its frames, {told}{more}; frames are "
        "counted without the gap: give [time] a column of times"
    ]


def partner_notes(names: Sequence[str], files: Sequence[Sequence[Path]]) -> list[str]:
    """Where the numbers of the views' files are not the same though they are equally many."""
    numbers = [frame_numbers(of_view) for of_view in files]
    first = numbers[0]
    notes = []
    for name, other, paths in zip(names[1:], numbers[1:], files[1:], strict=True):
        if first is None or other is None or len(first) != len(other):
            continue
        apart = np.flatnonzero((other - other[0]) != (first - first[0]))
        if len(apart):
            k = int(apart[0])
            notes.append(
                f"views {names[0]!r} and {name!r}: from {files[0][k].name} and {paths[k].name} on "
                "the numbers in the names run apart; are these frames of one moment?"
            )
    return notes


def frame_numbers(files: Sequence[Path]) -> np.ndarray | None:
    """The last number in the name of each file; None where a name has none or they do not rise."""
    found = [re.findall(r"\d+", path.stem) for path in files]
    if not files or not all(found):
        return None
    numbers = [int(parts[-1]) for parts in found]
    rising = all(a < b for a, b in pairwise(numbers))
    return np.array(numbers) if rising and numbers[-1] < 2**62 else None


def time_notes(what: str, times_s: np.ndarray | None) -> list[str]:
    """Where a frame's time is much later than the usual step after the one before."""
    if times_s is None or len(times_s) < 3:
        return []
    steps_s = np.diff(times_s)
    usual_s = float(np.median(steps_s))
    gaps = np.flatnonzero(steps_s > GAP * usual_s)
    if usual_s <= 0 or not len(gaps):
        return []
    told = ", ".join(f"{steps_s[k]:.4g} s after frame {k}" for k in gaps[:TOLD])
    more = f" and {len(gaps) - TOLD} more" if len(gaps) > TOLD else ""
    return [f"{what}: frames are missing by their times, {told}{more} (usual {usual_s:.4g} s)"]


def rate_notes(
    names: Sequence[str], times_s: Sequence[np.ndarray | None], rate_hz: float | None
) -> list[str]:
    """Where the files' times tell of another rate than another view's or the trial's."""
    own_hz = [_rate_hz(times) for times in times_s]
    known = [(name, hz) for name, hz in zip(names, own_hz, strict=True) if hz is not None]
    notes = []
    for name, hz in known[1:]:
        if _differ(hz, known[0][1]):
            notes.append(
                f"views {known[0][0]!r} and {name!r}: {known[0][1]:.4g} and {hz:.4g} frames a "
                f"second by their files; are these frames of one moment?"
            )
    for name, hz in known if rate_hz is not None else ():
        if _differ(hz, rate_hz or hz):
            notes.append(
                f"view {name!r}: {hz:.4g} frames a second by its file, {rate_hz:g} by trial.toml, "
                "which is taken"
            )
    return notes


def _rate_hz(times_s: np.ndarray | None) -> float | None:
    if times_s is None or len(times_s) < 2:
        return None
    step_s = float(np.median(np.diff(times_s)))
    return 1 / step_s if step_s > 0 else None


def _differ(one: float, other: float) -> bool:
    return abs(one / other - 1) > SAME_RATE


class Repeats:
    """Tells where a frame that is read right after its neighbour is the same, pixel by pixel."""

    def __init__(self):
        """Nothing read yet."""
        self.last: tuple[int, int] | None = None
        self.told = 0

    def note(self, index: int, image: np.ndarray, name: str) -> str | None:
        """In words, that this frame repeats the one before; an even image repeats nothing."""
        before, now = self.last, zlib.crc32(np.ascontiguousarray(image).data)
        self.last = (index, now)
        if before != (index - 1, now) or image.min() == image.max() or self.told > TOLD:
            return None
        self.told += 1
        if self.told > TOLD:
            return f"{name}: it repeats the frame before, as may others after it"
        return f"{name}: the same, pixel by pixel, as the frame before"
