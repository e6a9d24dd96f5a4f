import numpy as np
import pytest
import torch

from calibration import Rigid
from drr.projector import Projector
from drr.structures import render_structures, structure_projectors
from drr.volume import Volume

K = np.array([[300.0, 0, 31.5], [0, 300.0, 23.5], [0, 0, 1]])


def speckle(shape=(40, 36, 30)):
    rng = np.random.default_rng(0)
    ct_from_voxel = np.array([[-1.5, 0, 0, 30], [0, 1.7, 0, -20], [0, 0, 2.0, 5], [0, 0, 0, 1.0]])
    return Volume(rng.integers(-1100, 1500, shape).astype(np.int16), ct_from_voxel)


def ahead(volume, turn_rad=(0.5, -0.3, 0.9)):
    R = Rigid.exp(torch.tensor([0, 0, 0, *turn_rad], dtype=torch.float64)).R
    return Rigid(R, R.new_tensor([4, -6, 500]) - R @ torch.from_numpy(volume.center_ct))


def test_the_images_of_all_labels_add_up_to_the_whole():
    volume = speckle()
    labels = np.random.default_rng(1).integers(0, 4, volume.shape).astype(np.uint8)
    images = render_structures(structure_projectors(volume, labels), K, 64, 48, ahead(volume))
    whole = Projector(volume).render(K, 64, 48, ahead(volume))
    assert images.shape == (4, 48, 64) and all(image.any() for image in images)
    torch.testing.assert_close(images.sum(0), whole, rtol=1e-4, atol=1e-4 * whole.max().item())


def test_a_structure_in_a_corner_is_where_it_was_and_costs_only_its_box():
    volume = speckle()
    labels = np.zeros(volume.shape, np.int32)
    labels[30:38, 5:12, 20:] = 7
    projector = structure_projectors(volume, labels, [7])[7]
    assert projector.volume.shape == (8, 7, 10)
    alone = Volume(np.where(labels == 7, volume.data_hu, -1000), volume.ct_from_voxel)
    expected = Projector(alone).render(K, 64, 48, ahead(volume))
    image = projector.render(K, 64, 48, ahead(volume))
    assert expected.max() > 0.1
    # the grids of slopes differ: equal up to their interpolation
    assert torch.linalg.norm(image - expected) < 0.02 * torch.linalg.norm(expected)


def test_a_label_map_that_does_not_fit_is_refused():
    volume = speckle()
    with pytest.raises(ValueError, match=r"shape \(1, 1, 1\), the volume \(40, 36, 30\)"):
        structure_projectors(volume, np.zeros((1, 1, 1), int))
    with pytest.raises(ValueError, match="label 9 does not occur"):
        structure_projectors(volume, np.zeros(volume.shape, int), [9])
