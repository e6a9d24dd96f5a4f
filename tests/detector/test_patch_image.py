"""Where things are in images and volumes as the patch networks see them."""

import numpy as np
import pytest
import torch

from detector.patch_augment import Augmentation, random_turn
from detector.patch_batches import Cases, global_batch, known_pairs, local_batch
from detector.patch_image import (
    PatchImage,
    cut,
    image_2d,
    image_3d,
    moved_into,
    moved_out,
    patch_grid,
)
from drr.volume import Volume


def blob(size, at, spread):
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in size], indexing="ij"), -1)
    return np.exp(-((grid - at) ** 2).sum(-1) / (2 * spread**2)).astype(np.float32)


def middle(values):
    """Centre of mass of what is bright, as an index."""
    bright = np.clip(np.asarray(values) - 0.3 * float(values.max()), 0, None)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in bright.shape], indexing="ij"), -1)
    return (bright[..., None] * grid).reshape(-1, bright.ndim).sum(0) / bright.sum()


@pytest.mark.parametrize("spacing", [1.0, 2.5, 7])
def test_a_reduced_image_keeps_its_places(spacing):
    row, column = 61.3, 40.8
    image = image_2d(blob((120, 90), (row, column), 9.0), spacing)
    place = image.origin + image.spacing * middle(image.values)
    np.testing.assert_allclose(place, [column, row], atol=0.15)
    np.testing.assert_allclose(image.index(place), middle(image.values), atol=1e-9)


def test_a_left_handed_turned_volume_keeps_its_places():
    data = 2000 * blob((40, 30, 36), (22.0, 12.0, 20.0), 3.0) - 1000
    ct_from_voxel = np.array([[0, -3.0, 0, 50], [2.0, 0, 0, -7], [0, 0, 2.5, 400], [0, 0, 0, 1.0]])
    volume = Volume(data, ct_from_voxel)
    for spacing in (2.0, 4.0):
        image = image_3d(volume, spacing)
        place = image.origin + spacing * middle(image.values)
        np.testing.assert_allclose(place, volume.points_ct(np.array([22.0, 12, 20])), atol=0.4)


def test_sub_images_show_the_landmark_where_they_say():
    at = np.array([[44.0, 71.0]])
    image = image_2d(blob((120, 90), at[0, ::-1], 4.0), 1.0)
    rng = np.random.default_rng(0)
    for _ in range(5):
        turn = random_turn(2, Augmentation(rotation_deg=40.0), rng)
        grid = patch_grid(at[0] + rng.normal(0, 6, 2), turn, 1.0, (48, 64))[None]
        there = moved_into(grid, at[None])
        np.testing.assert_allclose(
            middle(cut([image], grid, (48, 64))[0, 0]), there[0, 0], atol=0.2
        )
        np.testing.assert_allclose(moved_out(grid, there)[0], at, atol=1e-9)


@pytest.mark.parametrize("dim", [2, 3])
def test_training_batches_show_what_their_truth_says(dim):
    size = np.array([60, 72, 64][:dim])
    at = np.array([[30.0, 28, 40][:dim]])
    data = blob(size, at[0], 3.0)
    if dim == 2:
        images = [image_2d(data.T, 1.0)]
    else:
        images = [image_3d(Volume(2500 * data - 1000, np.eye(4)), 1.0)]
    cases = Cases(images, images, at[None])
    plain = Augmentation(gain=0.0, offset=0.0, curve=0.0, noise=0.0, erased=0.0)
    rng = np.random.default_rng(1)
    chosen = np.zeros(3, int)
    for batch in (
        global_batch(cases, chosen, plain, rng),
        local_batch(cases, np.repeat(known_pairs(cases), 3, axis=0), 48, plain, rng),
    ):
        for shown, truth in zip(batch.images, batch.truth_px, strict=True):
            if ((truth > 9) & (truth < torch.tensor(shown.shape[1:]) - 9)).all():
                np.testing.assert_allclose(middle(shown[0].numpy()), truth[0], atol=0.4)
    assert np.isfinite(batch.images.numpy()).all()


@pytest.mark.parametrize("dim", [2, 3])
def test_what_is_cut_off_is_empty_and_no_landmark_is_in_it(dim):
    image = PatchImage(torch.ones([40, 40, 40][:dim]), 1.0, np.zeros(dim))
    world = np.full((2, dim), 20.0)
    world[:, -1] = 3, 36
    cases = Cases([image], [image], world[None])
    still = Augmentation(
        0.0, 0.0, 0.0, gain=0.0, offset=0.0, curve=0.0, noise=0.0, erased=0.0, cut=1.0
    )
    rng = np.random.default_rng(0)
    batch = global_batch(cases, np.zeros(40, int), still, rng)
    lost = ~batch.within.numpy()
    assert lost.any(axis=0).all() and not lost.all()
    for shown, truth, within in zip(batch.images, batch.truth_px, batch.within, strict=True):
        for place, seen in zip(truth.round().long(), within, strict=True):
            if ((place > 1) & (place < 38)).all():
                around = shown[(0, *place[:-1], slice(place[-1] - 1, place[-1] + 2))] > 0.5
                assert around.any() if seen else not around.all()
    near = local_batch(cases, np.array([[0, 0], [0, 1]] * 10), 32, still, rng)
    assert near.within[torch.arange(20), torch.tensor([0, 1] * 10)].all()
