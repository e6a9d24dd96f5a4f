"""A trained translator: a frame in the look of a radiograph, a radiograph in the look of a film."""

from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from drr.field import find_field
from drr.field_window import Window, field_mask, look_through, window_around
from drr.standardised import restandardised, standardised, without_rim
from drr.weights_file import check_tensors, read_card, read_tensors, write_weights_file

from .applied import applied
from .networks import Generator, new_generators
from .pictures import Pictures

FORMAT, VERSION = "dualfluoro-translator", 1
SIZES = {"size_px": (32, 1024), "width": (1, 128), "blocks": (1, 16)}


@dataclass(frozen=True)
class TranslatorCard:
    """What a user must know of a translator's weights."""

    size_px: int
    """Side of the pictures it was trained on."""
    shape: dict[str, int]
    """width and blocks of the generators."""
    noise_sd: float
    """Of the noise that a radiograph gets before it becomes a film."""
    frames: int
    """Unpaired frames it has learnt the look from."""
    judgement: dict[str, Any]
    """On pictures held out: distances of the looks, drift of anatomy, cycle error."""
    refused: dict[str, str]
    """The directions ("to_drr", "to_film") that move anatomy too far to be used, and how far."""
    look: list[list[float]]
    """Mean and deviation of the frames' look features: whose look it knows."""
    recipe: dict[str, Any]
    intensity: str = "standardised attenuation in the field (drr.standardised)"
    licence: str = "that of the frames it was trained on"
    intended_use: str = "research; not a medical device"


@dataclass(frozen=True)
class Translator:
    """Two generators and their card."""

    generators: nn.ModuleDict
    card: TranslatorCard

    @staticmethod
    def read(path: Path | str) -> "Translator":
        """Read `NAME.safetensors` and its card `NAME.json`.

        Raises:
            FileNotFoundError: one of the two is missing.
            ValueError: they do not fit each other or this program; says what differs.
        """
        path = Path(path)
        content = read_card(path, FORMAT, VERSION, "dualfluoro train gan TRIAL")
        card = _card_of(content, path.with_suffix(".json"))
        generators = new_generators(card.shape["width"], card.shape["blocks"])
        tensors = read_tensors(path)
        check_tensors(path, generators.state_dict(), tensors)
        if bad := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
            raise ValueError(f"{path}: {bad[0]!r} holds NaN or infinite weights; train it anew")
        generators.load_state_dict(tensors, strict=True)
        return Translator(generators.eval().requires_grad_(False), card)

    def write(self, path: Path | str) -> None:
        """Write `NAME.safetensors` and the card `NAME.json` beside it."""
        tensors = self.generators.state_dict()
        write_weights_file(Path(path), FORMAT, VERSION, asdict(self.card), tensors)

    def check(self, direction: str) -> None:
        """ValueError where a direction ("to_drr", "to_film") moves anatomy too far."""
        if direction in self.card.refused:
            reason = self.card.refused[direction]
            raise ValueError(f"the translator is not to be used {direction}: {reason}")

    def to(self, device: str) -> "Translator":
        """The same on another device."""
        return replace(self, generators=self.generators.to(device))

    def to_drr(
        self,
        attenuation: Float[np.ndarray, "picture side side"],
        mask: Float[np.ndarray, "picture side side"],
    ) -> Float[np.ndarray, "picture side side"]:
        """Pictures of films (standardised, 0 outside of the field) in the look of radiographs."""
        return applied(self._generator("to_drr"), Pictures(attenuation, mask))

    def to_film(
        self,
        attenuation: Float[np.ndarray, "picture side side"],
        mask: Float[np.ndarray, "picture side side"],
        seed: int = 0,
    ) -> Float[np.ndarray, "picture side side"]:
        """Pictures of radiographs in the look of the films; the seed decides the grain."""
        pictures = Pictures(attenuation, mask)
        return applied(self._generator("to_film"), pictures, self.card.noise_sd, seed)

    def through(
        self,
        frame: Float[np.ndarray, "height width"],
        window: Window,
        polygon_px: Float[np.ndarray, "corner 2"],
    ) -> Float[np.ndarray, "side side"]:
        """What a detector sees of a frame (transmission) through its window, translated."""
        fine = replace(window, size_px=self.card.size_px)
        mask = without_rim(field_mask(polygon_px, fine))
        seen = standardised(look_through(frame, fine) * mask, mask)
        made = restandardised(self.to_drr(seen[None], mask[None])[0], mask)
        side = (window.size_px, window.size_px)
        return made if made.shape == side else cv2.resize(made, side, interpolation=cv2.INTER_AREA)

    def __call__(
        self,
        image: Float[np.ndarray, "height width"] | Float[Tensor, "height width"],
        *,
        transmission: bool = True,
        field_polygon_px: Float[np.ndarray, "corner 2"] | None = None,
    ) -> Float[np.ndarray, "height width"]:
        """A frame of any size in the look of a radiograph: brighter is less attenuation, 0 to 1.

        The change of look is made at the card's `size_px` and added to the frame, so that what is
        finer stays as it is; outside of the field the picture is 0.

        Raises:
            ValueError: the frame is not finite.
        """
        frame = np.asarray(image, dtype=np.float32)
        if not np.isfinite(frame).all():
            raise ValueError("a frame holds NaN or infinite values; there is nothing to translate")
        outline = field_polygon_px
        if outline is None:
            outline = find_field(frame, transmission=transmission).polygon_px
        shown = frame if transmission else float(frame.max()) - frame
        coarse = window_around(outline, size_px=self.card.size_px)
        small = without_rim(field_mask(outline, coarse))
        seen = standardised(look_through(shown, coarse) * small, small)
        change = _to_the_edge(self.to_drr(seen[None], small[None])[0] - seen, small)
        height, width = frame.shape
        mask = field_mask_of_frame(outline, width, height)
        back = coarse.side_px / coarse.size_px
        place = np.array([[back, 0, coarse.left_px + 0.5 * back - 0.5], [0, back, 0.0]])
        place[1, 2] = coarse.top_px + 0.5 * back - 0.5
        change = cv2.warpAffine(change, place, (width, height), flags=cv2.INTER_LINEAR)
        made = standardised(shown * mask, mask) + change
        return np.clip(0.5 - 0.25 * made, 0, 1).astype(np.float32) * mask

    def _generator(self, name: str) -> Generator:
        return cast(Generator, self.generators[name])


def _to_the_edge(
    change: Float[np.ndarray, "side side"], mask: Float[np.ndarray, "side side"]
) -> Float[np.ndarray, "side side"]:
    """The change, going on beyond the mask as it is nearby: the rim is translated, too."""
    reach = mask.shape[0] / 40
    inside = (mask > 0.5).astype(np.float32)
    weight = cv2.GaussianBlur(inside, (0, 0), reach)
    around = cv2.GaussianBlur(change * inside, (0, 0), reach) / np.maximum(weight, 1e-6)
    return np.where(inside > 0, change, around).astype(np.float32)


def field_mask_of_frame(
    polygon_px: Float[np.ndarray, "corner 2"], width: int, height: int
) -> Float[np.ndarray, "height width"]:
    """The field's outline filled in the frame, 0 or 1."""
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon_px * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    return mask.astype(np.float32)


def _card_of(content: dict[str, Any], path: Path) -> TranslatorCard:
    known = {f.name for f in fields(TranslatorCard)}
    entries = {name: value for name, value in content.items() if name in known}
    needed = {f.name for f in fields(TranslatorCard) if f.default is MISSING}
    if missing := needed - set(entries):
        raise ValueError(f"{path}: the card is incomplete: no {', '.join(sorted(missing))}")
    shape = entries["shape"]
    if not isinstance(shape, dict) or set(shape) != {"width", "blocks"}:
        raise ValueError(f"{path}: 'shape' must have width and blocks, found {shape!r}")
    sizes = {"size_px": entries["size_px"], **shape}
    for name, size in sizes.items():
        least, most = SIZES[name]
        if type(size) is not int or not least <= size <= most:
            raise ValueError(f"{path}: {name!r} must be {least} to {most}, found {size!r}")
    if entries["size_px"] % 4:
        raise ValueError(f"{path}: 'size_px' must be a multiple of 4, found {entries['size_px']}")
    refused = entries["refused"]
    if not isinstance(refused, dict) or not all(isinstance(r, str) for r in refused.values()):
        raise ValueError(f"{path}: 'refused' must have a reason a direction, found {refused!r}")
    noise_sd = entries["noise_sd"]
    if not isinstance(noise_sd, int | float) or not 0 <= noise_sd < 1:
        raise ValueError(f"{path}: 'noise_sd' must be 0 to 1, found {noise_sd!r}")
    look = entries["look"]
    if not isinstance(look, list) or len(look) != 2 or not all(map(_are_numbers, look)):
        raise ValueError(f"{path}: 'look' must be two lists of finite numbers")
    return TranslatorCard(**entries)


def _are_numbers(row: object) -> bool:
    return isinstance(row, list) and all(isinstance(x, int | float) and abs(x) < 1e30 for x in row)
