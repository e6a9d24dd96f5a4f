"""Random radiographs with labels, to train on: any azimuth, any usual machine, any look.

A radiograph (line integrals) is rendered once and seen through several looks and collimations,
because rendering costs more than the look. Everything is drawn from generators keyed by the seed
and the place in the sequence: the same sequence on any number of threads, from any start.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from drr.collimation import Collimation, random_collimation
from drr.field_window import MARGIN, Window, field_mask
from drr.film import film
from drr.fluoroscope import Fluoroscope
from drr.head_orientation import draw_orientation
from drr.material_model import MaterialModel, draw_condition, render_materials
from drr.standardised import standardised

from .network_input import INPUT_PX, planes_of_attenuation, with_facing

PIXELS_MERGED = 16
"""A network pixel is the mean of so many pixels of a frame: less noise, finer grey steps."""
WHOLE_WINDOW = Window(0.0, 0.0, float(INPUT_PX))


@dataclass(frozen=True)
class ViewRange:
    """What is drawn. Lengths in mm; the field is measured in the plane of the head's middle."""

    azimuth_deg: float = 180.0
    """Largest turn about the head's long axis, either way."""
    tilt_sd_deg: float = 17.0
    roll_sd_deg: float = 15.0
    steepest_deg: float = 45.0
    source_to_head_mm: tuple[float, float] = (520.0, 1000.0)
    field_mm: tuple[float, float] = (110.0, 290.0)
    off_centre_sd: float = 0.22
    """Place of the head's middle in the field, a share of the field's side."""
    ramp_views: int = 10_000
    """Views until the share of hard ones has grown to `hard_share`: without a gentle beginning
    (clean images of most of the head) the network learns little more than where the head is. A
    network that begins at random needs three times as many."""
    hard_share: float = 0.7

    def gentle(self) -> "ViewRange":
        """The range of the easy views: most of the head in the field."""
        low, high = self.field_mm
        return replace(self, field_mm=(0.5 * (low + high), high), off_centre_sd=0.1)


Look = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
"""From line integrals (material, 128, 128), the field and a generator of random numbers to
attenuation, standardised as `drr.standardised` does."""


class Radiograph(NamedTuple):
    """Line integrals of the materials in a network window, and the labels that belong to it."""

    line_integrals: Float[np.ndarray, "material 128 128"]
    uv: Float[np.ndarray, "landmark 2"]
    mm_per_px: float
    toward_source: float
    """Cosine between the face's direction and the ray back to the source."""
    hard: bool
    """Whether it may be collimated tightly and shown by any machine."""
    K: Float[np.ndarray, "3 3"]
    points_cam: Float[np.ndarray, "landmark 3"]


class View(NamedTuple):
    """What one training step needs of one image."""

    planes: Float[np.ndarray, "4 128 128"]
    uv: Float[np.ndarray, "landmark 2"]
    in_field: Float[np.ndarray, "landmark"]
    mm_per_px: float


def draw_radiograph(
    head: MaterialModel,
    points_ct: Float[np.ndarray, "landmark 3"],
    rng: np.random.Generator,
    views: ViewRange,
    hard: bool = True,
    change: Float[np.ndarray, "4 4"] | None = None,
) -> Radiograph:
    """Render the head from a random direction through a random window.

    Args:
        change: an affine change of the head in ct, which makes it another one.
    """
    views = views if hard else views.gentle()
    R = draw_orientation(
        rng, views.azimuth_deg, views.tilt_sd_deg, views.roll_sd_deg, views.steepest_deg
    )
    depth_mm = rng.uniform(*views.source_to_head_mm)
    field_mm = rng.uniform(*views.field_mm)
    offset_mm = np.clip(rng.standard_normal(2) * views.off_centre_sd, -0.6, 0.6) * field_mm
    if change is not None:
        points_ct = points_ct @ change[:3, :3].T + change[:3, 3]
    centre = points_ct.mean(0)
    cam_from_ct = np.eye(4)
    cam_from_ct[:3, :3] = R
    cam_from_ct[:3, 3] = np.append(offset_mm, depth_mm) - R @ centre
    mm_per_px = field_mm * (1 + 2 * MARGIN) / INPUT_PX
    f = depth_mm / mm_per_px
    # where the principal axis meets the window: off-centre fields and detectors
    cx, cy = (INPUT_PX - 1) / 2 + rng.standard_normal(2) * 8
    cam_from_ct[:2, 3] += (
        np.array([(INPUT_PX - 1) / 2, (INPUT_PX - 1) / 2]) - [cx, cy]
    ) * mm_per_px
    K = np.array([[f, 0, cx], [0, f, cy], [0, 0, 1]])
    condition = draw_condition(head, rng)
    points_cam = points_ct @ R.T + cam_from_ct[:3, 3]
    if change is not None:
        cam_from_ct = cam_from_ct @ change
    line_integrals = render_materials(head, K, INPUT_PX, INPUT_PX, cam_from_ct, condition).numpy()
    uv = points_cam[:, :2] / points_cam[:, 2:] * f + [cx, cy]
    toward_source = float(-R[2, 1])
    uv = uv.astype(np.float32)
    return Radiograph(line_integrals, uv, mm_per_px, toward_source, hard, K, points_cam)


def look_at(radiograph: Radiograph, rng: np.random.Generator, look: Look | None = None) -> View:
    """The radiograph as some machine would show it, collimated, with its labels.

    Args:
        look: in place of a machine drawn at random.
    """
    collimation = _fitted(random_collimation(rng, INPUT_PX, INPUT_PX))
    machine = Fluoroscope.randomised(rng)
    if not radiograph.hard:
        collimation = _fitted(_gentle_collimation(rng))
        machine = Fluoroscope(gamma=rng.uniform(0.4, 0.9), photons_per_px=3000.0)
    machine = replace(
        machine,
        photons_per_px=machine.photons_per_px * PIXELS_MERGED,
        electronic_sd=machine.electronic_sd / PIXELS_MERGED**0.5,
        bits=16,
    )
    mask = collimation.mask(INPUT_PX, INPUT_PX)
    grown = 1 + rng.normal(0, 0.012)  # the outline found in a frame is never quite right
    centre = (INPUT_PX - 1) / 2
    seen = field_mask((collimation.polygon_px - centre) * grown + centre, WHOLE_WINDOW)
    # near the profile both readings are alike: let the plane be either
    facing = 1.0 if radiograph.toward_source + 0.08 * rng.standard_normal() > 0 else -1.0
    if look is None:
        shown = film(radiograph.line_integrals, machine, mask, rng)
        plain = standardised(shown * seen, seen)
    else:
        plain = look(radiograph.line_integrals, seen, rng)
    planes = with_facing(planes_of_attenuation(plain, seen), facing)
    u, v = np.rint(np.clip(radiograph.uv, 0, INPUT_PX - 1)).astype(int).T
    on_image = ((radiograph.uv > -0.5) & (radiograph.uv < INPUT_PX - 0.5)).all(-1)
    in_field = (on_image & (mask[v, u] > 0.5)).astype(np.float32)
    return View(planes, radiograph.uv, in_field, radiograph.mm_per_px)


def view_sequence(
    head: MaterialModel,
    points_ct: Float[np.ndarray, "landmark 3"],
    views: ViewRange,
    *,
    seed: int,
    start: int = 0,
    looks_each: int = 4,
    block: int = 96,
    look: Look | None = None,
) -> Iterator[View]:
    """Endless views from the `start`-th on: blocks of radiographs, each seen `looks_each` times."""
    number = start // (block * looks_each)
    while True:
        first = number * block * looks_each
        hard_share = views.hard_share
        if views.ramp_views > 0:
            hard_share *= min(1.0, first / views.ramp_views)
        drawn = []
        for n in range(block):
            rng = np.random.default_rng((seed, 0, number, n))
            hard = bool(rng.random() < hard_share)
            drawn.append(draw_radiograph(head, points_ct, rng, views, hard))
        order = np.random.default_rng((seed, 1, number)).permutation(block * looks_each)
        for place in range(max(start - first, 0), len(order)):
            rng = np.random.default_rng((seed, 2, first + place))
            yield look_at(drawn[order[place] // looks_each], rng, look)
        number += 1


def _gentle_collimation(rng: np.random.Generator) -> Collimation:
    if rng.random() < 0.5:
        return Collimation.whole_frame(INPUT_PX, INPUT_PX)
    centre = (INPUT_PX - 1) / 2
    return Collimation.circle((centre, centre), INPUT_PX / 2)


def _fitted(collimation: Collimation) -> Collimation:
    """The field, cut to its frame, moved and scaled so that the network's window fits it."""
    polygon = np.clip(collimation.polygon_px, -0.5, INPUT_PX - 0.5)
    low, high = polygon.min(0), polygon.max(0)
    scale = INPUT_PX / ((high - low).max() * (1 + 2 * MARGIN))
    centre = (INPUT_PX - 1) / 2
    return replace(collimation, polygon_px=(polygon - (low + high) / 2) * scale + centre)
