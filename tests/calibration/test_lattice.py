import numpy as np
import pytest

from calibration.lattice import index_lattice, lattice_points

BASES = {"square": np.eye(2), "hexagonal": np.array([[1, 0], [0.5, np.sqrt(0.75)]])}
SHARED_LATTICES = pytest.mark.parametrize("lattice", list(BASES))


def seen(lattice, half=9, pitch_px=20.0, turn_deg=17.0, pincushion=0.05, tilt=0.0004, seed=0):
    """True numbers and pixels of a plate that is turned, tilted and seen through a pincushion."""
    axis = np.arange(-half, half + 1)
    index = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    x = index @ BASES[lattice] * pitch_px
    index, x = (each[np.hypot(*x.T) < half * pitch_px] for each in (index, x))
    c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    x = x @ np.array([[c, s], [-s, c]])
    x = x / (1 + x @ np.array([tilt, -tilt / 2]))[:, None]
    x = x * (1 + pincushion * (x**2).sum(1, keepdims=True) / (half * pitch_px) ** 2)
    order = np.random.default_rng(seed).permutation(len(x))
    return index[order], (x + 300.0)[order]


def check(found, known, true):
    """The numbers found are the true ones, counted from another hole along another axis."""
    ones = np.ones((known.sum(), 1))
    motion = np.linalg.lstsq(np.hstack([found[known], ones]), true[known], rcond=None)[0]
    np.testing.assert_allclose(motion, np.round(motion), atol=1e-6)
    assert round(np.linalg.det(motion[:2])) == 1


@SHARED_LATTICES
@pytest.mark.parametrize("turn_deg", [0.0, 17.0, 30.0, 45.0, 83.0, 200.0])
def test_all_spots_of_a_bent_turned_tilted_plate_get_their_numbers(lattice, turn_deg):
    true, uv = seen(lattice, turn_deg=turn_deg)
    found, known = index_lattice(uv, lattice)
    assert known.all()
    check(found, known, true)


@SHARED_LATTICES
def test_missing_holes_a_dead_spot_and_false_spots_do_not_matter(lattice):
    rng = np.random.default_rng(4)
    true, uv = seen(lattice, half=12)
    all_uv = uv
    there = (rng.random(len(uv)) > 0.2) & (np.hypot(*(uv - [350, 320]).T) > 55)
    true, uv = true[there], uv[there] + rng.normal(0, 0.3, (there.sum(), 2))
    false = rng.uniform(60, 540, (40, 2))
    gap = np.hypot(*(false[:, None] - all_uv[None]).transpose(2, 0, 1)).min(axis=1)
    false = false[(gap > 6.5) & (np.hypot(*(false - 300).T) < 200)]  # nearer ones pass for the hole
    found, known = index_lattice(np.concatenate([uv, false]), lattice)
    assert known[: len(uv)].mean() > 0.99
    assert not known[len(uv) :].any()
    check(found[: len(uv)], known[: len(uv)], true)


def test_an_island_beyond_a_gap_keeps_the_count():
    true, uv = seen("square", half=12, pincushion=0.03)
    there = np.abs(true[:, 0] - 4.5) > 1  # two rows are hidden
    found, known = index_lattice(uv[there], "square")
    assert known.all()
    check(found, known, true[there])


def test_strong_tilts_of_a_small_plate_keep_the_count():
    index = np.stack(np.meshgrid(range(5), range(5)), -1).reshape(-1, 2)
    for tilt in (0.0, 0.0004, -0.0008):
        for shrink in (1.0, 0.7):
            x = (index - 2) * [100.0, 100.0 * shrink]
            x = x / (1 + x @ np.array([tilt, tilt / 2]))[:, None]
            found, known = index_lattice(x + 500, "square")
            assert known.all()
            check(found, known, index)


def test_numbers_run_along_u_and_then_towards_v():
    true, uv = seen("square", turn_deg=4.0, tilt=0.0)
    found, _ = index_lattice(uv, "square")
    np.testing.assert_array_equal(found - found[0], true - true[0])


def test_places_on_the_plate_are_a_pitch_apart():
    places = lattice_points(np.array([[0, 0], [1, 0], [0, 1], [1, -1]]), "hexagonal")
    gaps = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    np.testing.assert_allclose(gaps[0, 1:], 1)  # all three are neighbours of the first
    np.testing.assert_array_equal(lattice_points(np.array([[2, -3]]), "square"), [[2.0, -3.0]])


@pytest.mark.parametrize(
    "uv",
    [
        np.zeros((0, 2)),
        np.zeros((50, 2)),
        np.array([[1.0, 2.0]]),
        np.column_stack([np.arange(50.0), np.arange(50.0)]),
        np.random.default_rng(0).uniform(0, 1e3, (200, 2)),
    ],
    ids=["none", "one place", "one", "on a line", "at random"],
)
def test_spots_that_form_no_lattice_are_refused(uv):
    with pytest.raises(ValueError, match=f"no square lattice found among {len(uv)} spots"):
        index_lattice(uv, "square")


def test_an_unknown_lattice_is_refused():
    with pytest.raises(ValueError, match="lattice is 'cubic', must be one of square, hexagonal"):
        index_lattice(np.zeros((30, 2)), "cubic")
