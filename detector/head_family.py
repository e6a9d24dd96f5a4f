"""Heads to learn from that never were: digital ones, some deformed, each a little stretched.

A head costs seconds to paint, a radiograph milliseconds: a few heads are in use at a time, and the
oldest gives way to a new one every so many radiographs. Which head is in use when depends on the
seed and the place in the sequence alone.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from drr.anatomy import find_anatomy
from drr.deformation import deformed
from drr.digital_head import digital_head
from drr.head_landmark_names import LANDMARK_NAMES
from drr.material_model import MaterialModel, material_model, vessel_projectors

from .views import Radiograph, View, ViewRange, draw_radiograph, look_at

HELD_OUT = 1_000_000
"""Seeds of heads from here on are never trained on."""
BLOCK = 96
"""Radiographs drawn from one set of heads."""


@dataclass(frozen=True)
class FamilyRange:
    """Which heads are drawn."""

    at_once: int = 12
    """Heads in use at a time."""
    blocks_each: int = 4
    """Blocks of 96 radiographs until one of them gives way to a new one."""
    spacing_mm: float = 2.0
    deformed_share: float = 0.5
    deformation_mm: tuple[float, float] = (1.0, 4.0)
    vessel_share: float = 0.25
    """Of heads whose arteries may be filled."""
    stretch_sd: float = 0.035
    """Of the sizes along three axes of a radiograph's own head."""


class Head(NamedTuple):
    """A head ready to be filmed, and its landmarks (ct, mm) in the order of LANDMARK_NAMES."""

    model: MaterialModel
    points_ct: Float[np.ndarray, "landmark 3"]


def family_head(seed: int, family: FamilyRange | None = None) -> Head:
    """The head of a seed: drawn from the digital family, perhaps deformed, perhaps with vessels."""
    family = family or FamilyRange()
    rng = np.random.default_rng((seed, 7))
    volume, landmarks = digital_head(seed, family.spacing_mm)
    if rng.random() < family.deformed_share:
        amplitude = float(rng.uniform(*family.deformation_mm))
        with suppress(ValueError):  # a deformation that would fold
            volume, landmarks = deformed(volume, landmarks, seed, amplitude, 60.0)
    vessels = ()
    if rng.random() < family.vessel_share:
        vessels = vessel_projectors(find_anatomy(volume), count=2, seed=seed)
    points = np.array([landmarks[name] for name in LANDMARK_NAMES], np.float64)
    return Head(material_model(volume, vessels=vessels), points)


def stretched(head: Head, rng: np.random.Generator, stretch_sd: float) -> Float[np.ndarray, "4 4"]:
    """A change of size along three axes of its own about the head's middle; (4, 4), ct to ct."""
    axes = Rotation.random(rng=rng).as_matrix()
    sizes = np.exp(np.clip(rng.standard_normal(3), -2.5, 2.5) * stretch_sd)
    change = np.eye(4)
    change[:3, :3] = axes @ np.diag(sizes) @ axes.T
    middle = head.points_ct.mean(0)
    change[:3, 3] = middle - change[:3, :3] @ middle
    return change


def family_views(
    views: ViewRange,
    family: FamilyRange,
    *,
    seed: int,
    first_head: int = 1,
    start: int = 0,
    looks_each: int = 4,
) -> Iterator[View]:
    """Endless views of ever new heads, from the `start`-th on.

    Args:
        first_head: seed of the first head; the others follow it.
    """
    each = BLOCK * looks_each
    number = start // each
    heads: dict[int, Head] = {}
    while True:
        oldest = first_head + number // family.blocks_each
        current = range(oldest, oldest + family.at_once)
        heads = {n: heads.get(n) or family_head(n, family) for n in current}
        drawn = _block(views, family, list(heads.values()), seed, number, each)
        order = np.random.default_rng((seed, 1, number)).permutation(each)
        for place in range(max(start - number * each, 0), each):
            rng = np.random.default_rng((seed, 2, number * each + place))
            yield look_at(drawn[order[place] // looks_each], rng)
        number += 1


def _block(
    views: ViewRange, family: FamilyRange, heads: list[Head], seed: int, number: int, each: int
) -> list[Radiograph]:
    hard_share = views.hard_share
    if views.ramp_views > 0:
        hard_share *= min(1.0, number * each / views.ramp_views)
    drawn = []
    for n in range(BLOCK):
        rng = np.random.default_rng((seed, 0, number, n))
        head, hard = heads[n % len(heads)], bool(rng.random() < hard_share)
        change = stretched(head, rng, family.stretch_sd)
        drawn.append(draw_radiograph(head.model, head.points_ct, rng, views, hard, change))
    return drawn
