"""One pose of the head to the exposure of each view: the door of this package."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Num

from calibration import Rig, Rigid

from .central_ray import central_ray, patch_outline_ct
from .columns import (
    beam_columns,
    deviations_of,
    field_columns,
    lens_columns,
    more_of,
    skin_columns,
)
from .field import Field
from .lenses import Lens
from .patch import overlap_mm2, patch_of
from .skin import Skin
from .uncertainty import PoseSpread, pose_spread
from .view import View, view_of
from .view_exposure import ViewExposure

SEEN_CUT = 0.01  # of the field's solid angle: more on a cut plane is worth a flag


def expose(
    world_from_ct: Rigid,
    rig: Rig,
    skin: Skin,
    skull_from_ct: Rigid,
    fields: Sequence[Field | None] | None = None,
    lenses: Mapping[str, Lens] | None = None,
    reference_distance_mm: float | None = None,
    covariance: Float[np.ndarray, "6 6"] | None = None,
    covariance_center_ct: Num[np.ndarray, "3"] | None = None,
    kerma_mGy: Mapping[str, float] | None = None,
) -> tuple[ViewExposure, ...]:
    """What every view of the rig does to the head at one pose, in the rig's order.

    Args:
        fields: one a view; None is the whole image, and flagged as assumed.
        lenses: by side, `left` and `right`.
        covariance: of the pose, about `covariance_center_ct` (see `registration.twist`).
        kerma_mGy: by view, incident air kerma of the frame at the reference distance.
    """
    fields = [None] * len(rig) if fields is None else fields
    if len(fields) != len(rig):
        raise ValueError(f"{len(fields)} fields for {len(rig)} views; give one a view, or None")
    if unknown := sorted(set(lenses or {}) - {"left", "right"}):
        raise ValueError(f"a lens is 'left' or 'right', found {unknown[0]!r}")
    spread = None
    if covariance is not None:
        if covariance_center_ct is None:
            raise ValueError(
                "a covariance needs covariance_center_ct, the point it is about (ct, mm)"
            )
        spread = pose_spread(world_from_ct, covariance, np.asarray(covariance_center_ct))
    exposures = []
    for camera, field in zip(rig, fields, strict=True):
        view = view_of(camera, field, world_from_ct, skull_from_ct)
        kerma = (kerma_mGy or {}).get(camera.name)
        exposures.append(
            _view_exposure(view, skin, lenses or {}, spread, reference_distance_mm, kerma)
        )
    overlap = overlap_mm2(skin, [exposure.patch for exposure in exposures])
    return tuple(replace(exposure, overlap_area_mm2=overlap) for exposure in exposures)


def _view_exposure(
    view: View,
    skin: Skin,
    lenses: Mapping[str, Lens],
    spread: PoseSpread | None,
    reference_distance_mm: float | None,
    kerma_mGy: float | None,
) -> ViewExposure:
    """All columns of one view but the overlap."""
    ray = central_ray(view.beam_ct, skin)
    patch = patch_of(skin, view.beam_ct.outline, view.cam_from_ct)
    lens_cells, sd = lens_columns(view, lenses, skin, spread)
    cells = {
        **beam_columns(view),
        **field_columns(view, patch, reference_distance_mm),
        **lens_cells,
    }
    if ray is not None:
        cells |= skin_columns(view, ray, reference_distance_mm, kerma_mGy)
    if spread is not None:
        sd = deviations_of(view, ray, spread, cells) | sd
        cells["ssd_sd_mm"] = sd.get("ssd_mm")
    outline = patch_outline_ct(view.beam_ct, skin)
    return ViewExposure(
        view=view.camera.name,
        **cells,
        flags=_flags(view, ray, patch, lenses, cells),
        field_outline_px=view.field.outline_px,
        patch_outline_skull=view.skull(outline),
        patch=patch,
        sd=sd,
        more=more_of(view, ray, patch, reference_distance_mm),
    )


def _flags(view: View, ray, patch, lenses: Mapping[str, Lens], cells: dict) -> tuple[str, ...]:
    """What a reader of the row must know."""
    flags = ["beam_misses_head"] if ray is None else list(ray.flags)
    if patch.cut_fraction > SEEN_CUT:
        flags.append("patch_meets_cut_plane")
    if cells["primary_angle_deg"] is None:
        flags.append("axis_undefined")
    if any(lens.estimated for lens in lenses.values()):
        flags.append("lens_model=estimated")
    if view.field.source == "assumed":
        flags.append("field=assumed")
    return tuple(flags)
