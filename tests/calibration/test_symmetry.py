import numpy as np
import pytest

from calibration.symmetry import symmetries


def lattice(*counts):
    axes = np.meshgrid(*[np.arange(float(n)) for n in counts], indexing="ij")
    return 20 * np.stack(axes, axis=-1).reshape(-1, 3)


TRIANGLE = np.array([[np.cos(a), np.sin(a), 0] for a in np.radians([0, 120, 240])]) * 30
NAMES = ["cube", "box", "square plate", "plate", "triangle", "tetrahedron", "cube and a bead"]
OBJECTS = [
    (lattice(4, 4, 4), 24),
    (lattice(2, 3, 4), 4),
    (lattice(5, 5, 1), 8),
    (lattice(5, 4, 1), 4),
    (np.vstack([TRIANGLE, [[0, 0, 0]]]), 6),
    (lattice(2, 2, 2)[[0, 3, 5, 6]], 12),
    (np.vstack([lattice(3, 3, 3), [[7.0, 4, 2]]]), 1),
]


@pytest.mark.parametrize(("points", "order"), OBJECTS, ids=NAMES)
def test_the_group_has_its_known_order(points, order):
    motions, goes_to = symmetries(points)
    assert len(goes_to) == order == len(motions.t)


@pytest.mark.parametrize(("points", "order"), OBJECTS, ids=NAMES)
def test_every_symmetry_carries_the_beads_where_it_says_and_is_no_mirror(points, order):
    motions, goes_to = symmetries(points)
    for g in range(order):
        np.testing.assert_allclose(motions[g] @ points, points[goes_to[g]], atol=1e-9)
    np.testing.assert_array_equal(goes_to[0], np.arange(len(points)))
    np.testing.assert_allclose(np.linalg.det(motions.R.numpy()), 1, atol=1e-12)


def test_the_symmetries_form_a_group():
    _, goes_to = symmetries(lattice(3, 3, 3))
    known = {tuple(g) for g in goes_to.tolist()}
    assert all(tuple(a[b].tolist()) in known for a in goes_to for b in goes_to)


def test_a_random_object_has_none_and_a_measured_cube_is_nearly_symmetric():
    random = np.random.default_rng(0)
    assert len(symmetries(random.uniform(-40, 40, (30, 3)))[1]) == 1
    measured = lattice(3, 3, 3) + random.normal(size=(27, 3)) * 0.02
    assert len(symmetries(measured)[1]) == 24
    assert len(symmetries(measured, tolerance_mm=1e-3)[1]) == 1
