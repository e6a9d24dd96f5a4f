"""The XML of RTK's geometry: parameters and matrices, as the file holds them.

A value that stands before the projections, or in an earlier one, holds until it is given again, and
is 0 before that, as in RTK's own reader. Entities are refused, so a file cannot grow as it is read.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from xml.parsers import expat

import numpy as np
from jaxtyping import Float

from .number_lines import is_number, shown, text_lines

PARAMETERS: tuple[str, ...] = (
    "GantryAngle",
    "OutOfPlaneAngle",
    "InPlaneAngle",
    "SourceToIsocenterDistance",
    "SourceOffsetX",
    "SourceOffsetY",
    "SourceToDetectorDistance",
    "ProjectionOffsetX",
    "ProjectionOffsetY",
)
COLLIMATION = ("CollimationUInf", "CollimationUSup", "CollimationVInf", "CollimationVSup")
RADIUS = "RadiusCylindricalDetector"
LEAVES = (*PARAMETERS, *COLLIMATION, RADIUS, "Matrix")
ROOT, VERSION = "RTKThreeDCircularGeometry", "3"
MOST_NESTED = 8
Projection = tuple[dict[str, float], Float[np.ndarray, "3 4"]]


@dataclass(frozen=True)
class Element:
    """One element at its end: how many surround it, the text in it, the line it ends on."""

    name: str
    depth: int
    text: str
    line: int


def rtk_projections(path: Path) -> list[Projection]:
    """The nine parameters (degrees, lengths in the file's unit) and the matrix of each projection.

    Raises:
        ValueError: with file and line: not XML, entities, another document, another version, a
            cylindrical detector, a projection without a matrix, what is no number.
    """
    current, matrix = dict.fromkeys(PARAMETERS, 0.0), None
    found: list[Projection] = []
    for element in _elements(path):
        where = f"{path}:{element.line}"
        if element.name == "Projection" and element.depth == 1:
            if matrix is None:
                raise ValueError(f"{where}: the projection has no Matrix")
            found.append((dict(current), matrix))
            matrix = None
        elif element.name == "Matrix":
            matrix = np.array(_numbers(element, 12, where)).reshape(3, 4)
        elif element.name in PARAMETERS:
            (current[element.name],) = _numbers(element, 1, where)
        elif element.name == RADIUS:
            if _numbers(element, 1, where) != [0.0]:
                raise ValueError(f"{where}: {RADIUS} is {element.text}: only 0 (flat) is read")
        elif element.depth and element.name not in COLLIMATION:
            near = get_close_matches(element.name, LEAVES, n=1, cutoff=0.0)[0]
            raise ValueError(
                f"{where}: unknown element <{element.name[:40]}>; the nearest known one is <{near}>"
            )
    if not found:
        raise ValueError(f"{path}: there is no projection in the file")
    return found


def _numbers(element: Element, count: int, where: str) -> list[float]:
    cells = element.text.split()
    if len(cells) != count or not all(map(is_number, cells)):
        raise ValueError(
            f"{where}: <{element.name}> holds {count} finite numbers, found {shown(element.text)}"
        )
    return list(map(float, cells))


def _elements(path: Path) -> list[Element]:
    """All elements in the order of their ends; ValueError where the document is not RTK's."""
    found: list[Element] = []
    texts: list[str] = []
    parser = expat.ParserCreate()

    def where() -> str:
        return f"{path}:{parser.CurrentLineNumber}"

    def doctype(name: str, system_id: str | None, public_id: str | None, subset: int) -> None:
        if name != "RTKGEOMETRY" or system_id or public_id or subset:
            raise ValueError(f"{where()}: expected <!DOCTYPE RTKGEOMETRY>, without declarations")

    def entity(*_: object) -> int:
        raise ValueError(f"{where()}: entities are refused")

    def start(name: str, attributes: dict[str, str]) -> None:
        if not texts:
            _check_root(where(), name, attributes)
        if len(texts) > MOST_NESTED:
            raise ValueError(f"{where()}: <{name[:40]}> is nested too deep")
        texts.append("")

    def end(name: str) -> None:
        text = texts.pop()
        found.append(Element(name, len(texts), text, parser.CurrentLineNumber))

    def characters(piece: str) -> None:
        texts[-1] += piece

    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = entity
    parser.ExternalEntityRefHandler = entity
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    try:
        parser.Parse("\n".join(text_lines(path, "RTK geometry file")).encode(), True)
    except expat.ExpatError as error:
        message = expat.ErrorString(error.code)
        raise ValueError(f"{path}:{error.lineno}: not an XML file: {message}") from None
    return found


def _check_root(where: str, name: str, attributes: dict[str, str]) -> None:
    if name != ROOT:
        raise ValueError(f"{where}: not an RTK geometry, expected <{ROOT}>, found <{name[:40]}>")
    if attributes.get("version") != VERSION:
        raise ValueError(
            f"{where}: version {attributes.get('version')!r} is not read, only version {VERSION}: "
            "write the file again with a newer RTK"
        )
