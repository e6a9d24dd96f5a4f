"""A trained landmark model: an image or a CT in, named places with their deviations out.

`NAME.safetensors` holds the weights of both stages, `NAME.json` beside it the card.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drr.volume import Volume

from .landmark_card import LandmarkCard, read_model_files, write_model_files
from .local_stage import Estimate, global_estimate, local_estimate
from .patch_calibration import Stretch
from .patch_image import image_2d, image_3d
from .patch_network import PatchNetwork

STAGES = ("global.", "local.")
"""What the names of a stage's tensors begin with."""
RECOGNISED = 0.5


@dataclass(frozen=True)
class FoundLandmarks:
    """Places in pixels of the image (2D), or in mm of the frame `ct` (3D)."""

    names: tuple[str, ...]
    world: Float[np.ndarray, "landmark dim"]
    sd: Float[np.ndarray, "landmark"]
    """Standard deviation per axis, pixels or mm."""
    in_field: Bool[np.ndarray, "landmark"]
    """Whether the landmark is in the image or the CT."""
    inside: Float[np.ndarray, "landmark"]
    """Probability of that."""

    @property
    def recognised(self) -> bool:
        """Whether this looks like what the model was trained on: half of it is seen."""
        return bool(np.median(self.inside) >= RECOGNISED)


@dataclass(frozen=True)
class LandmarkModel:
    """The two networks and their card."""

    coarse: PatchNetwork
    fine: PatchNetwork
    card: LandmarkCard

    @staticmethod
    def read(path: Path | str, device: str = "cpu") -> "LandmarkModel":
        """Read `NAME.safetensors` and its card `NAME.json`.

        Raises:
            FileNotFoundError: one of the two is missing.
            ValueError: they do not fit each other or this program; says what differs.
        """
        path = Path(path)
        card, tensors = read_model_files(path)
        with torch.device("meta"):  # shapes first: nothing is allocated for a card that lies
            networks = {stage: PatchNetwork(card.patch_shape()) for stage in STAGES}
        own = {
            stage: {n.removeprefix(stage): t for n, t in tensors.items() if n.startswith(stage)}
            for stage in networks
        }
        _check_same(_described(_joined(networks)), _described(tensors), path)
        for stage, network in networks.items():
            network.load_state_dict(own[stage], strict=True, assign=True)
            network.to(device).eval().requires_grad_(False)
        return LandmarkModel(networks["global."], networks["local."], card)

    def write(self, path: Path | str) -> None:
        """Write `NAME.safetensors` and the card `NAME.json` beside it."""
        tensors = _joined(dict(zip(STAGES, (self.coarse, self.fine), strict=True)))
        write_model_files(Path(path), self.card, tensors)

    def __call__(self, image: Float[np.ndarray, "row column"] | Volume) -> FoundLandmarks:
        """All landmarks of an image (grey values of any scale), or of a CT.

        Raises:
            ValueError: an image for a model of CTs or the reverse, or values that are not finite.
        """
        first, best, low, high = self.estimates(image)
        known = best.inside >= RECOGNISED
        world = np.where(known[:, None], best.world, first.world)
        local_sd = Stretch(np.array(self.card.sd_factor), self.card.sd_floor).sd(best.variance)
        sd = np.where(known, local_sd, np.maximum(local_sd, np.sqrt(first.variance)))
        within = ((world >= low) & (world <= high)).all(axis=-1)
        in_field = within & (first.inside >= RECOGNISED)
        return FoundLandmarks(tuple(self.card.landmarks), world, sd, in_field, first.inside)

    def estimates(
        self, image: Float[np.ndarray, "row column"] | Volume
    ) -> tuple[Estimate, Estimate, np.ndarray, np.ndarray]:
        """The global and the local estimate before calibration, and the corners of the image."""
        card = self.card
        if isinstance(image, Volume) != (card.dim == 3):
            wanted, found = ("a CT volume", "an image") if card.dim == 3 else ("an image", "a CT")
            raise ValueError(f"the model finds landmarks in {wanted}, this is {found}")
        at = image_3d if isinstance(image, Volume) else _image_2d
        coarse, fine = at(image, card.spacing), at(image, card.spacing / card.zoom)  # type: ignore[arg-type]
        with torch.inference_mode():
            first = global_estimate(self.coarse, coarse)
            best = local_estimate(self.fine, fine, first, card.local_px)
        half = fine.spacing / 2
        high = fine.origin + fine.spacing * (np.array(fine.size) - 1)
        return first, best, fine.origin - half, high + half


def _image_2d(grey: np.ndarray, spacing: float | int):
    if grey.ndim != 2 or min(grey.shape) < 2:
        raise ValueError(f"an image has rows and columns, found shape {grey.shape}")
    if not np.isfinite(grey).all():
        raise ValueError("the image holds NaN or infinite values; there is nothing to find")
    return image_2d(np.asarray(grey, np.float32), spacing)


def _joined(networks: dict[str, PatchNetwork]) -> dict[str, Tensor]:
    """The tensors of both stages in one."""
    return {
        stage + name: tensor
        for stage, network in networks.items()
        for name, tensor in network.state_dict().items()
    }


def _described(tensors: dict[str, Tensor]) -> dict[str, tuple]:
    return {name: (*tensor.shape, str(tensor.dtype)) for name, tensor in tensors.items()}


def _check_same(expected: dict, found: dict, path: Path) -> None:
    names = sorted(n for n in expected | found if expected.get(n) != found.get(n))
    if names:
        raise ValueError(
            f"{path}: not the weights its card describes: {len(names)} tensors differ, first "
            f"{names[0]!r}: expected {expected.get(names[0])}, found {found.get(names[0])}"
        )
