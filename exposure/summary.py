"""A trial in few numbers: what each source saw of the head, its lenses and its skin."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from .lenses import SIDES
from .skin_map import SkinMap
from .track_exposure import FrameExposure
from .view_exposure import ViewExposure

BIN_DEG = 10
RANGES = ("ssd_mm", "path_length_mm", "incidence_deg", "field_area_entrance_mm2", "skin_area_mm2")
LENS_SIDES = ("entrance", "lateral", "exit")
DOSES = ("incident_kerma_mGy", "surface_kerma_mGy", "skin_dose_mGy")
Numbers = dict[str, object]


def summary_of(frames: Sequence[FrameExposure], skin_map: SkinMap) -> Numbers:
    """The summary of a trial, as `exposure.json` has it.

    Sums of kerma and dose are over the frames that have one; where frames lack it, the count says
    so. Time counts a frame as the median step between frames.
    """
    frame_s = frame_duration_s(frames)
    views = {}
    for number, name in enumerate(skin_map.view_names):
        rows = [(frame.status, frame.views[number]) for frame in frames]
        views[name] = _of_view(rows, frame_s)
    lit = any(view["frames_with_kerma"] for view in views.values())
    return {
        "frames": len(frames),
        "lost": sum(frame.status == "lost" for frame in frames),
        "frame_duration_s": frame_s,
        "dose": "absolute where kerma is given" if lit else "relative values only: no kerma given",
        "views": views,
        "lenses": {side: _lens_total(views, side) for side in SIDES},
        "skin": _of_skin(skin_map),
    }


def frame_duration_s(frames: Sequence[FrameExposure]) -> float | None:
    """The median step between frames; None for a single one."""
    if len(frames) < 2:
        return None
    return float(np.median(np.diff([frame.time_s for frame in frames])))


def _of_view(rows: list[tuple[str, ViewExposure]], frame_s: float | None) -> Numbers:
    posed = [view for status, view in rows if status != "lost"]
    lit = [view for view in posed if "tube_off" not in view.flags]
    doses = [view.more.get("dose", {}) for view in lit]
    with_kerma = [dose for dose in doses if dose.get("incident_kerma_mGy") is not None]
    return {
        "frames_exposed": len(lit),
        "frames_tube_off": len(posed) - len(lit),
        "frames_beam_misses_head": sum("beam_misses_head" in view.flags for view in lit),
        "time_exposed_s": None if frame_s is None else len(lit) * frame_s,
        "frames_with_kerma": len(with_kerma),
        **{f"{name}_sum": _sum(dose.get(name) for dose in doses) for name in DOSES},
        "kap_ratio": _range(dose.get("kap_ratio") for dose in doses),
        "dose_notes": sorted({note for dose in doses for note in dose.get("notes", ())}),
        **{name: _range(getattr(view, name) for view in lit) for name in RANGES},
        "primary_angle_deg": _range(_unwrapped([view.primary_angle_deg for view in lit])),
        "secondary_angle_deg": _range(view.secondary_angle_deg for view in lit),
        "head_angles": _angle_bins(lit),
        "lenses": {side: _of_lens(lit, side, frame_s) for side in SIDES},
        "structures": _of_structures(lit),
    }


def _of_lens(lit: list[ViewExposure], side: str, frame_s: float | None) -> Numbers | None:
    """One lens in one view; `kerma` is free in air at the lens, nothing attenuated on the way."""
    inside = [view for view in lit if getattr(view, f"lens_{side}_in_field") == 1]
    if not any(getattr(view, f"lens_{side}_in_field") is not None for view in lit):
        return None
    beside = [(view.more["lenses"][side], view.more.get("dose", {})) for view in inside]
    kermas = [
        dose["reference_kerma_mGy"] * dose["support_transmission"] * lens["k_isq"]
        for lens, dose in beside
        if dose.get("reference_kerma_mGy") is not None and lens["k_isq"] is not None
    ]
    return {
        "frames_in_field": len(inside),
        "frames_expected": _sum(getattr(view, f"lens_{side}_probability") for view in lit),
        "frames_partly_in_field": sum(
            0 < view.more["lenses"][side]["share_in_field"] < 1 for view in lit
        ),
        "time_in_field_s": None if frame_s is None else len(inside) * frame_s,
        "k_isq_sum": _sum(lens["k_isq"] for lens, _ in beside),
        "kerma_free_in_air_mGy": _sum(kermas),
        "margin_mm": _range(getattr(view, f"lens_{side}_margin_mm") for view in lit),
        "water_equivalent_depth_mm": _range(
            lens["water_equivalent_depth_mm"] for lens, _ in beside
        ),
        "sides": {s: sum(lens["side"] == s for lens, _ in beside) for s in LENS_SIDES},
    }


def _lens_total(views: Mapping[str, Numbers], side: str) -> Numbers | None:
    """One lens over all views; time in field adds up, though two views may share a moment."""
    parts: list[Numbers] = [
        view["lenses"][side]  # type: ignore[index]
        for view in views.values()
        if view["lenses"][side] is not None  # type: ignore[index]
    ]
    if not parts:
        return None
    summed = ("time_in_field_s", "k_isq_sum", "kerma_free_in_air_mGy")
    return {
        "frames_in_field": sum(part["frames_in_field"] for part in parts),  # type: ignore[misc]
        **{name: _sum(part[name] for part in parts) for name in summed},  # type: ignore[misc]
    }


def _of_structures(lit: list[ViewExposure]) -> Numbers:
    """Frames in which each named structure is met, whole frames by share of its volume."""
    names = {name for view in lit for name in view.more["structures"]}
    found: Numbers = {}
    for name in sorted(names):
        shares = [view.more["structures"][name]["share_in_field"] for view in lit]
        found[name] = {"frames_met": sum(s > 0 for s in shares), "share_sum": float(sum(shares))}
    return found


def _of_skin(skin_map: SkinMap) -> Numbers:
    """Peaks and areas of the skin map; areas in mm^2, places in `skull`."""
    area = skin_map.head.skin.area_mm2
    hits = skin_map.frames_hit.sum(axis=0)
    found: Numbers = {
        "area_ever_hit_mm2": float(area[hits > 0].sum()),
        "area_ever_overlapping_mm2": float(area[skin_map.frames_overlapping > 0].sum()),
    }
    maps = {
        "frames_hit": hits,
        "k_isq_sum": skin_map.k_isq_sum,
        "kerma_sum_mGy": skin_map.kerma_sum_mGy,
    }
    for name, values in maps.items():  # fmt: skip
        most = int(values.argmax())
        if values[most] > 0:
            place = skin_map.centroids_skull[most]
            found[f"peak_{name}"] = {"value": values[most].item(), "place_skull_mm": place}
    return found


def _angle_bins(lit: list[ViewExposure]) -> list[dict[str, int]]:
    """How often each source saw the head from where, in fields of 10 by 10 degrees."""
    counts: dict[tuple[int, int], int] = {}
    for view in lit:
        if view.primary_angle_deg is not None and view.secondary_angle_deg is not None:
            angles = (view.primary_angle_deg, view.secondary_angle_deg)
            low = tuple(int(BIN_DEG * np.floor(angle / BIN_DEG)) for angle in angles)
            counts[low[0], low[1]] = counts.get((low[0], low[1]), 0) + 1
    return [
        {"primary_from_deg": a, "secondary_from_deg": b, "frames": n}
        for (a, b), n in sorted(counts.items())
    ]


def _unwrapped(angles_deg: list[float | None]) -> list[float]:
    """Angles without a jump at 180, so that their range is that of the motion."""
    known = [angle for angle in angles_deg if angle is not None]
    return np.unwrap(known, period=360.0).tolist() if known else []


def _present(values: Iterable[float | int | None]) -> list[float]:
    return [float(value) for value in values if value is not None]


def _sum(values: Iterable[float | int | None]) -> float | None:
    """The sum of what is known; None where nothing is."""
    known = _present(values)
    return float(sum(known)) if known else None


def _range(values: Iterable[float | int | None]) -> dict[str, float] | None:
    """Least, median, most; None without any."""
    known = _present(values)
    if not known:
        return None
    of: dict[str, Callable[[list[float]], float]] = {"least": min, "median": np.median, "most": max}  # type: ignore[dict-item]
    return {name: float(f(known)) for name, f in of.items()}
