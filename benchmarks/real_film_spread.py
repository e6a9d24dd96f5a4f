"""How far apart poses of real film end that were started at random around one of them.

No true pose exists. The consensus is the end with the least median distance to all others.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from calibration import Rigid
from registration.head_model import HeadModel
from registration.radiograph import Radiograph
from registration.refine_pose import RefinedPose, refine_pose
from registration.twist import distance_between, moved_rigid
from registration.weak_turn import looked_again

START_MM, START_DEG = 5.0, 5.0
GOAL_MM, GOAL_DEG = 0.15, 0.15


@dataclass(frozen=True)
class Spread:
    """The consensus, and how far each end is from it (mm at the bone's centre, and deg)."""

    consensus: RefinedPose
    off: Float[np.ndarray, "start 2"]
    similarity: Float[np.ndarray, "start"]
    converged: int

    @property
    def inside_goal(self) -> float:
        """The share of ends within 0.15 mm and 0.15 deg."""
        return float(((self.off[:, 0] < GOAL_MM) & (self.off[:, 1] < GOAL_DEG)).mean())

    @property
    def row(self) -> dict:
        """Its figures for a table."""
        consensus = self.consensus
        return {
            "similarity": consensus.similarity.round(3).tolist(),
            "median_mm": float(np.median(self.off[:, 0])),
            "p95_mm": float(np.quantile(self.off[:, 0], 0.95)),
            "median_deg": float(np.median(self.off[:, 1])),
            "p95_deg": float(np.quantile(self.off[:, 1], 0.95)),
            "inside_goal": self.inside_goal,
            "sd_mm": consensus.sd_translation_mm,
            "sd_deg": consensus.sd_rotation_deg,
            "converged": self.converged,
            "starts": len(self.off),
        }


def spread(
    radiographs: tuple[Radiograph, ...],
    model: HeadModel,
    pose: Rigid,
    count: int,
    seed: int = 0,
    again: bool = True,
) -> Spread:
    """The ends of `count` starts, in random directions, up to 5 mm and 5 deg off, uniformly."""
    ends = []
    for start in random_starts(pose, model.centre_ct, count, seed):
        end = refine_pose(radiographs, model, start)
        ends.append(looked_again(radiographs, model, end) if again else end)
    return spread_of(ends, model.centre_ct)


def spread_of(ends: list[RefinedPose], centre_ct: Float[np.ndarray, "3"]) -> Spread:
    """The spread of poses about their consensus."""
    poses = [end.world_from_ct for end in ends]
    off = np.array([[distance_between(a, b, centre_ct) for b in poses] for a in poses])
    place = int(np.argmin(np.median(off.sum(-1), axis=1)))
    similarity = np.array([end.similarity.mean() for end in ends])
    return Spread(ends[place], off[place], similarity, sum(end.converged for end in ends))


def random_starts(
    pose: Rigid, centre_ct: Float[np.ndarray, "3"], count: int, seed: int
) -> list[Rigid]:
    """Motions about the bone's centre with uniform lengths and directions on the sphere."""
    rng = np.random.default_rng(seed)
    starts = []
    for _ in range(count):
        shift, turn = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 3)))
        shift, turn = shift * rng.uniform(0, START_MM), turn * rng.uniform(0, START_DEG)
        starts.append(moved_rigid(pose, np.concatenate([shift, np.radians(turn)]), centre_ct))
    return starts
