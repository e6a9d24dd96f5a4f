"""Where the compressed frames of a DICOM file lie (PS3.5 A.4), found without decoding any."""

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

ITEM, DELIMITER = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
JPEG_END = b"\xff\xd9"
LAST_BYTES = 10
"""The end of a JPEG image stands in these, before padding."""


class Fragment(NamedTuple):
    """A piece of a compressed frame in the file."""

    at: int
    count: int


def frame_fragments(
    file: BinaryIO, begin: int, size: int, frames: int
) -> tuple[tuple[Fragment, ...], ...]:
    """The fragments of each frame; items begin at `begin`, the file has `size` bytes.

    Raises:
        ValueError: fragments outside the file, or that cannot be told apart into so many frames.
    """
    table, fragments = _walked(file, begin, size)
    if len(fragments) == frames:
        return tuple((fragment,) for fragment in fragments)
    if frames == 1 and fragments:
        return (tuple(fragments),)
    if len(table) == frames:
        starts = _by_table(table, fragments)
    else:
        starts = _by_jpeg_ends(file, fragments)
    if len(starts) != frames:
        raise ValueError(f"{len(fragments)} fragments make {len(starts)} frames, not {frames}")
    ends = [*starts[1:], len(fragments)]
    return tuple(tuple(fragments[a:b]) for a, b in zip(starts, ends, strict=True))


def joined(path: Path, fragments: tuple[Fragment, ...]) -> list[bytes]:
    """The bytes of the fragments of one frame."""
    with path.open("rb") as file:
        parts = []
        for fragment in fragments:
            file.seek(fragment.at)
            parts.append(file.read(fragment.count))
    return parts


def _walked(file: BinaryIO, at: int, size: int) -> tuple[tuple[int, ...], list[Fragment]]:
    """The basic offset table, from the first fragment on, and the fragments."""
    table: tuple[int, ...] | None = None
    fragments: list[Fragment] = []
    while at + 8 <= size:
        file.seek(at)
        group, element, count = struct.unpack("<HHI", file.read(8))
        if (group, element) == DELIMITER:
            break
        if (group, element) != ITEM or at + 8 + count > size:
            raise ValueError(f"compressed pixels are cut off or damaged at byte {at}")
        if table is None:
            raw = file.read(count - count % 4)
            table = struct.unpack(f"<{len(raw) // 4}I", raw)
        else:
            fragments.append(Fragment(at + 8, count))
        at += 8 + count
    return table or (), fragments


def _by_table(table: tuple[int, ...], fragments: list[Fragment]) -> list[int]:
    """The first fragment of each frame as the offset table says; fewer where it is wrong."""
    base = fragments[0].at - 8 if fragments else 0
    place = {fragment.at - 8 - base: number for number, fragment in enumerate(fragments)}
    starts = [place[offset] for offset in table if offset in place]
    return starts if starts == sorted(set(starts)) and starts[:1] == [0] else []


def _by_jpeg_ends(file: BinaryIO, fragments: list[Fragment]) -> list[int]:
    """The first fragment of each frame where a frame ends with JPEG's mark."""
    starts, ended = [], True
    for number, fragment in enumerate(fragments):
        if ended:
            starts.append(number)
        last = min(LAST_BYTES, fragment.count)
        file.seek(fragment.at + fragment.count - last)
        ended = JPEG_END in file.read(last)
    return starts
