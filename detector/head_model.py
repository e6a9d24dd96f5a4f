"""The 55 landmarks of any head in one radiograph, inside and outside of its field, in 2D and 3D.

No CT of the head is needed (Fum et al. 2024, doi:10.1002/mp.17349): the network knows many heads,
and their pose and shape are fitted to what it finds (`head_fit`).
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import shapely
import torch
from jaxtyping import Bool, Float
from scipy.stats import norm

from calibration import Camera
from drr.field import find_field
from drr.field_window import field_mask, look_through, window_around
from drr.standardised import standardised
from drr.weights_file import check_tensors

from .detector import FACINGS, SD_OF_SCALE
from .head_card import HeadCard, read_head_files, write_head_files
from .head_fit import USUAL_DEPTH_MM, HeadFit, fit_head, pixels_by_xyz, projected
from .head_network import HeadNetwork
from .head_shapes import ShapeModel
from .network import Shape
from .network_input import planes_of_attenuation, with_facing

RELEASED = Path(__file__).parent / "weights" / "head.safetensors"
SHAPE_PARTS = ("mean_mm", "modes_mm", "residual_sd_mm")


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
    facing_probability: float
    """That the face looks the way that was chosen, towards the source or away from it."""
    fit: HeadFit
    """Of the camera, or of a usual one where none was given."""


@dataclass(frozen=True)
class HeadModel:
    """A network of any head, the shapes of heads, and a card."""

    network: HeadNetwork
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
            network = HeadNetwork(Shape(**card.shape))
        except (TypeError, ValueError, RuntimeError) as error:
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
    ) -> HeadLandmarks:
        """The landmarks of one radiograph.

        Args:
            image: undistorted, any scale.
            camera: of this image; without one there are no places in 3D.
            transmission: brighter means more x-rays; False where brighter means more attenuation.
            field_polygon_px: outline of the field; None where it is to be found.
            depth_mm: the head's usual distance from the source along the axis, and its deviation.
            quarter_turns: turns of the frame, counter-clockwise, that bring the vertex upwards.

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
        uv, sd, _, facing_probability = self.places(planes_of_attenuation(plain, mask))
        uv_px = window.frame_from_network(uv)
        sd_px = sd * window.side_px / window.size_px
        K = self._usual_K(uv_px) if camera is None else camera.K.numpy()
        return self._placed(uv_px, sd_px, facing_probability, K, camera, depth_mm, outline)

    def places(
        self, planes: Float[np.ndarray, "3 128 128"]
    ) -> tuple[Float[np.ndarray, "landmark 2"], Float[np.ndarray, "landmark"], float, float]:
        """Network pixels, their deviations, the facing that was chosen, and its probability.

        The facing is +1 towards the source, -1 away from it.
        """
        device = next(self.network.parameters()).device
        both = np.stack([with_facing(planes, facing) for facing in FACINGS])
        with torch.inference_mode():
            places, logit = self.network(torch.from_numpy(both).to(device))
        chosen = int(logit.argmax())
        probability = float(torch.sigmoid(logit[chosen] - logit[1 - chosen]))
        scale = places.log_scale[chosen].exp().double().cpu().numpy()
        uv = places.uv[chosen].double().cpu().numpy()
        return uv, SD_OF_SCALE * self.card.sd_factor * scale, FACINGS[chosen], probability

    def _placed(self, uv_px, sd_px, facing_probability, K, camera, depth_mm, outline):
        fit = fit_head(self.shapes, K, uv_px, sd_px, depth_mm)
        seen, by_xyz = projected(K, fit.xyz_cam), pixels_by_xyz(K, fit.xyz_cam)
        cov = by_xyz @ fit.covariance_mm2 @ by_xyz.transpose(0, 2, 1)
        sd = self.card.fit_factor * np.sqrt(np.trace(cov, axis1=1, axis2=2) / 2)
        probability = in_field_probability(seen, sd, outline)
        spread = np.trace(fit.covariance_mm2, axis1=1, axis2=2)
        return HeadLandmarks(
            names=tuple(self.card.landmarks),
            uv_px=seen,
            sd_px=sd,
            in_field=probability > 0.5,
            in_field_probability=probability,
            xyz_cam=None if camera is None else fit.xyz_cam,
            sd_mm=None if camera is None else self.card.fit_factor * np.sqrt(spread / 3),
            facing_probability=facing_probability,
            fit=fit,
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
