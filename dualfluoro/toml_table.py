"""One table of a TOML file, taken apart key by key; every complaint names file, line and key."""

import math
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, cast

T = TypeVar("T")
LARGEST = 1e300
"""Whole numbers above it do not fit a float."""
WORDS = {
    str: "a text",
    float: "a number",
    bool: "true or false",
    dict: "a table",
    list: "a list",
}


@dataclass(frozen=True)
class TomlTable:
    """The keys of `[name]`; `index` counts the tables of an array `[[name]]`."""

    path: Path
    name: str
    content: dict[str, Any]
    index: int | None = None
    taken: set[str] = field(default_factory=set)

    def where(self, key: str | None = None) -> str:
        """`file:line: [table] key`, the line where it can be found."""
        line = line_of(self.path, self.name, self.index, key)
        place = f"{self.path}:{line}" if line else f"{self.path}"
        brackets = f"[{self.name}]" if self.index is None else f"[[{self.name}]]"
        return f"{place}: {brackets}{'' if key is None else f' {key}'}"

    def get(self, key: str, kind: type[T]) -> T | None:
        """The value of an optional key; ValueError where it is of another kind."""
        self.taken.add(key)
        if key not in self.content:
            return None
        value = self.content[key]
        whole_number = isinstance(value, int) and not isinstance(value, bool)
        if kind is float and whole_number:
            value = float(value) if abs(value) < LARGEST else math.inf
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{self.where(key)} must be a finite number, found {value!r}")
        if not isinstance(value, kind):
            raise ValueError(f"{self.where(key)} must be {WORDS[kind]}, found {value!r}")
        return cast(T, value)

    def require(self, key: str, kind: type[T], example: str) -> T:
        """The value of a key that must be there; the complaint shows what to write."""
        value = self.get(key, kind)
        if value is None:
            raise ValueError(f"{self.where()} needs the key {key!r}; write for example: {example}")
        return value

    def finish(self) -> None:
        """ValueError, with the nearest known key, on a key that nobody asked for."""
        for key in self.content:
            if key not in self.taken:
                raise ValueError(f"{self.where(key)}: unknown key{nearest(key, self.taken)}")


def nearest(word: str, known: set[str] | list[str]) -> str:
    """`; did you mean 'x'? known: ...`, for the end of a message."""
    near = get_close_matches(word, sorted(known), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    return f"{hint} known: {', '.join(sorted(known))}"


def line_of(path: Path, table: str, index: int | None, key: str | None) -> int | None:
    """The line, from 1, of a table's header or of one of its keys; None where it is not found."""
    inside, count = table == "", -1
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        header = re.match(r"\s*\[\[?\s*([^\]\s]+)\s*\]", line)
        if header:
            count += header[1] == table
            inside = header[1] == table and index in (None, count)
            if inside and key is None:
                return number
        elif inside and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
            return number
    return None
