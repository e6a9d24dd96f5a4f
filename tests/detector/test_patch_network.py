"""The patch network, its vote and its loss."""

import numpy as np
import pytest
import torch

from detector.patch_loss import log_displacement, patch_loss
from detector.patch_network import (
    PATCH_PX,
    PatchNetwork,
    PatchShape,
    Votes,
    displacement_px,
    patch_centres,
    vote,
)

SMALL = {"width": 16, "blocks": 1, "features": 16}


def votes_for(truth, centres, confidence=20.0):
    """What a perfect network says: displacements to the truth, the posterior of its patch."""
    off = truth[:, :, None] - centres
    logits = -off.square().sum(-1) / PATCH_PX**2 * confidence
    return Votes(logits, torch.full(truth.shape[:2], -9e9), log_displacement(off), centres)


@pytest.mark.parametrize("dim", [2, 3])
def test_perfect_votes_meet_at_the_truth_without_spread(dim):
    centres = patch_centres(torch.Size([5, 6, 7][:dim]), torch.device("cpu"))
    truth = torch.rand(2, 3, dim) * 20 + torch.tensor([0.0])
    place = vote(votes_for(truth, centres))
    torch.testing.assert_close(place.xy, truth, atol=1e-4, rtol=0)
    assert place.covariance.abs().max() < 1e-6
    assert (place.inside > 0.999).all()


def test_the_covariance_is_that_of_two_rival_places():
    centres = patch_centres(torch.Size([8, 8]), torch.device("cpu"))
    logits = torch.full((1, 1, 64), -1e9)
    logits[0, 0, [0, 7]] = 0.0  # equally likely, 28 px apart along y
    still = Votes(logits, torch.full((1, 1), -1e9), torch.zeros(1, 1, 64, 2), centres)
    place = vote(still)
    np.testing.assert_allclose(place.xy[0, 0], [1.5, 15.5], atol=0.05)
    np.testing.assert_allclose(place.covariance[0, 0], [[0, 0], [0, 14**2]], atol=0.5)


def test_patches_that_all_point_outside_still_say_where():
    centres = patch_centres(torch.Size([8, 8]), torch.device("cpu"))
    truth = torch.tensor([[[-20.0, 12.0]]])
    votes = votes_for(truth, centres)._replace(
        logits=torch.full((1, 1, 64), -1e4), outside=torch.zeros(1, 1)
    )
    place = vote(votes)
    torch.testing.assert_close(place.xy, truth, atol=1e-3, rtol=0)
    assert place.inside < 1e-3


def test_log_displacement_has_its_inverse():
    d = torch.tensor([-300.0, -1.0, 0.0, 0.2, 55.0])
    torch.testing.assert_close(displacement_px(log_displacement(d)), d, rtol=1e-5, atol=1e-6)


def test_unknown_landmarks_cost_nothing_and_wrong_ones_do():
    centres = patch_centres(torch.Size([6, 6]), torch.device("cpu"))
    truth = torch.tensor([[[9.0, 9.0], [15.0, 4.0]]])
    within = torch.tensor([[True, True]])
    votes = votes_for(truth, centres, confidence=1.0)
    good = patch_loss(votes, truth, within)
    moved = votes_for(truth + 6, centres, confidence=1.0)
    assert patch_loss(moved, truth, within) > good + 1
    assert patch_loss(votes, truth, ~within) > good + 1
    unknown = truth.clone()
    unknown[0, 1] = torch.nan
    half = Votes(votes.logits[:, :1], votes.outside[:, :1], votes.log_displacement[:, :1], centres)
    only = patch_loss(half, truth[:, :1], within[:, :1])
    torch.testing.assert_close(patch_loss(votes, unknown, torch.tensor([[True, False]])), only)
    assert patch_loss(votes, torch.full_like(truth, torch.nan), ~within) == 0


@pytest.mark.parametrize("dim", [2, 3])
def test_one_code_for_images_of_any_size(dim):
    torch.manual_seed(0)
    network = PatchNetwork(PatchShape(dim, 3, **SMALL)).eval()
    for size in ([32, 48, 16][:dim], [37, 50, 23][:dim]):
        votes = network(torch.rand(2, 1, *size))
        patches = int(np.prod([-(-n // PATCH_PX) for n in size]))
        assert votes.logits.shape == (2, 3, patches)
        assert votes.log_displacement.shape == (*votes.logits.shape, dim)
        assert torch.isfinite(vote(votes).xy).all()


def test_a_patch_network_of_one_dimension_is_refused():
    with pytest.raises(ValueError, match="2D or 3D"):
        PatchNetwork(PatchShape(1, 3))
