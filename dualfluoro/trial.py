"""A trial: the folder of one recording, as its trial.toml describes it."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .toml_table import TomlTable, line_of, nearest
from .trial_bodies import Body, bodies_of, labels_of
from .trial_exposure import ExposureSettings, exposure_of
from .trial_rig import rig_of

if TYPE_CHECKING:
    from calibration import Rig

TABLES = ["subject", "rig", "view", "body", "time", "models", "exposure"]
INTENSITIES = ("transmission", "attenuation")
LONGEST_OFFSET_S = 1.0


@dataclass(frozen=True)
class View:
    """One camera's recording; `frames` is a file or a glob."""

    name: str
    frames: Path
    transmission: bool = True
    distorted: bool = False
    time_offset_s: float = 0.0
    """How much later than time_s the view is exposed."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A trial folder with absolute paths; the rig's cameras are in the order of the views."""

    folder: Path
    ct: Path
    landmarks: Path
    skin_threshold_hu: float
    rig: "Rig"
    rig_files: tuple[Path, ...]
    views: tuple[View, ...]
    rate_hz: float | None
    times: Path | None
    models: Path
    exposure: ExposureSettings
    cranium_labels: Path | None = None
    """A label map that says what the cranium is, in place of the automatic mask."""
    cranium_label_values: tuple[int, ...] = ()
    """The labels in it that count; none: all but 0."""
    bodies: tuple[Body, ...] = ()
    """Tracked besides the skull, a track_NAME.csv each."""

    def __fspath__(self) -> str:
        """A loaded trial stands for its folder."""
        return str(self.folder)

    @property
    def time_offsets_s(self) -> tuple[float, ...]:
        """How much later than time_s each view is exposed."""
        return tuple(view.time_offset_s for view in self.views)

    @property
    def detector(self) -> Path:
        """Where the detector's weights are, or will be."""
        return self.models / "detector.safetensors"

    @property
    def translator(self) -> Path:
        """Where the translator's weights are, or will be."""
        return self.models / "translator.safetensors"


def load_trial(trial: str | os.PathLike) -> Trial:
    """The trial of a folder (or of a trial.toml); a trial that is loaded already is given back.

    Raises:
        FileNotFoundError: no trial.toml, or a file that it names is not there.
        ValueError: with file and line: a key that is unknown, missing, or of the wrong kind.
    """
    if isinstance(trial, Trial):
        return trial
    path = Path(trial)
    path = path if path.name == "trial.toml" else path / "trial.toml"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: there is no such file; make a trial with: dualfluoro new DIR"
        )
    return _assembled(path.absolute(), _parsed(path))


def _parsed(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:  # tomllib's own, and numbers of 4300 digits
        raise ValueError(f"{path}: not TOML: {error}") from None
    for key in content:
        if key not in TABLES:
            line = line_of(path, key, None, None) or line_of(path, "", None, key)
            place = f"{path}:{line}" if line else f"{path}"
            raise ValueError(f"{place}: unknown table or key {key!r}{nearest(key, TABLES)}")
    return content


def _assembled(path: Path, content: dict[str, Any]) -> Trial:
    folder = path.parent
    subject = _table(path, content, "subject")
    ct = folder / subject.require("ct", str, 'ct = "ct.nii.gz"')
    landmarks = subject.get("landmarks", str)
    threshold = subject.get("skin_threshold_hu", float)
    labels, label_values = labels_of(subject, folder, "cranium_labels", "cranium_label_values")
    views = _views(path, content)
    rig, rig_files = rig_of(_table(path, content, "rig"), folder, views)
    time, models = _table(path, content, "time"), _table(path, content, "models")
    rate_hz, times = time.get("rate_hz", float), time.get("times", str)
    if rate_hz is not None and not 0 < rate_hz < float("inf"):
        raise ValueError(f"{time.where('rate_hz')} must be above 0, found {rate_hz:g}")
    models_folder = folder / (models.get("folder", str) or "models")
    sizes_px = {
        view.name: (camera.width, camera.height) for view, camera in zip(views, rig, strict=True)
    }
    exposure = exposure_of(_table(path, content, "exposure"), folder, sizes_px)
    bodies = bodies_of(path, content.get("body", []))
    for table in (subject, time, models):
        table.finish()
    if not ct.exists():
        raise FileNotFoundError(f"{subject.where('ct')}: there is no CT at {ct}")
    if landmarks is not None and not (folder / landmarks).exists():
        raise FileNotFoundError(
            f"{subject.where('landmarks')}: there is no file {folder / landmarks}; leave the key "
            "out, or make the file with: dualfluoro landmarks TRIAL"
        )
    return Trial(
        folder=folder,
        ct=ct,
        landmarks=folder / (landmarks or "landmarks.json"),
        skin_threshold_hu=-300.0 if threshold is None else threshold,
        rig=rig,
        rig_files=rig_files,
        views=views,
        rate_hz=rate_hz,
        times=None if times is None else folder / times,
        models=models_folder,
        exposure=exposure,
        cranium_labels=labels,
        cranium_label_values=label_values,
        bodies=bodies,
    )


def _table(path: Path, content: dict[str, Any], name: str) -> TomlTable:
    found = content.get(name, {})
    if not isinstance(found, dict):
        brackets = "[[...]], expected [...]" if isinstance(found, list) else "no table"
        raise ValueError(f"{path}: {name!r} is {brackets}; write [{name}]")
    return TomlTable(path, name, found)


def _views(path: Path, content: dict[str, Any]) -> tuple[View, ...]:
    found = content.get("view", [])
    if not isinstance(found, list) or not all(isinstance(view, dict) for view in found):
        raise ValueError(f"{path}: a view is written as [[view]], with two brackets")
    views = tuple(_view(TomlTable(path, "view", view, index)) for index, view in enumerate(found))
    names = [view.name for view in views]
    if not views:
        raise ValueError(f"{path}: a trial needs a [[view]] table, one for each camera")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}: two [[view]] tables have the name {twice[0]!r}")
    return views


def _view(table: TomlTable) -> View:
    name = table.require("name", str, 'name = "A"')
    frames = table.require("frames", str, f'frames = "{name}/*.png"')
    intensity = table.get("intensity", str) or "transmission"
    if intensity not in INTENSITIES:
        raise ValueError(
            f"{table.where('intensity')} must be one of {', '.join(INTENSITIES)}; "
            f"found {intensity!r}"
        )
    offset_s = table.get("time_offset_s", float) or 0.0
    if not abs(offset_s) <= LONGEST_OFFSET_S:
        raise ValueError(
            f"{table.where('time_offset_s')} must be within {LONGEST_OFFSET_S} s, "
            f"found {offset_s}; it is in seconds, the view's shutter against time_s"
        )
    view = View(
        name=name,
        frames=table.path.parent / frames,
        transmission=intensity == "transmission",
        distorted=bool(table.get("distorted", bool)),
        time_offset_s=offset_s,
    )
    table.finish()
    return view
