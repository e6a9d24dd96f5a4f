"""Which format a file has: found in its first content, and refused where that fits two."""

import json
import re
from pathlib import Path
from typing import Literal

Format = Literal[
    "rig",
    "mayacam2",
    "mayacam1",
    "dlt",
    "opencv-yaml",
    "anipose",
    "jointtrack-calibration",
    "xreg",
    "rtk",
    "track",
    "rigid-bodies",
    "tra",
    "jointtrack-poses",
    "mot",
    "trc",
    "c3d",
    "detections",
    "points2d",
    "points3d",
    "landmarks",
    "autoscoper-cfg",
]
KIND_OF: dict[Format, str] = {
    "rig": "cameras",
    "mayacam2": "cameras",
    "mayacam1": "cameras",
    "dlt": "cameras",
    "opencv-yaml": "cameras",
    "anipose": "cameras",
    "jointtrack-calibration": "cameras",
    "xreg": "cameras",
    "rtk": "cameras",
    "track": "motion",
    "rigid-bodies": "motion",
    "tra": "motion",
    "jointtrack-poses": "motion",
    "mot": "motion",
    "trc": "motion",
    "c3d": "motion",
    "detections": "2D points",
    "points2d": "2D points",
    "points3d": "3D points",
    "landmarks": "landmarks",
    "autoscoper-cfg": "trial",
}
ENDINGS: dict[str, tuple[Format, ...]] = {
    ".json": ("rig", "landmarks"),
    ".txt": ("mayacam2",),
    ".csv": ("mayacam1", "dlt", "track", "rigid-bodies", "detections", "points2d", "points3d"),
    ".yaml": ("opencv-yaml",),
    ".yml": ("opencv-yaml",),
    ".toml": ("anipose",),
    ".h5": ("xreg",),
    ".hdf5": ("xreg",),
    ".xml": ("rtk",),
    ".tra": ("tra",),
    ".jts": ("jointtrack-poses",),
    ".jtak": ("jointtrack-poses",),
    ".jtap": ("jointtrack-poses",),
    ".mot": ("mot",),
    ".trc": ("trc",),
    ".c3d": ("c3d",),
    ".fcsv": ("landmarks",),
    ".cfg": ("autoscoper-cfg",),
}
WRITTEN_ONLY = ("mot", "trc", "c3d")
FIRST_BYTES = 1 << 16
HDF5 = b"\x89HDF\r\n\x1a\n"
UNREAD = {
    "PathFileType": "a TRC file of OpenSim",
    "endheader": "a MOT or STO file of OpenSim",
    "<opencv_storage>": "an OpenCV FileStorage in XML: write it as YAML",
}
NUMBER = re.compile(r"nan|[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


def sniffed(path: Path) -> Format:
    """The format of a file by its first content, not by its name.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no format that is read, or two that fit; says what to give as --from.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    with path.open("rb") as file:
        head = file.read(FIRST_BYTES)
    if head.startswith(HDF5):
        return "xreg"  # its reader tells DeepFluoro's files and others
    try:
        text = head.decode("utf-8-sig", "strict" if len(head) < FIRST_BYTES else "ignore")
    except UnicodeDecodeError:
        raise ValueError(
            f"{path}: neither text in UTF-8 nor HDF5: not a file that is read"
        ) from None
    for mark, what in UNREAD.items():
        if re.search(rf"^\s*{mark}", text, re.MULTILINE):
            raise ValueError(f"{path}: {what} is not read")
    lines = [line.strip() for line in re.split(r"\r\n|\n|\r", text)]
    found = _by_mark(path, lines) or _by_header(lines[0]) or _by_numbers(path, lines)
    if found is None:
        raise ValueError(
            f"{path}: not a file that is known by its content; say what it is with --from "
            f"({', '.join(KIND_OF)})"
        )
    return found


def format_of_ending(path: Path, kind: str) -> Format:
    """The format of an output of this kind by its ending; ValueError where it fits two or none."""
    endings = ENDINGS.get(path.suffix.lower(), ())
    known: list[Format] = [name for name in endings if KIND_OF[name] == kind]
    if len(known) == 1:
        return known[0]
    possible = known or [name for name, its_kind in KIND_OF.items() if its_kind == kind]
    raise ValueError(
        f"{path}: the ending does not say in which format to write {kind}; give --to "
        f"{' or '.join(possible)}"
    )


def _by_mark(path: Path, lines: list[str]) -> Format | None:
    """A format that begins with a word of its own."""
    first = lines[0]
    if first.startswith("{"):
        return _of_json(path)
    starts: dict[str, Format] = {
        "image size": "mayacam2",
        "%YAML": "opencv-yaml",
        "JT_INTCALIB": "jointtrack-calibration",
        "JTA_INTCALIB": "jointtrack-calibration",
        "JT_EULER_312": "jointtrack-poses",
        "JTA_EULER_": "jointtrack-poses",
        "# Markups fiducial file version": "landmarks",
    }
    for start, name in starts.items():
        if first.lower().startswith(start.lower()):
            return name
    if any("<!DOCTYPE RTKGEOMETRY" in line for line in lines[:20]):
        return "rtk"
    if any(re.match(r"(mayaCam_csv|CameraRootDir|VolumeFile) ", line) for line in lines):
        return "autoscoper-cfg"
    if any(re.match(r"matrix\s*=", line) for line in lines):
        return "anipose"
    return None


def _of_json(path: Path) -> Format:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a JSON file: {error}") from None
    if content.get("format") == "dualfluoro-rig":
        return "rig"
    if content.get("format") == "dualfluoro-landmarks" or "markups" in content:
        return "landmarks"
    if {"focal-point", "camera-position", "view-up", "view-angle"} & set(content):
        raise ValueError(f"{path}: VTKCam 1.0 of Autoscoper is not supported: export MayaCam 2.0")
    raise ValueError(f"{path}: JSON that is neither a rig nor landmarks")


def _by_header(line: str) -> Format | None:
    """A table by the names of its columns."""
    cells = [cell.strip() for cell in line.split(",")]
    if cells[:3] == ["frame", "time_s", "status"]:
        return "track"
    if cells[:3] == ["frame", "view", "landmark"]:
        return "detections"
    if any(re.search(r"_cam\d+_[XY]$", cell) for cell in cells):
        return "points2d"
    if any(re.search(r"_R11(_[\d.]+Hz)?$", cell) for cell in cells):
        return "rigid-bodies"
    if any(cell.endswith("_Z") for cell in cells):
        return "points3d"
    return None


def _by_numbers(path: Path, lines: list[str]) -> Format | None:
    """A table without a header; ValueError where its shape fits two formats."""
    rows = [[cell for cell in re.split(r"[,\s]+", line) if cell] for line in lines if line]
    if not rows or not all(NUMBER.fullmatch(cell) for row in rows[:5] for cell in row):
        return None
    if len({len(row) for row in rows[:5]}) != 1:
        return None
    columns: int = len(rows[0])
    fits: list[Format] = []
    if len(rows) == 5 and columns == 3:
        fits.append("mayacam1")
    if len(rows) == 11:
        fits.append("dlt")
    if columns % 16 == 0 or columns % 6 == 0:
        fits.append("tra")
    if len(fits) > 1:
        raise ValueError(
            f"{path}: {len(rows)} rows of {columns} numbers can be read as {' or as '.join(fits)}; "
            "say which with --from"
        )
    return fits[0] if fits else None
