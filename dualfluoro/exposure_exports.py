"""What `dualfluoro exposure` writes for other programs: beam lists, decks, a dose report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from calibration import Rig
from drr.spectrum import Spectrum, spectrum
from exposure import FrameExposure, Head, TubeOutput
from exposure.beam_list import beams_of, thinned, write_beams
from exposure.deck_gate import write_gate
from exposure.deck_mcgpu import write_mcgpu
from exposure.deck_phantom import phantom_of

MOST_BEAMS = 200  # of a deck: more stand for each other, by view and time
DECKS = {"mcgpu": write_mcgpu, "gate": write_gate}


def write_beam_list(path: Path, frames: Sequence[FrameExposure], rig: Rig, head: Head) -> int:
    """Write every beam to a .json or .csv; how many."""
    beams = beams_of(frames, rig, head)
    write_beams(path, beams)
    return len(beams.beams)


def write_deck(
    program: str,
    folder: Path,
    frames: Sequence[FrameExposure],
    rig: Rig,
    head: Head,
    outputs: Sequence[Mapping[str, TubeOutput]],
) -> int:
    """Write a Monte-Carlo deck; how many beams it has.

    Raises:
        ValueError: an unknown program, or a tube voltage or filtration that is not known.
    """
    if program not in DECKS:
        raise ValueError(f"--deck {program}: a deck is for one of {', '.join(DECKS)}")
    if head.matter is None:
        raise ValueError("a deck needs the CT's voxels")
    beams = thinned(beams_of(frames, rig, head), MOST_BEAMS)
    if not beams.beams:
        raise ValueError("a deck needs at least one exposed frame with a pose")
    DECKS[program](folder, beams, phantom_of(head.matter), deck_spectrum(outputs))
    return len(beams.beams)


def deck_spectrum(outputs: Sequence[Mapping[str, TubeOutput]]) -> Spectrum:
    """The one spectrum of all views and frames; ValueError where it is unknown or varies."""
    known = {
        (output.kvp, output.al_mm, output.cu_mm or 0.0)
        for frame in outputs
        for output in frame.values()
        if output.on
    }
    complete = {one for one in known if one[0] is not None and one[1] is not None}
    if len(known) != 1 or not complete:
        found = (
            "; ".join(f"kvp {k}, al {a}, cu {c}" for k, a, c in sorted(known, key=str)) or "none"
        )
        raise ValueError(
            "a deck needs one spectrum: kvp and filtration_al_mm in [exposure], the same in all "
            f"views and frames; found {found[:200]}"
        )
    kvp, al_mm, cu_mm = complete.pop()
    return spectrum(kvp or 0.0, al_mm or 0.0, cu_mm)
