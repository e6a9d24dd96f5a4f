"""TensorBoard, where it is installed (extra `tensorboard`)."""

from pathlib import Path


def training_board(folder: Path):
    """A writer of scalars into the folder; None where tensorboard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))
