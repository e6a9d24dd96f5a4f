"""What one view did to the head in one frame: a row of `exposure.csv` and what goes beside it."""

from dataclasses import dataclass, field, fields

import numpy as np
from jaxtyping import Float

from .patch import Patch

FRAME_COLUMNS = ("frame", "time_s", "view", "status")


@dataclass(frozen=True, eq=False, kw_only=True)
class ViewExposure:
    """The columns of `exposure.csv` in their order, in the frame `skull`; None where undefined."""

    view: str
    source_x_mm: float | None = None
    source_y_mm: float | None = None
    source_z_mm: float | None = None
    beam_x: float | None = None
    beam_y: float | None = None
    beam_z: float | None = None
    primary_angle_deg: float | None = None
    secondary_angle_deg: float | None = None
    roll_deg: float | None = None
    sid_mm: float | None = None
    sod_mm: float | None = None
    ssd_mm: float | None = None
    magnification: float | None = None
    entry_x_mm: float | None = None
    entry_y_mm: float | None = None
    entry_z_mm: float | None = None
    exit_x_mm: float | None = None
    exit_y_mm: float | None = None
    exit_z_mm: float | None = None
    path_length_mm: float | None = None
    incidence_deg: float | None = None
    field_area_entrance_mm2: float | None = None
    field_area_reference_mm2: float | None = None
    skin_area_mm2: float | None = None
    miss_fraction: float | None = None
    k_isq: float | None = None
    lens_left_in_field: int | None = None
    lens_left_margin_mm: float | None = None
    lens_left_distance_mm: float | None = None
    lens_left_depth_mm: float | None = None
    lens_left_probability: float | None = None
    lens_right_in_field: int | None = None
    lens_right_margin_mm: float | None = None
    lens_right_distance_mm: float | None = None
    lens_right_depth_mm: float | None = None
    lens_right_probability: float | None = None
    overlap_area_mm2: float | None = None
    ssd_sd_mm: float | None = None
    entrance_kerma_mGy: float | None = None
    field_source: str | None = None
    flags: tuple[str, ...] = ()
    field_outline_px: Float[np.ndarray, "corner 2"] | None = None
    field_outline_mm: Float[np.ndarray, "corner 2"] | None = None
    """On the detector about the principal ray, right and down; None where its distance is."""
    patch_outline_skull: Float[np.ndarray, "point 3"] | None = None
    patch: Patch | None = None
    sd: dict[str, float] = field(default_factory=dict)
    more: dict = field(default_factory=dict)


_BESIDE = ("view", "field_outline_px", "field_outline_mm", "patch_outline_skull", "patch", "sd")
_BESIDE += ("more",)
VIEW_COLUMNS = tuple(f.name for f in fields(ViewExposure) if f.name not in _BESIDE)
COLUMNS = FRAME_COLUMNS + VIEW_COLUMNS
