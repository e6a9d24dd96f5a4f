"""Points in an outline and their distance to its edge, against shapely."""

import numpy as np
import pytest
import shapely

from exposure.outline import are_inside, edges_by_row, signed_distance

RNG = np.random.default_rng(3)
ANGLE = 2 * np.pi * np.arange(180) / 180
CIRCLE = np.stack([np.cos(ANGLE), np.sin(ANGLE)], axis=1) * 0.1 + [0.02, -0.01]
STAR = CIRCLE * np.where(np.arange(180) % 20 < 10, 1.0, 0.3)[:, None]
RECTANGLE = np.array([[-0.1, -0.06], [0.12, -0.06], [0.12, 0.09], [-0.1, 0.09]])
HORSESHOE = np.array([[0, 0], [3, 0], [3, 3], [2, 3], [2, 1], [1, 1], [1, 3], [0, 3]]) * 0.05


@pytest.mark.parametrize("outline", [CIRCLE, STAR, RECTANGLE, RECTANGLE[::-1], HORSESHOE])
def test_points_are_inside_as_shapely_says(outline):
    points = RNG.uniform(outline.min(axis=0) - 0.03, outline.max(axis=0) + 0.03, (4000, 2))
    polygon = shapely.Polygon(outline)
    expected = shapely.contains_xy(polygon, *points.T)
    assert np.array_equal(are_inside(edges_by_row(outline), *points.T), expected)
    distances = shapely.distance(polygon.exterior, shapely.points(points))
    found = [signed_distance(outline, x, y) for x, y in points[:300]]
    assert found == pytest.approx(np.where(expected, distances, -distances)[:300], abs=1e-12)


def test_a_point_at_the_height_of_a_corner_is_inside_once():
    square = np.array([[-1.0, 0], [0, -1], [1, 0], [0, 1]])
    x = np.array([-1.5, -0.5, 0.0, 0.5, 1.5])
    inside = are_inside(edges_by_row(square), x, np.zeros(5))
    assert inside.tolist() == [False, True, True, True, False]
