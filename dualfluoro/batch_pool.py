"""A batch on this machine: processes side by side, each with a trial at a time.

Each process is a pool of one, so that one that dies (killed, out of memory) takes no other along:
its trial is tried again in a new one.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from .batch_task import FAILED, TrialRow, TrialTask, run_trial

RETRIES = 2
"""How often a trial is tried again whose process has died."""
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


@dataclass(frozen=True)
class Attempt:
    """A trial under way, and which try it is."""

    task: TrialTask
    lane: int
    number: int


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def rows_of_pool(
    tasks: Sequence[TrialTask],
    workers: int,
    run: Callable[[TrialTask], TrialRow] = run_trial,
) -> Generator[TrialRow, None, None]:
    """The rows of all tasks, each as soon as it is known."""
    waiting, lanes = list(reversed(tasks)), min(workers, len(tasks))
    others = set(multiprocessing.active_children())
    threads = max(1, processors() // max(lanes, 1))
    pools = [_pool(threads) for _ in range(lanes)]
    running: dict[Future[TrialRow], Attempt] = {}

    def start(attempt: Attempt) -> None:
        running[pools[attempt.lane].submit(run, attempt.task)] = attempt

    try:
        for lane in range(lanes):
            start(Attempt(waiting.pop(), lane, 1))
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                attempt = running.pop(future)
                try:
                    row = future.result()
                except BrokenProcessPool:
                    pools[attempt.lane].shutdown(wait=False)
                    pools[attempt.lane] = _pool(threads)
                    if attempt.number <= RETRIES:
                        start(Attempt(attempt.task, attempt.lane, attempt.number + 1))
                        continue
                    row = died(attempt.task, attempt.number)
                if waiting:
                    start(Attempt(waiting.pop(), attempt.lane, 1))
                yield row
    finally:
        if running:  # interrupted: what the processes were at can be gone on with
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
        for pool in pools:
            pool.shutdown(cancel_futures=True)


def died(task: TrialTask, times: int) -> TrialRow:
    """The row of a trial whose process died each time."""
    message = (
        f"its process died {times} times; it was killed or ran out of memory (fewer --workers need "
        "less)"
    )
    return TrialRow(str(task.folder), FAILED, message=message)


def _pool(threads: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, initializer=_begin, initargs=(threads,))


def _begin(threads: int) -> None:
    """Few threads, before anything heavy is imported; no Ctrl-C; an end with the parent."""
    os.environ |= dict.fromkeys(THREADS, str(threads))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the batch is asked, and ends its processes
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
