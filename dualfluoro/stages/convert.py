"""`dualfluoro convert`: files of other programs, read and written."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..file_facts import FileFacts, check_facts
from ..foreign_files import KIND_OF, WRITTEN_ONLY, Format, format_of_ending, sniffed
from ..options import DEFAULTS, Common

NO_FACTS = FileFacts()


@dataclass(frozen=True)
class Job:
    """Which files become which, and what was said of them."""

    sources: tuple[Path, ...]
    read: str
    target: Path
    write: str
    facts: FileFacts

    @property
    def title(self) -> str:
        """For the start of a message."""
        return f"{self.sources[0]} ({self.read}) to {self.target} ({self.write})"


def convert(
    source: Path,
    target: Path,
    /,
    *more: Path,
    from_: Annotated[Format | None, Parameter(name="--from")] = None,
    to: Format | None = None,
    facts: FileFacts = NO_FACTS,
    common: Common = DEFAULTS,
) -> Path:
    """Read a file of another program and write it in another format.

    What a file does not store (its unit, the direction of y, ...) must be said: there are no
    defaults, and what is missing is named. docs/files.md has the table of formats. With several
    cameras, OUT of a format with one camera a file holds {view}: 'cam_{view}.txt'.

    Parameters
    ----------
    source
        IN.
    target
        OUT.
    more
        With one camera a file: IN IN ... OUT, the last name is that of OUT.
    from_
        Format of IN, where its content does not tell.
    to
        Format of OUT, where its ending does not tell.
    """
    *sources, target = map(Path, (source, target, *more))
    found: set[Format] = {from_ or sniffed(source) for source in sources}
    if len(found) > 1:
        raise ValueError(f"the files to read have several formats: {', '.join(sorted(found))}")
    read = found.pop()
    kind = KIND_OF[read]
    by_ending = "autoscoper-cfg" if target.suffix.lower() == ".cfg" else None
    if kind == "trial" and (to or by_ending) != "autoscoper-cfg":
        kind = "cameras"
    write = to or format_of_ending(target, kind)
    if KIND_OF[write] != kind:
        raise ValueError(
            f"{sources[0]} holds {kind}, which {write} ({KIND_OF[write]}) cannot hold; give --to "
            f"{' or '.join(name for name, its in KIND_OF.items() if its == kind)}"
        )
    job = Job(tuple(sources), read, target, write, facts)
    with _notes_said(common), _named(job):
        not_stored = _run(kind, job)
    lost = f"; it does not store {not_stored}" if not_stored else ""
    common.say(f"wrote {target} ({write}) from {read}{lost}")
    return target


@contextmanager
def _notes_said(common: Common) -> Iterator[None]:
    """Every warning of a reader or writer as one line, once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        common.say(f"note: {text}")


@contextmanager
def _named(job: Job) -> Iterator[None]:
    """Errors that name neither a file nor an option are said of the first file that is read."""
    facts = job.facts
    files = [*job.sources, job.target, *facts.landmarks, facts.rig, facts.ct, facts.local_from_ct]
    try:
        yield
    except ValueError as error:
        said = str(error)
        if "--" in said or any(str(path) in said for path in files if path is not None):
            raise
        raise ValueError(f"{job.sources[0]}: {said}") from None


def _run(kind: str, job: Job) -> str:
    """Do the work; what OUT does not store."""
    if kind == "cameras":
        return _cameras(job)
    if len(job.sources) > 1 and job.read != "track":
        raise ValueError(f"{job.sources[1]}: {job.read} is read from one file at a time")
    return {
        "motion": _motion,
        "2D points": _points2d,
        "3D points": _points3d,
        "landmarks": _landmarks,
        "trial": _trial,
    }[kind](job)


def _cameras(job: Job) -> str:
    from .. import foreign_cameras as cameras

    needed: dict[str, str] = dict(cameras.NEEDED_TO_READ[job.read])
    optional = {"view"}
    if job.write in cameras.IN_UNITS:
        needed.setdefault("unit", "mm, cm or m to write lengths in")
        optional |= {"out_unit"}
    if job.write in cameras.WITH_SPACING:
        optional |= {"spacing_mm"}
    check_facts(job.facts, job.title, needed, optional)
    rig = cameras.one_camera(cameras.read_rig(job.read, job.sources, job.facts), job.facts.view)
    if job.write not in cameras.ONE_CAMERA_A_FILE:
        _write(job, job.target, cameras.write_rig, rig, job.facts)
        return cameras.NOT_STORED[job.write]
    if len(rig) > 1 and "{view}" not in job.target.name:
        raise ValueError(
            f"{job.target}: {job.write} holds one camera a file and there are {len(rig)}: put "
            f"{{view}} into the name of OUT, or choose with --view: {', '.join(rig.names)}"
        )
    targets = [job.target.with_name(job.target.name.replace("{view}", n)) for n in rig.names]
    for target in targets:
        _check_no_input(job, target)
    for target, name in zip(targets, rig.names, strict=True):
        _write(job, target, cameras.write_rig, cameras.one_camera(rig, name), job.facts)
    return cameras.NOT_STORED[job.write]


def _motion(job: Job) -> str:
    from .. import foreign_motions as motions
    from ..motion_exports import OPTIONAL_TO_EXPORT

    if job.read in WRITTEN_ONLY:
        raise ValueError(f"{job.sources[0]}: {job.read} is written, not read")
    needed: dict[str, str] = dict(motions.NEEDED_TO_READ[job.read])
    optional = {"matrix", "angles"} if job.read == "tra" else set()
    optional |= OPTIONAL_TO_EXPORT.get(job.write, set())
    if job.write in motions.IN_UNITS:
        needed.setdefault("unit", "mm, cm or m to write lengths in")
        optional |= {"out_unit"}
    check_facts(
        job.facts,
        job.title,
        needed | motions.facts_to_move(job.read, job.write),
        optional | {"body"},
    )
    if job.read == job.write == "track" and len(job.sources) == 1:
        _check_no_input(job, job.target)
        motions.rewritten_track(job.sources[0], job.target)
        return ""
    motion = motions.read_motion(job.read, job.sources, job.facts)
    if job.facts.body is not None or job.write in ("track", "jointtrack-poses"):
        motion = motions.one_body(motion, job.facts.body)
    moved = motions.moved_otherwise(motion, job.read, job.write, job.facts)
    _write(job, job.target, motions.write_motion, moved, job.facts)
    return motions.NOT_STORED[job.write]


def _points2d(job: Job) -> str:
    from calibration import Rig

    from .. import foreign_points as points

    needed: dict[str, str] = dict(points.NEEDED_TO_READ[job.read])
    optional = {"rig", "size"} if job.read == "points2d" else {"rig"}
    if (job.read, job.write) == ("points2d", "detections"):
        needed["distorted"] = points.DISTORTED
    if job.facts.y_up and job.read == "points2d":
        needed["rig|size"] = "the height of the images, from which y is counted upwards"
    check_facts(job.facts, job.title, needed, optional)
    rig = None if job.facts.rig is None else Rig.read(job.facts.rig)
    views = [] if rig is None else list(rig.names)
    markers = points.read_pixels(job.read, job.sources[0], job.facts, views)
    if rig is not None and len(rig) != len(markers.cameras):
        raise ValueError(
            f"{job.facts.rig}: a rig of {len(rig)} cameras, {job.sources[0]} has "
            f"{len(markers.cameras)}"
        )
    if job.facts.distorted:
        markers = points.undistorted(markers, rig)
    _write(job, job.target, points.write_pixels, markers, views)
    return points.NOT_STORED[job.write]


def _points3d(job: Job) -> str:
    from registration.xmalab_points3d import points3d_text, read_points3d

    check_facts(job.facts, job.title, {"unit": "mm, cm or m of its lengths"}, {"out_unit"})
    tracks = read_points3d(job.sources[0], job.facts.unit)
    text = points3d_text(tracks, job.facts.out_unit or job.facts.unit or "")
    _write_text(job, text)
    return "the unit, the frame rate"


def _landmarks(job: Job) -> str:
    from detector import read_landmarks, write_landmarks

    check_facts(job.facts, job.title, {}, set())
    _check_no_input(job, job.target)
    write_landmarks(job.target, read_landmarks(job.sources[0]))
    return "which volume the points belong to"


def _trial(job: Job) -> str:
    from registration.autoscoper_cfg import cfg_text, read_cfg

    check_facts(job.facts, job.title, {}, set())
    text = cfg_text(read_cfg(job.sources[0]), job.target.parent)
    _write_text(job, text)
    return "the unit of its MayaCam files"


def _write(
    job: Job, target: Path, writer: Callable[..., None], content: object, last: object
) -> None:
    """Call the writer on a temporary name, then put the file in its place."""
    from calibration.atomic import whole

    _check_no_input(job, target)
    with whole(target) as unfinished:
        writer(job.write, unfinished, content, last)


def _write_text(job: Job, text: str) -> None:
    from calibration.atomic import write_text

    _check_no_input(job, job.target)
    write_text(job.target, text)


def _check_no_input(job: Job, target: Path) -> None:
    """ValueError where OUT would take the place of a file that is read."""
    facts = job.facts
    for source in (*job.sources, *facts.landmarks, facts.rig, facts.ct, facts.local_from_ct):
        if source is not None and target.exists() and source.exists():
            if os.path.samefile(source, target):
                raise ValueError(f"{target}: OUT is a file that is read; take another name")
