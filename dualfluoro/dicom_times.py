"""When the frames of a DICOM XA or RF recording were taken, as far as its header says."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

LONGEST_STEP_MS = 1e6
STAMP = re.compile(r"(\d{8})(\d{6})(?:\.(\d{1,6}))?(?:[+-]\d{4})?")


def frame_times_s(header: Any, count: int) -> np.ndarray | None:
    """Seconds since the first frame of one file; None where the header says none that rise.

    From the acquisition time of each frame (Enhanced XA), else FrameTimeVector or FrameTime (ms),
    else CineRate (frames a second).
    """
    frames = header.get("PerFrameFunctionalGroupsSequence") or []
    if len(frames) == count and count > 1:
        times_s = _risen([_frame_stamp(frame) for frame in frames])
        if times_s is not None:
            return times_s
    vector = header.get("FrameTimeVector")
    if vector is not None and count > 1 and _length(vector) == count:
        times_s = np.cumsum(np.array([float(step) for step in vector])) / 1000
        return times_s if np.isfinite(times_s).all() and (np.diff(times_s) > 0).all() else None
    step_ms = _number(header, "FrameTime")
    if step_ms is None and (rate_hz := _number(header, "CineRate")):
        step_ms = 1000 / rate_hz
    if step_ms is None or not 0 < step_ms <= LONGEST_STEP_MS:
        return None
    return np.arange(count) * step_ms / 1000


def file_stamp(header: Any) -> str | None:
    """When a file with one frame was taken, as `YYYYMMDDHHMMSS.FFFFFF`."""
    if whole := header.get("AcquisitionDateTime"):
        return str(whole)
    for kind in ("Acquisition", "Content"):
        date, time = header.get(f"{kind}Date"), header.get(f"{kind}Time")
        if date and time:
            return f"{date}{time}"
    return None


def file_times_s(stamps: Sequence[str | None]) -> np.ndarray | None:
    """Seconds since the first of many files; None unless all say when, and they rise."""
    return _risen(list(stamps))


def _frame_stamp(frame: Any) -> str | None:
    content = frame.get("FrameContentSequence") or []
    for name in ("FrameAcquisitionDateTime", "FrameReferenceDateTime"):
        if content and (stamp := content[0].get(name)):
            return str(stamp)
    return None


def _risen(stamps: list[str | None]) -> np.ndarray | None:
    times = []
    for stamp in stamps:
        found = STAMP.fullmatch(stamp.strip()) if stamp else None
        if found is None:
            return None
        try:
            second = datetime.strptime(found[1] + found[2], "%Y%m%d%H%M%S")
        except ValueError:
            return None
        times.append((second, int((found[3] or "0").ljust(6, "0"))))
    first, micro = times[0]
    times_s = np.array([(t - first).total_seconds() + (us - micro) / 1e6 for t, us in times])
    return times_s if len(times_s) > 1 and (np.diff(times_s) > 0).all() else None


def _number(header: Any, name: str) -> float | None:
    value = header.get(name)
    return None if value is None or value == "" else float(value)


def _length(values: Any) -> int:
    return len(values) if hasattr(values, "__len__") and not isinstance(values, str) else 1
