"""Points found in a CT, laid into the shape of a head."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from detector.ct_landmarks import (
    USUAL_SURPRISE,
    cranial,
    find_ct_landmarks,
    laid_into_head,
    released_shapes,
)
from detector.head_shapes import family_landmarks
from detector.landmark_model import FoundLandmarks
from drr import Volume, digital_head
from drr.head_landmark_names import LANDMARK_NAMES, MANDIBLE_LANDMARKS

NOISE_MM = 4.0


@pytest.fixture(scope="module")
def shapes():
    return released_shapes()


def scanned(seed):
    """A head not among those of the model, tilted, and what a model might find of it."""
    rng = np.random.default_rng(seed)
    turn = Rotation.from_rotvec(np.radians(rng.normal(0, 20, 3)))
    truth = turn.apply(family_landmarks(range(seed, seed + 1))[0]) + rng.normal(0, 50, 3)
    return truth, truth + rng.normal(0, NOISE_MM, truth.shape)


def found_at(xyz, seen=None):
    count = len(xyz)
    seen = np.full(count, True) if seen is None else seen
    sd = np.full(count, NOISE_MM)
    return FoundLandmarks(LANDMARK_NAMES, xyz, sd, seen, seen.astype(np.float64))


def test_errors_are_averaged_out_and_the_deviations_hold(shapes):
    error, sd = [], []
    for seed in range(1001, 1006):
        truth, xyz = scanned(seed)
        laid = laid_into_head(shapes, found_at(xyz))
        assert laid.surprise < 1.3
        error.append(laid.xyz_ct - truth)
        sd.append(laid.sd_mm * USUAL_SURPRISE / laid.surprise)
    error, sd = np.array(error), np.array(sd)
    assert np.sqrt((error**2).mean()) < 0.65 * NOISE_MM
    inside = (np.abs(error) < 2 * sd[..., None]).mean()
    assert 0.93 < inside <= 1


def test_a_landmark_far_off_and_those_cut_away_come_from_the_others(shapes):
    truth, xyz = scanned(1020)
    xyz[4] += 60
    seen = truth[:, 2] < np.quantile(truth[:, 2], 0.8)
    xyz[~seen] = 1e4  # what a model says of them is not read
    laid = laid_into_head(shapes, found_at(xyz, seen))
    off = np.linalg.norm(laid.xyz_ct - truth, axis=-1)
    assert off.max() < 20 and np.median(off) < NOISE_MM
    assert not laid.in_ct[4] and laid.in_ct.sum() == seen.sum() - seen[4]
    usual = laid_into_head(shapes, found_at(truth, seen))
    assert (laid.sd_mm > usual.sd_mm).all()  # what surprises is trusted less
    assert (laid.sd_mm[~seen] > np.median(laid.sd_mm[seen])).all()
    chosen = cranial(laid, 1e3)
    assert chosen and not set(chosen) & set(MANDIBLE_LANDMARKS)
    assert set(chosen) <= {LANDMARK_NAMES[n] for n in np.flatnonzero(seen)}


def test_a_ct_that_ends_above_the_chin_is_not_taken_for_a_short_head():
    volume, landmarks = digital_head(777, 4.0)
    lost = round(0.3 * volume.shape[2])
    above = np.eye(4)
    above[2, 3] = lost
    part = np.ascontiguousarray(volume.data_hu[:, :, lost:])
    found = find_ct_landmarks(Volume(part, np.asarray(volume.ct_from_voxel) @ above))
    truth = np.array([landmarks[name] for name in found.names])
    chin = [found.names.index(name) for name in ("menton", "gnathion", "pogonion")]
    assert not found.in_ct[chin].any() and found.in_ct.sum() > 30
    assert np.linalg.norm(found.xyz_ct - truth, axis=1).max() < 15


def test_a_volume_without_a_head_is_refused():
    air = Volume(np.full((40, 40, 40), -1000, np.int16), np.diag([4.0, 4, 4, 1]))
    with pytest.raises(ValueError, match="landmarks of a head are seen"):
        find_ct_landmarks(air)


def test_points_that_form_no_head_surprise(shapes):
    rng = np.random.default_rng(0)
    laid = laid_into_head(shapes, found_at(rng.uniform(-80, 80, (len(LANDMARK_NAMES), 3))))
    assert laid.surprise > 2.5
