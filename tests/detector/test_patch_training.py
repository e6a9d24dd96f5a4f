"""Training of a landmark model on small made-up images and volumes."""

import numpy as np
import pytest
import torch

from detector import patch_training
from detector.landmark_model import LandmarkModel
from detector.patch_augment import Augmentation
from detector.patch_settings import PatchSettings
from detector.patch_train_model import train_landmark_model
from drr.volume import Volume

TINY = {
    "global_px": 32,
    "zoom": 2.0,
    "local_px": 32,
    "width": 16,
    "blocks": 1,
    "features": 16,
    "global_batch": 4,
    "local_batch": 4,
}
LITTLE = Augmentation(rotation_deg=5.0, curve=0.0, noise=0.0, erased=0.0)
NAMES = ("bright", "dark")


def made_up(count, dim, size, seed=0):
    """Noise with a bright and a dark blob; their middles are the landmarks."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in size], indexing="ij"), -1)
    images, points = [], []
    for _ in range(count):
        at = rng.uniform(0.25, 0.75, (2, dim)) * size
        blobs = [np.exp(-((grid - p) ** 2).sum(-1) / (2 * (0.06 * size[0]) ** 2)) for p in at]
        images.append((0.5 + 0.4 * (blobs[0] - blobs[1])).astype(np.float32))
        points.append(at)
    return images, np.stack(points)


def trained(tmp_path, steps, dim=2, count=8, size=(48, 64), seed=0, world=None):
    images, points = made_up(count, dim, size)
    sources = [image.T.copy() for image in images]
    if dim == 3:
        affine = np.diag([4.0, -4.0, 4.0, 1.0])
        affine[:3, 3] = (10, 20, 30)
        sources = [Volume(2000 * image - 1000, affine) for image in images]
        points = points @ affine[:3, :3].T + affine[:3, 3]
    settings = PatchSettings(**TINY, steps=steps, augmentation=LITTLE)
    model = train_landmark_model(
        lambda n: sources[n],
        NAMES,
        points if world is None else world,
        tmp_path,
        settings,
        seed=seed,
    )
    return model, sources, points


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("learnt"), 60, count=20)


def test_it_finds_blobs_it_was_not_trained_on_and_knows_how_well(learnt):
    model, sources, points = learnt
    error = np.array([model(image).world - at for image, at in zip(sources, points, strict=True)])
    assert np.median(np.linalg.norm(error[-4:], axis=-1)) < 3.0  # px, of 64
    found = model(sources[-1])
    assert found.in_field.all() and found.recognised and (found.sd > 0).all()
    assert model.card.accuracy["images"] == 4 and model.card.unit == "px"


def test_a_run_cut_short_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch):
    whole, _, _ = trained(tmp_path / "whole", 4)
    step, done = patch_training._step, []

    def killed(*args):
        if len(done) == 6:  # the second step of the local stage
            raise KeyboardInterrupt
        done.append(1)
        return step(*args)

    monkeypatch.setattr(patch_training, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "cut", 4)
    monkeypatch.setattr(patch_training, "_step", step)
    gone_on, _, _ = trained(tmp_path / "cut", 4)
    for one, other in ((whole.fine, gone_on.fine), (whole.coarse, gone_on.coarse)):
        for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
            assert torch.equal(a, b)
    header, *rows = (tmp_path / "cut" / "local.csv").read_text().splitlines()
    assert header == "step,time_s,loss,train_px,validation" and rows[-1].startswith("4,")


def test_the_same_code_takes_volumes(tmp_path):
    model, sources, _ = trained(tmp_path, 1, dim=3, count=4, size=(24, 26, 28))
    assert model.card.dim == 3 and model.card.unit == "mm"
    assert model(sources[-1]).world.shape == (2, 3)
    with pytest.raises(ValueError, match="finds landmarks in a CT volume, this is an image"):
        model(np.zeros((20, 20), np.float32))


def test_what_cannot_be_trained_on_is_said(tmp_path):
    world = made_up(8, 2, (48, 64))[1]
    world[:7, 1] = np.nan
    with pytest.raises(ValueError, match="landmark 'dark' is in none of the 6 images"):
        trained(tmp_path, 1, world=world)
    with pytest.raises(ValueError, match="at least 2 images"):
        trained(tmp_path, 1, count=1)
    (tmp_path / "global.checkpoint").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="not a checkpoint"):
        trained(tmp_path, 1)


def test_a_model_comes_back_from_its_files_as_it_was(learnt, tmp_path):
    model, sources, _ = learnt
    model.write(tmp_path / "m.safetensors")
    again = LandmarkModel.read(tmp_path / "m.safetensors")
    assert again.card == model.card
    np.testing.assert_allclose(again(sources[0]).world, model(sources[0]).world, atol=1e-3)
    np.testing.assert_allclose(again(sources[0]).sd, model(sources[0]).sd, rtol=1e-3)
