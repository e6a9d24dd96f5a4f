"""Runs damaged files through a reader in processes of its own, and judges how each one ends.

A reader may return, or raise ValueError or OSError with one line that names the file. Anything else
is a finding: another exception, a hang, more memory than the limit, a crash of the process, a file
written.
"""

import mmap
import os
import random
import resource
import shutil
import signal
import struct
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fuzz_mutations import mutated

ALARM_S = 10
"""Of processor time, so that a busy machine makes no findings."""
DEAD_S = 120
MORE_MEMORY = 3 << 29
"""What a reader may take for files of some KB, beyond what the process has."""
SLOT = struct.Struct("<QQQQ")  # case, returned, refused, started


class Seed(NamedTuple):
    """A file that is read without complaint, and those that it names."""

    name: str
    content: bytes
    beside: dict[str, bytes] = {}  # noqa: RUF012  never changed
    refused: bool = False
    """Whole as it is, it is no file for the reader."""


class Reader(NamedTuple):
    """A reader and how its files are made up."""

    name: str
    kind: str
    """json, text, binary or safetensors: which damage fits."""
    read: Callable[[Path], object]
    seeds: Callable[[], list[Seed]]


class Overdue(BaseException):
    """The alarm of a case; nothing that a reader may catch."""


@dataclass
class Outcome:
    """What came of all cases of a reader."""

    cases: int = 0
    returned: int = 0
    refused: int = 0
    findings: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def attacked(
    reader: Reader, cases: int, seed: int, scratch: Path, kept: Path, most_s: float
) -> Outcome:
    """Run the cases; samples of findings are kept in a folder."""
    begin = time.monotonic()
    seeds = reader.seeds()
    shared = mmap.mmap(-1, SLOT.size)
    findings_file = scratch / f"{reader.name}.findings"
    findings_file.write_text("")
    outcome, done, crashes = Outcome(), 0, 0
    while done < cases and time.monotonic() - begin < most_s:
        child = os.fork()
        if child == 0:
            _child(
                reader,
                seeds,
                range(done, cases),
                seed,
                scratch,
                kept,
                shared,
                findings_file,
                begin + most_s,
            )
        status = _waited(child, shared)
        case, returned, refused, _ = SLOT.unpack(shared[:])
        outcome.returned, outcome.refused = returned, refused
        done = case + 1
        if status == 0:
            break
        crashes += 1
        what = f"process ended by {_ended(status)}"
        sample = scratch / reader.name / "work"
        if sample.is_dir():
            shutil.copytree(sample, kept / f"{reader.name}-crash-{case}", dirs_exist_ok=True)
        with findings_file.open("a") as file:
            file.write(f"{case}\t{what}\n")
        if crashes > 40:
            break
    outcome.cases = done
    for line in findings_file.read_text().splitlines():
        what = line.split("\t", 1)[1]
        outcome.findings[what] = outcome.findings.get(what, 0) + 1
    outcome.seconds = time.monotonic() - begin
    return outcome


def _ended(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def _waited(child: int, shared: mmap.mmap) -> int:
    """The child's status; a child whose case does not change is killed."""
    last, since = -1, time.monotonic()
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        case = SLOT.unpack(shared[:])[0]
        if case != last:
            last, since = case, time.monotonic()
        if time.monotonic() - since > DEAD_S:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.05)


def _child(reader, seeds, numbers, seed, scratch, kept, shared, findings_file, until) -> None:
    """The cases of one process; never returns."""
    code = 1
    try:
        folder = scratch / reader.name / "work"
        shutil.rmtree(folder, ignore_errors=True)
        elsewhere = scratch / reader.name / "elsewhere"
        for place in (folder, elsewhere):
            place.mkdir(parents=True, exist_ok=True)
        os.chdir(elsewhere)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        warnings.simplefilter("ignore")
        for number, seed_file in enumerate(seeds):
            _warmed(reader, seed_file, folder / str(number), findings_file)
        limit = int(Path("/proc/self/statm").read_text().split()[0]) * 4096 + MORE_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        signal.signal(signal.SIGPROF, _overdue)
        _, returned, refused, _ = SLOT.unpack(shared[:])
        for number in numbers:
            shared[:] = SLOT.pack(number, returned, refused, 0)
            found = _case(
                reader, seeds, random.Random(f"{reader.name} {seed} {number}"), folder, elsewhere
            )
            returned, refused = returned + (found == "returned"), refused + (found == "refused")
            if found not in ("returned", "refused"):
                with findings_file.open("a") as file:
                    file.write(f"{number}\t{found}\n")
                _keep(folder, kept, reader.name, found, number)
            if time.monotonic() > until:
                break
        shared[:] = SLOT.pack(number, returned, refused, 0)
        code = 0
    except BaseException:
        with findings_file.open("a") as file:
            file.write(f"-1\tworker: {traceback.format_exc(limit=-3)!r}\n")
    finally:
        os._exit(code)


def _warmed(reader: Reader, seed: Seed, folder: Path, findings_file: Path) -> None:
    """Whole files are read first: imports and compilations are not the reader's memory or time."""
    _lay_out(seed, seed.content, folder)
    try:
        reader.read(folder / seed.name)
    except Exception as error:
        if seed.refused:
            return
        with findings_file.open("a") as file:
            file.write(f"-1\twhole file refused: {str(error)[-200:]!r}\n")


def _lay_out(seed: Seed, content: bytes, folder: Path) -> None:
    """The file alone with those beside it."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, beside in {**seed.beside, seed.name: content}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(beside)


def _case(reader, seeds, rng: random.Random, folder: Path, elsewhere: Path) -> str:
    """One damaged file through the reader: `returned`, `refused`, or what is wrong."""
    which = rng.randrange(len(seeds))
    seed, folder = seeds[which], folder / str(which)
    content = mutated(seed.content, rng.choice(seeds).content, reader.kind, rng)
    path = folder / seed.name
    path.write_bytes(content)
    before = {str(folder / name) for name in (seed.name, *seed.beside)}
    signal.setitimer(signal.ITIMER_PROF, ALARM_S)
    try:
        reader.read(path)
        said = "returned"
    except Overdue:
        return f"more than {ALARM_S} s: {_place(sys.exc_info()[2])}"
    except (ValueError, OSError) as error:
        said = _judged(error, path)
    except BaseException as error:
        return f"{type(error).__name__} at {_place(error.__traceback__)}: {str(error)[:60]!r}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if _listed(folder) != before or any(elsewhere.iterdir()):
        _lay_out(seed, seed.content, folder)
        return "a file was written"
    return said


def _listed(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if path.is_file()}


def _judged(error: ValueError | OSError, path: Path) -> str:
    """Whether the message is one line that names the file, or one that lies beside it."""
    if isinstance(error, UnicodeError):
        return f"{type(error).__name__} at {_place(error.__traceback__)}"
    text = str(error)
    names = {path.name, *(p.name for p in path.parent.rglob("*")), str(path.parent)}
    if not any(name in text for name in names) and type(error) is not FileNotFoundError:
        return f"no file named at {_place(error.__traceback__)}: {text[:60]!r}"
    return "refused"


def _keep(folder: Path, kept: Path, name: str, found: str, number: int) -> None:
    """The first files of each kind of finding."""
    mark = f"{name}-{abs(hash(found.split(':')[0])) % 10**8:08}"
    if len(list(kept.glob(f"{mark}-*"))) < 2:
        shutil.copytree(folder, kept / f"{mark}-{number}", dirs_exist_ok=True)
        (kept / f"{mark}-{number}" / "FINDING.txt").write_text(found)


def _overdue(*_) -> None:
    raise Overdue


def _place(trace) -> str:
    """The last line of our own in a traceback."""
    ours = [
        f
        for f in traceback.extract_tb(trace)
        if ".venv" not in f.filename
        and "/lib/python" not in f.filename
        and "fuzz" not in f.filename
    ]
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "the library"
