"""Markers in a C3D file, written by the library c3d.

Not by ezc3d, which fails wherever SimpleITK is loaded: both come from SWIG, and share its types.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

MOST_FRAMES, MOST_MARKERS = 65535, 255
"""What the sixteen and eight bits of its header hold."""
MISSING = -1.0


def write_c3d(
    path: Path,
    markers: Sequence[str],
    points_mm: Float[np.ndarray, "frame marker 3"],
    rate_hz: float | int,
) -> None:
    """Write the markers of all frames; a point that is NaN gets the residual -1: missing.

    Raises:
        ValueError: the library c3d is not installed; more frames or markers than a C3D file holds,
            or none; a name twice; no point in any frame.
    """
    try:
        import c3d
    except ImportError:
        raise ValueError(
            "C3D files are written by the library c3d, which is not installed here; get it with: "
            "pip install c3d"
        ) from None
    count, number = points_mm.shape[:2]
    if not (0 < count <= MOST_FRAMES and 0 < number <= MOST_MARKERS):
        raise ValueError(
            f"a C3D file holds 1 to {MOST_FRAMES} frames and 1 to {MOST_MARKERS} markers, found "
            f"{count} and {number}"
        )
    if len(set(markers)) != number:
        raise ValueError("the markers of a C3D file must have names of their own")
    known = np.isfinite(points_mm).all(-1, keepdims=True)
    if not known.any():
        raise ValueError("no marker has a place in any frame: there is nothing to write in a C3D")
    rows = np.zeros((count, number, 5), np.float32)  # x, y, z, residual, cameras
    rows[..., :3] = np.where(known, points_mm, 0.0)
    rows[..., 3:4] = np.where(known, 0.0, MISSING)
    writer = c3d.Writer(point_rate=float(rate_hz), point_units="mm")
    for row in rows:
        writer.add_frames([(row, np.zeros((0, 1)))])
    writer.set_point_labels([label.encode("ascii", "replace").decode() for label in markers])
    with path.open("wb") as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No analog data")
        writer.write(file)
