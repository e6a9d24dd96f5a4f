"""What foreign files do not store, as options of `dualfluoro convert`; none has a default."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

Unit = Literal["mm", "cm", "m"]
Pair = Annotated[tuple[float, float] | None, Parameter(negative=())]
LIST = Parameter(negative=(), show_default=False)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What the files do not say themselves."""

    unit: Unit | None = None
    """Of lengths in files that do not store it; XROMM's are cm, Autoscoper's samples mm."""
    out_unit: Unit | None = None
    """Of lengths in OUT, where it is another than --unit."""
    size: Annotated[tuple[tuple[int, int], ...], LIST] = ()
    """Width and height of the images in pixels; once for all cameras, or once a camera."""
    spacing_mm: Pair = None
    """Size of a pixel along x and y; RTK, xReg and JointTrack need it."""
    origin_mm: Pair = None
    """Where the first pixel lies on RTK's detector: the origin in the images' header."""
    keys: Annotated[tuple[str, ...], LIST] = ()
    """Which entry of an OpenCV file is which, once a camera: "K=M1 D=D1 R=R t=T size=wh"."""
    one_based: Annotated[bool | None, Parameter(negative="--zero-based")] = None
    """Whether the pixels of 2D points count from 1 or from 0."""
    y_up: Annotated[bool | None, Parameter(negative="--y-down")] = None
    """Whether y of 2D points counts upwards from the last row, or downwards from the first."""
    distorted: Annotated[bool | None, Parameter(negative="--undistorted")] = None
    """Whether 2D points are those of the raw images, or already undistorted."""
    matrix: Literal["rows", "columns", "euler"] | None = None
    """Layout of a .tra that can be read in two ways."""
    angles: Literal["deg", "rad"] | None = None
    """Unit of the angles of a .tra with 6 columns a volume."""
    axes: Literal["ras", "lps"] | None = None
    """Axes of the mesh that a body or model moves with; Slicer writes LPS, our CT is RAS."""
    rate_hz: Annotated[float | None, Parameter(validator=Number(gt=0, lte=1e6))] = None
    """Frames a second, for times that IN does not store."""
    up: Literal["x", "-x", "y", "-y", "z", "-z"] | None = None
    """Axis of the world that points up, for OpenSim, whose y is up; a rig's world has none."""
    landmarks: Annotated[tuple[Path, ...], LIST] = ()
    """Landmarks of the body (landmarks.json, .mrk.json, .fcsv) in its CT; once a body."""
    ct: Path | None = None
    """CT whose slices, as they stand, are the stack that a .tra moves."""
    local_from_ct: Path | None = None
    """In place of --ct: 4 rows of 4 numbers, mm, from the CT (RAS) to Autoscoper's volume frame."""
    rig: Path | None = None
    """A rig.json: the cameras of JointTrack poses and of 2D points."""
    view: str | None = None
    """The camera to take, or that JointTrack poses belong to."""
    body: str | None = None
    """The body to take, where there are several."""


def given(facts: FileFacts) -> set[str]:
    """The names of the facts that were given."""
    return {field.name for field in fields(facts) if getattr(facts, field.name) not in (None, ())}


def option(name: str) -> str:
    """How a fact is spelt on the command line."""
    spelt = {"one_based": "--one-based or --zero-based", "y_up": "--y-up or --y-down"}
    spelt["distorted"] = "--distorted or --undistorted"
    return spelt.get(name, "--" + name.replace("_", "-"))


def check_facts(facts: FileFacts, what: str, needed: dict[str, str], optional: set[str]) -> None:
    """ValueError naming every fact that is missing and what it means, or one that says nothing."""
    there = given(facts)
    if missing := [name for name in needed if not there & set(name.split("|"))]:
        told = "; ".join(
            f"{' or '.join(map(option, name.split('|')))}: {needed[name]}" for name in missing
        )
        raise ValueError(f"{what}: needed and not stored in the files: {told}")
    known = optional | {part for name in needed for part in name.split("|")}
    if useless := sorted(there - known):
        raise ValueError(f"{what}: {option(useless[0])} says nothing here; leave it out")
