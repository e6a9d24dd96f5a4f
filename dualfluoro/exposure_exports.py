"""What `dualfluoro exposure` writes besides: a picture, beam lists, decks, a dose report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from calibration import Rig
from drr.spectrum import Spectrum, spectrum
from exposure import FrameExposure, Head, SkinMap, TubeOutput, write_skin_picture
from exposure.beam_list import ENDINGS, beams_of, thinned, write_beams
from exposure.deck_gate import write_gate
from exposure.deck_mcgpu import write_mcgpu
from exposure.deck_phantom import phantom_of

MOST_BEAMS = 200  # of a deck: more stand for each other, by view and time
DECKS = {"mcgpu": write_mcgpu, "gate": write_gate}


@dataclass(frozen=True)
class Exports:
    """Where what the user asked for goes; None where it was not asked for."""

    picture: Path | None = None
    beams: Path | None = None
    deck: str | None = None
    deck_folder: Path | None = None
    dose_sr: Path | None = None


def check_exports(exports: Exports, outputs: Sequence[Mapping[str, TubeOutput]]) -> None:
    """ValueError where an output could not be written, before the long work begins."""
    if exports.picture is not None and exports.picture.suffix.lower() != ".png":
        raise ValueError(f"--picture {exports.picture}: the picture is a PNG; end its name in .png")
    if exports.beams is not None and exports.beams.suffix.lower() not in ENDINGS:
        raise ValueError(f"--beams {exports.beams}: a list of beams is a .json or .csv file")
    for option, file in (
        ("--picture", exports.picture),
        ("--beams", exports.beams),
        ("--dose-sr", exports.dose_sr),
    ):
        if file is not None and file.is_dir():
            raise ValueError(f"{option} {file}: that is a folder; name a file")
    if exports.deck is None:
        if exports.deck_folder is not None:
            raise ValueError("--deck-folder goes with --deck mcgpu or --deck gate")
        return
    deck_spectrum(outputs)
    if exports.deck_folder is not None and exports.deck_folder.is_file():
        raise ValueError(f"--deck-folder {exports.deck_folder}: that is a file; name a folder")


def write_exports(
    exports: Exports,
    folder: Path,
    frames: Sequence[FrameExposure],
    skin_map: SkinMap,
    rig: Rig,
    outputs: Sequence[Mapping[str, TubeOutput]],
) -> list[str]:
    """Write the picture, the beams and the deck; what was written, in words."""
    said, head = [], skin_map.head
    if exports.picture is not None:
        write_skin_picture(exports.picture, skin_map)
        said.append(f"wrote {exports.picture}")
    if exports.beams is not None:
        count = write_beam_list(exports.beams, frames, rig, head)
        said.append(f"wrote {count} beams to {exports.beams}")
    if exports.deck is not None:
        target = exports.deck_folder or folder / f"deck_{exports.deck}"
        count = write_deck(exports.deck, target, frames, rig, head, outputs)
        said.append(f"wrote a deck of {count} beams in {target}")
    return said


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
