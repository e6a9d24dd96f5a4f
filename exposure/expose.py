"""One pose of the head to the exposure of each view: the door of this package."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
from jaxtyping import Float

from calibration import Rig, Rigid

from .beside import (
    angles_between_views_deg,
    beam_numbers,
    entry_numbers,
    lens_numbers,
    structure_numbers,
)
from .central_ray import CentralRay, central_ray, patch_outline_ct
from .columns import (
    beam_columns,
    deviations_of,
    field_columns,
    lens_columns,
    skin_columns,
)
from .dose import dose_at_entry
from .field import Field
from .head import Head
from .lenses import lens_exposure
from .patch import Patch, overlap_mm2, patch_of
from .tube_output import TubeOutput
from .uncertainty import PoseSpread, pose_spread
from .view import View, view_of
from .view_exposure import ViewExposure

SEEN_CUT = 0.01  # of the field's solid angle: more on a cut plane is worth a flag


def expose(
    world_from_ct: Rigid,
    rig: Rig,
    head: Head,
    fields: Sequence[Field | None] | None = None,
    reference_distance_mm: float | None = None,
    covariance: Float[np.ndarray, "6 6"] | None = None,
    outputs: Mapping[str, TubeOutput] | None = None,
) -> tuple[ViewExposure, ...]:
    """What every view of the rig does to the head at one pose, in the rig's order.

    Args:
        fields: one a view; None is the whole image, and flagged as assumed.
        covariance: of the pose, about the head's `center_ct` (see `registration.twist`).
        outputs: of the tube, by view.

    Raises ValueError on a pose that is not finite, and on fields for another number of views.
    """
    if not np.isfinite(world_from_ct.matrix().numpy()).all():
        raise ValueError("the pose has values that are not finite: a lost frame has no exposure")
    fields = [None] * len(rig) if fields is None else fields
    if len(fields) != len(rig):
        raise ValueError(f"{len(fields)} fields for {len(rig)} views; give one a view, or None")
    spread = None
    if covariance is not None:
        spread = pose_spread(world_from_ct, covariance, np.asarray(head.center_ct))
    views = [
        view_of(camera, field, world_from_ct, head.skull_from_ct)
        for camera, field in zip(rig, fields, strict=True)
    ]
    exposures = []
    for view, angles in zip(views, angles_between_views_deg(views), strict=True):
        output = (outputs or {}).get(view.camera.name, TubeOutput())
        output = output if view.field.exposed else replace(output, on=False)
        found = _view_exposure(view, head, spread, reference_distance_mm, output)
        exposures.append(replace(found, more=found.more | {"angle_to_views_deg": angles}))
    lit = [e.patch for e in exposures if "tube_off" not in e.flags]
    overlap = overlap_mm2(head.skin, lit) if len(lit) == len(views) else None
    return tuple(replace(exposure, overlap_area_mm2=overlap) for exposure in exposures)


def _view_exposure(
    view: View,
    head: Head,
    spread: PoseSpread | None,
    reference_distance_mm: float | None,
    output: TubeOutput,
) -> ViewExposure:
    """All of one view but the overlap and what takes the other views."""
    ray = central_ray(view.beam_ct, head.skin)
    patch = patch_of(head.skin, view.beam_ct.outline, view.cam_from_ct)
    lens_met = {
        side: lens_exposure(lens, view.beam_ct, view.cam_from_ct, head.skin)
        for side, lens in head.lenses.items()
    }
    lens_cells, sd = lens_columns(view, head.lenses, lens_met, spread)
    cells = {
        **beam_columns(view),
        **field_columns(view, patch, reference_distance_mm),
        **lens_cells,
    }
    if ray is not None:
        cells |= skin_columns(view, ray, reference_distance_mm)
    dose = dose_at_entry(
        output,
        cells.get("k_isq"),
        cells["field_area_reference_mm2"],
        cells.get("field_area_entrance_mm2"),
    )
    cells["entrance_kerma_mGy"] = dose.incident_kerma_mGy
    if spread is not None:
        sd = deviations_of(view, ray, spread, cells) | sd
        cells["ssd_sd_mm"] = sd.get("ssd_mm")
    lenses = {
        side: lens_numbers(view, lens, lens_met[side], head.matter, reference_distance_mm)
        for side, lens in head.lenses.items()
    }
    more = {
        "tube_on": output.on,
        **beam_numbers(view, reference_distance_mm),
        **entry_numbers(view, ray, patch, head),
        "lenses": lenses,
        "structures": structure_numbers(view, head),
        "dose": asdict(dose),
    }
    sid_mm = cells["sid_mm"]
    return ViewExposure(
        view=view.camera.name,
        **cells,
        flags=_flags(ray, patch, head, cells, output),
        field_outline_px=view.field.outline_px,
        field_outline_mm=None if sid_mm is None else view.beam_ct.outline * sid_mm,
        patch_outline_skull=view.skull(patch_outline_ct(view.beam_ct, head.skin)),
        patch=patch,
        sd=sd,
        more=more,
    )


def _flags(
    ray: CentralRay | None, patch: Patch, head: Head, cells: dict, output: TubeOutput
) -> tuple[str, ...]:
    """What a reader of the row must know."""
    flags = [] if output.on else ["tube_off"]
    flags += ["beam_misses_head"] if ray is None else list(ray.flags)
    if patch.cut_fraction > SEEN_CUT:
        flags.append("patch_meets_cut_plane")
    if cells["primary_angle_deg"] is None:
        flags.append("axis_undefined")
    if any(lens.estimated for lens in head.lenses.values()):
        flags.append("lens_model=estimated")
    if cells["field_source"] == "assumed":
        flags.append("field=assumed")
    return tuple(flags)
