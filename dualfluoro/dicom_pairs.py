"""Which two DICOM recordings are the planes of one biplane run, by what they say of each other.

A pair is two single-plane files that refer to each other (ReferencedInstanceSequence, or
ReferencedImageSequence), or whose ImageType says BIPLANE A and BIPLANE B of one study. Identifiers
are compared and never shown.
"""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from .dicom_header import read_stored_frames

REFERENCES = ("ReferencedInstanceSequence", "ReferencedImageSequence")
PLANES = {"BIPLANE A": "A", "BIPLANE B": "B", "SINGLE PLANE": "single"}


class Recording(NamedTuple):
    """What tells a recording from others."""

    path: Path
    uid: str
    study: str
    plane: str | None
    """A, B or single."""
    refers_to: frozenset[str]
    frames: int


def recording_of(path: Path) -> Recording:
    """What the header of a file says; ValueError where it is no DICOM image."""
    stored, header = read_stored_frames(path)
    try:
        refers_to = [
            str(item.get("ReferencedSOPInstanceUID"))
            for name in REFERENCES
            for item in header.get(name) or []
            if item.get("ReferencedSOPInstanceUID")
        ]
        return Recording(
            path,
            str(header.get("SOPInstanceUID") or ""),
            str(header.get("StudyInstanceUID") or ""),
            _plane(header),
            frozenset(refers_to),
            stored.count,
        )
    except Exception as error:  # whatever broken bytes make pydicom stumble over
        kind = type(error).__name__
        raise ValueError(f"{path}: its references cannot be read ({kind})") from None


def pair_notes(first: Recording, second: Recording) -> list[str]:
    """In words, why two files of two views may not be one run; none where nothing speaks for it."""
    names = f"{first.path} and {second.path.name}"
    if _refer(first, second):
        return []
    if first.plane == second.plane and first.plane in ("A", "B"):
        return [f"{names}: both say that they are plane {first.plane} of a biplane run"]
    if first.study and second.study and first.study != second.study:
        return [f"{names}: they are of two studies, and do not belong together"]
    if (first.refers_to or second.refers_to) and {first.plane, second.plane} != {"A", "B"}:
        return [f"{names}: neither refers to the other, though to other files"]
    return []


def planes_among(files: Sequence[Path]) -> tuple[Path, Path]:
    """The files of planes A and B, where exactly one pair is among the files.

    The first of two that refer to each other is A where they do not say their planes.

    Raises:
        ValueError: no pair, or several: they are listed.
    """
    recordings = [recording_of(path) for path in files]
    pairs = [pair for pair in combinations(recordings, 2) if _refer(*pair)]
    if not pairs:
        pairs = [pair for pair in combinations(recordings, 2) if _planes_of_one_study(*pair)]
    if len(pairs) != 1:
        listed = "; ".join(f"{a.path.name} with {b.path.name}" for a, b in pairs[:20])
        raise ValueError(
            f"{files[0]}: {len(files)} files, of which {len(pairs)} pairs are planes of one "
            f"biplane run{': ' + listed if listed else ''}; name one file for each view"
        )
    a, b = pairs[0]
    return (b.path, a.path) if a.plane == "B" or b.plane == "A" else (a.path, b.path)


def _refer(a: Recording, b: Recording) -> bool:
    return bool(a.uid and b.uid) and (a.uid in b.refers_to or b.uid in a.refers_to)


def _planes_of_one_study(a: Recording, b: Recording) -> bool:
    return {a.plane, b.plane} == {"A", "B"} and a.study == b.study and a.frames == b.frames


def _plane(header: Any) -> str | None:
    """The third value of ImageType (PS3.3 C.8.7.1.1.1)."""
    kinds = header.get("ImageType") or []
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    return PLANES.get(str(kinds[2]).upper()) if len(kinds) > 2 else None
