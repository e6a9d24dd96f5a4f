"""A new subject's network begins with the released trunk, and with nothing else."""

import torch

from detector.card import read_weights
from detector.network import LandmarkNetwork, Shape
from detector.warm_start import OWN, RELEASED, warmed


def test_the_trunk_is_the_released_one_and_the_landmarks_maps_are_not():
    torch.manual_seed(0)
    network = LandmarkNetwork(Shape(5))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert warmed(network)
    released = read_weights(RELEASED)[1]
    for name, tensor in network.state_dict().items():
        if name.startswith(OWN):
            assert torch.equal(tensor, before[name])
        else:
            assert torch.equal(tensor, released[name].to(tensor.dtype)), name


def test_a_trunk_of_another_shape_is_left_alone(tiny):
    network = LandmarkNetwork(tiny)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert not warmed(network)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])
