"""Progress bars: on a terminal, on standard error, for what takes long."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .options import Common


@contextmanager
def counted(
    what: str, total: int, common: Common, remark: str = ""
) -> Iterator[Callable[..., None]]:
    """A function to be called with how many are done; it draws a bar where somebody looks.

    `remark` is a template of rich; what it names is given to the function by keyword.
    """
    if not common.shows_progress:
        yield lambda done, *_, **__: None
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    columns = [*Progress.get_default_columns(), TextColumn(remark)]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(what, total=total, figures="")
        yield lambda done, *_, **fields: bars.update(bar, completed=done, **fields)


@contextmanager
def training_bar(minutes: float, common: Common) -> Iterator[Callable[[float, dict], None]]:
    """A function to be called with the share of the budget that is spent, and the last figures."""
    with counted(f"training, {minutes:g} min", 1000, common, "{task.fields[figures]}") as update:

        def shown(share: float, figures: dict[str, float]) -> None:
            text = "  ".join(f"{name} {value:.3g}" for name, value in figures.items())
            update(round(1000 * share), figures=text)

        yield shown
