"""`dualfluoro batch`: many trials, on this machine or on a cluster."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from ..batch_task import FAILED, TrialRow, TrialTask
from ..options import DEFAULTS, Common, Minutes

NAMED = 3
"""Failed trials that the last line names; all stand in batch.csv."""
TABLE_WAIT_S = 120.0


def batch(
    trial: Path,
    /,
    *trials: Path,
    workers: Annotated[int | None, Parameter(validator=Number(gt=0, lte=10_000))] = None,
    scheduler: str | None = None,
    shard: str | None = None,
    init: str | None = None,
    prepare_minutes: Minutes | None = None,
    again: Annotated[bool, Parameter(negative=())] = False,
    out: Path | None = None,
    common: Common = DEFAULTS,
) -> list[TrialRow]:
    """Track many trials side by side; write batch.csv and batch.html, a row a trial.

    Each trial gets what `track` writes. One that was tracked already with the same inputs, settings
    and version is skipped; what fails does not stop the others. A batch that was cut short goes on.

    Parameters
    ----------
    trial
        A trial's folder, or a folder that holds trials at any depth.
    trials
        More of them.
    workers
        Processes side by side; as many as there are processors if left out.
    scheduler
        Address of a Dask scheduler, such as tcp://host:8786, whose workers do the work in place of
        this machine's processes; they must see the trials under the same path.
    shard
        I/N: every N-th trial from the I-th on, for N machines that each do their share. In a job
        array of SLURM the share is that of the array's task if left out.
    init
        Name of a track in each trial's folder to start from, in place of the detector.
    prepare_minutes
        Run `prepare` with these minutes where a trial has no detector.
    again
        Track what is done already, too.
    out
        Folder of batch.csv and batch.html; the one that holds all trials if left out.
    """
    from ..batch_results import ROWS, screen_table, write_row
    from ..batch_trials import folder_of_all, names_of, shard_of, shared, trials_in

    if scheduler is not None and workers is not None:
        raise ValueError("--workers are of this machine: a scheduler has its own")
    number, count = shard_of(shard, os.environ)
    folders = trials_in([trial, *trials])
    folder = folder_of_all(folders) if out is None else Path(out).absolute()
    (folder / ROWS).mkdir(parents=True, exist_ok=True)
    named = dict(zip(map(str, folders), names_of(folders, folder), strict=True))
    tasks = [
        TrialTask(path, init, prepare_minutes, again, common.device, common.seed)
        for path in shared(folders, number, count)
    ]
    share = f", share {number} of {count}" if count > 1 else ""
    common.say(f"{len(tasks)} of {len(folders)} trials{share}")
    rows: list[TrialRow] = []
    try:
        with _running(tasks, workers, scheduler, common) as found:
            for row in found:
                rows.append(replace(row, trial=named[row.trial]))
                write_row(folder, rows[-1])
                common.say(f"[{len(rows)}/{len(tasks)}] {_said(rows[-1])}")
    finally:
        _write_summary(folder, list(named.values()), common)
    places = {name: place for place, name in enumerate(named.values())}
    common.say(screen_table(sorted(rows, key=lambda row: places[row.trial])))
    if failed := [row for row in rows if row.status == FAILED]:
        for row in failed:
            common.say(f"failed: {row.trial}: {row.message}")
        some = "; ".join(f"{row.trial} ({row.message})" for row in failed[:NAMED])
        more = f"; and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
        raise ValueError(
            f"{len(failed)} of {len(rows)} trials failed: {some}{more}; see {folder / 'batch.html'}"
        )
    return rows


@contextmanager
def _running(
    tasks: Sequence[TrialTask], workers: int | None, scheduler: str | None, common: Common
) -> Iterator[Iterator[TrialRow]]:
    """The rows as they come, from the cluster or from processes of this machine."""
    from ..progress import counted

    with counted("trials", len(tasks), common) as progress:

        def told(rows: Iterator[TrialRow]) -> Iterator[TrialRow]:
            for done, row in enumerate(rows, 1):
                progress(done)
                yield row

        if scheduler is None:
            from ..batch_pool import processors, rows_of_pool

            with closing(rows_of_pool(tasks, workers or processors())) as rows:
                yield told(rows)
        else:
            from ..batch_dask import cluster, rows_of_cluster

            with cluster(scheduler) as client:
                if not client.scheduler_info()["workers"]:
                    common.say(f"{scheduler} has no worker yet; waiting for one")
                yield told(rows_of_cluster(client, tasks))


def _said(row: TrialRow) -> str:
    """A row in a line."""
    if row.frames is None:
        return f"{row.trial}: {row.status}: {row.message}"
    counts = f"{row.ok} ok, {row.doubtful} doubtful, {row.lost} lost"
    return f"{row.trial}: {row.status}: {row.frames} frames: {counts}; {row.seconds:.0f} s"


def _write_summary(folder: Path, names: list[str], common: Common) -> None:
    """batch.csv and batch.html of what all runs have done so far; one run at a time writes them."""
    from ..batch_page import write_page
    from ..batch_results import ROWS, read_rows, write_table
    from ..folder_lock import held

    with held(folder / ROWS, "batch", TABLE_WAIT_S):
        rows = read_rows(folder, names)
        write_table(folder / "batch.csv", rows)
        write_page(folder / "batch.html", rows, folder.name)
    common.say(f"wrote batch.csv and batch.html in {folder}")
