"""What speaks against a pose: each check that fails leaves a flag, and a frame is not `ok`."""

from dataclasses import dataclass

import numpy as np

from calibration import Rigid

from .coverage import coverage
from .head_model import HeadModel
from .hypotheses import ChosenPose
from .radiograph import Radiograph
from .refine_pose import RefinedPose
from .twist import distance_between, sd_of, twist_between


@dataclass(frozen=True)
class TrackingConfig:
    """When a pose is believed. Defaults come from benchmarks/README.md."""

    similarity_ok: float = 0.6
    """Below this in any view a pose is doubtful."""
    similarity_lost: float = 0.4
    """Below this in the mean of the views there is no pose. Wrong optima reach it, not more."""
    similarity_drop: float = 0.7
    """Below this share of a view's median over the track a pose is doubtful."""
    sd_ok_deg: float = 0.6
    """A larger deviation of the rotation is doubtful."""
    sd_ok_mm: float = 0.6
    """A larger deviation of the position is doubtful."""
    agree_deg: float = 3.0
    """Pose and landmarks (or neighbouring frames) agree within this, or 4 deviations."""
    agree_mm: float = 3.0
    """As `agree_deg`, for the position."""
    views_agree_mm: float = 1.0
    """How far (mm; 1 rad counts as 80) the views may pull a pose apart."""
    scale_ok: float = 2.5
    """Landmarks that miss by more than this many predicted deviations are doubtful."""
    in_field_ok: float = 0.2
    """Less of the cranium than this share in any view's field is doubtful (`little_skull`)."""
    half_in_field: float = 0.4
    """Where no view has this share of it in its field, it lies at the edge (`field_edge`)."""
    cut_ok: float = 0.6
    """A larger share of a view's shadow behind a face where the CT ends is doubtful."""
    landmark_correlation: float = 0.2
    """Correlation of the detector's errors within one view."""


def image_flags(refined: RefinedPose, config: TrackingConfig) -> tuple[str, ...]:
    """What the radiographs themselves say against a pose."""
    flags = []
    if refined.similarity.min() < config.similarity_ok:
        flags.append("similarity_low")
    mm, deg = sd_of(refined.covariance)
    if not (mm <= config.sd_ok_mm and deg <= config.sd_ok_deg):
        flags.append("sd_large")
    if not refined.converged:
        flags.append("not_converged")
    if refined.pull_mm > config.views_agree_mm:
        flags.append("views_disagree")
    return tuple(flags)


def coverage_flags(
    radiographs: tuple[Radiograph, ...], model: HeadModel, pose: Rigid, config: TrackingConfig
) -> tuple[str, ...]:
    """`little_skull`, `field_edge`, `ct_cut_in_beam`: what the views show of the cranium."""
    shown = [coverage(radiograph, model, pose) for radiograph in radiographs]
    flags = []
    if min(view.in_field for view in shown) < config.in_field_ok:
        flags.append("little_skull")
    if max(view.in_field for view in shown) < config.half_in_field:
        flags.append("field_edge")
    if max(view.cut for view in shown) > config.cut_ok:
        flags.append("ct_cut_in_beam")
    return tuple(flags)


def surprises(
    refined: RefinedPose,
    centre_ct: np.ndarray,
    start: Rigid,
    chosen: ChosenPose | None,
    predictions: tuple[Rigid, ...],
    config: TrackingConfig,
) -> tuple[str, ...]:
    """`refine_moved_far` where neither the landmarks nor the neighbours expected the pose."""
    pose, centre = refined.world_from_ct, centre_ct
    for prediction in predictions:
        mm, deg = distance_between(prediction, pose, centre)
        if mm <= config.agree_mm and deg <= config.agree_deg:
            return ()
    if chosen is None:
        mm, deg = distance_between(start, pose, centre)
        far = mm > 4 * config.agree_mm or deg > 4 * config.agree_deg
        return ("refine_moved_far",) if far else ()
    estimate = chosen.estimate
    twist = twist_between(estimate.world_from_ct, pose, centre)
    squared = twist @ np.linalg.solve(estimate.covariance, twist)
    mm, deg = distance_between(estimate.world_from_ct, pose, centre)
    near = mm <= config.agree_mm and deg <= config.agree_deg
    return () if near or squared <= 6 * 4.0**2 else ("refine_moved_far",)
