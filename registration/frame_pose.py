"""Where the head is at one moment: proposals, refinement, and the checks that make it `ok`."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from calibration import Rig, Rigid

from .frame_flags import TrackingConfig, coverage_flags, image_flags, surprises
from .head_model import HeadModel
from .hypotheses import ChosenPose, solve_ambiguous_pose
from .pose_search import searched_pose
from .radiograph import Radiograph
from .refine_pose import RefinedPose, refine_pose
from .reprojection import Views
from .twist import moved_rigid, sd_of


@dataclass(frozen=True)
class Moment:
    """All views at one time: radiographs, and what the detector read in them (NaN: unseen)."""

    radiographs: tuple[Radiograph, ...]
    pixels: Float[np.ndarray, "view hypothesis landmark 2"] | None = None
    sd_px: Float[np.ndarray, "view hypothesis landmark"] | None = None


@dataclass(frozen=True)
class Subject:
    """What is known of the head: the CT ready for matching, the detector's landmarks, or both."""

    model: HeadModel | None
    points_ct: Float[np.ndarray, "landmark 3"] | None

    @property
    def centre_ct(self) -> np.ndarray:
        """The point that deviations refer to: the landmarks' centroid, else the bone's."""
        if self.points_ct is not None:
            return np.asarray(self.points_ct, dtype=np.float64).mean(0)
        if self.model is None:
            raise ValueError("a subject needs a head model, landmarks, or both; neither is given")
        return self.model.centre_ct


@dataclass(frozen=True)
class FramePose:
    """The head at one moment: no pose where it is lost, and the flags that speak against it."""

    world_from_ct: Rigid | None
    covariance: Float[np.ndarray, "6 6"]
    similarity: Float[np.ndarray, "view"]
    reprojection_px: Float[np.ndarray, "view"]
    landmarks_used: int
    flags: tuple[str, ...]

    @property
    def status(self) -> str:
        """ok without a flag, doubtful with one, lost without a pose."""
        if self.world_from_ct is None:
            return "lost"
        return "doubtful" if self.flags else "ok"

    @property
    def trust(self) -> tuple:
        """What the better of two poses of one moment has more of."""
        similarity = float(np.nan_to_num(self.similarity).mean()) if self.similarity.size else 0.0
        return (self.world_from_ct is not None, not self.flags, similarity, -len(self.flags))


def locate(
    rig: Rig,
    moment: Moment,
    subject: Subject,
    predictions: tuple[Rigid, ...],
    config: TrackingConfig,
) -> FramePose:
    """The best pose of one moment, from its landmarks and from predictions, with its flags."""
    chosen = _from_landmarks(rig, moment, subject, predictions, config)
    if subject.model is None:
        return _landmark_pose(rig, moment, subject, chosen, config)
    refined, start = _refined(moment, subject.model, chosen, predictions, config)
    flags = image_flags(refined, config)
    flags += coverage_flags(moment.radiographs, subject.model, refined.world_from_ct, config)
    flags += surprises(refined, subject.centre_ct, start, chosen, predictions, config)
    covariance = _about(refined, subject.centre_ct)
    if refined.similarity.mean() < config.similarity_lost:
        return _lost(rig, flags, refined.similarity)
    reprojection, used = _reprojection(rig, moment, subject, chosen, refined.world_from_ct)
    return FramePose(
        refined.world_from_ct, covariance, refined.similarity, reprojection, used, flags
    )


def _from_landmarks(rig, moment, subject, predictions, config) -> ChosenPose | None:
    if moment.pixels is None or moment.sd_px is None or subject.points_ct is None:
        return None
    try:
        return solve_ambiguous_pose(
            rig,
            subject.points_ct,
            moment.pixels,
            moment.sd_px,
            predictions[0] if predictions else None,
            error_correlation=config.landmark_correlation,
        )
    except ValueError:  # too few landmarks: the predictions remain
        return None


def _refined(
    moment: Moment,
    model: HeadModel,
    chosen: ChosenPose | None,
    predictions: tuple[Rigid, ...],
    config: TrackingConfig,
) -> tuple[RefinedPose, Rigid]:
    """The most similar of the refined starts, tried until one is good, and its start.

    Where no start is good and no neighbour is known, all azimuths are searched.
    """
    starts = [(pose, 1) for pose in predictions]
    if chosen is not None:
        rivals = [chosen.estimate, *chosen.runners_up]
        starts += [(estimate.world_from_ct, 0) for estimate in rivals]
    starts += [(pose, 0) for pose in predictions]
    best: tuple[RefinedPose, Rigid] | None = None
    for start, first_level in starts:
        found = refine_pose(moment.radiographs, model, start, first_level)
        if best is None or found.similarity.mean() > best[0].similarity.mean():
            best = found, start
        if best[0].similarity.min() >= config.similarity_ok:
            return best
    if best is not None:
        rescued = _rescued(moment, model, best[1])
        if rescued.similarity.mean() > best[0].similarity.mean():
            best = rescued, best[1]
        if predictions or best[0].similarity.min() >= config.similarity_ok:
            return best
    searched = searched_pose(moment.radiographs, model)
    if best is None or searched.similarity.mean() > best[0].similarity.mean():
        return searched, searched.world_from_ct
    return best


def _rescued(moment: Moment, model: HeadModel, origin: Rigid) -> RefinedPose:
    """The best of many coarse refinements around a start that led nowhere, refined to the end."""
    tries = []
    for axis in np.concatenate([np.eye(3), -np.eye(3)]):
        twist = np.concatenate([np.zeros(3), np.radians(25.0) * axis])
        start = moved_rigid(origin, twist, model.centre_ct)
        tries.append(refine_pose(moment.radiographs, model, start, 0, 1))
    best = max(tries, key=lambda found: found.similarity.mean())
    return refine_pose(moment.radiographs, model, best.world_from_ct, 0)


def _landmark_pose(rig, moment, subject, chosen, config) -> FramePose:
    """The pose of the landmarks alone, as sure as they are."""
    if chosen is None:
        return _lost(rig, ("few_landmarks",))
    estimate, flags = chosen.estimate, []
    if estimate.used.any(1).sum() < 2:
        flags.append("one_view")
    if estimate.used.sum() < 0.5 * np.isfinite(estimate.residuals_px).sum():
        flags.append("few_landmarks")
    if estimate.scale > config.scale_ok:
        flags.append("reprojection")
    if chosen.margin < 0.1:
        flags.append("ambiguous")
    mm, deg = sd_of(estimate.covariance)
    if not (mm <= config.sd_ok_mm and deg <= config.sd_ok_deg):
        flags.append("sd_large")
    reprojection, used = _reprojection(rig, moment, subject, chosen, estimate.world_from_ct)
    unknown = np.full(len(rig), np.nan)
    return FramePose(
        estimate.world_from_ct, estimate.covariance, unknown, reprojection, used, tuple(flags)
    )


def _reprojection(rig, moment, subject, chosen, pose) -> tuple[np.ndarray, int]:
    """Median distance (px) of each view's landmarks from where the pose has them; how many fit."""
    if chosen is None:
        return np.full(len(rig), np.nan), 0
    pixels = np.stack([view[h] for view, h in zip(moment.pixels, chosen.chosen, strict=True)])
    points = (pose @ np.asarray(subject.points_ct, dtype=np.float64)).numpy()
    off = np.linalg.norm(Views.of(rig).project(points) - pixels, axis=-1)
    used = chosen.estimate.used
    median = [float(np.median(o[u])) if u.any() else np.nan for o, u in zip(off, used, strict=True)]
    return np.array(median), int(used.any(0).sum())


def _about(refined: RefinedPose, centre_ct: np.ndarray) -> np.ndarray:
    """The covariance of a refined pose, moved from the model's centre to another."""
    arm = refined.world_from_ct.R.numpy() @ (centre_ct - refined.centre_ct)
    cross = np.array([[0, -arm[2], arm[1]], [arm[2], 0, -arm[0]], [-arm[1], arm[0], 0]])
    move = np.block([[np.eye(3), -cross], [np.zeros((3, 3)), np.eye(3)]])
    return move @ refined.covariance @ move.T


def _lost(rig: Rig, flags: tuple[str, ...], similarity: np.ndarray | None = None) -> FramePose:
    unknown = np.full(len(rig), np.nan)
    if similarity is None:
        similarity = unknown
    return FramePose(None, np.full((6, 6), np.nan), similarity, unknown, 0, flags)
