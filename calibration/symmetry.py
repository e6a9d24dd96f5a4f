"""The symmetries of a calibration object: the turns that put every bead where another was.

A symmetric object cannot tell by itself which of its beads is which: each symmetry is another
right way to name them.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from .rigid import Rigid

ALIKE = 1e-2
"""Beads are taken for one where a turn brings them this close, in shares of the object's size."""


def symmetries(
    points_mm: Float[np.ndarray, "bead 3"], tolerance_mm: float | None = None
) -> tuple[Rigid, Int[np.ndarray, "symmetry bead"]]:
    """All proper motions object_from_object that map the beads onto beads, the identity first.

    The second result tells to which bead each bead goes.
    """
    centre = points_mm.mean(0)
    p = points_mm - centre
    radius = np.linalg.norm(p, axis=1)
    near = ALIKE * float(radius.max()) if tolerance_mm is None else tolerance_mm
    basis = _wide_basis(p)
    tree = KDTree(p)
    found: dict[tuple[int, ...], np.ndarray] = {}
    for triple in _alike_triples(p, radius, basis, near):
        R = _turn(p[basis], p[list(triple)])
        gap, goes_to = map(np.asarray, tree.query(p @ R.T))
        if gap.max() <= near and len(np.unique(goes_to)) == len(p):
            found.setdefault(tuple(goes_to.tolist()), _turn(p, p[goes_to]))
    identity = tuple(range(len(p)))
    order = sorted(found, key=lambda goes_to: goes_to != identity)
    R = np.stack([found[goes_to] for goes_to in order])
    R[0] = np.eye(3)
    return Rigid(R, centre - R @ centre), np.array(order)


def _wide_basis(p: Float[np.ndarray, "bead 3"]) -> list[int]:
    """Two beads that span a plane with the centre: far out, and far from one line."""
    first = int(np.linalg.norm(p, axis=1).argmax())
    second = int(np.linalg.norm(np.cross(p, p[first]), axis=1).argmax())
    return [first, second]


def _alike_triples(p, radius, basis: list[int], near: float):
    """Pairs of beads at the same distances from the centre and from each other as the basis."""
    first, second = basis
    apart = float(np.linalg.norm(p[first] - p[second]))
    ends = np.flatnonzero(np.abs(radius - radius[second]) <= near)
    for i in np.flatnonzero(np.abs(radius - radius[first]) <= near).tolist():
        distance = np.linalg.norm(p[ends] - p[i], axis=1)
        for j in ends[np.abs(distance - apart) <= 2 * near].tolist():
            if i != j:
                yield i, j


def _turn(start, end) -> Float[np.ndarray, "3 3"]:
    """The rotation about the centre of least squares from one set of points to the other."""
    if len(start) == 2:  # a third direction makes it a turn, never a mirror image
        start = np.vstack([start, np.cross(*start) / np.linalg.norm(start[0])])
        end = np.vstack([end, np.cross(*end) / np.linalg.norm(end[0])])
    U, _, Vt = np.linalg.svd(end.T @ start)
    return U @ np.diag([1.0, 1.0, np.linalg.det(U @ Vt)]) @ Vt
