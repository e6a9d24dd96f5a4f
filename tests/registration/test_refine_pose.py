"""Radiographs of another renderer, in an unknown look, are met to a fraction of a pixel."""

import numpy as np
import pytest

from calibration import Rigid
from registration.head_model import Resolution, head_model
from registration.image_match import cam_from_ct_matrix, compare, fixed_view
from registration.local_contrast import Neighbourhood, local_contrast
from registration.radiograph import head_window, level_of, radiograph
from registration.refine_pose import refine_pose
from registration.twist import distance_between, moved, moved_rigid, twist_between

LEVELS = (Resolution(6.0, 4.2, 9, 1.2, 15), Resolution(3.0, 2.8, 7, 0.8, 12))
ANGLES = np.linspace(0, 2 * np.pi, 60)
FIELD = 35.5 + 34 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
CENTRE = np.array([10.0, 220.0, 420.0])


@pytest.fixture(scope="module")
def model(blob_head):
    return head_model(blob_head, None, LEVELS)


@pytest.fixture
def truth():
    R = Rigid.exp(np.array([0, 0, 0, 1.2, 0.4, -0.3])).R.numpy()
    return Rigid(R, np.array([3.0, -5, 4]) - R @ CENTRE)


@pytest.fixture
def radiographs(blob_head, small_rig, filmed, truth):
    images = filmed(blob_head, small_rig, truth)
    return tuple(radiograph(c, image, FIELD) for c, image in zip(small_rig, images, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_a_start_ten_degrees_and_ten_mm_off_comes_home(radiographs, model, truth, seed):
    rng = np.random.default_rng(seed)
    v, w = rng.normal(size=3), rng.normal(size=3)
    twist = np.concatenate([10 * v / np.linalg.norm(v), np.radians(10) * w / np.linalg.norm(w)])
    refined = refine_pose(radiographs, model, moved_rigid(truth, twist, CENTRE))
    mm, deg = distance_between(truth, refined.world_from_ct, CENTRE)
    assert mm < 1 and deg < 0.6  # a voxel is 3 mm, a pixel 2.8 mm wide at the head
    assert refined.converged and refined.similarity.min() > 0.7
    assert refined.sd_translation_mm < 0.6 and refined.sd_rotation_deg < 0.6


def test_a_wrong_pose_is_not_similar(radiographs, model, truth):
    turned = moved_rigid(truth, np.array([0, 0, 0, 0, 0, np.radians(150)]), CENTRE)
    assert refine_pose(radiographs, model, turned).similarity.min() < 0.5


def test_inverted_grey_values_are_met_as_well(blob_head, small_rig, filmed, model, truth):
    images = filmed(blob_head, small_rig, truth)
    inverted = tuple(
        radiograph(c, 1 - image, FIELD, transmission=False)
        for c, image in zip(small_rig, images, strict=True)
    )
    start = moved_rigid(truth, np.array([4.0, 3, -3, 0.05, 0.03, 0.03]), CENTRE)
    mm, deg = distance_between(truth, refine_pose(inverted, model, start).world_from_ct, CENTRE)
    assert mm < 1 and deg < 0.6


def test_beads_writing_and_a_veil_do_not_move_the_pose(blob_head, small_rig, filmed, model, truth):
    images = filmed(blob_head, small_rig, truth)
    start = moved_rigid(truth, np.array([4.0, 3, -3, 0.05, 0.03, 0.03]), CENTRE)
    v, u = np.mgrid[:72, :72] / 71 - 0.5
    disturbed = []
    for camera, image in zip(small_rig, images, strict=True):
        image = image * (1 + 0.5 * u - 0.4 * v) + 0.1 * (u + v) ** 2  # vignetting and scatter
        for at in ((30, 28), (41, 44)):
            image[at[0] : at[0] + 3, at[1] : at[1] + 3] = 0.02  # beads
        image[4:9, 20:50] = 0.9  # burnt-in text
        disturbed.append(radiograph(camera, image.astype(np.float32), FIELD))
    refined = refine_pose(tuple(disturbed), model, start)
    mm, deg = distance_between(truth, refined.world_from_ct, CENTRE)
    assert mm < 1 and deg < 0.8


def test_the_covariance_grows_with_the_noise_and_covers_the_errors(
    blob_head, small_rig, filmed, model, truth
):
    images = filmed(blob_head, small_rig, truth)
    median_sd_mm = []
    for noise in (0.0, 0.015):
        squares, sds = [], []
        for seed in range(5):
            rng = np.random.default_rng(seed)
            shots = tuple(
                radiograph(c, (image + rng.normal(0, noise, image.shape)).astype(np.float32), FIELD)
                for c, image in zip(small_rig, images, strict=True)
            )
            refined = refine_pose(shots, model, truth)
            off = twist_between(truth, refined.world_from_ct, model.centre_ct)
            squares.append(off @ np.linalg.solve(refined.covariance, off) / 6)
            sds.append(refined.sd_translation_mm)
        assert np.median(squares) < 2  # 1 is expected; the inflation is for looks, not for noise
        median_sd_mm.append(np.median(sds))
    assert median_sd_mm[1] > 1.2 * median_sd_mm[0]


def test_the_gradient_is_that_of_the_cost(radiographs, model, truth):
    start = moved_rigid(truth, np.array([3.0, -3, 3, 0.03, 0.03, -0.03]), CENTRE)
    R, t = start.R.numpy(), start.t.numpy()
    view = fixed_view(radiographs[0], model, 1, R, t)
    centre = R @ model.centre_ct + t
    arm = np.array([1, 1, 1, 80, 80, 80.0])
    steps, slopes = 0.5 / arm, []
    for twist in np.diag(steps):
        costs = [compare(view, model, 1, *moved(R, t, s * twist, centre)).cost for s in (-1, 1)]
        slopes.append(-(costs[1] - costs[0]) / 4 * LEVELS[1].outlier ** 2)
    expected = compare(view, model, 1, R, t).right * steps
    assert np.linalg.norm(slopes - expected) < 0.1 * np.linalg.norm(expected)


def test_local_contrast_forgets_gain_and_offset():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(40, 40)).astype(np.float32)
    around = Neighbourhood.of(np.ones((40, 40), np.float32), 5)
    plain = local_contrast(image, around).normalised(0.01)
    brighter = local_contrast(3 * image + 7, around).normalised(0.03)
    np.testing.assert_allclose(plain, brighter, atol=1e-4)


def test_the_derivatives_of_local_contrast_are_its_difference_quotients():
    rng = np.random.default_rng(1)
    image, *changes = rng.normal(size=(3, 30, 30)).astype(np.float32)
    around = Neighbourhood.of((rng.uniform(size=(30, 30)) > 0.3).astype(np.float32), 4)
    found = local_contrast(image, around).derivatives(np.stack(changes), 0.5)
    for change, derivative in zip(changes, found, strict=True):
        ahead, behind = (
            local_contrast(image + s * 0.01 * change, around).normalised(0.5) for s in (1, -1)
        )
        np.testing.assert_allclose(derivative, (ahead - behind) / 0.02, atol=2e-3)


def test_a_window_sees_a_point_where_its_camera_projects_it(rig):
    camera = rig["A"]
    image = np.ones((512, 512), np.float32)
    image[40:44, 80:84] = 0.1  # its middle is the pixel (81.5, 41.5)
    level = level_of(radiograph(camera, image, transmission=False), (50, 20, 64), 32, 0.0)
    S = level.camera.K.numpy() @ np.linalg.inv(camera.K.numpy())
    u, v, _ = S @ [81.5, 41.5, 1]
    dark = np.argwhere(level.attenuation < level.attenuation.mean() - 0.3)
    np.testing.assert_allclose(dark.mean(0), [v, u], atol=0.01)


def test_a_window_reaches_beyond_the_image_without_shifting(small_rig):
    image = np.random.default_rng(0).uniform(size=(72, 72)).astype(np.float32)
    level = level_of(radiograph(small_rig["A"], image), (-32, 40, 64), 64, 0.0)
    assert level.mask[:, :32].max() == 0 and level.mask[32:].max() == 0
    assert level.mask[2:30, 34:].min() == 1


def test_the_window_holds_the_head(small_rig, truth):
    camera = small_rig["A"]
    shot = radiograph(camera, np.random.default_rng(0).uniform(size=(72, 72)).astype(np.float32))
    pose = cam_from_ct_matrix(camera, truth.R.numpy(), truth.t.numpy())
    left, top, side = head_window(shot, pose[:3, :3] @ CENTRE + pose[:3, 3], 40.0)
    u, v = camera.project(truth @ CENTRE).tolist()
    assert left < u < left + side and top < v < top + side and side < 40


def test_saturated_pixels_do_not_count(small_rig):
    image = np.random.default_rng(0).uniform(0.2, 0.8, size=(72, 72)).astype(np.float32)
    image[:, :20] = 1.0
    usable = radiograph(small_rig["A"], image).usable
    assert usable[:, :20].max() == 0 and usable[:, 20:].min() == 1


def test_an_image_of_another_size_than_the_rig_says_is_refused(small_rig):
    with pytest.raises(ValueError, match="view 'A': image of 64 x 32 px, the rig says 72 x 72"):
        radiograph(small_rig["A"], np.zeros((32, 64), np.float32))


def test_a_ct_without_bone_is_refused(blob_head):
    with pytest.raises(ValueError, match="no rigid bone"):
        head_model(type(blob_head)(blob_head.data_hu * 0 - 1000, blob_head.ct_from_voxel))
