"""Where a rig sees the beads of an object that stood in several positions, and the derivatives.

pixel = c + f * lens(xy), xy = Z[:2] / Z[2], Z = R_view (R_position bead + t_position) + t_view.
The lens is that of OpenCV (k1, k2, p1, p2, k3); position 0 is the world, so it never moves.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_matrix
from scipy.spatial.transform import Rotation

LENS_TERMS = ("k1", "k2", "p1", "p2", "k3")
MOTION = ("tx_mm", "ty_mm", "tz_mm", "wx_rad", "wy_rad", "wz_rad")


@dataclass(frozen=True, eq=False)
class Sightings:
    """Beads found in images: a row a bead in an image; pixels as the model has them."""

    view: Int[np.ndarray, "sighting"]
    position: Int[np.ndarray, "sighting"]
    bead: Int[np.ndarray, "sighting"]
    pixels: Float[np.ndarray, "sighting 2"]

    def __len__(self) -> int:
        """The number of sightings."""
        return len(self.view)

    def __getitem__(self, chosen: np.ndarray) -> "Sightings":
        """The sightings of a mask or of indices."""
        return Sightings(
            self.view[chosen], self.position[chosen], self.bead[chosen], self.pixels[chosen]
        )


@dataclass(frozen=True, eq=False)
class RigState:
    """All that a calibration finds out, by view and by position.

    R and t (mm) are `cam_from_world` of the views and `world_from_object` of the positions.
    """

    focal_px: Float[np.ndarray, "view 2"]
    centre_px: Float[np.ndarray, "view 2"]
    lens: Float[np.ndarray, "view 5"]
    R_view: Float[np.ndarray, "view 3 3"]
    t_view: Float[np.ndarray, "view 3"]
    R_position: Float[np.ndarray, "position 3 3"]
    t_position: Float[np.ndarray, "position 3"]

    def moved(self, step: Float[np.ndarray, "parameter"], lens_terms: int) -> "RigState":
        """The state after a step in the order of `parameter_names`; turns act from the left."""
        views, positions = len(self.focal_px), len(self.t_position)
        width = 10 + lens_terms
        rows = step[: views * width].reshape(views, width)
        still = np.zeros((1, 6))
        moves = np.vstack([still, step[views * width :].reshape(positions - 1, 6)])
        lens = self.lens.copy()
        lens[:, :lens_terms] += rows[:, 4 : 4 + lens_terms]
        motion = rows[:, 4 + lens_terms :]
        return RigState(
            self.focal_px + rows[:, :2],
            self.centre_px + rows[:, 2:4],
            lens,
            Rotation.from_rotvec(motion[:, 3:]).as_matrix() @ self.R_view,
            self.t_view + motion[:, :3],
            Rotation.from_rotvec(moves[:, 3:]).as_matrix() @ self.R_position,
            self.t_position + moves[:, :3],
        )


def parameter_names(views: tuple[str, ...], positions: int, lens_terms: int) -> tuple[str, ...]:
    """The free parameters by name, in the order of steps and covariances; positions from 1."""
    own = ("fx_px", "fy_px", "cx_px", "cy_px", *LENS_TERMS[:lens_terms], *MOTION)
    cameras = [f"{view}.{name}" for view in views for name in own]
    moves = [f"position {p + 1}.{name}" for p in range(1, positions) for name in MOTION]
    return (*cameras, *moves)


def projected(
    state: RigState, points_mm: Float[np.ndarray, "bead 3"], seen: Sightings
) -> Float[np.ndarray, "sighting 2"]:
    """The pixel of every sighting's bead as the state has it."""
    xy = _normalised(_in_camera(state, points_mm, seen)[0])
    return (
        state.focal_px[seen.view] * lens_image(xy, state.lens[seen.view])[0]
        + (state.centre_px[seen.view])
    )


def jacobian(
    state: RigState,
    points_mm: Float[np.ndarray, "bead 3"],
    seen: Sightings,
    lens_terms: int,
) -> csr_matrix:
    """Pixels (u0, v0, u1, ...) by a small step from the state, px per px, mm and rad."""
    Z, from_view, from_position = _in_camera(state, points_mm, seen)
    xy, depth = _normalised(Z), Z[:, 2]
    image, by_xy, by_lens = lens_image(xy, state.lens[seen.view])
    focal = state.focal_px[seen.view]
    by_Z = np.zeros((len(seen), 2, 3))
    by_Z[:, 0, 0] = by_Z[:, 1, 1] = 1 / depth
    by_Z[:, :, 2] = -xy / depth[:, None]
    by_Z = focal[:, :, None] * (by_xy @ by_Z)
    views, positions = len(state.focal_px), len(state.t_position)
    width = 10 + lens_terms
    own = np.zeros((len(seen), 2, width))
    own[:, 0, 0], own[:, 1, 1] = image[:, 0], image[:, 1]
    own[:, 0, 2] = own[:, 1, 3] = 1
    own[:, :, 4 : 4 + lens_terms] = (focal[:, :, None] * by_lens)[:, :, :lens_terms]
    own[:, :, 4 + lens_terms : 7 + lens_terms] = by_Z
    own[:, :, 7 + lens_terms :] = by_Z @ -cross_matrices(from_view)
    by_world = by_Z @ state.R_view[seen.view]
    moves = np.concatenate([by_world, by_world @ -cross_matrices(from_position)], axis=2)
    moves[seen.position == 0] = 0  # the world does not move
    first = (seen.view * width)[:, None] + np.arange(width)
    place = np.maximum(seen.position - 1, 0) * 6 if positions > 1 else np.zeros_like(seen.view)
    last = (views * width + place)[:, None] + np.arange(6)
    values = np.concatenate([own, moves], axis=2) if positions > 1 else own
    columns = np.hstack([first, last]) if positions > 1 else first
    columns = np.broadcast_to(columns[:, None], values.shape)
    rows = np.broadcast_to(np.arange(2 * len(seen)).reshape(-1, 2, 1), values.shape)
    shape = (2 * len(seen), views * width + 6 * (positions - 1))
    return csr_matrix((values.ravel(), (rows.ravel(), columns.ravel())), shape=shape)


def lens_image(
    xy: Float[np.ndarray, "n 2"], lens: Float[np.ndarray, "n 5"]
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n 2 2"], Float[np.ndarray, "n 2 5"]]:
    """OpenCV's lens, and its derivatives by the ray and by k1, k2, p1, p2, k3."""
    (x, y), (k1, k2, p1, p2, k3) = xy.T, lens.T
    r2 = x**2 + y**2
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    slope = k1 + r2 * (2 * k2 + r2 * 3 * k3)  # of `radial` by r2
    image = np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2),
            y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y,
        ],
        axis=-1,
    )
    across = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
    by_xy = np.stack(
        [
            radial + 2 * x**2 * slope + 2 * p1 * y + 6 * p2 * x,
            across,
            across,
            radial + 2 * y**2 * slope + 6 * p1 * y + 2 * p2 * x,
        ],
        axis=-1,
    ).reshape(-1, 2, 2)
    tangential = np.stack([2 * x * y, r2 + 2 * x**2, r2 + 2 * y**2, 2 * x * y], axis=-1).reshape(
        -1, 2, 2
    )
    powers = xy[:, :, None] * np.stack([r2, r2**2, r2**3], axis=-1)[:, None]
    return image, by_xy, np.concatenate([powers[..., :2], tangential, powers[..., 2:]], axis=2)


def cross_matrices(w: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3 3"]:
    """The matrices W with W x = w cross x."""
    x, y, z = w.T
    o = np.zeros_like(x)
    return np.stack([o, -z, y, z, o, -x, -y, x, o], axis=-1).reshape(-1, 3, 3)


def _in_camera(state, points_mm, seen) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Beads in the camera's frame (mm); the same, and in the world, without the translations."""
    turned = np.einsum("nij,nj->ni", state.R_position[seen.position], points_mm[seen.bead])
    world = turned + state.t_position[seen.position]
    from_view = np.einsum("nij,nj->ni", state.R_view[seen.view], world)
    return from_view + state.t_view[seen.view], from_view, turned


def _normalised(Z: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
    return Z[:, :2] / Z[:, 2:]
