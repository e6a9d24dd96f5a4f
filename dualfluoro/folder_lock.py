"""One run at a time in a folder: a lock of the operating system, which ends with its process.

The lock is on a file `.dualfluoro.lock`, which also says who holds it. After a crash the file may
stay; it locks nothing then.
"""

import errno
import json
import os
import re
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

LOCK = ".dualfluoro.lock"
POLL_S = 0.2
UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}
UNFINISHED = re.compile(r"\.(\d+)\..+")
"""The temporary names of `calibration.atomic.whole`: the process, then the file's own name."""

_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())


@contextmanager
def held(folder: Path, command: str, wait_s: float = 0.0) -> Iterator[None]:
    """The folder is this run's alone inside of the block; a stage within a stage has it already.

    The folder is made if need be, and what killed runs left half-written in it is removed. Where
    it cannot be locked (read-only, or a file system without locks) a note says so.

    Args:
        command: the stage, for the message that another run gets.
        wait_s: how long to wait for another run's end.

    Raises:
        BlockingIOError: another run works there; it names its process.
    """
    place = folder.resolve()
    if place in _held.get():
        yield
        return
    handle = _locked(place / LOCK, wait_s)
    token = _held.set(_held.get() | {place})
    try:
        if handle is not None:
            _sign(handle, command)
            remove_unfinished(place)
        yield
    finally:
        _held.reset(token)
        if handle is not None:
            with suppress(OSError):
                (place / LOCK).unlink()  # while it is still locked
            os.close(handle)


def remove_unfinished(folder: Path) -> None:
    """Remove temporary files of processes that are no more, in a locked folder.

    Its subfolders are looked into as well, but for those that are trials of their own.
    """
    inside = [path for path in folder.iterdir() if path.is_dir()]
    for place in [folder, *(path for path in inside if not (path / "trial.toml").exists())]:
        for path in place.glob(".*"):
            named = UNFINISHED.fullmatch(path.name)
            if named and path.is_file() and not _is_another(int(named[1])):
                path.unlink(missing_ok=True)


def _is_another(process: int) -> bool:
    """Whether a process of that number runs here and is not this one."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _locked(path: Path, wait_s: float) -> int | None:
    """The open file that holds the lock; None where nothing can be locked."""
    end_s = time.monotonic() + wait_s
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            _warn(f"{path.parent}: cannot be written ({error.strerror}), so it is not locked")
            return None
        try:
            if _flock(handle):
                if os.fstat(handle).st_nlink:
                    return handle
            elif time.monotonic() >= end_s:
                raise BlockingIOError(errno.EAGAIN, _said_of(handle), str(path.parent))
            else:
                time.sleep(POLL_S)
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _flock(handle: int) -> bool:
    """Whether the lock was free; True with a note where the file system has no locks."""
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        _warn(
            f"this file system has no locks ({error.strerror}): do not run two commands in one "
            "folder at a time"
        )
    return True


def _sign(handle: int, command: str) -> None:
    """Write into the lock who holds it."""
    holder = {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "command": f"dualfluoro {command}",
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(holder).encode(), 0)


def _said_of(handle: int) -> str:
    """What to tell a run that comes second."""
    try:
        holder = json.loads(os.pread(handle, 4096, 0))
        process, host = holder["process"], holder["host"]
        who = f"`{holder['command']}`, process {process} on {host}, since {holder['since']}"
        stop = f"kill {process}"
    except (ValueError, KeyError, TypeError):  # it has the lock, and has not signed yet
        who, stop = "it does not say which", "Ctrl-C"
    return f"another run works in this folder ({who}); wait for its end, or stop it ({stop})"


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=4)
