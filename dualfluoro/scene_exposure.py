"""What exposure.json says of each frame that can be drawn: fields, lenses, the pose's spread."""

import json
import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from .exposures import sha256_of

LARGEST_BYTES = 512 << 20
Key = tuple[int, int]
"""Frame and view, both from 0."""


@dataclass(frozen=True, eq=False)
class SceneExposure:
    """Outlines by frame and view; what is not known is not in it, a covariance then NaN."""

    covariance: Float[np.ndarray, "frame 6 6"]
    outline_px: dict[Key, Float[np.ndarray, "corner 2"]] = field(default_factory=dict)
    lens_in_field: dict[Key, dict[str, bool]] = field(default_factory=dict)


def read_scene_exposure(track_file: Path, names: tuple[str, ...], frames: int) -> SceneExposure:
    """What the exposure.json beside a track says of its frames; nothing where there is none.

    An exposure of another track is left aside, with a warning.

    Raises:
        ValueError: the file is damaged, or none of ours.
    """
    known = SceneExposure(np.full((frames, 6, 6), np.nan))
    path = track_file.with_name("exposure.json")
    if not path.is_file():
        return known
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"{path}: larger than {LARGEST_BYTES >> 20} MB; is it an exposure.json?")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != "dualfluoro-exposure":
            raise ValueError("its format is not dualfluoro-exposure")
        if content["provenance"]["track_sha256"] != sha256_of(track_file):
            warnings.warn(
                f"{path}: it is of another track, and not drawn; make it with: dualfluoro exposure",
                stacklevel=2,
            )
            return known
        _fill(known, content, names, frames)
    except (KeyError, TypeError, IndexError, OverflowError, RecursionError, ValueError) as error:
        raise ValueError(
            f"{path}: damaged ({type(error).__name__}: {error}); make it again with: "
            "dualfluoro exposure"
        ) from None
    return known


def _fill(known: SceneExposure, content: dict, names: tuple[str, ...], frames: int) -> None:
    """Take over the rows of the file's own frames and views."""
    outlines = content["fields_px"]
    for row in content["rows"]:
        frame, name = row["frame"], row["view"]
        if not isinstance(frame, int) or not 0 <= frame < frames or name not in names:
            raise ValueError(f"no frame {frame!r} of view {name!r} in this trial")
        key = (frame, names.index(name))
        if row.get("field") is not None:
            known.outline_px[key] = _numbers(outlines[row["field"]], 2)
        sides = {side: row.get(f"lens_{side}_in_field") for side in ("left", "right")}
        known.lens_in_field[key] = {s: bool(v) for s, v in sides.items() if v is not None}
        if row.get("pose_covariance") is not None:
            known.covariance[frame] = _numbers(row["pose_covariance"], 6)


def _numbers(rows: object, width: int) -> np.ndarray:
    """Finite numbers, (n, width) float64; ValueError else."""
    values = np.asarray(rows, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != width or not np.isfinite(values).all():
        raise ValueError(f"expected rows of {width} numbers")
    return values


def point_covariance(
    covariance: Float[np.ndarray, "6 6"], offset_world: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n 3 3"]:
    """Covariance (mm^2, world) of points at these offsets from the centre of a twist's covariance.

    A twist (v, w) moves a point at offset d by v + w x d, to first order.
    """
    x, y, z = offset_world.T
    zero = np.zeros_like(x)
    cross = np.stack([[zero, z, -y], [-z, zero, x], [y, -x, zero]]).transpose(2, 0, 1)
    J = np.concatenate([np.broadcast_to(np.eye(3), cross.shape), cross], axis=2)
    return J @ covariance @ J.transpose(0, 2, 1)


def sd_covariance(sd_translation_mm: float, sd_rotation_deg: float) -> Float[np.ndarray, "6 6"]:
    """The covariance with these roots of traces that prefers no direction; NaN of NaN."""
    variances = [sd_translation_mm**2 / 3, math.radians(sd_rotation_deg) ** 2 / 3]
    return np.diag(np.repeat(variances, 3))
