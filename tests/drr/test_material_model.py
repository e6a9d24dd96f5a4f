import numpy as np
import pytest
import torch

from calibration import Rigid
from drr.anatomy import HeadAnatomy, find_anatomy
from drr.digital_head import digital_head
from drr.material_model import (
    CONTRAST_SHARE,
    Condition,
    Contrast,
    MaterialModel,
    draw_condition,
    material_model,
    render_materials,
    varied_model,
    vessel_projectors,
)
from drr.materials import hu_per_iodine_mg_ml
from drr.projector import Projector
from drr.volume import Volume

K = np.array([[250.0, 0, 31.5], [0, 250.0, 31.5], [0, 0, 1]])


def anatomy():
    """A cavity of 120 mm in a grid of 3 mm."""
    axis = np.arange(-75, 76, 3.0)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    cavity = x**2 + y**2 + z**2 < 60**2
    ct_from_voxel = np.diag([3.0, 3, 3, 1])
    ct_from_voxel[:3, 3] = -75
    return HeadAnatomy(cavity, cavity, cavity, ct_from_voxel, True, 250.0)


def ahead():
    R = Rigid.exp(torch.tensor([0, 0, 0, 0.4, -0.6, 0.2], dtype=torch.float64)).R
    return Rigid(R, torch.tensor([3.0, 5, 500], dtype=torch.float64))


def test_water_and_bone_add_up_to_the_plain_radiograph():
    rng = np.random.default_rng(0)
    volume = Volume(rng.integers(-1000, 2000, (40, 40, 40)).astype(np.int16), np.eye(4))
    images = render_materials(material_model(volume), K, 64, 64, ahead())
    whole = Projector(volume).render(K, 64, 64, ahead())
    assert images.shape == (2, 64, 64) and images[1].max() > 0.1
    torch.testing.assert_close(images.sum(0), whole, rtol=2e-4, atol=2e-4 * whole.max().item())


def test_iodine_follows_its_concentration_and_is_that_of_the_painted_ct():
    (vessels,) = vessel_projectors(anatomy(), count=1, seed=3)
    empty = Volume(np.full(vessels.volume.shape, -1000, np.int16), vessels.volume.ct_from_voxel)
    model = material_model(empty, vessels=(vessels,))
    weak, strong = (
        render_materials(model, K, 64, 64, ahead(), Condition(0, Contrast(0, x)))[2]
        for x in (10.0, 30.0)
    )
    torch.testing.assert_close(strong, 3 * weak)
    share = np.asarray(vessels.volume.data_hu) / 1000 + 1
    painted = Volume(
        (share * 10.0 * hu_per_iodine_mg_ml() - 1000).astype(np.float32),
        vessels.volume.ct_from_voxel,
    )
    expected = Projector(painted).render(K, 64, 64, ahead())
    torch.testing.assert_close(weak, expected, rtol=1e-3, atol=1e-3 * expected.max().item())


def test_vessels_stay_in_the_cavity_and_differ_by_seed():
    first, second = vessel_projectors(anatomy(), count=2)
    shares = [np.asarray(p.volume.data_hu) / 1000 + 1 for p in (first, second)]
    assert abs(shares[0] - shares[1]).max() > 0.1
    for share in shares:
        assert share[anatomy().cavity].sum() > 0.95 * share.sum() > 10


def test_a_share_of_radiographs_has_contrast_medium():
    model = MaterialModel(((),), vessel_projectors(anatomy(), count=1))
    rng = np.random.default_rng(0)
    drawn = [draw_condition(model, rng) for _ in range(2000)]
    assert np.mean([d.contrast is not None for d in drawn]) == pytest.approx(
        CONTRAST_SHARE, abs=0.03
    )
    assert all(draw_condition(MaterialModel(((),)), rng).contrast is None for _ in range(50))


def test_a_ct_without_a_cavity_has_no_vessels():
    whole = anatomy()
    none = HeadAnatomy(whole.bone, whole.cranium, None, whole.ct_from_voxel, False, 250.0)
    assert vessel_projectors(none) == ()


def test_a_varied_model_moves_the_neck_and_leaves_the_cranium():
    head = digital_head(0, 3.0)
    found = find_anatomy(head.volume)
    model = varied_model(head.volume, found, 3.0)
    assert len(model.postures) > 3 and len(model.vessels) == 3
    R = np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])  # from the side
    cam_from_ct = np.eye(4)
    cam_from_ct[:3, :3] = R
    cam_from_ct[:3, 3] = [0, 0, 800] - R @ head.volume.center_ct
    K = np.array([[180.0, 0, 31.5], [0, 180.0, 31.5], [0, 0, 1]])
    images = [
        render_materials(model, K, 64, 64, cam_from_ct, Condition(n)).sum(0)
        for n in range(len(model.postures))
    ]
    row_of_base = round(31.5 - 180 * (head.landmarks["basion"][2] - head.volume.center_ct[2]) / 800)
    above, below = slice(0, row_of_base - 6), slice(row_of_base + 3, 64)
    for image in images[1:]:
        assert abs(image[above] - images[0][above]).max() < 0.02
        assert abs(image[below] - images[0][below]).max() > 0.3


def test_a_ct_that_is_no_head_has_one_posture():
    whole = anatomy()
    none = HeadAnatomy(whole.bone, whole.cranium, None, whole.ct_from_voxel, False, 250.0)
    volume = Volume(np.zeros(whole.bone.shape, np.int16), whole.ct_from_voxel)
    assert len(varied_model(volume, none, 3.0).postures) == 1


def test_every_posture_is_drawn():
    model = MaterialModel(((), (), ()))
    rng = np.random.default_rng(0)
    assert {draw_condition(model, rng).posture for _ in range(60)} == {0, 1, 2}
