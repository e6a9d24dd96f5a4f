"""Radiographs to train on carry true labels, and come in the same order from any start."""

from itertools import islice

import numpy as np

from detector.network_input import INPUT_PX
from detector.views import ViewRange, draw_radiograph, look_at, view_sequence
from drr.material_model import material_model
from drr.volume import Volume


def test_labels_lie_on_the_shadow_of_their_points():
    """A volume that is empty but for one dense voxel shows where the label must be."""
    hu = np.full((41, 41, 41), -1000, np.float32)
    hu[30, 12, 25] = 60000
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -80
    bead_ct = affine[:3, :3] @ [30, 12, 25] + affine[:3, 3]
    points_ct = np.array([bead_ct, [0, 0, 0], [0, 60, 0]])
    projector = material_model(Volume(hu, affine))
    seen = 0
    for seed in range(20):
        radiograph = draw_radiograph(
            projector, points_ct, np.random.default_rng(seed), ViewRange(field_mm=(250.0, 290.0))
        )
        shadow = radiograph.line_integrals
        rows, columns = np.mgrid[:INPUT_PX, :INPUT_PX]
        if shadow.sum() == 0 or not (3 < radiograph.uv[0]).all() or radiograph.uv[0].max() > 124:
            continue
        seen += 1
        centroid = np.array([(columns * shadow).sum(), (rows * shadow).sum()]) / shadow.sum()
        np.testing.assert_allclose(centroid, radiograph.uv[0], atol=0.1)
    assert seen >= 10


def test_a_face_towards_the_source_is_nearer_than_the_head(volume):
    points_ct = np.array([[0.0, 90, 0], [0, 0, 0], [0, 0, 60]])
    projector = material_model(volume.resampled(8.0))
    for seed in range(8):
        radiograph = draw_radiograph(projector, points_ct, np.random.default_rng(seed), ViewRange())
        assert -1 <= radiograph.toward_source <= 1
        up = radiograph.uv[2] - radiograph.uv[1]
        assert up[1] < 0  # the vertex is above the middle for every drawn tilt and roll


def test_the_sequence_goes_on_as_if_never_interrupted(volume, landmarks):
    points_ct = np.array(list(landmarks.values()))
    projector = material_model(volume.resampled(8.0))
    settings = {"seed": 5, "looks_each": 2, "block": 4}
    whole = list(islice(view_sequence(projector, points_ct, ViewRange(), **settings), 14))
    rest = list(islice(view_sequence(projector, points_ct, ViewRange(), start=9, **settings), 5))
    for a, b in zip(whole[9:], rest, strict=True):
        np.testing.assert_array_equal(a.planes, b.planes)
        np.testing.assert_array_equal(a.uv, b.uv)


def test_planes_are_finite_and_marked_with_the_facing(volume, landmarks):
    points_ct = np.array(list(landmarks.values()))
    projector = material_model(volume.resampled(8.0))
    rng = np.random.default_rng(3)
    radiograph = draw_radiograph(projector, points_ct, rng, ViewRange())
    for _ in range(12):
        view = look_at(radiograph, rng)
        assert view.planes.shape == (4, INPUT_PX, INPUT_PX) and view.planes.dtype == np.float32
        assert np.isfinite(view.planes).all()
        assert abs(view.planes[3, 0, 0]) == 1 and np.ptp(view.planes[3]) == 0
        outside = view.uv[(view.uv < -1).any(-1)]
        assert not view.in_field[(view.uv < -1).any(-1)].any() or not len(outside)
