"""Headers of NRRD and MetaImage that ITK's readers do not survive are refused before it sees them.

Lines without end, numbers of axes beyond all measure, and axes that are not finite end the process
with a segmentation fault or never return (SimpleITK 2.5); image data where text should be has ended
it with an abort, not each time.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

LONGEST_LINE, MOST_LINES = 1000, 10_000
MOST_AXES = 4
LARGEST_NUMBER = 1e9
AXES = ("ndims", "dimension")
GEOMETRY = (
    *("transformmatrix", "rotation", "orientation", "offset", "origin", "position"),
    *("elementspacing", "elementsize", "centerofrotation"),
    *("space directions", "space origin", "spacings", "measurement frame"),
)


def check_itk_header(path: Path) -> None:
    """ValueError where a header holds what would end or hang the process."""
    for line in _header_lines(path):
        found = re.match(r"\s*([^:=]+?)\s*[:=]+(.*)", line)
        if not found:
            continue
        name, words = found[1].lower(), re.findall(r"[^\s,()]+", found[2])
        if name in AXES and words[:1] not in [[str(n)] for n in range(1, MOST_AXES + 1)]:
            raise ValueError(f"its header says {found[1]} {found[2].strip()[:40]!r}, expected 3")
        if name in GEOMETRY and not all(map(_is_usual, words)):
            raise ValueError(f"its header has a {found[1]} that is not made of usual numbers")


def _header_lines(path: Path) -> Iterator[str]:
    """The lines up to the data: an empty one ends NRRD's header, ElementDataFile MetaImage's."""
    with path.open("rb") as file:
        for _ in range(MOST_LINES):
            line = file.readline(LONGEST_LINE + 1)
            if len(line) > LONGEST_LINE:
                if b":=" not in line.split(b": ")[0]:
                    raise ValueError(f"a line of its header has over {LONGEST_LINE} characters")
                while line and not line.endswith(b"\n"):  # a note, which may be of any length
                    line = file.readline(LONGEST_LINE)
                continue
            text = line.decode("latin-1")
            if any(ord(letter) < ord(" ") and letter not in "\t\r\n" for letter in text):
                raise ValueError("there are bytes in its header that are no text")
            if not text.strip():
                return
            yield text
            if text.lstrip().lower().startswith("elementdatafile"):
                return


def _is_usual(word: str) -> bool:
    """No number, which ITK refuses itself, or one of a size that a CT's place can have."""
    try:
        number = float(word)
    except ValueError:
        return True
    return math.isfinite(number) and abs(number) <= LARGEST_NUMBER
