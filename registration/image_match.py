"""How far radiographs of the CT at one pose are from the frames, and what a twist would change."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from calibration import Camera

from .head_model import WEIGHT_PX, HeadModel
from .local_contrast import LocalContrast, Neighbourhood, local_contrast
from .radiograph import Level, Radiograph, head_window, level_of

MARGIN_PX = 2.0
"""The field's edge is left out by this much, at every level."""
FLOOR_SHARE = 0.5
"""Local contrast below this share of the typical one fades: there noise is louder than bone."""
RIGID_MM, LOOSE_MM = 4.0, 6.0
"""Rays through this much cranium count in full; through this much of what is loose, not at all."""
MOST_NOISE = 0.7
"""Share of a frame's variance that may be noise; beyond it nothing is believed."""
ROUGHNESS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
LEAST_PX, MOST_PX = 24, 200
"""Side of a window, whose pixels have the size of the model's resolution."""
EXTENT_SHARE = 0.2
"""A neighbourhood's radius is at most this share of what the window shows: in a narrow field wider
ones see scatter and the field's edge in place of bones."""
NOISE_GATE = 9.0
"""Residuals of the noise count in full up to the root of this many deviations."""
VEIL_DEGREE = 3
"""Of the polynomial over the window that scatter and vignetting are taken for."""
BLOCK_PX = 12
"""Side of the blocks of pixels whose errors are taken as independent of each other."""


@dataclass(frozen=True)
class FixedView:
    """A level of one view, normalised once, and how much each pixel counts."""

    level: Level
    around: Neighbourhood
    normalised: Float[np.ndarray, "h w"]
    noise: Float[np.ndarray, "h w"]
    """Variance of the noise in `normalised`."""
    floor: float
    deviation: float
    weight: Float[np.ndarray, "h w"]


class ViewMatch(NamedTuple):
    """One view's robust cost and normal equations in a twist of the head about its centre."""

    cost: float
    normal: Float[np.ndarray, "6 6"]
    right: Float[np.ndarray, "6"]
    curvature: Float[np.ndarray, "6 6"]
    """Second derivative of the cost but for a factor; residuals beyond the outlier's size bend it
    the other way, so that it is less than `normal`."""
    scatter: Float[np.ndarray, "6 6"]
    blocks: int
    similarity: float


def cam_from_ct_matrix(camera: Camera, R: np.ndarray, t: np.ndarray) -> Float[np.ndarray, "4 4"]:
    """cam_from_world @ world_from_ct."""
    motion = camera.cam_from_world
    matrix = np.eye(4)
    matrix[:3, :3] = motion.R.numpy() @ R
    matrix[:3, 3] = motion.R.numpy() @ t + motion.t.numpy()
    return matrix


def fixed_view(
    radiograph: Radiograph, model: HeadModel, index: int, R: np.ndarray, t: np.ndarray
) -> FixedView:
    """The head's window of a frame at one level, weighted by the cranium's shadow at a pose."""
    resolution = model.resolutions[index]
    cam_from_ct = cam_from_ct_matrix(radiograph.camera, R, t)
    centre_cam = cam_from_ct[:3, :3] @ model.centre_ct + cam_from_ct[:3, 3]
    window = head_window(radiograph, centre_cam, 1.1 * model.radius_mm)
    side_mm = window[2] * max(float(centre_cam[2]), 1.0) / float(radiograph.camera.K[0, 0])
    size = int(np.clip(round(side_mm / resolution.pixel_mm), LEAST_PX, MOST_PX))
    level = level_of(radiograph, window, size, MARGIN_PX)
    extent = min(int(np.count_nonzero(level.mask.any(axis=axis))) for axis in (0, 1))
    radius_px = int(np.clip(round(EXTENT_SHARE * extent), 3, resolution.neighbourhood_px))
    around = Neighbourhood.of(level.mask, radius_px)
    image = model.projectors[index].render(level.camera.K, size, size, cam_from_ct).numpy()
    level = replace(level, attenuation=level.attenuation - _veil(level, image))
    contrast = local_contrast(level.attenuation, around)
    noise = _noise_map(contrast, local_contrast(image, around))
    contrast = replace(contrast, variance=contrast.variance - noise)
    deviation = max(contrast.typical_deviation(), 1e-6)
    floor = FLOOR_SHARE * deviation
    small = level.camera.resized(WEIGHT_PX / size)
    rigid, *loose = (
        projector.render(small.K, WEIGHT_PX, WEIGHT_PX, cam_from_ct).numpy()
        for projector in (model.rigid, *model.loose)
    )
    weight = np.clip(rigid / RIGID_MM, 0, 1) * np.clip(1 - np.sum(loose, axis=0) / LOOSE_MM, 0, 1)
    weight = cv2.resize(weight, (size, size), interpolation=cv2.INTER_LINEAR) * level.mask
    noise = noise / (contrast.variance + np.float32(floor**2))
    return FixedView(level, around, contrast.normalised(floor), noise, floor, deviation, weight)


def _veil(level: Level, image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """What scatter and vignetting lay over a frame: a polynomial, fitted beside the CT's shadow."""
    side = np.linspace(-1, 1, len(image), dtype=np.float32)
    powers = np.polynomial.legendre.legvander(side, VEIL_DEGREE).astype(np.float32)
    terms = [(i, j) for i in range(VEIL_DEGREE + 1) for j in range(VEIL_DEGREE + 1 - i)]
    planes = np.stack([np.outer(powers[:, i], powers[:, j]) for i, j in terms])
    inside = level.mask > 0.5
    A = np.concatenate([planes[:, inside], image[None, inside]])
    if A.shape[1] < 10 * len(A):
        return np.zeros_like(image)
    normal, right = A @ A.T, A @ level.attenuation[inside]
    normal += 1e-4 * np.trace(normal) / len(A) * np.eye(len(A), dtype=np.float32)
    found = np.linalg.solve(normal, right)
    return np.tensordot(found[:-1], planes, 1).astype(np.float32)


def _noise_map(frame: LocalContrast, model: LocalContrast) -> Float[np.ndarray, "h w"]:
    """Local variance of the frame's noise: its roughness beyond what the bones of the CT have."""
    rough_frame, rough_model = (_roughness(image) for image in (frame, model))
    gain = (frame.typical_deviation() / max(model.typical_deviation(), 1e-9)) ** 2
    noise = rough_frame - gain * rough_model
    return np.clip(noise, 0, MOST_NOISE * frame.variance)


def _roughness(contrast: LocalContrast) -> Float[np.ndarray, "h w"]:
    rough = cv2.filter2D(contrast.image, -1, ROUGHNESS, borderType=cv2.BORDER_REPLICATE)
    return contrast.around.mean(rough * rough) / np.float32(36)


def compare(
    view: FixedView, model: HeadModel, index: int, R: np.ndarray, t: np.ndarray
) -> ViewMatch:
    """The frame against the radiograph of the CT at the pose (R, t) and the pyramid's level."""
    camera, size = view.level.camera, view.level.camera.width
    image, change = model.projectors[index].render_with_jacobian(
        camera.K, size, size, cam_from_ct_matrix(camera, R, t)
    )
    moving = local_contrast(image.numpy(), view.around)
    floor = view.floor * moving.typical_deviation() / view.deviation
    normalised = moving.normalised(max(floor, 1e-6))
    by_cam = moving.derivatives(change.numpy(), max(floor, 1e-6))
    adjoint = _cam_twist(camera, R @ model.centre_ct + t).astype(np.float32)
    jacobian = adjoint.T @ by_cam.reshape(6, -1)
    off = view.normalised - normalised
    outlier = np.float32(model.resolutions[index].outlier ** 2)
    spread = outlier + np.float32(NOISE_GATE) * view.noise
    squared = np.square(off) / spread
    weight = view.weight * outlier / (spread * np.square(1 + squared))
    weighted = jacobian * weight.reshape(-1)
    curved = jacobian * (weight * (1 - 3 * squared) / (1 + squared)).reshape(-1)
    gradients = _block_sums((weighted * off.reshape(-1)).reshape(6, size, size))
    return ViewMatch(
        cost=float((view.weight * squared / (1 + squared)).sum()),
        normal=(weighted @ jacobian.T).astype(np.float64),
        right=gradients.sum(1),
        curvature=(curved @ jacobian.T).astype(np.float64),
        scatter=gradients @ gradients.T,
        blocks=int(np.count_nonzero(np.abs(gradients).sum(0))),
        similarity=noiseless_correlation(view.normalised, normalised, view.weight),
    )


def noiseless_correlation(
    frame: Float[np.ndarray, "h w"],
    model: Float[np.ndarray, "h w"],
    weight: Float[np.ndarray, "h w"],
) -> float:
    """Weighted correlation of two locally normalised images, were the frame free of noise.

    The variance of the frame's noise is taken off its own; at most `MOST_NOISE` of it. 0 where
    nothing counts.
    """
    ab, aa, bb = (
        float((weight * x * y).sum()) for x, y in ((frame, model), (frame, frame), (model, model))
    )
    noise = _noise_variance(frame, weight) - _noise_variance(model, weight) * min(
        aa / max(bb, 1e-12), 1
    )
    aa -= float(np.clip(noise * float(weight.sum()), 0, MOST_NOISE * aa))
    return min(ab / np.sqrt(aa * bb), 1.0) if aa * bb > 0 else 0.0


def _noise_variance(image: Float[np.ndarray, "h w"], weight: Float[np.ndarray, "h w"]) -> float:
    """Variance of white noise by the mask that no plane or parabola gets through.

    Immerkaer 1996, doi 10.1006/cviu.1996.0060, eq. 2.
    """
    rough = cv2.filter2D(image, -1, ROUGHNESS, borderType=cv2.BORDER_REPLICATE)
    total = float(weight.sum())
    return float((weight * rough * rough).sum()) / (36 * total) if total > 0 else 0.0


def _cam_twist(camera: Camera, centre_world: np.ndarray) -> np.ndarray:
    """The matrix from a twist about a point of the world to the camera's, about the source."""
    R = camera.cam_from_world.R.numpy()
    c = R @ centre_world + camera.cam_from_world.t.numpy()
    cross = np.array([[0, -c[2], c[1]], [c[2], 0, -c[0]], [-c[1], c[0], 0]])
    return np.block([[R, cross @ R], [np.zeros((3, 3)), R]])


def _block_sums(planes: np.ndarray) -> np.ndarray:
    """Sums over square blocks, (6, blocks) float64; the last blocks of a side may be narrower."""
    edges = np.arange(0, planes.shape[-1], BLOCK_PX)
    sums = np.add.reduceat(np.add.reduceat(planes, edges, axis=1), edges, axis=2)
    return sums.reshape(len(planes), -1).astype(np.float64)
