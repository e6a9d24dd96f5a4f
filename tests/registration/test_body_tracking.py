"""A bone that moves against the head is followed over the head's own shadow."""

import numpy as np
import pytest

from calibration import Rig, Rigid
from drr.anatomy import HeadAnatomy
from drr.label_map import PlacedMask
from drr.volume import Volume
from registration.body_model import body_model, model_over_skull
from registration.body_tracking import track_body
from registration.frame_pose import Moment
from registration.radiograph import radiograph
from registration.track import track_of_poses
from registration.twist import distance_between

FRAMES, CENTRE = 3, np.array([10.0, 220.0, 420.0])
JAW = (  # centre (mm), semi-axes (mm); in flesh throughout, shut and open
    ((26, 32, -48), (9, 30, 10)),
    ((-27, 30, -50), (8, 28, 12)),
    ((2, 58, -52), (26, 9, 13)),
    ((30, 6, -32), (7, 8, 20)),
    ((-31, 4, -34), (7, 9, 18)),
)
OPENING = (
    Rigid(np.eye(3), CENTRE)
    @ Rigid.exp(np.array([0.0, 3, -1, -0.14, 0.02, 0.01]))
    @ Rigid(np.eye(3), -CENTRE)
)  # 8 deg


def with_jaw(head: Volume, ct_from_jaw: Rigid) -> tuple[Volume, np.ndarray]:
    """The head with a jaw moved from its place, and which voxels are jaw."""
    voxels = np.stack(np.indices(head.shape), axis=-1).reshape(-1, 3).astype(np.float64)
    points = (ct_from_jaw.inverse() @ head.points_ct(voxels)).numpy() - CENTRE
    filled = np.zeros(len(points), np.float32)
    for centre, semi in JAW:
        r = np.sqrt(np.square((points - centre) / semi).sum(-1))
        filled = np.maximum(filled, np.clip((1 - r) * min(semi) / 3 + 0.5, 0, 1))
    filled = filled.reshape(head.shape)
    return Volume(head.data_hu + filled * (1400 - head.data_hu), head.ct_from_voxel), filled > 0.5


@pytest.fixture(scope="module")
def head(blob_head):
    """The bones of the blob head in flesh, as bones are."""
    voxels = np.stack(np.indices(blob_head.shape), axis=-1)
    r = np.sqrt(np.square((voxels * 3 - 99) / np.array([88.0, 96, 94])).sum(-1))
    flesh = np.clip((1 - r) * 30 + 0.5, 0, 1) * 1040 - 1000
    data = np.maximum(flesh, blob_head.data_hu).astype(np.float32)
    return Volume(data, blob_head.ct_from_voxel)


@pytest.fixture(scope="module")
def rig_128(rig):
    return Rig(tuple(camera.resized(128 / 512) for camera in rig))


@pytest.fixture(scope="module")
def model(head):
    ct, jaw = with_jaw(head, Rigid.identity())
    bone = ct.data_hu > 250
    anatomy = HeadAnatomy(bone, bone & ~jaw, None, ct.ct_from_voxel, True, 250.0)
    return body_model(ct, anatomy, PlacedMask(jaw, ct.ct_from_voxel))


@pytest.fixture(scope="module")
def skull():
    turns = [Rigid.exp(np.array([0, 0, 0, 1.2, 0.4, -0.3 + 0.03 * k])) for k in range(FRAMES)]
    R = np.stack([turn.R.numpy() for turn in turns])
    poses = Rigid(R, np.array([[3.0 + k, -5, 4] for k in range(FRAMES)]) - R @ CENTRE)
    return track_of_poses(poses, np.arange(FRAMES) / 30)


@pytest.fixture(scope="module")
def moments(head, rig_128, filmed, skull):
    open_ct, _ = with_jaw(head, OPENING)
    films = [filmed(open_ct, rig_128, skull.world_from_ct[k], k) for k in range(FRAMES)]
    return [
        Moment(tuple(radiograph(c, i) for c, i in zip(rig_128, images, strict=True)))
        for images in films
    ]


def test_a_jaw_is_found_from_where_it_lay_in_the_ct(rig_128, moments, model, skull):
    seen = []
    track = track_body(rig_128, moments, model, skull, progress=lambda k, n: seen.append((k, n)))
    assert seen == [(k + 1, FRAMES) for k in range(FRAMES)]
    for k in range(FRAMES):
        true = skull.world_from_ct[k] @ OPENING
        mm, deg = distance_between(true, track.world_from_ct[k], model.body.centre_ct)
        assert mm < 1.2 and deg < 1.2  # a voxel is 3 mm, a pixel 1.6 mm wide at the head
    assert "lost" not in track.status
    assert (track.sd_rotation_deg > 0.3).all()


def test_where_the_skull_is_lost_so_is_the_jaw(rig_128, moments, model, skull):
    gone = Rigid(skull.world_from_ct.R.clone(), skull.world_from_ct.t.clone())
    gone.t[1:] = np.nan
    gone.R[1:] = np.nan
    track = track_body(rig_128, moments, model, track_of_poses(gone, skull.time_s))
    assert track.status[1:] == ("lost", "lost")
    assert track.flags[1] == ("skull_lost",)
    assert np.isnan(track.covariance[1]).all()


def test_both_parts_at_one_pose_are_the_whole_ct(head, rig_128, model, skull):
    from drr.projector import Projector

    camera, pose = rig_128["A"], skull.world_from_ct[0]
    cam_from_ct = (camera.cam_from_world @ pose).matrix().numpy()
    over = model_over_skull(model, cam_from_ct).projectors[-1]
    whole, _ = with_jaw(head, Rigid.identity())
    spacing = model.body.resolutions[-1].spacing_mm
    expected = Projector(whole.resampled(spacing)).render(camera.K, 128, 128, cam_from_ct)
    both = over.render(camera.K, 128, 128, cam_from_ct)
    off = abs(both - expected)  # two grids are resampled: edges differ a little
    assert off.mean() < 0.01 * expected.max() and off.max() < 0.12 * expected.max()
    image, change = over.render_with_jacobian(camera.K, 128, 128, cam_from_ct)
    np.testing.assert_allclose(image, both, atol=1e-4)
    assert change.shape == (6, 128, 128)


def test_a_body_that_is_not_in_the_ct_is_refused(head):
    ct, jaw = with_jaw(head, Rigid.identity())
    bone = ct.data_hu > 250
    anatomy = HeadAnatomy(bone, bone & ~jaw, None, ct.ct_from_voxel, True, 250.0)
    far = ct.ct_from_voxel + np.array([[0, 0, 0, 900.0]] + [[0.0] * 4] * 3)
    with pytest.raises(ValueError, match="0 voxels of this CT"):
        body_model(ct, anatomy, PlacedMask(jaw, far))
