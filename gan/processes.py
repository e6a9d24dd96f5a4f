"""Several processes under `torchrun`: gradients averaged, one of them writes."""

import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import nn


def rank_and_count() -> tuple[int, int]:
    """This process's number, and how many there are; 0 of 1 without `torchrun`."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def join_processes(cuda: bool) -> str | None:
    """Join the others of a `torchrun`; the device of this process, None where it runs alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return None
    if not dist.is_initialized():
        dist.init_process_group("nccl" if cuda else "gloo")
    device = _device() if cuda else "cpu"
    if cuda:
        torch.cuda.set_device(device)
    return device


def _device() -> str:
    cuda = dist.is_initialized() and dist.get_backend() == "nccl"
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if cuda else "cpu"


def agreed(value: float) -> float:
    """The first process's value, in all of them."""
    if rank_and_count()[1] < 2:
        return value
    shared = torch.tensor([value], dtype=torch.float64, device=_device())
    dist.broadcast(shared, 0)
    return float(shared)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Give every process the mean of all processes' gradients."""
    _, count = rank_and_count()
    if count < 2:
        return
    for parameter in parameters:
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad.div_(count)
