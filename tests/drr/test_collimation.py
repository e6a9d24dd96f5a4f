import numpy as np
import pytest
import shapely

from drr.collimation import Collimation, circle_polygon, random_collimation


def test_a_rectangle_covers_pixels_by_their_share():
    outline = np.array([[1.25, 2.0], [5.5, 2.0], [5.5, 7.5], [1.25, 7.5]])
    mask = Collimation(outline).mask(10, 12)
    assert mask.dtype == np.float32 and mask.shape == (12, 10)
    assert mask[4, 1] == pytest.approx(0.25)  # pixel 1 spans 0.5 to 1.5
    assert mask[2, 3] == pytest.approx(0.5)
    assert mask[4, 3] == 1 and mask[4, 6] == 0 and mask[8, 3] == 0


def test_the_mask_of_a_circle_has_its_area_and_centre():
    mask = Collimation.circle((30.3, 25.7), 18.4, edge_sd_px=1.0).mask(64, 56)
    v, u = np.mgrid[:56, :64]
    assert mask.sum() == pytest.approx(np.pi * 18.4**2, rel=1e-3)
    assert (mask * u).sum() / mask.sum() == pytest.approx(30.3, abs=0.01)
    assert (mask * v).sum() / mask.sum() == pytest.approx(25.7, abs=0.01)


def test_the_soft_edge_is_one_half_on_the_outline_and_as_wide_as_asked():
    edge = Collimation(np.array([[-9, -9], [20.0, -9], [20.0, 50], [-9, 50]]), edge_sd_px=2.0)
    row = edge.mask(40, 40)[20]
    assert row[20] == pytest.approx(0.5, abs=0.01)
    assert row[22] == pytest.approx(0.1587, abs=0.01)  # one standard deviation of a normal law


def test_a_concave_outline_leaves_its_bay_dark():
    bay = np.array([[0, 0], [20, 0], [20, 20], [10, 8], [0, 20.0]])
    mask = Collimation(bay).mask(24, 24)
    assert mask[15, 10] == 0 and mask[4, 10] == 1
    assert mask.sum() == pytest.approx(shapely.Polygon(bay).area, rel=0.01)


def test_the_whole_frame_is_all_ones():
    assert (Collimation.whole_frame(7, 5).mask(7, 5) == 1).all()


def test_a_field_wholly_off_the_frame_is_all_zeros():
    assert (Collimation.circle((-50.0, -50.0), 10.0).mask(8, 8) == 0).all()


def test_random_fields_vary_in_shape_and_always_show_something():
    rng = np.random.default_rng(3)
    fields = [random_collimation(rng, 128, 128) for _ in range(60)]
    shares = [field.mask(128, 128).mean() for field in fields]
    assert min(shares) > 0.05
    assert max(shares) == 1
    assert {len(field.polygon_px) for field in fields} > {4, 128}


def test_the_same_generator_state_draws_the_same_field():
    one, two = (random_collimation(np.random.default_rng(8), 128, 96) for _ in range(2))
    np.testing.assert_array_equal(one.polygon_px, two.polygon_px)


def test_an_outline_without_area_is_refused():
    with pytest.raises(ValueError, match="at least 3 finite points, found 2"):
        Collimation(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="edge_sd_px must not be negative"):
        Collimation(circle_polygon((0.0, 0.0), 5.0), edge_sd_px=-1.0)
