"""Radiation dose structured reports (RDSR, DICOM TID 10001 and 10003): what each event gave out.

An event is a press of the pedal, not a frame. What a report contradicts in itself is told in
`conflicts`; what it leaves out is None. Angles are the equipment's, as the file has them:

- Philips, GE, Canon and DICOM PS3.3 C.8.7.5.1.2: primary positive towards the patient's left,
  secondary positive towards the head.
- Siemens: programs differ on the sign of its secondary angle (PySkinDose turns it, openSkin does
  not); it is given here as the file has it and `secondary_sign` says so.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .dose_sr_tree import all_of, anywhere, children, code_of, code_value, number_of, text_of

PLANES = {"113620": "A", "113621": "B", "113622": "single"}
REFERENCE_MM_FROM_ISOCENTER = {"113860": 150.0}
"""Codes of a reference point that an isocentre fixes: mm towards the source."""
MATERIALS = {"C-120F9": "al", "C-127F9": "cu", "12503006": "al", "66925006": "cu"}
CHAMBER_ALERT = 0.3  # KAP / (kerma * area) off 1 by more is told
SAME_SHARE = 0.02


@dataclass(frozen=True)
class DoseEvent:
    """One irradiation event; totals over all its pulses."""

    plane: str | None
    started: str | None
    kind: str | None
    kerma_mGy: float | None
    kap_Gycm2: float | None
    pulses: float | None
    kvp: float | None
    al_mm: float | None
    cu_mm: float | None
    primary_deg: float | None
    secondary_deg: float | None
    source_isocenter_mm: float | None
    source_detector_mm: float | None
    field_mm2: float | None
    reference_point: str | None
    reference_mm: float | None
    """Source to reference point, only where the report fixes it."""


@dataclass(frozen=True)
class DoseReport:
    """A report: who made it, its events, and what does not fit together."""

    maker: str
    model: str
    events: tuple[DoseEvent, ...]
    conflicts: tuple[str, ...]
    secondary_sign: str


def read_rdsr(path: str | Path) -> DoseReport:
    """The report of a DICOM file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no DICOM file, no dose report, or has a unit that is unknown.
    """
    import pydicom

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # makers' odd values; what matters is checked here
            data = pydicom.dcmread(path)
            if "ContentSequence" not in data:
                raise ValueError("no structured report: it has no ContentSequence")
            containers = _top(data, "113706")
            if not containers:
                raise ValueError("no dose report: it has no irradiation event (113706)")
            return _report(data, containers)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    except Exception as error:  # whatever broken bytes make pydicom stumble over
        kind = type(error).__name__
        raise ValueError(f"{path}: not a DICOM dose report that can be read ({kind})") from None


def _top(data: Any, code: str) -> list[Any]:
    """The containers of a code: below the root, as TID 10001 has them, else wherever they are."""
    return all_of(data, code) or list(anywhere(data, code))


def _report(data: Any, containers: list[Any]) -> DoseReport:
    maker = str(data.get("Manufacturer") or text_of(data, "121014") or "unknown")
    model = str(data.get("ManufacturerModelName") or text_of(data, "121015") or "unknown")
    points = {
        code_value(item, "113764"): (code_value(item, "113780"), text_of(item, "113780"))
        for item in _top(data, "113702")
    }
    events, conflicts = [], []
    for number, container in enumerate(containers):
        try:
            events.append(_event(container, points))
        except ValueError as error:
            raise ValueError(f"event {number}: {error}") from None
        conflicts += [f"event {number}: {text}" for text in _conflicts(container, events[-1])]
    conflicts += _total_conflicts(data, events)
    siemens = "siemens" in maker.lower()
    sign = (
        "as in the file; programs differ on Siemens' sign"
        if siemens
        else "DICOM: positive towards the head"
    )
    return DoseReport(maker, model, tuple(events), tuple(conflicts), sign)


def _event(item: Any, points: dict) -> DoseEvent:
    plane = code_value(item, "113764")
    isocenter = number_of(item, "113748", "mm")
    code, words = code_value(item, "113780"), text_of(item, "113780")
    if words is None:
        code, words = points.get(plane, (None, None))
    toward = REFERENCE_MM_FROM_ISOCENTER.get(code or "")
    filters = _filters(item)
    return DoseEvent(
        plane=PLANES.get(plane or ""),
        started=text_of(item, "111526"),
        kind=text_of(item, "113721"),
        kerma_mGy=number_of(item, "113738", "mGy"),
        kap_Gycm2=number_of(item, "122130", "Gycm2"),
        pulses=number_of(item, "113768", "1"),
        kvp=number_of(item, "113733", "kV"),
        al_mm=filters.get("al"),
        cu_mm=filters.get("cu"),
        primary_deg=number_of(item, "112011", "deg"),
        secondary_deg=number_of(item, "112012", "deg"),
        source_isocenter_mm=isocenter,
        source_detector_mm=number_of(item, "113750", "mm") or _private_detector_mm(item),
        field_mm2=number_of(item, "113790", "mm2"),
        reference_point=words,
        reference_mm=None if toward is None or isocenter is None else isocenter - toward,
    )


def _private_detector_mm(item: Any) -> float | None:
    """Philips' own item of the source-detector distance."""
    for child in children(item):
        names = child.get("ConceptNameCodeSequence")
        if names and "Final Distance Source to Detector" in str(names[0].get("CodeMeaning", "")):
            return number_of(item, code_of(child), "mm")
    return None


def _filters(item: Any) -> dict[str, float]:
    """Added filtration by material, mm; the mean of its least and greatest thickness."""
    found: dict[str, float] = {}
    for part in all_of(item, "113771"):
        material = MATERIALS.get(code_value(part, "113757") or "")
        low, high = number_of(part, "113758", "mm"), number_of(part, "113773", "mm")
        known = [x for x in (low, high) if x is not None]
        if material and known:
            found[material] = found.get(material, 0.0) + sum(known) / len(known)
    return found


def _conflicts(item: Any, event: DoseEvent) -> list[str]:
    """What one event says twice and differently, or what cannot be."""
    found = []
    width, height = number_of(item, "113789", "mm"), number_of(item, "113788", "mm")
    if width and height and event.field_mm2:
        area = width * height
        if abs(area / event.field_mm2 - 1) > SAME_SHARE:
            found.append(
                f"collimated field {width:g} x {height:g} mm = {area:g} mm2, "
                f"but its area is {event.field_mm2:g} mm2"
            )
    if event.secondary_deg is not None and abs(event.secondary_deg) > 90:
        found.append(f"secondary angle {event.secondary_deg:g} deg is beyond DICOM's +-90")
    iso, detector = event.source_isocenter_mm, event.source_detector_mm
    if iso is not None and detector is not None and not 0 < iso < detector:
        found.append(f"source-isocentre {iso:g} mm is not within source-detector {detector:g} mm")
    ratio = chamber_ratio(event)
    if ratio is not None and abs(ratio - 1) > CHAMBER_ALERT:
        found.append(f"KAP / (kerma * area) is {ratio:.2f}, expected near 1")
    return found


def chamber_ratio(event: DoseEvent) -> float | None:
    """KAP over kerma times the field's area at the reference point; None where one is unknown."""
    needed = (event.kap_Gycm2, event.kerma_mGy, event.field_mm2)
    geometry = (event.reference_mm, event.source_detector_mm)
    if not all(needed) or not all(geometry):
        return None
    kap, kerma, area = (float(x or 0) for x in needed)
    reference, detector = (float(x or 0) for x in geometry)
    return kap * 1e5 / (kerma * area * (reference / detector) ** 2)


def _total_conflicts(data: Any, events: list[DoseEvent]) -> list[str]:
    """Where the events' sum of a plane is not the total that the report gives."""
    found = []
    for item in _top(data, "113702"):
        plane = PLANES.get(code_value(item, "113764") or "")
        total = number_of(item, "113725", "mGy")
        known = [e.kerma_mGy for e in events if e.plane == plane and e.kerma_mGy is not None]
        if not total or not known:
            continue
        if abs(sum(known) / total - 1) > SAME_SHARE:
            found.append(f"plane {plane}: events sum to {sum(known):.4g} mGy of {total:.4g} mGy")
    return found
