"""The network learns, resumes to the bit, and is taught by what its loss says."""

import os
import signal

import numpy as np
import pytest
import torch

from detector import LandmarkNetwork, TrainingConfig, train_network
from detector.loss import landmark_loss
from detector.network import Places
from detector.views import ViewRange
from drr.material_model import material_model

pytestmark = pytest.mark.usefixtures("small_blocks")
CONFIG = TrainingConfig(steps=6, batch=4, looks_each=2)


@pytest.fixture(scope="module")
def head(volume, landmarks):
    return material_model(volume.resampled(8.0)), np.array(list(landmarks.values()))


def test_an_interrupted_run_ends_with_the_same_weights(head, tiny, tmp_path):
    class Interrupted(Exception):
        pass

    def interrupt(share, figures):
        if share >= 0.5:
            raise Interrupted

    whole = train_network(*head, tmp_path / "whole", CONFIG, shape=tiny)
    with pytest.raises(Interrupted):
        train_network(*head, tmp_path / "cut", CONFIG, shape=tiny, progress=interrupt)
    resumed = train_network(*head, tmp_path / "cut", CONFIG, shape=tiny)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_a_checkpoint_of_another_head_is_not_continued(head, tiny, tmp_path):
    projector, points_ct = head
    train_network(projector, points_ct, tmp_path, CONFIG, shape=tiny)
    moved = train_network(projector, points_ct + 1, tmp_path, CONFIG, shape=tiny)
    fresh = train_network(projector, points_ct + 1, tmp_path / "fresh", CONFIG, shape=tiny)
    for name, tensor in fresh.state_dict().items():
        assert torch.equal(tensor, moved.state_dict()[name]), name


def test_a_batch_is_fitted(tiny):
    torch.manual_seed(0)
    network = LandmarkNetwork(tiny)
    planes = torch.randn(4, 4, 128, 128)
    truth = 20 + 90 * torch.rand(4, 6, 2)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    distances = []
    for _ in range(60):
        places = network(planes)
        loss = landmark_loss(places, truth, network.centres_px)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        distances.append(float((places.uv - truth).detach().norm(dim=-1).mean()))
    assert distances[-1] < 0.35 * distances[0]


CENTRES_PX = 8.0 * (torch.arange(24) - 11.5)


def places_of(uv, log_scale):
    """Places as the network would say them, with maps that are flat."""
    return Places(uv, log_scale, torch.zeros(*log_scale.shape, 24, 24))


def test_the_best_scale_is_the_mean_distance():
    """Laplace likelihood: the derivative by log b vanishes at b = mean of |error| per axis."""
    errors = torch.distributions.Laplace(0.0, 3.0).sample((1, 200, 2))
    log_scale = torch.full((1, 200), float(errors.abs().mean().log())).requires_grad_()
    truth = torch.full((1, 200, 2), 63.5)
    landmark_loss(places_of(truth + errors, log_scale), truth, CENTRES_PX).backward()
    assert abs(float(log_scale.grad.sum())) < 1e-5


def test_the_map_that_peaks_at_the_landmark_is_best():
    truth = torch.tensor([[[63.5 + 4.0, 63.5 + 20.0]]])
    losses = {}
    for row in (13, 14, 15):
        logits = torch.zeros(1, 1, 24, 24)
        logits[0, 0, row, 12] = 5.0
        places = Places(truth.clone(), torch.zeros(1, 1), logits)
        losses[row] = float(landmark_loss(places, truth, CENTRES_PX))
    assert min(losses, key=losses.get) == 14


def test_places_beyond_the_maps_pull_no_place():
    uv = torch.zeros(1, 1, 2, requires_grad=True)
    log_scale = torch.zeros(1, 1, requires_grad=True)
    landmark_loss(places_of(uv, log_scale), torch.full((1, 1, 2), 500.0), CENTRES_PX).backward()
    assert not uv.grad.any() and log_scale.grad.any()


def test_a_damaged_checkpoint_is_named(head, tiny, tmp_path):
    (tmp_path / "detector.checkpoint").write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match=r"detector\.checkpoint: damaged"):
        train_network(*head, tmp_path, CONFIG, shape=tiny)


def test_a_polite_kill_saves_the_state(head, tiny, tmp_path):
    def kill(share, figures):
        if share >= 0.5:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        train_network(*head, tmp_path, CONFIG, shape=tiny, progress=kill)
    assert torch.load(tmp_path / "detector.checkpoint", weights_only=True)["step"] == 3


def test_all_azimuths_are_drawn(head):
    from detector.views import draw_radiograph

    toward = [
        draw_radiograph(*head, np.random.default_rng(n), ViewRange()).toward_source
        for n in range(40)
    ]
    assert min(toward) < -0.7 and max(toward) > 0.7
