"""How far the model of any head is off on heads not trained on, and what its deviations must be."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from drr.head_landmark_names import LANDMARK_NAMES

from .head_card import HeadCard
from .head_family import HELD_OUT, FamilyRange, family_head, stretched
from .head_fit import fit_head, projected
from .head_model import Facing, HeadModel
from .head_shapes import ShapeModel, family_landmarks, shape_model
from .network import LandmarkNetwork
from .views import ViewRange, draw_radiograph, look_at

INSIDE_ONE_SD = 0.6827
PROFILE = 0.12
"""Cosine between the face's direction and the ray, below which the head counts as in profile."""
SHAPE_HEADS = range(1, 401)
"""Seeds of the heads whose landmarks make the shape model."""


class HeadErrors(NamedTuple):
    """Errors of views whose facing is given, mm at the head, and over the model's deviations."""

    network_over_sd: Float[np.ndarray, "view landmark 2"]
    fit_over_sd: Float[np.ndarray, "view landmark 3"]
    network_mm: Float[np.ndarray, "view landmark"]
    fitted_mm: Float[np.ndarray, "view landmark"]
    """In the image, after the fit."""
    xyz_mm: Float[np.ndarray, "view landmark"]
    """In the camera's frame."""
    shape_mm: Float[np.ndarray, "view landmark"]
    """The same after the head's distance was made the true one."""
    in_field: Bool[np.ndarray, "view landmark"]
    facing_found: Bool[np.ndarray, "view"]
    """Where the facing was not given; in profile either is right."""


def calibrated_head(
    network: LandmarkNetwork,
    family: FamilyRange,
    views: ViewRange,
    recipe: dict,
    *,
    heads: range = range(HELD_OUT, HELD_OUT + 16),
    views_each: int = 30,
    shapes: ShapeModel | None = None,
    device: str = "cpu",
) -> HeadModel:
    """The model with its card, from heads, poses and looks that were not trained on.

    The factors of the deviations are fitted on half of the heads, the errors are the others'.
    """
    shapes = shapes or shape_model(family_landmarks(SHAPE_HEADS))
    size = network.shape._asdict()
    card = HeadCard(list(LANDMARK_NAMES), size, len(shapes.modes_mm), 1.0, 1.0, {}, recipe)
    model = HeadModel(network.to(device).eval(), shapes, card)
    middle = heads.start + len(heads) // 2
    first = range(heads.start, middle)
    seen = head_errors(model, family, views, first, views_each)
    sd_factor = _factor(seen.network_over_sd[seen.in_field])
    model = replace(model, card=replace(card, sd_factor=sd_factor))
    seen = head_errors(model, family, views, first, views_each)
    card = replace(model.card, fit_factor=_factor(seen.fit_over_sd))
    held = range(middle, heads.stop)
    errors = head_errors(replace(model, card=card), family, views, held, views_each)
    return replace(model, card=replace(card, accuracy=figures(errors) | {"heads": len(held)}))


def head_errors(
    model: HeadModel, family: FamilyRange, views: ViewRange, heads: range, views_each: int
) -> HeadErrors:
    """The errors on random views of the heads of these seeds."""
    rows = []
    for seed in heads:
        head = family_head(seed, family)
        for n in range(views_each):
            rng = np.random.default_rng((seed, 13, n))
            change = stretched(head, rng, family.stretch_sd)
            taken = draw_radiograph(head.model, head.points_ct, rng, views, True, change)
            view = look_at(taken, rng)
            true: Facing = "toward" if taken.toward_source > 0 else "away"
            fits = {}
            for facing in ("toward", "away"):
                uv, sd = model.places(view.planes[:3], facing)
                fits[facing] = (fit_head(model.shapes, taken.K, uv, sd), uv, sd)
            fit, uv, sd = fits[true]
            better = min(fits, key=lambda name: fits[name][0].cost)
            off = fit.xyz_cam - taken.points_cam
            sd_mm = np.sqrt(np.diagonal(fit.covariance_mm2, axis1=1, axis2=2))
            nearer = taken.points_cam[:, 2].mean() / fit.xyz_cam[:, 2].mean()
            fitted = projected(taken.K, fit.xyz_cam)
            rows.append(
                (
                    (uv - taken.uv) / sd[:, None],
                    off / (model.card.fit_factor * sd_mm),
                    np.linalg.norm(uv - taken.uv, axis=1) * taken.mm_per_px,
                    np.linalg.norm(fitted - taken.uv, axis=1) * taken.mm_per_px,
                    np.linalg.norm(off, axis=1),
                    np.linalg.norm(fit.xyz_cam * nearer - taken.points_cam, axis=1),
                    view.in_field > 0,
                    abs(taken.toward_source) < PROFILE or better == true,
                )
            )
    return HeadErrors(*(np.array(column) for column in zip(*rows, strict=True)))


def figures(errors: HeadErrors) -> dict[str, float]:
    """The errors in words of a card."""
    inside = errors.in_field
    named = {
        "views": len(inside),
        "facing_found": errors.facing_found.mean(),
        "network_in_field_median_mm": np.median(errors.network_mm[inside]),
        "within_10_mm": (errors.fitted_mm < 10).mean(),
        "in_field_median_mm": np.median(errors.fitted_mm[inside]),
        "in_field_within_10_mm": (errors.fitted_mm[inside] < 10).mean(),
        "out_of_field_median_mm": np.median(errors.fitted_mm[~inside]),
        "out_of_field_within_10_mm": (errors.fitted_mm[~inside] < 10).mean(),
        "xyz_median_mm": np.median(errors.xyz_mm),
        "xyz_within_10_mm": (errors.xyz_mm < 10).mean(),
        "xyz_at_true_distance_median_mm": np.median(errors.shape_mm),
        "xyz_at_true_distance_within_10_mm": (errors.shape_mm < 10).mean(),
        "xyz_within_1_sd": (np.abs(errors.fit_over_sd) < 1).mean(),
        "xyz_within_2_sd": (np.abs(errors.fit_over_sd) < 2).mean(),
    }
    return {name: round(float(value), 4) for name, value in named.items()}


def _factor(over_sd: np.ndarray) -> float:
    return float(np.quantile(np.abs(over_sd), INSIDE_ONE_SD))
