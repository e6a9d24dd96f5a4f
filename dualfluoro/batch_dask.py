"""A batch on a Dask cluster that is there already; scheduling and retries are Dask's own."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .batch_task import FAILED, TrialRow, TrialTask, run_trial
from .error_words import said_of

if TYPE_CHECKING:
    from distributed import Client

TIMEOUT_S = 10
RETRIES = 2
"""Of a trial that Dask could not bring to its end; of dead workers it counts by itself."""


@contextmanager
def cluster(address: str) -> Iterator["Client"]:
    """A client of the scheduler at an address.

    Raises:
        ValueError: dask.distributed is not installed, or nothing answers there in time.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ValueError(
            "--scheduler needs dask.distributed; install it with: pip install 'dualfluoro[batch]'"
        ) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is said by us
    try:
        client = Client(address, timeout=TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"--scheduler {address}: no scheduler answers there within {TIMEOUT_S} s "
            f"({type(error).__name__}); start one with: dask scheduler"
        ) from None
    with client:
        yield client


def rows_of_cluster(
    client: "Client",
    tasks: Sequence[TrialTask],
    run: Callable[[TrialTask], TrialRow] = run_trial,
) -> Iterator[TrialRow]:
    """The rows of all tasks, each as soon as it is known."""
    from distributed import as_completed

    futures = {
        client.submit(run, task, retries=RETRIES, pure=False, key=f"{task.folder}-{place}"): task
        for place, task in enumerate(tasks)
    }
    for future in as_completed(futures, loop=client.loop):
        if future.status == "finished":
            yield future.result()
        else:
            yield TrialRow(str(futures[future].folder), FAILED, message=_reason(future))


def _reason(future) -> str:
    """Why Dask gave a task up."""
    if future.status != "error":
        return f"the cluster gave it up ({future.status}): did its scheduler end?"
    error = future.exception(timeout=TIMEOUT_S)
    return f"{type(error).__name__}: {said_of(error)}"
