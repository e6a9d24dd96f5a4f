"""Numbers beside the columns, for `exposure.json`: of the beam, its entry, and the head in it."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from .beam import area_on_plane_mm2, solid_angle_sr
from .central_ray import CentralRay
from .entry_site import entry_site
from .head import Head
from .lenses import Lens, LensExposure, lens_points_ct, margin_at_mm
from .matter import Matter
from .patch import Patch
from .structures import share_in_field, share_inside
from .view import View

FRONTAL_DEG, FROM_BEHIND_DEG = 60.0, 120.0  # of the ray back to the source against the gaze
Numbers = dict[str, object]


def beam_numbers(view: View, reference_distance_mm: float | None) -> Numbers:
    """The beam's own numbers, with a detector at `sid` behind them where its pixels have a size."""
    beam = view.beam_skull
    right = np.cross(beam.axis, beam.up)
    right /= np.linalg.norm(right)
    rows = np.stack([right, np.cross(right, beam.axis), beam.axis])
    low, high = beam.outline.min(axis=0), beam.outline.max(axis=0)
    edges = np.degrees(np.arctan([-low[0], high[0], -low[1], high[1]]))
    reference = None
    if reference_distance_mm is not None:
        reference = beam.source + reference_distance_mm * beam.axis
    return {
        "skull_from_cam": view.skull_from_cam,
        "detector": detector_pose(view),
        "head_origin_in_beam_mm": dict(
            zip(("right", "up", "along"), rows @ -beam.source, strict=True)
        ),
        "solid_angle_sr": solid_angle_sr(beam),
        "field_half_angles_deg": dict(zip(("left", "right", "up", "down"), edges, strict=True)),
        "reference_point_mm": reference,
    }


def detector_pose(view: View) -> Numbers | None:
    """Where the image plane stands in `skull`: the centre of pixel (0, 0), and a step of a pixel.

    DICOM's (0018,9557) and (3002,010E) say the same. None where the pixels' size is unknown.
    """
    spacing_mm = view.camera.pixel_spacing_mm
    if spacing_mm is None:
        return None
    K, motion = view.camera.K.numpy(), view.skull_from_cam
    sid_mm = float(K[0, 0]) * spacing_mm
    scale = sid_mm / np.diag(K)[:2]
    first = np.array([-K[0, 2] * scale[0], -K[1, 2] * scale[1], sid_mm])
    return {
        "first_pixel_mm": motion[:3, :3] @ first + motion[:3, 3],
        "step_right_mm": motion[:3, 0] * scale[0],
        "step_down_mm": motion[:3, 1] * scale[1],
    }


def entry_numbers(view: View, ray: CentralRay | None, patch: Patch, head: Head) -> Numbers:
    """Where the beam enters, the size of the field there, and what lies behind."""
    found: Numbers = {"nearest_skin_mm": patch.nearest_mm, "cut_plane_fraction": patch.cut_fraction}
    if ray is None:
        return found
    beam = view.beam_ct
    site = entry_site(view.skull(ray.entry), head.anatomical)
    area = area_on_plane_mm2(beam, ray.entry, beam.axis)
    found["entry_site"] = site._asdict()
    found["equivalent_square_side_mm"] = None if area is None else math.sqrt(area)
    if head.matter is not None:
        passed = head.matter.along(beam.source, beam.axis, ray.crossings)
        found["central_ray"] = None if passed is None else passed._asdict()
    return found


def lens_numbers(
    view: View,
    lens: Lens,
    met: LensExposure,
    matter: Matter | None,
    reference_distance_mm: float | None,
) -> Numbers:
    """One lens in one beam, beyond its columns."""
    motion, source = view.cam_from_ct, view.beam_ct.source
    center_cam = motion[:3, :3] @ lens.center_ct + motion[:3, 3]
    points_cam = lens_points_ct(lens) @ motion[:3, :3].T + motion[:3, 3]
    skull_from_ct = view.skull_from_ct
    gaze_ct = skull_from_ct[1, :3] if lens.gaze_ct is None else lens.gaze_ct
    angle_deg = math.degrees(math.acos(min(max(float(-met.toward_ct @ gaze_ct), -1.0), 1.0)))
    passed = None
    if matter is not None and met.depth_mm is not None:
        passed = matter.along(source, met.toward_ct, met.crossings, met.distance_mm)
    whole_mm = met.crossings.length_inside_mm() if met.crossings.paired else 0.0
    share = None if met.depth_mm is None or whole_mm <= 0 else met.depth_mm / whole_mm
    k_isq = (
        None if reference_distance_mm is None else (reference_distance_mm / met.distance_mm) ** 2
    )
    return {
        "model": lens.model,
        "pixel": pixel_of(view, center_cam),
        "share_in_field": share_inside(view.beam_ct.outline, points_cam),
        "k_isq": k_isq,
        "water_equivalent_depth_mm": None if passed is None else passed.water_equivalent_mm,
        "depth_share": share,
        "angle_to_gaze_deg": angle_deg,
        "side": side_of(angle_deg),
    }


def side_of(angle_to_gaze_deg: float) -> str:
    """`entrance`: the beam comes from before the eye; `exit`: through the head; else `lateral`."""
    if angle_to_gaze_deg <= FRONTAL_DEG:
        return "entrance"
    return "exit" if angle_to_gaze_deg >= FROM_BEHIND_DEG else "lateral"


def structure_numbers(view: View, head: Head) -> Numbers:
    """Every structure that the user named, by its name."""
    found: Numbers = {}
    source, motion = view.beam_ct.source, view.cam_from_ct
    for name, structure in head.structures.items():
        center_cam = motion[:3, :3] @ structure.center_ct + motion[:3, 3]
        distance_mm = float(np.linalg.norm(center_cam))
        toward = (structure.center_ct - source) / distance_mm
        crossings = head.skin.crossings(source, toward)
        inside = crossings.paired and len(crossings.face) and crossings.distance_mm[0] < distance_mm
        passed = None
        if inside and head.matter is not None:
            passed = head.matter.along(source, toward, crossings, distance_mm)
        found[name] = {
            "share_in_field": share_in_field(view.beam_ct.outline, structure.points_ct, motion),
            "center_margin_mm": margin_at_mm(view.beam_ct.outline, center_cam),
            "center_distance_mm": distance_mm,
            "center_depth_mm": crossings.length_inside_mm(distance_mm) if inside else None,
            "water_equivalent_depth_mm": None if passed is None else passed.water_equivalent_mm,
        }
    return found


def angles_between_views_deg(views: Sequence[View]) -> list[dict[str, float]]:
    """For each view the angle between its central ray and that of every other view, by name."""
    axes = [view.beam_ct.axis for view in views]
    return [
        {
            other.camera.name: math.degrees(
                math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b))
            )
            for other, b in zip(views, axes, strict=True)
            if other is not view
        }
        for view, a in zip(views, axes, strict=True)
    ]


def pixel_of(view: View, point_cam: Float[np.ndarray, "3"]) -> Float[np.ndarray, "2"] | None:
    """Where a point is seen (undistorted pixels); None behind the source."""
    if point_cam[2] <= 0:
        return None
    K = view.camera.K.numpy()
    return np.diag(K)[:2] * point_cam[:2] / point_cam[2] + K[:2, 2]
