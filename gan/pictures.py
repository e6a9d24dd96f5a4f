"""What the CycleGAN is trained on: unpaired pictures of the two looks, and crops drawn from them.

A picture is the standardised attenuation in the square window around the field
(`drr.standardised`), 0 outside of the field, with the field's mask.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float
from scipy import ndimage

LEAST = 16
"""Pictures of each look without which nothing can be learnt."""
FEW = 100
ALIKE = 0.5
"""Distance of two looks below which there is little to translate: views of one machine have it."""
HELD_OUT = 0.12
"""Share of the pictures that are not trained on: they judge the translator."""
MOST_HELD_OUT = 64


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of one look.

    Args:
        attenuation: standardised, float32, bright bone.
        mask: of the field, 0 to 1.
        landmarks_px: places in the pictures where they are known, as in radiographs.
    """

    attenuation: Float[np.ndarray, "picture side side"]
    mask: Float[np.ndarray, "picture side side"]
    landmarks_px: Float[np.ndarray, "picture landmark 2"] | None = None

    def __len__(self) -> int:
        """The number of pictures."""
        return len(self.attenuation)

    def take(self, numbers: np.ndarray) -> "Pictures":
        """Some of them."""
        points = None if self.landmarks_px is None else self.landmarks_px[numbers]
        return Pictures(self.attenuation[numbers], self.mask[numbers], points)


def split(pictures: Pictures) -> tuple[Pictures, Pictures]:
    """Those to train on, and those held out: every n-th, so that both span the whole recording."""
    count = int(np.clip(HELD_OUT * len(pictures), 4, MOST_HELD_OUT))
    held = np.linspace(0, len(pictures) - 1, count).round().astype(int)
    return pictures.take(np.setdiff1d(np.arange(len(pictures)), held)), pictures.take(held)


def drawn(
    pictures: Pictures, rng: np.random.Generator, crop_px: int
) -> tuple[Float[np.ndarray, "crop crop"], Float[np.ndarray, "crop crop"]]:
    """A part of one picture and of its mask, a little turned and scaled."""
    number = int(rng.integers(len(pictures)))
    side = pictures.attenuation.shape[-1]
    turn_deg, scale = rng.uniform(-8, 8), rng.uniform(0.92, 1.12)
    place = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), turn_deg, scale)
    place[:, 2] -= rng.uniform(-0.04, 1.04, 2) * (side - crop_px)
    moved = [
        cv2.warpAffine(plane[number], place, (crop_px, crop_px), flags=cv2.INTER_LINEAR)
        for plane in (pictures.attenuation, pictures.mask)
    ]
    return moved[0], moved[1]


def check_pictures(films: Pictures, radiographs: Pictures) -> list[str]:
    """What a user should know before training; notes that do not stop it.

    Raises:
        ValueError: too few of one kind, or films whose grey values are inverted.
    """
    check_count(films, "frames")
    check_count(radiographs, "radiographs")
    bright, expected = _rim_brightness(films), _rim_brightness(radiographs)
    if bright > 0.3 and expected < 0:
        raise ValueError(
            "the frames look inverted: what surrounds the head attenuates more than the head "
            f"(mean {bright:.2f} of +-1, in radiographs {expected:.2f}); set the view's "
            '`intensity` in trial.toml to the other of "transmission" and "attenuation"'
        )
    notes = []
    if len(films) < FEW:
        notes.append(f"only {len(films)} frames: {FEW} to 1000 teach a look better")
    if (same := _repeated(films)) > 0.5:
        notes.append(f"{same:.0%} of the frames are all but equal to one shortly before")
    return notes


def check_count(pictures: Pictures, name: str) -> None:
    """ValueError where there are too few."""
    if len(pictures) < LEAST:
        raise ValueError(
            f"{len(pictures)} {name} are too few to learn their look from: at least {LEAST}, "
            f"better {FEW} to 1000"
        )


def _rim_brightness(pictures: Pictures) -> float:
    """Mean attenuation where the field shows least: air beside a head, in films not inverted.

    The air is smooth: of the smoothest twentieth of the field, by its local deviation.
    """
    values = []
    for attenuation, mask in zip(pictures.attenuation[:200], pictures.mask[:200], strict=True):
        inside = ndimage.binary_erosion(mask > 0.5, iterations=max(2, len(mask) // 32))
        if inside.sum() < 100:
            continue
        mean = cv2.GaussianBlur(attenuation, (0, 0), 3)
        spread = cv2.GaussianBlur(attenuation**2, (0, 0), 3) - mean**2
        smooth = inside & (spread <= np.quantile(spread[inside], 0.05))
        values.append(float(mean[smooth].mean()))
    return float(np.median(values)) if values else 0.0


def _repeated(pictures: Pictures) -> float:
    """Share of the pictures that equal one of the four before, as views may follow each other."""
    some = pictures.attenuation[:300]
    least = np.full(len(some), np.inf)
    for back in range(1, min(5, len(some))):
        change = np.abs(some[back:] - some[:-back]).mean((1, 2))
        least[back:] = np.minimum(least[back:], change)
    return float((least < 0.01).mean())
