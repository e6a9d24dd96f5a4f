"""The columns of one view, group by group; each function returns cells by their names."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from .angles import primary_angle_deg, roll_deg, secondary_angle_deg
from .beam import area_on_plane_mm2
from .central_ray import CentralRay
from .lenses import Lens, LensExposure, probability_in_field
from .patch import Patch
from .uncertainty import PoseSpread, Tangent, beam_deviations, margin_deviation_mm
from .view import View


def beam_columns(view: View) -> dict[str, float | None]:
    """Where the beam comes from and where it goes, as seen from the head."""
    beam = view.beam_skull
    spacing_mm = view.camera.pixel_spacing_mm
    sid_mm = None if spacing_mm is None else float(view.camera.K[0, 0]) * spacing_mm
    sod_mm = -float(beam.source @ beam.principal)
    return {
        **_xyz("source", "_mm", beam.source),
        **_xyz("beam", "", beam.axis),
        "primary_angle_deg": primary_angle_deg(beam.axis),
        "secondary_angle_deg": secondary_angle_deg(beam.axis),
        "roll_deg": roll_deg(beam.axis, beam.up),
        "sid_mm": sid_mm,
        "sod_mm": sod_mm,
        "magnification": None if sid_mm is None or sod_mm <= 0 else sid_mm / sod_mm,
    }


def skin_columns(
    view: View, ray: CentralRay, reference_distance_mm: float | None
) -> dict[str, float | None]:
    """What the central ray meets: the skin it enters, the way through, the field on the skin."""
    k_isq = None if reference_distance_mm is None else (reference_distance_mm / ray.ssd_mm) ** 2
    return {
        "ssd_mm": ray.ssd_mm,
        **_xyz("entry", "_mm", view.skull(ray.entry)),
        **({} if ray.exit is None else _xyz("exit", "_mm", view.skull(ray.exit))),
        "path_length_mm": ray.path_length_mm,
        "incidence_deg": ray.incidence_deg,
        "field_area_entrance_mm2": area_on_plane_mm2(view.beam_ct, ray.entry, view.beam_ct.axis),
        "k_isq": k_isq,
    }


def field_columns(
    view: View, patch: Patch, reference_distance_mm: float | None
) -> dict[str, float | str | None]:
    """How much of the head the field covers, and how much of the field the head."""
    area = None
    if reference_distance_mm is not None:
        point = view.beam_ct.source + reference_distance_mm * view.beam_ct.axis
        area = area_on_plane_mm2(view.beam_ct, point, view.beam_ct.axis)
    return {
        "field_area_reference_mm2": area,
        "skin_area_mm2": patch.area_mm2,
        "miss_fraction": patch.miss_fraction,
        "field_source": view.field.source,
    }


def lens_columns(
    view: View,
    lenses: Mapping[str, Lens],
    lens_exposures: Mapping[str, LensExposure],
    spread: PoseSpread | None,
) -> tuple[dict[str, float | int | None], dict[str, float]]:
    """The columns of the lenses that are known, and the deviations of their margins."""
    cells, deviations = {}, {}
    for side, lens in lenses.items():
        met = lens_exposures[side]
        cells[f"lens_{side}_in_field"] = met.in_field
        cells[f"lens_{side}_margin_mm"] = met.margin_mm
        cells[f"lens_{side}_distance_mm"] = met.distance_mm
        cells[f"lens_{side}_depth_mm"] = met.depth_mm
        if spread is None:
            continue
        outline = view.beam_ct.outline
        center_cam = view.cam_from_ct[:3, :3] @ lens.center_ct + view.cam_from_ct[:3, 3]
        error = spread.of_point(center_cam, view.cam_from_world) + lens.sd_mm**2 * np.eye(3)
        cells[f"lens_{side}_probability"] = probability_in_field(outline, center_cam, error)
        deviations[f"lens_{side}_margin_mm"] = margin_deviation_mm(outline, center_cam, error)
    return cells, deviations


def deviations_of(
    view: View, ray: CentralRay | None, spread: PoseSpread, cells: Mapping[str, object]
) -> dict[str, float]:
    """The standard deviations of the beam's columns; none of a cell that is empty."""
    tangent = None
    if ray is not None:
        turn = view.skull_from_ct[:3, :3]
        tangent = Tangent(view.skull(ray.entry), turn @ ray.normal)
    sd = beam_deviations(
        spread, view.cam_from_world, view.skull_from_ct, view.beam_ct.axis_cam, tangent
    )
    if ray is not None and isinstance(k_isq := cells.get("k_isq"), float):
        sd["k_isq"] = 2 * k_isq * sd["ssd_mm"] / ray.ssd_mm
    return {name: value for name, value in sd.items() if cells.get(name) is not None}


def _xyz(name: str, unit: str, vector: Float[np.ndarray, "3"]) -> dict[str, float | None]:
    """Three cells of a vector."""
    return {f"{name}_{axis}{unit}": float(v) for axis, v in zip("xyz", vector, strict=True)}
