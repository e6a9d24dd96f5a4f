"""Every beam of a trial in the CT's own frame, in a form that other programs can be fed from.

One beam is its source, its central direction, the direction of the image's upper edge across it,
and the field as a polygon on the plane 1 m from the source that is normal to the direction: (right,
up) in mm, right = direction x up. Its weight is the kerma at the reference distance where that is
known for all beams, else 1: then weights count frames.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from calibration import Rig
from calibration.atomic import write_json, write_text

from .beam import Beam, beam_of
from .field import Field
from .head import Head
from .track_exposure import FrameExposure

FORMAT = "dualfluoro-beams"
PLANE_MM = 1000.0
ENDINGS = (".json", ".csv")
COLUMNS = ("frame", "time_s", "view", *(f"source_{a}_mm" for a in "xyz"),
           *(f"direction_{a}" for a in "xyz"), *(f"up_{a}" for a in "xyz"), "weight",
           "polygon_at_1m_mm")  # fmt: skip


@dataclass(frozen=True, eq=False)
class ListedBeam:
    """One exposed image; positions in mm, directions unit vectors, all in `ct` (RAS)."""

    frame: int
    time_s: float
    view: str
    source: Float[np.ndarray, "3"]
    direction: Float[np.ndarray, "3"]
    up: Float[np.ndarray, "3"]
    polygon_mm: Float[np.ndarray, "corner 2"]
    weight: float

    @property
    def right(self) -> Float[np.ndarray, "3"]:
        """The first axis of the polygon's plane."""
        return np.cross(self.direction, self.up)


@dataclass(frozen=True)
class BeamList:
    """The beams of a trial and what their weights are."""

    beams: tuple[ListedBeam, ...]
    weight_unit: str


def beams_of(frames: Sequence[FrameExposure], rig: Rig, head: Head) -> BeamList:
    """The beams of a trial; frames that are lost or had their tube off bring none."""
    found, kermas = [], []
    ct_from_skull = np.linalg.inv(head.skull_from_ct.matrix().numpy())
    for frame in frames:
        for view, camera in zip(frame.views, rig, strict=True):
            if view.field_outline_px is None or "tube_off" in view.flags:
                continue
            field = Field(view.field_outline_px, view.field_source or "assumed")
            beam = beam_of(camera, field, ct_from_skull @ np.asarray(view.more["skull_from_cam"]))
            kermas.append(view.more["dose"]["reference_kerma_mGy"])
            found.append(_listed(frame, view.view, beam))
    if found and all(kerma is not None for kerma in kermas):
        weighted = [
            ListedBeam(**{**vars(b), "weight": k}) for b, k in zip(found, kermas, strict=True)
        ]
        return BeamList(tuple(weighted), "mGy of air kerma at the reference distance")
    return BeamList(tuple(found), "frames")


def _listed(frame: FrameExposure, view: str, beam: Beam) -> ListedBeam:
    up = beam.up - (beam.up @ beam.axis) * beam.axis
    up /= np.linalg.norm(up)
    on_plane = beam.rays * (PLANE_MM / (beam.rays @ beam.axis))[:, None]
    polygon = on_plane @ np.stack([np.cross(beam.axis, up), up], axis=1)
    return ListedBeam(frame.frame, frame.time_s, view, beam.source, beam.axis, up, polygon, 1.0)


def thinned(beams: BeamList, most: int) -> BeamList:
    """At most so many beams: every n-th of each view, its weight that of those it stands for."""
    if len(beams.beams) <= most:
        return beams
    kept = []
    views = list(dict.fromkeys(beam.view for beam in beams.beams))
    for view in views:
        of_view = [beam for beam in beams.beams if beam.view == view]
        for group in np.array_split(np.arange(len(of_view)), max(1, most // len(views))):
            if len(group):
                middle = of_view[group[len(group) // 2]]
                weight = sum(of_view[i].weight for i in group)
                kept.append(ListedBeam(**{**vars(middle), "weight": weight}))
    return BeamList(tuple(kept), beams.weight_unit)


def write_beams(path: str | Path, beams: BeamList) -> None:
    """Write a .json or .csv; ValueError on another ending."""
    ending = Path(path).suffix.lower()
    if ending == ".json":
        write_json(path, _document(beams))
    elif ending == ".csv":
        write_text(path, _table(beams))
    else:
        raise ValueError(f"{path}: a list of beams is a .json or .csv file")


def read_beams(path: str | Path) -> BeamList:
    """The beams of a .json that was written here; ValueError where it is none."""
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']!r}")
        beams = tuple(_read(item) for item in document["beams"])
        return BeamList(beams, str(document["weight_unit"]))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path}: not a list of beams ({FORMAT}): {error}") from None


def _document(beams: BeamList) -> dict[str, object]:
    return {
        "format": FORMAT,
        "version": 1,
        "unit": "mm",
        "frame": "ct",
        "axes": "RAS",
        "weight_unit": beams.weight_unit,
        "polygon": "(right, up) on the plane 1000 mm along direction; right = direction x up",
        "beams": [
            {
                "frame": beam.frame,
                "time_s": beam.time_s,
                "view": beam.view,
                "source": _rounded(beam.source),
                "direction": _rounded(beam.direction),
                "up": _rounded(beam.up),
                "polygon_at_1m_mm": _rounded(beam.polygon_mm),
                "weight": beam.weight,
            }
            for beam in beams.beams
        ],
    }


def _read(item: Mapping) -> ListedBeam:
    """One beam of a document, checked."""
    source, direction, up = (
        np.array(item[name], dtype=np.float64) for name in ("source", "direction", "up")
    )
    polygon = np.array(item["polygon_at_1m_mm"], dtype=np.float64)
    if any(v.shape != (3,) or not np.isfinite(v).all() for v in (source, direction, up)):
        raise ValueError(f"beam of frame {item['frame']}: a vector needs three finite numbers")
    if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3:
        raise ValueError(f"beam of frame {item['frame']}: the polygon needs three (x, y) corners")
    if any(abs(np.linalg.norm(v) - 1) > 1e-6 for v in (direction, up)):
        raise ValueError(f"beam of frame {item['frame']}: direction and up must have length 1")
    return ListedBeam(
        int(item["frame"]),
        float(item["time_s"]),
        str(item["view"]),
        source,
        direction,
        up,
        polygon,
        float(item["weight"]),
    )


def _table(beams: BeamList) -> str:
    """A row a beam; the polygon is `x y; x y; ...`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for beam in beams.beams:
        numbers = [*beam.source, *beam.direction, *beam.up, beam.weight]
        polygon = "; ".join(f"{x:.6g} {y:.6g}" for x, y in beam.polygon_mm)
        cells = [f"{number:.10g}" for number in numbers]
        writer.writerow([beam.frame, f"{beam.time_s:.9g}", beam.view, *cells, polygon])
    return text.getvalue()


def _rounded(values: np.ndarray) -> list:
    return np.round(values, 9).tolist()
