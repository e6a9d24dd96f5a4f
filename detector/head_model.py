"""The 55 landmarks of any head in one radiograph, inside and outside of its field, in 2D and 3D.

No CT of the head is needed (Fum et al. 2024, doi:10.1002/mp.17349): the network knows many heads,
and their pose and shape are fitted to what it finds (`head_fit`).
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import shapely
import torch
from jaxtyping import Bool, Float
from scipy.special import expit
from scipy.stats import norm

from calibration import Camera
from drr.field import find_field
from drr.field_window import field_mask, look_through, window_around
from drr.standardised import standardised
from drr.weights_file import check_tensors

from .detector import FACINGS, SD_OF_SCALE
from .head_card import HeadCard, read_head_files, write_head_files
from .head_fit import USUAL_DEPTH_MM, HeadFit, fit_head, pixels_by_xyz, projected
from .head_shapes import ShapeModel
from .network import LandmarkNetwork, Shape
from .network_input import planes_of_attenuation, with_facing

RELEASED = Path(__file__).parent / "weights" / "head.safetensors"
SHAPE_PARTS = ("mean_mm", "modes_mm", "residual_sd_mm")


Facing = Literal["toward", "away", "unknown"]
"""Whether the face looks toward the source or away from it; in profile either may be said."""
FACING_TRUST = 0.5
"""How much of the difference of two fits counts, as landmarks' errors are not independent."""


@dataclass(frozen=True)
class HeadLandmarks:
    """The landmarks of a head in one radiograph; deviations are per axis."""

    names: tuple[str, ...]
    uv_px: Float[np.ndarray, "landmark 2"]
    sd_px: Float[np.ndarray, "landmark"]
    in_field: Bool[np.ndarray, "landmark"]
    in_field_probability: Float[np.ndarray, "landmark"]
    xyz_cam: Float[np.ndarray, "landmark 3"] | None
    """mm, in the camera's frame; None without a camera. All share the error of the distance."""
    sd_mm: Float[np.ndarray, "landmark"] | None
    facing: Facing
    facing_probability: float
    """1 where it was given. Where it was not, the deviations hold what the other facing says."""
    fit: HeadFit
    """In the camera, or in a usual one where none was given."""


class _Reading(NamedTuple):
    """The landmarks under one facing."""

    facing: Facing
    fit: HeadFit
    uv_px: np.ndarray
    variance_px2: np.ndarray
    variance_mm2: np.ndarray


@dataclass(frozen=True)
class HeadModel:
    """A network of any head, the shapes of heads, and a card."""

    network: LandmarkNetwork
    shapes: ShapeModel
    card: HeadCard

    @staticmethod
    def read(path: Path | str, device: torch.device | str = "cpu") -> "HeadModel":
        """Read `NAME.safetensors` and its card `NAME.json`.

        Raises:
            FileNotFoundError: one of the two is missing.
            ValueError: they do not fit each other or this program; says what differs.
        """
        card, tensors = read_head_files(Path(path))
        try:
            network = LandmarkNetwork(Shape(**card.shape))
        except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
            raise ValueError(f"{path}: its card describes no network: {error}") from error
        count = len(card.landmarks)
        sizes = ((count, 3), (card.modes, count, 3), (count,))
        wanted = network.state_dict() | {
            f"shapes.{part}": torch.zeros(size)
            for part, size in zip(SHAPE_PARTS, sizes, strict=True)
        }
        check_tensors(Path(path), wanted, tensors)
        shapes = [tensors.pop(f"shapes.{part}").double().numpy() for part in SHAPE_PARTS]
        network.load_state_dict(tensors, strict=True)
        return HeadModel(network.to(device).eval(), ShapeModel(*shapes), card)

    def write(self, path: Path | str) -> None:
        """Write `NAME.safetensors`, in half precision, and the card `NAME.json` beside it."""
        weights = self.network.state_dict() | {
            f"shapes.{part}": torch.from_numpy(getattr(self.shapes, part)).float()
            for part in SHAPE_PARTS
        }
        half = {k: t.half() if t.is_floating_point() else t for k, t in weights.items()}
        write_head_files(Path(path), self.card, half)

    def __call__(
        self,
        image: Float[np.ndarray, "height width"],
        camera: Camera | None = None,
        *,
        transmission: bool = True,
        field_polygon_px: Float[np.ndarray, "corner 2"] | None = None,
        depth_mm: tuple[float, float] = USUAL_DEPTH_MM,
        quarter_turns: int = 0,
        facing: Facing = "unknown",
    ) -> HeadLandmarks:
        """The landmarks of one radiograph.

        Args:
            image: undistorted, any scale.
            camera: of this image; without one there are no places in 3D.
            transmission: brighter means more x-rays; False where brighter means more attenuation.
            field_polygon_px: outline of the field; None where it is to be found.
            depth_mm: the head's usual distance from the source along the axis, and its deviation.
            quarter_turns: turns of the frame, counter-clockwise, that bring the vertex upwards.
            facing: a head looks nearly the same from azimuths a and 180 - a: say which it is, where
                the room tells. Unknown, the better fit is taken.

        Raises:
            ValueError: the image is not the camera's size, or holds no numbers.
        """
        frame = np.asarray(image, dtype=np.float32)
        if not np.isfinite(frame).all():
            raise ValueError("the image holds NaN or infinite values; there is nothing to find")
        if camera is not None and frame.shape != (camera.height, camera.width):
            raise ValueError(
                f"the image is {frame.shape[1]} x {frame.shape[0]} pixels, camera {camera.name!r} "
                f"{camera.width} x {camera.height}"
            )
        outline = field_polygon_px
        if outline is None:
            outline = find_field(frame, transmission=transmission).polygon_px
        window = window_around(outline, quarter_turns)
        shown = frame if transmission else float(frame.max()) - frame
        mask = field_mask(outline, window)
        plain = standardised(look_through(shown, window) * mask, mask)
        planes, scale = planes_of_attenuation(plain, mask), window.side_px / window.size_px
        readings = []
        for said in ("toward", "away") if facing == "unknown" else (facing,):
            uv, sd = self.places(planes, said)
            uv_px, sd_px = window.frame_from_network(uv), sd * scale
            K = self._usual_K(uv_px) if camera is None else camera.K.numpy()
            readings.append(self._reading(said, K, uv_px, sd_px, depth_mm))
        return self._told(readings, camera is not None, outline)

    def places(
        self, planes: Float[np.ndarray, "3 128 128"], facing: Facing
    ) -> tuple[Float[np.ndarray, "landmark 2"], Float[np.ndarray, "landmark"]]:
        """Network pixels and their deviations, before pose and shape are fitted."""
        device = next(self.network.parameters()).device
        batch = torch.from_numpy(with_facing(planes, FACINGS[facing == "away"])[None])
        with torch.inference_mode():
            places = self.network(batch.to(device))
        scale = places.log_scale[0].exp().double().cpu().numpy()
        uv = places.uv[0].double().cpu().numpy()
        return uv, SD_OF_SCALE * self.card.sd_factor * scale

    def _reading(self, facing, K, uv_px, sd_px, depth_mm) -> _Reading:
        fit = fit_head(self.shapes, K, uv_px, sd_px, depth_mm)
        by_xyz = pixels_by_xyz(K, fit.xyz_cam)
        flat = by_xyz @ fit.covariance_mm2 @ by_xyz.transpose(0, 2, 1)
        variances = (
            self.card.fit_factor**2 * np.trace(cov, axis1=1, axis2=2) / cov.shape[1]
            for cov in (flat, fit.covariance_mm2)
        )
        return _Reading(facing, fit, projected(K, fit.xyz_cam), *variances)

    def _told(self, readings: list[_Reading], solid: bool, outline) -> HeadLandmarks:
        best = min(readings, key=lambda reading: reading.fit.cost)
        variance_px2, variance_mm2, probability = best.variance_px2, best.variance_mm2, 1.0
        for other in readings:
            if other is best:
                continue
            probability = float(expit(FACING_TRUST * (other.fit.cost - best.fit.cost)))
            away_px2 = ((other.uv_px - best.uv_px) ** 2).mean(1) + other.variance_px2
            away_mm2 = ((other.fit.xyz_cam - best.fit.xyz_cam) ** 2).mean(1) + other.variance_mm2
            variance_px2 = probability * variance_px2 + (1 - probability) * away_px2
            variance_mm2 = probability * variance_mm2 + (1 - probability) * away_mm2
        sd_px = np.sqrt(variance_px2)
        in_field = in_field_probability(best.uv_px, sd_px, outline)
        return HeadLandmarks(
            names=tuple(self.card.landmarks),
            uv_px=best.uv_px,
            sd_px=sd_px,
            in_field=in_field > 0.5,
            in_field_probability=in_field,
            xyz_cam=best.fit.xyz_cam if solid else None,
            sd_mm=np.sqrt(variance_mm2) if solid else None,
            facing=best.facing,
            facing_probability=probability,
            fit=best.fit,
        )

    def _usual_K(self, uv_px: Float[np.ndarray, "landmark 2"]) -> Float[np.ndarray, "3 3"]:
        """A usual camera that shows a mean head at this size."""
        size_px = np.sqrt(((uv_px - uv_px.mean(0)) ** 2).sum(1).mean())
        points = self.shapes.mean_mm
        size_mm = np.sqrt(((points - points.mean(0)) ** 2).sum(1).mean() * 2 / 3)
        f = USUAL_DEPTH_MM[0] * max(size_px, 1e-3) / size_mm
        middle = uv_px.mean(0)
        return np.array([[f, 0, middle[0]], [0, f, middle[1]], [0, 0, 1.0]])


def in_field_probability(
    uv_px: Float[np.ndarray, "landmark 2"],
    sd_px: Float[np.ndarray, "landmark"],
    outline_px: Float[np.ndarray, "corner 2"],
) -> Float[np.ndarray, "landmark"]:
    """That places lie within the outline: of a straight edge as far away as the outline is."""
    field, points = shapely.Polygon(outline_px), shapely.points(uv_px)
    away = shapely.distance(field.exterior, points)
    inside = shapely.contains(field, points)
    return norm.cdf(np.where(inside, away, -away) / np.maximum(sd_px, 1e-6))


@cache
def read_head_model(device: str = "cpu") -> HeadModel:
    """The released model of 55 landmarks."""
    return HeadModel.read(RELEASED, device)
