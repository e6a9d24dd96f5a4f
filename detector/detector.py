"""A trained detector: frames in, landmarks with their standard deviations out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drr.field import find_field
from drr.field_window import Window, field_mask, look_through, window_around
from drr.standardised import standardised
from drr.volume import Volume
from drr.weights_file import check_tensors

from .card import Card, read_weights, write_weights
from .network import LandmarkNetwork, Shape
from .network_input import planes_of_attenuation, with_facing

FACINGS = (1.0, -1.0)
Translate = Callable[[np.ndarray, Window, np.ndarray], np.ndarray]
"""From a frame (transmission), the network's window and the field's outline in it to
attenuation in the window, standardised as `drr.standardised` does."""
SD_OF_SCALE = 2**0.5
"""A Laplace variable of scale b has the standard deviation sqrt(2) b."""


@dataclass(frozen=True)
class Detections:
    """Landmarks of one frame under both hypotheses: the face towards the source, or away from it.

    A skull looks alike from azimuths a and 180 - a; two calibrated views tell which it is.
    Pixels are undistorted pixels of the frame; `sd_px` is per axis.
    """

    names: tuple[str, ...]
    uv_px: Float[np.ndarray, "hypothesis landmark 2"]
    sd_px: Float[np.ndarray, "hypothesis landmark"]
    in_field: Bool[np.ndarray, "hypothesis landmark"]
    field_polygon_px: Float[np.ndarray, "corner 2"]


@dataclass(frozen=True)
class Detector:
    """A landmark network and its card."""

    network: LandmarkNetwork
    card: Card
    translate: Translate | None = None
    """Changes the look of what the network sees; see `gan.Translator.through`."""

    @property
    def landmark_names(self) -> tuple[str, ...]:
        """Names, in the order of the results."""
        return tuple(self.card.landmarks)

    @property
    def points_ct(self) -> Float[np.ndarray, "landmark 3"]:
        """The landmarks in the CT the detector was trained on, mm."""
        return np.array(list(self.card.landmarks.values()), dtype=np.float64)

    @staticmethod
    def read(path: Path | str) -> "Detector":
        """Read `NAME.safetensors` and its card `NAME.json`.

        Raises:
            FileNotFoundError: one of the two is missing.
            ValueError: they do not fit each other or this program; says what differs.
        """
        card, tensors = read_weights(Path(path))
        try:
            network = LandmarkNetwork(Shape(**card.shape))
        except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
            raise ValueError(f"{path}: its card describes no network: {error}") from error
        check_tensors(Path(path), network.state_dict(), tensors)
        network.load_state_dict(tensors, strict=True)
        return Detector(network.eval(), card)

    def write(self, path: Path | str) -> None:
        """Write `NAME.safetensors` and the card `NAME.json` beside it."""
        write_weights(Path(path), self.card, self.network.state_dict())

    def check_subject(self, volume: Volume) -> None:
        """Refuse the weights of another subject's CT with a ValueError that names both."""
        if (found := ct_fingerprint(volume)) != self.card.ct_fingerprint:
            raise ValueError(
                "the detector was trained on another CT: its card says "
                f"{self.card.ct_fingerprint[:12]}, this CT is {found[:12]}; "
                "run `dualfluoro prepare` for this subject, or name its own models folder"
            )

    def __call__(self, image: Float[np.ndarray, "height width"] | Float[Tensor, "height width"]):
        """`detect` with its defaults."""
        return self.detect(image)

    def detect(
        self,
        image: Float[np.ndarray, "height width"] | Float[Tensor, "height width"],
        *,
        transmission: bool = True,
        field_polygon_px: Float[np.ndarray, "corner 2"] | None = None,
        quarter_turns: int = 0,
    ) -> Detections:
        """The landmarks of one frame; see `detect_many`."""
        return self.detect_many(
            [image],
            transmission=transmission,
            field_polygons_px=[field_polygon_px],
            quarter_turns=quarter_turns,
        )[0]

    def detect_many(
        self,
        images: list,
        *,
        transmission: bool = True,
        field_polygons_px: list | None = None,
        quarter_turns: int = 0,
    ) -> list[Detections]:
        """The landmarks of several frames in one pass of the network.

        Args:
            images: (height, width) each, any scale, undistorted.
            transmission: brighter means more x-rays; False where brighter means more attenuation.
            field_polygons_px: outline of each frame's field; None where it is to be found.
            quarter_turns: turns of the frames, counter-clockwise, that bring the vertex upwards.
        """
        polygons = field_polygons_px or [None] * len(images)
        planes, windows, outlines = [], [], []
        for image, polygon in zip(images, polygons, strict=True):
            frame = np.asarray(image, dtype=np.float32)
            if not np.isfinite(frame).all():
                raise ValueError("a frame holds NaN or infinite values; there is nothing to detect")
            outline = polygon
            if outline is None:
                outline = find_field(frame, transmission=transmission).polygon_px
            window = window_around(outline, quarter_turns)
            shown = frame if transmission else float(frame.max()) - frame
            mask = field_mask(outline, window)
            if self.translate is None:
                seen = standardised(look_through(shown, window) * mask, mask)
            else:
                seen = self.translate(shown, window, outline)
            seen = planes_of_attenuation(seen, mask)
            planes += [with_facing(seen, facing) for facing in FACINGS]
            windows.append(window)
            outlines.append(outline)
        uv, sd = self._run(np.stack(planes))
        results = []
        for n, (window, outline) in enumerate(zip(windows, outlines, strict=True)):
            pair = slice(n * len(FACINGS), (n + 1) * len(FACINGS))
            uv_px = window.frame_from_network(uv[pair])
            scale = window.side_px / planes[0].shape[-1]
            field = shapely.Polygon(outline)
            inside = shapely.contains_xy(field, uv_px[..., 0], uv_px[..., 1])
            results.append(
                Detections(self.landmark_names, uv_px, sd[pair] * scale, inside, outline)
            )
        return results

    def _run(self, planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            batch = torch.from_numpy(planes).to(device, memory_format=torch.channels_last)
            uv, log_scale, _ = self.network(batch)
        sd = SD_OF_SCALE * self.card.sd_factor * log_scale.exp()
        return uv.double().cpu().numpy(), sd.double().cpu().numpy()


def ct_fingerprint(volume: Volume) -> str:
    """Of the CT as it was read; its masks, and so the couch that was taken out, do not count."""
    return volume.fingerprint
