"""How well the images fix the rig: the covariance of every parameter, and what follows from it."""

import numpy as np
from jaxtyping import Float

from .bead_object import BeadObject
from .bundle import Bundle
from .bundle_projection import RigState, Sightings, jacobian, parameter_names
from .uncertainty_entry import RigUncertainty
from .uncertainty_entry import uncertainty_entry as uncertainty_entry

LOOSEST_FOCAL, LOOSEST_CENTRE = 0.10, 0.25
"""Deviations beyond which an image set is refused: of the focal length as a share, and of the
principal point as a share of the focal length's pixels over ten."""


def rig_uncertainty(
    bundle: Bundle, bead_object: BeadObject, seen: Sightings, views: tuple[str, ...]
) -> RigUncertainty:
    """sd^2 (J^T J)^-1 at the adjusted rig, from the inliers' residuals.

    ValueError where the images leave a parameter open: a plane that was never tilted, say.
    """
    kept = seen[bundle.inlier]
    J = jacobian(bundle.state, bead_object.points_mm, kept, bundle.lens_terms)
    names = parameter_names(views, len(bundle.state.t_position), bundle.lens_terms)
    normal = (J.T @ J).toarray()
    size = np.sqrt(np.diag(normal))
    if not (size > 0).all():
        raise ValueError(_open(names[int(np.argmin(size))]))
    values, vectors = np.linalg.eigh(normal / np.outer(size, size))
    if values[0] < 1e-12:
        raise ValueError(_open(names[int(np.abs(vectors[:, 0]).argmax())]))
    inverse = (vectors / values) @ vectors.T / np.outer(size, size)
    found = RigUncertainty(names, bundle.sd_px**2 * inverse)
    for view, focal in zip(views, bundle.state.focal_px, strict=True):
        if found.sd_of(f"{view}.fx_px") > LOOSEST_FOCAL * focal[0]:
            raise ValueError(_open(f"{view}.fx_px"))
    return found


def source_covariance(
    found: RigUncertainty, state: RigState, view: str, index: int
) -> Float[np.ndarray, "3 3"]:
    """The covariance of a view's source in the world, mm^2: c = -R^T t, dc = -R^T (dt - w x t)."""
    first = found.names.index(f"{view}.tx_mm")
    block = found.covariance[first : first + 6, first : first + 6]
    x, y, z = state.t_view[index]
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])  # t x w = -(w x t)
    J = -state.R_view[index].T @ np.hstack([np.eye(3), cross])
    return J @ block @ J.T


def _open(parameter: str) -> str:
    return (
        f"the images do not fix {parameter}: take images of the object in more positions, tilted "
        "and turned differently, and closer to and farther from the source"
    )
