"""The pose of a body over the skull's shadow: radiographs of both against the frames."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from calibration import Rigid

from .body_model import BodyModel, model_over_skull
from .descent import covariance_at, descended
from .image_match import ViewMatch, cam_from_ct_matrix, fixed_view
from .radiograph import Radiograph
from .refine_pose import RefinedPose

BODY_SD_MM, BODY_SD_DEG = 0.4, 0.8
"""Added to each covariance, as norms: the skull's own error, and flesh that gives way otherwise
than it is modelled. A jaw in simulated films is off by so much where its residuals say 0.1, 0.2.
"""


def refine_body(
    radiographs: tuple[Radiograph, ...],
    model: BodyModel,
    skull: Rigid,
    start: Rigid,
    first_level: int = 0,
) -> RefinedPose:
    """The pose (world_from_ct) of best local correlation near `start`, with the skull held.

    As `refine_pose`, by Levenberg-Marquardt from coarse to fine.
    """
    still = skull.R.numpy(), skull.t.numpy()
    over = [model_over_skull(model, cam_from_ct_matrix(r.camera, *still)) for r in radiographs]
    R, t = start.R.numpy(), start.t.numpy()
    matches: tuple[ViewMatch, ...] = ()
    evaluations, converged = 0, False
    for index in range(first_level, len(model.body.projectors)):
        views = [(fixed_view(r, m, index, R, t), m) for r, m in zip(radiographs, over, strict=True)]
        R, t, matches, count, converged = descended(views, model.body, index, R, t)
        evaluations += count
    return RefinedPose(
        world_from_ct=Rigid(R, t),
        covariance=covariance_at(matches, BODY_SD_MM, BODY_SD_DEG),
        centre_ct=model.body.centre_ct,
        similarity=np.array([match.similarity for match in matches]),
        views=matches,
        evaluations=evaluations,
        converged=converged,
    )


def seen_shares(
    radiographs: tuple[Radiograph, ...], model: BodyModel, skull: Rigid, body: Rigid
) -> Float[np.ndarray, "view"]:
    """Which share of the body's shadow counts in each view: the field shows it, the spine does not
    cover it."""
    R, t = body.R.numpy(), body.t.numpy()
    still = skull.R.numpy(), skull.t.numpy()
    shares = []
    for image in radiographs:
        over = model_over_skull(model, cam_from_ct_matrix(image.camera, *still))
        counted = fixed_view(image, over, 0, R, t).weight.sum()
        bare = replace(image, usable=np.ones_like(image.usable))
        whole = fixed_view(bare, replace(over, loose=()), 0, R, t).weight.sum()
        shares.append(float(counted) / max(float(whole), 1e-9))
    return np.array(shares)
