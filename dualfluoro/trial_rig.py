"""The rig of a trial.toml: a rig.json, or MayaCam files with their unit."""

from pathlib import Path
from typing import TYPE_CHECKING

from .toml_table import TomlTable, nearest

if TYPE_CHECKING:
    from calibration import Rig

    from .trial import View


def rig_of(
    table: TomlTable, folder: Path, views: tuple["View", ...]
) -> tuple["Rig", tuple[Path, ...]]:
    """The cameras of the views, in their order, and the files that they come from."""
    from calibration import Rig

    file, mayacam = table.get("file", str), table.get("mayacam", list)
    unit = table.get("unit", str)
    table.finish()
    if (file is None) == (mayacam is None):
        raise ValueError(
            f'{table.where()} needs either file = "rig.json" or mayacam = ["cam1.txt", "cam2.txt"] '
            'with unit = "mm" or "cm"'
        )
    if file is not None:
        if unit is not None:
            raise ValueError(f"{table.where('unit')} goes with mayacam; rig.json has its own unit")
        files = (folder / file,)
        rig = Rig.read(files[0])
    else:
        rig, files = _mayacam_rig(table, folder, mayacam or [], unit, views)
    for view in views:
        if view.name not in rig.names:
            hint = nearest(view.name, list(rig.names))
            raise ValueError(
                f"{table.path}: view {view.name!r} is no camera of {files[0].name}{hint}"
            )
        if view.distorted and rig[view.name].distortion is None:
            raise ValueError(
                f"{table.path}: view {view.name!r} says distorted = true, but its camera in "
                f"{files[0].name} has no distortion map; calibrate one, or undistort the frames"
            )
    known = rig.uncertainty
    for view in views:
        named = known is None or any(name.startswith(f"{view.name}.") for name in known.names)
        if not named:
            raise ValueError(
                f"{files[0]}: its uncertainty says nothing of camera {view.name!r}; calibrate all "
                "views together, or take the key uncertainty out"
            )
    return Rig(tuple(rig[view.name] for view in views), known), files


def _mayacam_rig(
    table: TomlTable, folder: Path, mayacam: list, unit: str | None, views: tuple["View", ...]
) -> tuple["Rig", tuple[Path, ...]]:
    """MayaCam files hold no names: the first is the camera of the first view, and so on."""
    from calibration import read_mayacam

    if not all(isinstance(name, str) for name in mayacam) or len(mayacam) != len(views):
        raise ValueError(
            f"{table.where('mayacam')} must list one file for each of the {len(views)} views, "
            f"found {mayacam!r}"
        )
    if unit not in ("mm", "cm"):
        found = "there is none" if unit is None else f"found {unit!r}"
        raise ValueError(
            f'{table.where("mayacam")} needs unit = "mm" or unit = "cm" (a MayaCam file does not '
            f"say; {found}): write the unit of the calibration object"
        )
    files = tuple(folder / name for name in mayacam)
    return read_mayacam(files, unit=unit, names=[view.name for view in views]), files
