"""An implant laid onto the metal seen in all views: greatest overlap, found without derivatives.

The first guesses of the two cameras contradict each other by 70 to 94 deg, so turns of all kinds
are tried, with the implant where the metal is. Nelder and Mead's simplex climbs from the best, on
small images; what is found is a start for the refinement.
"""

import cv2
import numpy as np
from jaxtyping import Float
from real_film_implants import Film, metal_line, slid_onto
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from calibration import Camera, Rigid
from drr import Projector
from registration.twist import moved_rigid

SMALL = 0.125
"""Of the film's pixels, on a side."""
TURNS, CLIMBED, KEPT = 600, 15, 3


def laid_onto(
    views: tuple[Film, ...], solid: Projector, centre_ct: Float[np.ndarray, "3"]
) -> tuple[Rigid, float]:
    """The pose of greatest mean overlap (Dice, on small images) and its value."""
    small = [_shrunk(film) for film in views]
    turns = Rotation.from_quat(np.random.default_rng(0).normal(size=(TURNS, 4))).as_matrix()
    starts = [slid_onto(Rigid(R, np.zeros(3)), views, centre_ct) for R in turns]
    starts.sort(key=lambda pose: -_overlap(pose, small, solid))
    tries = [_climbed(pose, small, solid, centre_ct, 100) for pose in starts[:CLIMBED]]
    tries.sort(key=lambda found: -found[1])
    ends = [_climbed(pose, small, solid, centre_ct, 400) for pose, _ in tries[:KEPT]]
    return max(ends, key=lambda found: found[1])


def _climbed(pose: Rigid, small, solid: Projector, centre_ct, evaluations: int):
    """The pose of greatest overlap near another; steps of some mm and some mm of turning."""

    def placed(x: np.ndarray) -> Rigid:
        return moved_rigid(pose, np.concatenate([x[:3], x[3:] / 30]), centre_ct)

    found = minimize(
        lambda x: 1 - _overlap(placed(x), small, solid),
        np.zeros(6),
        method="Nelder-Mead",
        options={
            "maxfev": evaluations,
            "initial_simplex": np.vstack([np.zeros(6), 4 * np.eye(6)]),
            "xatol": 0.02,
            "fatol": 1e-4,
        },
    )
    return placed(found.x), 1 - float(found.fun)


def _shrunk(film: Film) -> tuple[Camera, np.ndarray, np.ndarray]:
    """The box's camera on small pixels, and there the shares of metal and of usable pixels."""
    left, top, right, bottom = film.box
    step = round(1 / SMALL)
    width, height = (right - left) // step * step, (bottom - top) // step * step
    camera = film.shot.camera.cropped(left, top, width, height).resized(SMALL)
    usable = film.shot.usable * 1.0
    shares = [
        cv2.resize(
            mask[top : top + height, left : left + width].astype(np.float32),
            (camera.width, camera.height),
            interpolation=cv2.INTER_AREA,
        )
        for mask in (film.metal, usable)
    ]
    return camera, shares[0], shares[1]


def _overlap(pose: Rigid, small, solid: Projector) -> float:
    """Mean over the views of the Dice coefficient of a soft silhouette and the metal."""
    values = []
    for camera, metal, usable in small:
        line = metal_line(solid, camera, pose)
        shadow = np.clip(line, 0, 1) * usable
        values.append(2 * np.minimum(shadow, metal).sum() / max(shadow.sum() + metal.sum(), 1e-6))
    return float(np.mean(values))
