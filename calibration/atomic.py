"""Files that appear whole or not at all: written under a temporary name, then renamed."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` (same ending) that takes its place if the block succeeds."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        yield unfinished
        os.replace(unfinished, target)
    except OSError as error:
        if error.errno is not None and error.filename is None:  # as of a disk that is full
            error.filename = str(target)
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write text in UTF-8, whole or not at all."""
    with whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="")


def write_json(path: str | Path, content: object) -> None:
    """Write JSON that every reader takes (no NaN), whole or not at all."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
