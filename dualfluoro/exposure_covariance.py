"""The covariances of a track's poses, kept in the exposure.json that was written with it.

track.csv has two norms a frame alone. Where the exposure.json beside it was made from this very
track about the same point, its 6 x 6 matrices are taken up again.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from registration import Track

from .exposures import sha256_of

SAME_MM = 1e-3


def with_covariances(track: Track, file: Path, center_ct: Float[np.ndarray, "3"]) -> Track:
    """The track of a file with its covariances, or as it is where they are not to be had."""
    found = _covariances(file, center_ct)
    covariance = track.covariance.copy()
    for row, frame in enumerate(track.frame):
        if (matrix := found.get(int(frame))) is not None:
            covariance[row] = matrix
    return replace(track, covariance=covariance)


def _covariances(file: Path, center_ct: np.ndarray) -> dict[int, np.ndarray]:
    """By frame, from the exposure.json beside the track; nothing of a file that is another's."""
    beside = file.with_name("exposure.json")
    try:
        document = json.loads(beside.read_text(encoding="utf-8"))
        center = np.array(document["pose_center_ct_mm"], dtype=np.float64)
        if document["provenance"]["track_sha256"] != sha256_of(file):
            return {}
        if center.shape != (3,) or not np.abs(center - center_ct).max() < SAME_MM:
            return {}
        found = {}
        for row in document["rows"]:
            matrix = np.array(row.get("pose_covariance"), dtype=np.float64)
            if matrix.shape == (6, 6) and np.isfinite(matrix).all():
                found[int(row["frame"])] = matrix
        return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
