"""Trial files of Autoscoper (.cfg): which cameras, frames and volumes belong together.

Lines `key value`, split at the first blank; # starts a comment. From version 1.1 on, paths are
relative to the file; 1.2 adds a mesh a volume. Not stored: the unit of the MayaCam files.
"""

import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from calibration.number_lines import is_number, shown, text_lines

LISTED = ("mayaCam_csv", "CameraRootDir", "VolumeFile", "VolumeFlip", "VoxelSize", "MeshFile")
SINGLE = (
    "Version",
    "RenderResolution",
    "OptimizationOffsets",
    "TrackingFolder",
    "FilterFolder",
)
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class AutoscoperVolume:
    """A stack of slices: its file, which axes are flipped, its voxels' size (mm), its mesh."""

    file: Path
    flipped: tuple[bool, bool, bool]
    voxel_mm: Triple
    mesh: Path | None


@dataclass(frozen=True)
class AutoscoperTrial:
    """Cameras, their folders of frames in the same order, volumes, and the settings."""

    mayacam: tuple[Path, ...]
    frames: tuple[Path, ...]
    volumes: tuple[AutoscoperVolume, ...]
    settings: dict[str, str]


def read_cfg(path: str | Path) -> AutoscoperTrial:
    """The trial, its paths made absolute; an unknown key is skipped with a warning.

    Raises:
        ValueError: with file and line: no version 1.x, unequal numbers of cameras and folders or of
            volumes and sizes, meshes for some volumes only, an absolute path that does not exist.
    """
    path = Path(path)
    found = _entries(path)
    version = _version(path, found["Version"])
    relative_to = path.resolve().parent if version >= (1, 1) else None
    mayacam, frames, volumes, meshes = (
        _paths(path, found[key], relative_to)
        for key in ("mayaCam_csv", "CameraRootDir", "VolumeFile", "MeshFile")
    )
    if not mayacam or len(mayacam) != len(frames):
        raise ValueError(
            f"{path}: each mayaCam_csv needs its CameraRootDir, found {len(mayacam)} cameras and "
            f"{len(frames)} folders"
        )
    sizes = [_voxel(path, number, text) for number, text in found["VoxelSize"]]
    if not volumes or len(volumes) != len(sizes) or len(found["VolumeFlip"]) > len(volumes):
        raise ValueError(
            f"{path}: each VolumeFile needs its VoxelSize and has at most one VolumeFlip, found "
            f"{len(volumes)} files, {len(sizes)} sizes, {len(found['VolumeFlip'])} flips"
        )
    if len(meshes) not in (0, len(volumes)):
        raise ValueError(
            f"{path}: MeshFile stands for {len(meshes)} of {len(volumes)} volumes, must be for all "
            "or none"
        )
    flips = [_numbers(path, number, text, 3) for number, text in found["VolumeFlip"]]
    flips += [[0.0] * 3] * (len(volumes) - len(flips))
    return AutoscoperTrial(
        tuple(mayacam),
        tuple(frames),
        tuple(
            AutoscoperVolume(file, (bool(x), bool(y), bool(z)), size, mesh)
            for file, (x, y, z), size, mesh in zip(
                volumes, flips, sizes, meshes or [None] * len(volumes), strict=False
            )
        ),
        {key: found[key][-1][1] for key in SINGLE[1:] if found[key]},
    )


def cfg_text(trial: AutoscoperTrial, folder: Path) -> str:
    """The .cfg to be written in `folder`: version 1.1, or 1.2 where there are meshes."""

    def relative(target: Path) -> str:
        return Path(os.path.relpath(target, folder.resolve())).as_posix()

    has_mesh = any(volume.mesh for volume in trial.volumes)
    lines = [f"Version 1.{2 if has_mesh else 1}"]
    lines += [f"mayaCam_csv {relative(file)}" for file in trial.mayacam]
    lines += [f"CameraRootDir {relative(frames)}" for frames in trial.frames]
    for volume in trial.volumes:
        lines.append(f"VolumeFile {relative(volume.file)}")
        lines.append("VolumeFlip " + " ".join(str(int(flip)) for flip in volume.flipped))
        lines.append("VoxelSize " + " ".join(f"{side!r}" for side in volume.voxel_mm))
        if volume.mesh:
            lines.append(f"MeshFile {relative(volume.mesh)}")
    return "\n".join([*lines, *(f"{k} {v}" for k, v in trial.settings.items())]) + "\n"


def _entries(path: Path) -> dict[str, list[tuple[int, str]]]:
    """The values of every known key, with their line numbers."""
    found: dict[str, list[tuple[int, str]]] = {key: [] for key in (*LISTED, *SINGLE)}
    for number, line in enumerate(text_lines(path, "Autoscoper .cfg"), 1):
        if not line or line.startswith("#"):
            continue
        key, _, value = line.partition(" ")
        if key not in found:
            warnings.warn(f"{path}:{number}: unknown key {key[:40]!r}, left out", stacklevel=3)
        elif not value.strip():
            raise ValueError(f"{path}:{number}: {key} has no value")
        else:
            found[key].append((number, value.strip()))
    if not any(found.values()):
        raise ValueError(f"{path}: not an Autoscoper .cfg, none of its keys is there")
    return found


def _version(path: Path, found: list[tuple[int, str]]) -> tuple[int, int]:
    number, text = found[-1] if found else (1, "1.0")
    match = re.fullmatch(r"(\d{1,3})\.(\d{1,3})", text, re.ASCII)
    if match is None or match[1] != "1" or int(match[2]) > 2:
        raise ValueError(f"{path}:{number}: Version must be 1.0, 1.1 or 1.2, found {shown(text)}")
    return int(match[1]), int(match[2])


def _paths(path: Path, found: list[tuple[int, str]], relative_to: Path | None) -> list[Path]:
    """Absolute paths; ValueError where a path that was absolute in the file does not exist."""
    paths = []
    for number, text in found:
        text = text.replace("\\", "/")
        is_absolute = text.startswith("/") or bool(re.match(r"[A-Za-z]:/", text))
        target = Path(text)
        if relative_to is not None and not is_absolute:
            target = relative_to / text
        elif not is_absolute:
            target = path.resolve().parent / text
        if is_absolute and not target.exists():
            raise ValueError(
                f"{path}:{number}: there is no {text[:80]!r}; files of version 1.0 hold absolute "
                "paths of the machine they were made on: edit them, and write Version 1.1 above"
            )
        paths.append(target)
    return paths


def _voxel(path: Path, number: int, text: str) -> Triple:
    x, y, z = _numbers(path, number, text, 3)
    if min(x, y, z) <= 0:
        raise ValueError(f"{path}:{number}: VoxelSize must be positive, in mm, found {shown(text)}")
    return x, y, z


def _numbers(path: Path, number: int, text: str, count: int) -> list[float]:
    cells = text.split()
    if len(cells) != count or not all(map(is_number, cells)):
        raise ValueError(f"{path}:{number}: expected {count} numbers, found {shown(text)}")
    return list(map(float, cells))
