"""Which of an object's near symmetries each position shows.

A cube that was measured is symmetric but for a few hundredths of a millimetre. The views' places
come out right whichever way it is turned; its own frame, the world, only by these differences.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from .bundle import LIMIT_SDS, Bundle
from .bundle_projection import RigState, Sightings, jacobian, projected
from .rigid import Rigid

LEAST_SD_PX = 0.02


def best_turns(
    bundle: Bundle,
    points_mm: Float[np.ndarray, "bead 3"],
    seen: Sightings,
    motions: Rigid,
    symmetry: Int[np.ndarray, "symmetry bead"],
) -> tuple[Int[np.ndarray, "position"], Float[np.ndarray, "position"]]:
    """The symmetry that explains each position best, and how much likelier it is than the next.

    The second result is in nats; it is 0 where an exact symmetry leaves the answer open.
    """
    best, lead = [], []
    for p in range(len(bundle.state.t_position)):
        mine = seen[(seen.position == p) & bundle.inlier]
        costs = [
            _cost(bundle, points_mm, mine, motions[g], symmetry[g]) for g in range(len(symmetry))
        ]
        order = np.argsort(costs, kind="stable")
        best.append(int(order[0]))
        lead.append(float(costs[order[1]] - costs[order[0]]) / 2 if len(costs) > 1 else np.inf)
    return np.array(best, dtype=np.int64), np.array(lead)


def turned_state(state: RigState, motions: Rigid, best: Int[np.ndarray, "position"]) -> RigState:
    """The rig with the object of each position turned by a symmetry; the world is the first's."""
    R, t = motions.R.numpy()[best], motions.t.numpy()[best]
    t_position = np.einsum("pij,pj->pi", state.R_position, t) + state.t_position
    R_position = state.R_position @ R
    R0, t0 = R_position[0].copy(), t_position[0]
    R_position = R0.T @ R_position
    R_position[0] = np.eye(3)
    return replace(
        state,
        R_view=state.R_view @ R0,
        t_view=state.R_view @ t0 + state.t_view,
        R_position=R_position,
        t_position=(t_position - t0) @ R0,
    )


def _cost(bundle: Bundle, points_mm, mine: Sightings, turn: Rigid, goes_to) -> float:
    """Squared error over variance of one position's sightings, its pose fitted anew (one step)."""
    back = np.empty_like(goes_to)
    back[goes_to] = np.arange(len(goes_to))
    p = int(mine.position[0]) if len(mine) else 0
    R_position, t_position = bundle.state.R_position[p], bundle.state.t_position[p]
    state = replace(  # the position is the second, for the first is the world and does not move
        bundle.state,
        R_position=np.stack([np.eye(3), R_position @ turn.R.numpy()]),
        t_position=np.stack([np.zeros(3), R_position @ turn.t.numpy() + t_position]),
    )
    again = Sightings(mine.view, np.ones_like(mine.position), back[mine.bead], mine.pixels)
    residual = (again.pixels - projected(state, points_mm, again)).ravel()
    J = jacobian(state, points_mm, again, bundle.lens_terms)[:, -6:].toarray()
    left = residual - J @ np.linalg.lstsq(J, residual, rcond=None)[0]
    error2 = (left.reshape(-1, 2) ** 2).sum(1)
    sd = max(bundle.sd_px, LEAST_SD_PX)
    return float(np.minimum(error2 / sd**2, LIMIT_SDS**2).sum())
