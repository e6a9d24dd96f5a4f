"""From images with landmarks to a landmark model: both stages, calibrated on unseen images."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from drr.volume import Volume

from .landmark_card import LandmarkCard
from .landmark_model import LandmarkModel
from .local_stage import global_estimate, local_estimate
from .patch_accuracy import measured
from .patch_batches import PLAIN, Cases, global_batch, known_pairs, local_batch, subset
from .patch_calibration import fitted_stretch
from .patch_image import PatchImage, image_2d, image_3d
from .patch_network import PatchNetwork, PatchShape, vote
from .patch_settings import PatchSettings, check_settings, settings_for
from .patch_training import Progress, errors_px, train_stage

Source = Float[np.ndarray, "row column"] | Volume
LOOKED_AT = 256
"""Sub-images the local stage is validated on while it trains; whole images: a quarter."""
INTENSITY_3D = "CT, HU from -1000 to 1600; the axes are RAS"


def train_landmark_model(
    read: Callable[[int], Source],
    names: Sequence[str],
    world: Float[np.ndarray, "image landmark dim"],
    folder: Path,
    settings: PatchSettings | None = None,
    *,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> LandmarkModel:
    """A model of both stages with calibrated deviations; a run that was cut short goes on.

    Args:
        read: the image (grey values, rows first) or CT of an index.
        world: pixels (x, y) or ct mm; NaN where a landmark is not known.
        folder: for checkpoints and logs.

    Raises:
        ValueError: fewer than two images, an image that cannot be used, settings that make no
            sense.
    """
    settings = settings or settings_for(world.shape[-1])
    check_settings(settings)
    unseen = max(1, round(settings.validation * len(world)))
    if len(world) < 2:
        raise ValueError(f"at least 2 images are needed, to train and to validate: {len(world)}")
    cases = read_cases(read, world, settings)
    train = subset(cases, np.arange(len(world) - unseen))
    unseen_cases = subset(cases, np.arange(len(world) - unseen, len(world)))
    if not np.isfinite(train.world).all(axis=-1).any(axis=0).all():
        rare = np.flatnonzero(~np.isfinite(train.world).all(axis=-1).any(axis=0))[0]
        raise ValueError(f"landmark {names[rare]!r} is in none of the {len(train.world)} images")
    if not len(known_pairs(unseen_cases)):
        raise ValueError(f"no landmark is known in the last {unseen} images, which validate")
    dim, count = world.shape[-1], len(names)
    of = f"{sha256(np.round(world, 4).tobytes()).hexdigest()} {unseen}"
    run = {"seed": seed, "device": device}
    sizes = {n: getattr(settings, n) for n in ("width", "blocks", "features")}
    coarse = train_stage(
        PatchShape(dim, count, **sizes),
        lambda rng: _global_draw(train, settings, rng),
        lambda network: _global_error(network, unseen_cases, device),
        folder,
        settings,
        of=f"global {of}",
        minutes=settings.minutes * settings.global_share,
        progress=_part(progress, 0, settings.global_share),
        **run,
    )
    pairs = known_pairs(train)
    fine = train_stage(
        PatchShape(dim, count, **sizes),
        lambda rng: _local_draw(train, pairs, settings, rng),
        lambda network: _local_error(network, unseen_cases, settings, device),
        folder,
        settings,
        of=f"local {of}",
        minutes=settings.minutes * (1 - settings.global_share),
        progress=_part(progress, settings.global_share, 1),
        **run,
    )
    return _calibrated(coarse, fine, names, unseen_cases, settings, seed, len(train.world))


def read_cases(read: Callable[[int], Source], world: np.ndarray, settings: PatchSettings) -> Cases:
    """All images at both resolutions; ValueError where they are not all of the same kind."""
    dim = world.shape[-1]
    coarse, fine, spacing = [], [], 0.0
    for n in range(len(world)):
        source = read(n)
        if isinstance(source, Volume) != (dim == 3):
            raise ValueError(f"image {n} is {'a volume' if dim == 2 else 'no volume'}")
        spacing = spacing or longest(source) / settings.global_px
        coarse.append(_at(source, spacing))
        fine.append(_at(source, spacing / settings.zoom))
    return Cases(coarse, fine, world)


def longest(source: Source) -> float:
    """The longest side, pixels or mm."""
    if isinstance(source, Volume):
        return float((source.spacing_mm * source.shape).max())
    return float(max(source.shape))


def _at(source: Source, spacing: float | int) -> PatchImage:
    if isinstance(source, Volume):
        return image_3d(source, spacing)
    return image_2d(source, spacing)


def _global_draw(cases: Cases, settings: PatchSettings, rng: np.random.Generator):
    chosen = rng.integers(0, len(cases.coarse), settings.global_batch)
    return global_batch(cases, chosen, settings.augmentation, rng)


def _local_draw(cases, pairs, settings: PatchSettings, rng: np.random.Generator):
    chosen = pairs[rng.integers(0, len(pairs), settings.local_batch)]
    return local_batch(cases, chosen, settings.local_px, settings.augmentation, rng)


def _global_error(network: PatchNetwork, cases: Cases, device: str) -> float:
    found = [global_estimate(network, image).world for image in cases.coarse[: LOOKED_AT // 4]]
    off = np.linalg.norm(np.stack(found) - cases.world[: len(found)], axis=-1)
    return float(np.nanmean(off))


def _local_error(
    network: PatchNetwork, cases: Cases, settings: PatchSettings, device: str
) -> float:
    pairs = known_pairs(cases)
    step = max(1, len(pairs) // LOOKED_AT)
    rng, errors = np.random.default_rng(0), []
    for part in np.array_split(pairs[::step], -(-len(pairs[::step]) // settings.local_batch)):
        batch = local_batch(cases, part, settings.local_px, PLAIN, rng)
        with torch.inference_mode():
            place = vote(network(batch.images.to(device)))
        own = (torch.arange(len(part)), torch.from_numpy(part[:, 1]))
        errors.append(errors_px(place.xy.cpu()[own], batch.truth_px[own], batch.within[own]))
    return float(torch.cat(errors).mean()) * cases.fine[0].spacing


def _calibrated(coarse, fine, names, cases: Cases, settings, seed, trained) -> LandmarkModel:
    first = [global_estimate(coarse, image) for image in cases.coarse]
    best = [
        local_estimate(fine, image, start, settings.local_px)
        for image, start in zip(cases.fine, first, strict=True)
    ]
    error = np.stack([estimate.world for estimate in best]) - cases.world
    variance = np.stack([estimate.variance for estimate in best])
    stretch = fitted_stretch(error, variance)
    dim = cases.world.shape[-1]
    card = LandmarkCard(
        dim=dim,
        landmarks=list(names),
        spacing=cases.coarse[0].spacing,
        zoom=settings.zoom,
        local_px=settings.local_px,
        shape={n: getattr(settings, n) for n in ("width", "blocks", "features")},
        sd_factor=[float(value) for value in stretch.factor],
        sd_floor=stretch.floor,
        accuracy=measured(error, variance, np.stack([e.world for e in first]) - cases.world, names),
        recipe=asdict(settings) | {"seed": seed, "images": trained, "validation_images": len(best)},
    )
    if dim == 3:
        card = replace(card, unit="mm", intensity=INTENSITY_3D)
    return LandmarkModel(coarse, fine, card)


def _part(progress: Progress | None, first: float | int, last: float | int) -> Progress | None:
    if progress is None:
        return None
    return lambda share, figures: progress(first + (last - first) * share, figures)
