"""The events of a dose report as the output of a trial's tubes, frame by frame, and a cross-check.

A report has the kerma of a whole event; it is shared evenly over its pulses.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from .dose_rdsr import DoseEvent, DoseReport

if TYPE_CHECKING:
    from exposure import TubeOutput

NEAR = 0.1  # of the frames' number: an event with as many pulses may be the trial's
SAME_MM = 1.0


def events_of(
    report: DoseReport, names: Sequence[str], frames: int, chosen: Sequence[int] = ()
) -> tuple[DoseEvent, ...]:
    """One event a view: those chosen by number, else those with about as many pulses as frames.

    Raises:
        ValueError: a number that the report has not, or no single choice; says what there is.
    """
    if chosen:
        wrong = [n for n in chosen if not 0 <= n < len(report.events)]
        if wrong or len(chosen) != len(names):
            raise ValueError(
                f"one event a view ({', '.join(names)}) is needed, 0 to {len(report.events) - 1}; "
                f"found {', '.join(map(str, chosen))}"
            )
        return tuple(report.events[n] for n in chosen)
    fit = [
        (number, event)
        for number, event in enumerate(report.events)
        if event.pulses is not None and abs(event.pulses - frames) <= NEAR * frames
    ]
    if len(names) == 2 and {event.plane for _, event in fit} >= {"A", "B"}:
        by_plane = [[event for _, event in fit if event.plane == plane] for plane in "AB"]
        if all(len(events) == 1 for events in by_plane):
            return by_plane[0][0], by_plane[1][0]
    if len(fit) == len(names) == 1:
        return (fit[0][1],)
    have = ", ".join(f"{n} (plane {e.plane}, {e.pulses:g} pulses)" for n, e in fit[:8]) or "none"
    raise ValueError(
        f"the report has {len(report.events)} events, of which these have about {frames} pulses: "
        f"{have}; name one event a view"
    )


def outputs_of_events(
    events: Sequence[DoseEvent], names: Sequence[str], given: "Sequence[dict[str, TubeOutput]]"
) -> "list[dict[str, TubeOutput]]":
    """The given outputs of each frame with the report's kerma, voltage and copper added.

    The report has added filtration alone: aluminium, which a tube has of its own, stays as given.
    Raises ValueError where an event has neither kerma nor a number of pulses.
    """
    from exposure import TubeOutput

    for name, event in zip(names, events, strict=True):
        if event.kerma_mGy is None or not event.pulses:
            raise ValueError(f"the event of view {name!r} has no kerma (113738) or pulses (113768)")
    found = []
    for frame in given:
        row = {}
        for name, event in zip(names, events, strict=True):
            pulses = float(event.pulses or 1)
            before = frame.get(name, TubeOutput())
            row[name] = replace(
                before,
                on=(event.kerma_mGy or 0) > 0,
                kerma_mGy=(event.kerma_mGy or 0) / pulses,
                kap_Gycm2=None if event.kap_Gycm2 is None else event.kap_Gycm2 / pulses,
                kvp=event.kvp if before.kvp is None else before.kvp,
                cu_mm=event.cu_mm if before.cu_mm is None else before.cu_mm,
            )
        found.append(row)
    return found


def check_reference(events: Sequence[DoseEvent], reference_mm: float | None) -> None:
    """ValueError where the trial's reference distance is missing, or not the report's."""
    for event in events:
        known = event.reference_mm
        if reference_mm is None:
            told = f"; the report's point lies at {known:g} mm" if known is not None else ""
            raise ValueError(
                f"[exposure] needs reference_distance_mm, source to {event.reference_point!r}{told}"
            )
        if known is not None and abs(known - reference_mm) > SAME_MM:
            raise ValueError(
                f"[exposure] reference_distance_mm = {reference_mm:g}, but the report's reference "
                f"point ({event.reference_point}) lies at {known:g} mm from the source"
            )


def report_provenance(
    report: DoseReport, events: Sequence[DoseEvent], names: Sequence[str]
) -> dict[str, object]:
    """What the output says of the report: its maker, events, conflicts and the angles' sign."""
    return {
        "maker": report.maker,
        "model": report.model,
        "secondary_sign": report.secondary_sign,
        "conflicts": list(report.conflicts),
        "kerma_per_frame": "the event's kerma over its number of pulses",
        "events": {name: asdict(event) for name, event in zip(names, events, strict=True)},
    }
