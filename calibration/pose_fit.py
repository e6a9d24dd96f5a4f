"""One image of the object: its pose, which spot is which bead, and how likely that is.

The intrinsics are known roughly and fitted along, held by a prior, so that a wrong start value
does not look like a wrong label.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from .bundle_projection import cross_matrices

GAIN = 11.0
"""Log odds of a bead on a spot within a pixel against chance: one spot in 3e5 pixels."""
MISS = 2.3
"""Cost, in nats, of a bead that should be seen and is not: one in ten is hidden."""
MATCH_SD_PX = 1.0


@dataclass(frozen=True, eq=False)
class Intrinsics:
    """Start values of a view: focal length and principal point, px, and how far they may be off."""

    focal_px: float
    centre_px: Float[np.ndarray, "2"]
    focal_share_sd: float
    centre_sd_px: float


@dataclass(frozen=True, eq=False)
class SpotImage:
    """The spots of one image with their radii, and the image's size; all px."""

    uv_px: Float[np.ndarray, "spot 2"]
    radius_px: Float[np.ndarray, "spot"]
    width: int
    height: int

    def __len__(self) -> int:
        """The number of spots."""
        return len(self.radius_px)


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """A pose of the object that explains an image. `spot` tells each bead's spot, -1 for none."""

    R: Float[np.ndarray, "3 3"]
    t: Float[np.ndarray, "3"]
    focal_px: float
    centre_px: Float[np.ndarray, "2"]
    spot: Int[np.ndarray, "bead"]
    log_odds: float
    rms_px: float

    @property
    def count(self) -> int:
        """How many beads have a spot."""
        return int((self.spot >= 0).sum())


def fitted_image(
    pose: Float[np.ndarray, "3 4"],
    points_mm: Float[np.ndarray, "bead 3"],
    image: SpotImage,
    start: Intrinsics,
    reach_px: tuple[float, ...],
) -> LabelledImage | None:
    """The labels nearest to a pose, both refined in turn with a shrinking reach; None if lost."""
    R, t = pose[:, :3], pose[:, 3]
    found = LabelledImage(
        R, t, start.focal_px, start.centre_px, np.full(len(points_mm), -1), -np.inf, np.inf
    )
    tree = KDTree(image.uv_px)
    for reach in reach_px:
        pixels, depth = seen_at(found, points_mm)
        spot = matched(pixels, depth > 0, tree, reach)
        if (spot >= 0).sum() < 4:
            return None
        found = _refined(replace(found, spot=spot), points_mm, image.uv_px, start)
        if found is None:
            return None
    return scored(found, points_mm, image)


def scored(
    found: LabelledImage, points_mm: Float[np.ndarray, "bead 3"], image: SpotImage
) -> LabelledImage:
    """The labels with their log odds against chance, and their root mean square error."""
    pixels, depth = seen_at(found, points_mm)
    on = found.spot >= 0
    error2 = ((pixels[on] - image.uv_px[found.spot[on]]) ** 2).sum(1)
    gain = np.maximum(GAIN - error2 / (2 * MATCH_SD_PX**2), 0)
    missed = expected(pixels, depth, image) & ~on
    odds = float(gain.sum()) - MISS * int(missed.sum())
    return replace(found, log_odds=odds, rms_px=float(np.sqrt(error2.mean())))


def expected(
    pixels: Float[np.ndarray, "bead 2"], depth: Float[np.ndarray, "bead"], image: SpotImage
) -> Bool[np.ndarray, "bead"]:
    """Beads that should leave a spot of their own: in the image, and in no other's shadow."""
    radius = float(np.median(image.radius_px)) if len(image) else 0.0
    size = np.array([image.width, image.height])
    inside = (depth > 0) & (pixels > radius - 0.5).all(1) & (pixels < size - 0.5 - radius).all(1)
    distance, _ = KDTree(pixels).query(pixels, k=2)
    return inside & (distance[:, 1] > 3 * radius)


def seen_at(
    found: LabelledImage, points_mm: Float[np.ndarray, "bead 3"]
) -> tuple[Float[np.ndarray, "bead 2"], Float[np.ndarray, "bead"]]:
    """Where the beads should be, px, and their depths, mm."""
    return pixels_at(found.R, found.t, found.focal_px, found.centre_px, points_mm)


def pixels_at(R, t, focal_px: float, centre_px, points_mm) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and depths (mm) of beads under a pose and intrinsics; before the source, far off."""
    cam = points_mm @ R.T + t
    depth = np.where(cam[:, 2] > 1e-6, cam[:, 2], 1e-6)
    return focal_px * cam[:, :2] / depth[:, None] + centre_px, cam[:, 2]


def matched(
    pixels: Float[np.ndarray, "bead 2"],
    possible: Bool[np.ndarray, "bead"],
    tree: KDTree,
    reach_px: float,
) -> Int[np.ndarray, "bead"]:
    """For each bead the spot that is nearest, if the bead is the spot's nearest too; else -1."""
    spot = np.full(len(pixels), -1)
    if not possible.any() or not tree.n:
        return spot
    beads = np.flatnonzero(possible)
    distance, nearest = map(np.asarray, tree.query(pixels[beads], distance_upper_bound=reach_px))
    back = np.asarray(KDTree(pixels[beads]).query(tree.data)[1])
    mutual = np.isfinite(distance)
    mutual[mutual] &= back[nearest[mutual]] == np.flatnonzero(mutual)
    spot[beads[mutual]] = nearest[mutual]
    return spot


def _refined(found: LabelledImage, points_mm, uv_px, start: Intrinsics) -> LabelledImage | None:
    """Pose, focal length and principal point of least squares, with the prior; None if lost."""
    on = found.spot >= 0
    points, target = points_mm[on], uv_px[found.spot[on]]
    sd = np.array([start.focal_share_sd, start.centre_sd_px, start.centre_sd_px])
    R, t, log_f, c = found.R, found.t, np.log(found.focal_px), found.centre_px
    for _ in range(4):
        turned = points @ R.T
        cam = turned + t
        if cam[:, 2].min() < 1e-3 * np.abs(t).max() or not np.isfinite(cam).all():
            return None
        f, z = np.exp(log_f), cam[:, 2, None]
        image = f * cam[:, :2] / z
        by_cam = np.zeros((len(cam), 2, 3))
        by_cam[:, 0, 0] = by_cam[:, 1, 1] = f / z[:, 0]
        by_cam[:, :, 2] = -image / z
        eye = np.broadcast_to(np.eye(2), (len(cam), 2, 2))
        J = np.concatenate([by_cam, by_cam @ -cross_matrices(turned), image[..., None], eye], 2)
        J = J.reshape(-1, 9)
        residual = target - image - c
        weight = 1 / np.sqrt(1 + (residual**2).sum(1) / 9)  # soft beyond 3 px
        weight = np.repeat(weight, 2)
        now = np.concatenate([[log_f - np.log(start.focal_px)], c - start.centre_px]) / sd
        prior = np.zeros((3, 9))
        prior[:, 6:] = np.diag(1 / sd)
        A = np.vstack([J * weight[:, None], prior])
        b = np.concatenate([residual.ravel() * weight, -now])
        size = np.linalg.norm(A, axis=0) + 1e-12
        step = np.linalg.lstsq(A / size, b, rcond=1e-10)[0] / size
        if np.linalg.norm(step[3:6]) > 1 or abs(step[6]) > 1:
            return None
        R, t = Rotation.from_rotvec(step[3:6]).as_matrix() @ R, t + step[:3]
        log_f, c = log_f + step[6], c + step[7:]
        if np.abs(A @ step).max() < 1e-2:
            break
    return replace(found, R=R, t=t, focal_px=float(np.exp(log_f)), centre_px=c)
