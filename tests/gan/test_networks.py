"""The generators begin by changing nothing; the discriminators see 70 x 70 pixels."""

import pytest
import torch

from gan.networks import Discriminator, Generator


@pytest.mark.parametrize("size", [(64, 64), (96, 128)])
def test_an_untrained_generator_changes_nothing_and_any_size_divisible_by_four_fits(size):
    x = torch.randn(2, 1, *size)
    torch.testing.assert_close(Generator(8, 2)(x), x)


def test_a_verdict_hangs_on_70_by_70_pixels():
    judge, x = Discriminator(8), torch.randn(1, 1, 160, 160, requires_grad=True)
    for layer in judge.judge:
        if isinstance(layer, torch.nn.InstanceNorm2d):
            layer.forward = lambda y: y  # it spreads a little of everything everywhere
    verdict = judge(x)
    verdict[0, 0, verdict.shape[2] // 2, verdict.shape[3] // 2].backward()
    rows = x.grad[0, 0].abs().sum(1).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70
