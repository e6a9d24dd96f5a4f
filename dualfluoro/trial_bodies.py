"""The tables [[body]] of a trial.toml: bones that are tracked besides the skull."""

import re
from dataclasses import dataclass
from pathlib import Path

from .toml_table import TomlTable

NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"
"""It becomes part of file names and of columns."""
KEYS = ("name", "ct", "labels", "label_values", "landmarks", "init")
TAKEN = ("head", "skull")
"""Names of the subject's own columns and frame."""


@dataclass(frozen=True)
class Body:
    """A rigid bone: a CT of its own, or labels of one CT, the subject's where `ct` is None."""

    name: str
    ct: Path | None = None
    labels: Path | None = None
    label_values: tuple[int, ...] = ()
    """The labels that count; none: all but 0."""
    landmarks: Path | None = None
    init: Path | None = None
    """A track to start from; a body of the subject's CT starts with the skull without it."""


def bodies_of(path: Path, found: object) -> tuple[Body, ...]:
    """The bodies of a trial.toml, from what stands under [[body]].

    Raises:
        FileNotFoundError: a file that one names is not there.
        ValueError: with file and line: a name that is taken or no name, a key that is unknown, or
            too little to find the body by.
    """
    if not isinstance(found, list) or not all(isinstance(body, dict) for body in found):
        raise ValueError(f"{path}: a body is written as [[body]], with two brackets")
    tables = [TomlTable(path, "body", content, index) for index, content in enumerate(found)]
    bodies = tuple(_body(table) for table in tables)
    seen: set[str] = set()
    for table, body in zip(tables, bodies, strict=True):
        if body.name.lower() in seen:  # file systems exist in which A and a are one name
            raise ValueError(
                f"{table.where('name')}: two bodies have the name {body.name!r}, or names that "
                "differ in capitals alone"
            )
        seen.add(body.name.lower())
    return bodies


def labels_of(
    table: TomlTable, folder: Path, key: str, values_key: str
) -> tuple[Path | None, tuple[int, ...]]:
    """The label map under a key, and which of its labels count."""
    name = table.get(key, str)
    values = table.get(values_key, list) or []
    if values_key in table.content and (
        name is None or not values or not all(type(v) is int and 0 < v < 32768 for v in values)
    ):
        raise ValueError(
            f"{table.where(values_key)} must list labels above 0 of the file {key}, such as "
            f"[1, 2]; found {values!r}"
        )
    if name is not None and not (folder / name).is_file():
        raise FileNotFoundError(f"{table.where(key)}: there is no label map {folder / name}")
    return None if name is None else folder / name, tuple(values)


def _body(table: TomlTable) -> Body:
    table.taken.update(KEYS)
    table.finish()
    name = table.require("name", str, 'name = "mandible"')
    if not re.fullmatch(NAME, name, re.ASCII):
        raise ValueError(
            f"{table.where('name')} must be of letters, digits, - and _ (at most 40, the first a "
            f"letter or digit), as it becomes part of file names; found {name!r:.80}"
        )
    if name.lower() in TAKEN:
        raise ValueError(
            f"{table.where('name')}: {name!r} is the subject itself, which needs no [[body]]"
        )
    folder = table.path.parent
    ct = _file(table, "ct")
    labels, values = labels_of(table, folder, "labels", "label_values")
    body = Body(name, ct, labels, values, _file(table, "landmarks"), _file(table, "init"))
    if ct is None and labels is None:
        raise ValueError(
            f"{table.where()} {name!r} needs a CT of its own (ct = ...), or its labels in the "
            "subject's CT (labels = ..., label_values = [...])"
        )
    if ct is not None and body.init is None:
        raise ValueError(
            f'{table.where()} {name!r} needs a start, init = "track.csv": where a CT of its own '
            "lies in the subject's CT is not known"
        )
    return body


def _file(table: TomlTable, key: str) -> Path | None:
    """The file or folder under an optional key; FileNotFoundError where it is not there."""
    name = table.get(key, str)
    if name is None:
        return None
    path = table.path.parent / name
    if not path.exists():
        raise FileNotFoundError(f"{table.where(key)}: there is no file {path}")
    return path
