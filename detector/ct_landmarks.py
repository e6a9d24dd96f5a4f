"""The anatomical landmarks of a head CT, found by the released model and laid into a head's shape.

The landmark model (`landmark_model`) looks at the CT; a head of the digital family is then laid
over what it found, by turn, shift and shape (maximum a posteriori, as `head_fit` in the image): it
averages the single errors out, and says where landmarks lie that the CT does not hold.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from drr.head_landmark_names import LANDMARK_NAMES
from drr.volume import Volume

from .head_fit import huber, huber_slope, moves_of
from .head_model import read_head_model
from .head_shapes import CRANIAL, ShapeModel
from .landmark_model import FoundLandmarks, LandmarkModel

RELEASED = Path(__file__).parent / "weights" / "ct_landmarks.safetensors"
LEAST_IN_CT = 20
"""Landmarks without which there is no telling where the head is."""
MOST_SURPRISE = 2.5
"""Of what was found, by its deviations: beyond it the points do not form a head."""
FAR = 3.0
"""Deviations, by what is usual of this CT, beyond which a landmark was mistaken."""
END_MM = 8.0
"""A landmark this near to the CT's end may lie beyond it."""
USUAL_SURPRISE = 0.4
"""On digital heads never seen (0.33 to 0.51). Deviations grow with what a CT has more: those of the
network were learnt on digital heads, and are too small where a head looks unlike them."""


@dataclass(frozen=True)
class CtLandmarks:
    """Points of a head, mm in the frame `ct`."""

    names: tuple[str, ...]
    xyz_ct: Float[np.ndarray, "landmark 3"]
    sd_mm: Float[np.ndarray, "landmark"]
    """Standard deviation per axis."""
    in_ct: Bool[np.ndarray, "landmark"]
    """Whether the CT holds the landmark; the place of others comes from the head's shape alone."""
    surprise: float
    """Root mean square of what the fit left, over the deviations."""


def find_ct_landmarks(volume: Volume) -> CtLandmarks:
    """The 55 landmarks of a head CT.

    Args:
        volume: HU, with or without a couch; parts of the head may be missing.

    Raises:
        ValueError: no head is recognised.
    """
    found = released_model()(volume)
    found = replace(found, in_field=found.in_field & _well_inside(volume, found.world))
    if found.in_field.sum() < LEAST_IN_CT:
        raise ValueError(
            f"{found.in_field.sum()} of {len(found.names)} landmarks of a head are seen in the CT, "
            f"{LEAST_IN_CT} at least are needed: is it a head, in HU?"
        )
    laid = laid_into_head(released_shapes(), found)
    if laid.surprise > MOST_SURPRISE:
        raise ValueError(
            f"what was found in the CT does not form a head ({laid.surprise:.1f} deviations off): "
            "is it a head, in HU, and upright in its own axes?"
        )
    return laid


def _well_inside(
    volume: Volume, xyz_ct: Float[np.ndarray, "landmark 3"]
) -> Bool[np.ndarray, "landmark"]:
    """Where a CT ends inside the head, what is beyond is taken for something at its end."""
    voxel, last = volume.voxels(xyz_ct), np.array(volume.shape) - 1
    return np.asarray((np.minimum(voxel, last - voxel) * volume.spacing_mm > END_MM).all(axis=-1))


@cache
def released_model() -> LandmarkModel:
    """The model that comes with the program."""
    return LandmarkModel.read(RELEASED)


@cache
def released_shapes() -> ShapeModel:
    """How heads vary, as the model of any head has it."""
    return read_head_model().shapes


def laid_into_head(shapes: ShapeModel, found: FoundLandmarks) -> CtLandmarks:
    """Each landmark from what was seen of it and from the head that fits all of them best.

    One that lies far off where the others say it is, such as at the edge of a CT that ends before
    it, counts as not seen.
    """
    laid, off = _laid(shapes, found)
    far = off > FAR * max(1.0, laid.surprise / USUAL_SURPRISE)
    if far.any() and (found.in_field & ~far).sum() >= LEAST_IN_CT:
        laid, _ = _laid(shapes, replace(found, in_field=found.in_field & ~far))
    return laid


def _laid(
    shapes: ShapeModel, found: FoundLandmarks
) -> tuple[CtLandmarks, Float[np.ndarray, "landmark"]]:
    """The landmarks, and by how many deviations what was seen is off the head; 0 if not seen."""
    if found.names != LANDMARK_NAMES:
        raise ValueError("the model's landmarks are not those of the heads' shapes")
    seen = found.in_field
    sd = np.where(seen, found.sd, np.inf)
    widened = np.hypot(sd, shapes.residual_sd_mm)
    solution, R, t = _solved(shapes, found.world, widened, seen)
    placed = (shapes.mean_mm + np.tensordot(solution.x[6:], shapes.modes_mm, 1)) @ R.T
    covariance = np.linalg.inv(solution.jac.T @ solution.jac)
    moves = moves_of(shapes, R, placed)
    shared = np.trace(moves @ covariance @ moves.transpose(0, 2, 1), axis1=1, axis2=2) / 3
    own = shapes.residual_sd_mm**2
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(seen, own / (own + sd**2), 0.0)
    left = np.where(seen[:, None], found.world - (placed + t), 0.0)
    size = np.abs(left) / widened[:, None]
    trusted = huber_slope(size) ** 2
    xyz = placed + t + gain[:, None] * trusted * left
    surprise = float(np.sqrt(np.mean(huber(size[seen]) ** 2)))
    sd_mm = np.sqrt(shared + own * (1 - gain)) * max(1.0, surprise / USUAL_SURPRISE)
    return CtLandmarks(found.names, xyz, sd_mm, seen, surprise), size.max(axis=1)


def _solved(shapes: ShapeModel, xyz, widened, seen):
    """Least squares from the best rigid place; the turn is counted from where a round ended."""
    weight = 1 / widened[seen] ** 2
    middle, target = (
        np.average(points[seen], axis=0, weights=weight) for points in (shapes.mean_mm, xyz)
    )
    turn = Rotation.align_vectors(
        xyz[seen] - target, shapes.mean_mm[seen] - middle, weights=weight
    )[0]
    R = turn.as_matrix()
    x = np.concatenate([np.zeros(3), target - R @ middle, np.zeros(len(shapes.modes_mm))])
    for _ in range(3):
        problem = _Problem(shapes, xyz[seen], widened[seen], seen, R)
        solution = least_squares(problem.residuals, x, problem.jacobian, max_nfev=30)  # type: ignore[arg-type]
        R = Rotation.from_rotvec(solution.x[:3]).as_matrix() @ R
        x = np.concatenate([np.zeros(3), solution.x[3:]])
    return solution, R, x[3:6]


class _Problem(NamedTuple):
    """Residuals over their deviations, by (turn from R, shift, shape)."""

    shapes: ShapeModel
    xyz: np.ndarray
    widened: np.ndarray
    seen: np.ndarray
    R: np.ndarray

    def residuals(self, x: np.ndarray) -> np.ndarray:
        """Of the points and the shape."""
        return np.concatenate([huber(self._off(x, self._placed(x)[1])).ravel(), x[6:]])

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """Exact where the turn is small."""
        turned, placed = self._placed(x)
        steep = huber_slope(self._off(x, placed)) / self.widened[:, None]
        by_point = steep[..., None] * moves_of(self.shapes, turned, placed)[self.seen]
        return np.concatenate([by_point.reshape(-1, len(x)), np.eye(len(x))[6:]])

    def _placed(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        turned = Rotation.from_rotvec(x[:3]).as_matrix() @ self.R
        shaped = self.shapes.mean_mm + np.tensordot(x[6:], self.shapes.modes_mm, 1)
        return turned, shaped @ turned.T

    def _off(self, x: np.ndarray, placed: np.ndarray) -> np.ndarray:
        return (placed[self.seen] + x[3:6] - self.xyz) / self.widened[:, None]


def cranial(found: CtLandmarks, most_sd_mm: float) -> dict[str, Float[np.ndarray, "3"]]:
    """Those of the rigid skull that the CT holds and that are known well enough."""
    chosen = CRANIAL & found.in_ct & (found.sd_mm <= most_sd_mm)
    return {found.names[n]: found.xyz_ct[n] for n in np.flatnonzero(chosen)}
