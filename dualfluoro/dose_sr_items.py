"""Items of a DICOM structured report, built with pydicom: containers, codes, numbers, tables."""

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

Code = tuple[str, str, str]
"""Value, scheme, meaning."""
MM: Code = ("mm", "UCUM", "mm")
MM2: Code = ("mm2", "UCUM", "mm2")
DEG: Code = ("deg", "UCUM", "deg")
MGY: Code = ("mGy", "UCUM", "mGy")
NO_UNIT: Code = ("1", "UCUM", "no units")


def coded(code: Code) -> Dataset:
    """A code sequence's item."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    return item


def container(name: Code, items: Sequence[Dataset], relation: str = "CONTAINS") -> Dataset:
    """A container of items."""
    item = _item("CONTAINER", name, relation)
    item.ContinuityOfContent = "SEPARATE"
    item.ContentSequence = DicomSequence(items)
    return item


def number(name: Code, value: float, unit: Code, relation: str = "CONTAINS") -> Dataset:
    """A number with its unit."""
    item = _item("NUM", name, relation)
    measured = Dataset()
    measured.NumericValue = f"{value:.9g}"
    measured.MeasurementUnitsCodeSequence = DicomSequence([coded(unit)])
    item.MeasuredValueSequence = DicomSequence([measured])
    return item


def code(name: Code, value: Code, relation: str = "CONTAINS") -> Dataset:
    """A coded value."""
    item = _item("CODE", name, relation)
    item.ConceptCodeSequence = DicomSequence([coded(value)])
    return item


def text(name: Code, value: str, relation: str = "CONTAINS") -> Dataset:
    """A text."""
    item = _item("TEXT", name, relation)
    item.TextValue = value
    return item


def uid(name: Code, value: str, relation: str = "CONTAINS") -> Dataset:
    """A unique identifier."""
    item = _item("UIDREF", name, relation)
    item.UID = value
    return item


def point3d(name: Code, point_lps_mm: np.ndarray, frame_uid: str) -> Dataset:
    """A point in the patient's coordinate system, LPS mm."""
    return _coordinates(name, "POINT", point_lps_mm, frame_uid)


def polygon3d(name: Code, points_lps_mm: np.ndarray, frame_uid: str) -> Dataset:
    """A closed outline in the patient's coordinate system, LPS mm; its first point is repeated."""
    return _coordinates(name, "POLYGON", np.vstack([points_lps_mm, points_lps_mm[:1]]), frame_uid)


def matrix(name: Code, values: np.ndarray) -> Dataset:
    """A 4 x 4 matrix as a table of numbers without unit, row by row (PS3.3 C.18.10)."""
    item = _item("TABLE", name, "CONTAINS")
    rows, columns = values.shape
    item.NumberOfTableRows, item.NumberOfTableColumns = rows, columns
    cells = []
    for row in range(rows):
        for column in range(columns):
            cell = Dataset()
            cell.TableRowNumber, cell.TableColumnNumber = row + 1, column + 1
            cell.SelectorAttributeVR = "FD"
            cell.SelectorFDValue = float(values[row, column])
            cells.append(cell)
    item.CellValuesSequence = DicomSequence(cells)
    return item


def _coordinates(name: Code, kind: str, points: np.ndarray, frame_uid: str) -> Dataset:
    item = _item("SCOORD3D", name, "CONTAINS")
    item.GraphicType = kind
    item.GraphicData = [float(x) for x in np.ravel(points)]
    item.ReferencedFrameOfReferenceUID = frame_uid
    return item


def _item(kind: str, name: Code, relation: str) -> Dataset:
    item = Dataset()
    item.RelationshipType = relation
    item.ValueType = kind
    item.ConceptNameCodeSequence = DicomSequence([coded(name)])
    return item
