"""The command `dualfluoro`: every subcommand is a stage's own function."""

import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cyclopts import App, CycloptsError

from .error_words import said_of
from .stages.batch import batch
from .stages.calibrate import calibrate
from .stages.convert import convert
from .stages.demo import demo
from .stages.detect import detect
from .stages.evaluate import evaluate
from .stages.exposure import exposure
from .stages.landmarks import landmarks
from .stages.locate import locate
from .stages.new import new
from .stages.prepare import prepare
from .stages.report import report
from .stages.synthesize import synthesize
from .stages.track import track
from .stages.train import train_detector
from .stages.train_gan import train_gan
from .stages.train_landmarks import train_landmarks
from .stages.view import view

HELP = """Where the skull is in every frame of two fluoroscopes, and what the beams hit.

A trial is a folder with a trial.toml. Start with `dualfluoro demo`, or with
`dualfluoro new DIR`, `prepare DIR`, `track DIR`. Research software, not a medical device.
"""

LONGEST_LINE = 2000
WRONG_USAGE, FAILED, INTERRUPTED, TERMINATED = 2, 1, 130, 143


def build_app() -> App:
    """The command line, made from the signatures of the stages."""
    app = App(name="dualfluoro", help=HELP, version=_version, suppress_keyboard_interrupt=False)
    made = (demo, new, calibrate, landmarks, synthesize, prepare)
    stages = (*made, detect, track, exposure, evaluate, view, report, convert, locate, batch)
    for place, stage in enumerate(stages):
        app.command(stage, sort_key=place)
    train = App(
        name="train",
        help="Train one model of a trial, or of a folder of images.",
        sort_key=len(stages),
    )
    train.command(train_detector, name="detector")
    train.command(train_gan, name="gan")
    train.command(train_landmarks, name="landmarks")
    app.command(train)
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 1 could not be done (one line on standard error), 2 wrong usage."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    with warnings.catch_warnings():
        warnings.showwarning = _silence if "--quiet" in tokens else _note
        with _sigterm_interrupts():
            return _run(tokens)


def _run(tokens: list[str]) -> int:
    try:
        build_app()(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        _complain(str(error), "see: dualfluoro --help")
        return WRONG_USAGE
    except (ValueError, OSError) as error:
        _complain(said_of(error))
        return FAILED
    except KeyboardInterrupt as signalled:
        _complain("interrupted; run the same command again to go on")
        return TERMINATED if signalled.args == (signal.SIGTERM,) else INTERRUPTED
    return 0


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """A polite kill ends a command as Ctrl-C does: nothing is left half-written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_) -> None:
        raise KeyboardInterrupt(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _note(message: Warning | str, *_, **__) -> None:
    """What a reader did to a file, in one line on standard error."""
    print(f"dualfluoro: note: {' '.join(str(message).split())}", file=sys.stderr)


def _silence(*_, **__) -> None:
    """Nothing, under --quiet."""


def _complain(*parts: str) -> None:
    """One line on standard error, whatever the message looks like."""
    line = "; ".join(" ".join(part.split()) for part in parts if part)
    if len(line) > LONGEST_LINE:
        line = f"{line[:LONGEST_LINE]} ..."
    print(f"dualfluoro: {line}", file=sys.stderr)


def _version() -> str:
    from importlib.metadata import version

    return version("dualfluoro")
