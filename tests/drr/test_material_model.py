import numpy as np
import pytest
import torch

from calibration import Rigid
from drr.anatomy import HeadAnatomy
from drr.material_model import (
    CONTRAST_SHARE,
    Contrast,
    MaterialModel,
    draw_contrast,
    material_model,
    render_materials,
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
    model = MaterialModel(material_model(empty).tissue, (vessels,))
    weak, strong = (
        render_materials(model, K, 64, 64, ahead(), Contrast(0, x))[2] for x in (10.0, 30.0)
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
    model = MaterialModel((), vessel_projectors(anatomy(), count=1))
    rng = np.random.default_rng(0)
    drawn = [draw_contrast(model, rng) for _ in range(2000)]
    assert np.mean([d is not None for d in drawn]) == pytest.approx(CONTRAST_SHARE, abs=0.03)
    assert all(draw_contrast(MaterialModel(()), rng) is None for _ in range(50))


def test_a_ct_without_a_cavity_has_no_vessels():
    whole = anatomy()
    none = HeadAnatomy(whole.bone, whole.cranium, None, whole.ct_from_voxel, False, 250.0)
    assert vessel_projectors(none) == ()
