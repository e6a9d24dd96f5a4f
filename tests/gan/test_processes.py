"""Processes that train together take the mean of their gradients."""

import os

import torch
import torch.multiprocessing as mp
from torch import nn

from gan.processes import average_gradients, join_processes, rank_and_count


def _work(rank: int, port: int, folder: str) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    os.environ["MASTER_PORT"] = str(port)
    assert join_processes(cuda=False) == "cpu" and rank_and_count() == (rank, 2)
    layer = nn.Linear(3, 1, bias=False)
    layer.weight.grad = torch.full_like(layer.weight, float(rank + 1))
    average_gradients(layer.parameters())
    torch.save(layer.weight.grad, f"{folder}/{rank}.pt")


def test_two_processes_have_the_mean_gradient(tmp_path):
    mp.spawn(_work, args=(29_500 + os.getpid() % 2000, str(tmp_path)), nprocs=2)
    for rank in (0, 1):
        gradient = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(gradient, torch.full((1, 3), 1.5))


def test_one_process_is_alone():
    assert join_processes(cuda=False) is None and rank_and_count() == (0, 1)
