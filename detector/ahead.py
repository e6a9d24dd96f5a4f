"""Work done ahead of its user by a thread."""

import queue
import threading
from collections.abc import Iterator

from .views import View


class Ahead:
    """An iterator that a thread keeps `limit` items ahead of its user; errors come through."""

    def __init__(self, items: Iterator[View], limit: int):
        """Begin nothing yet: the thread runs inside the `with` block."""
        self._queue: queue.Queue = queue.Queue(limit)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._fill, args=(items,), daemon=True)

    def _fill(self, items: Iterator[View]) -> None:
        try:
            for item in items:
                while not self._stop.is_set():
                    try:
                        self._queue.put(item, timeout=0.2)
                        break
                    except queue.Full:
                        continue
                if self._stop.is_set():
                    return
        except (ValueError, RuntimeError, MemoryError) as error:
            self._queue.put(error)

    def __enter__(self) -> "Ahead":
        """Start the thread."""
        self._thread.start()
        return self

    def __next__(self) -> View:
        """The next item; raises what the thread ran into."""
        item = self._queue.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def __exit__(self, *_) -> None:
        """Stop the thread and wait for its end."""
        self._stop.set()
        self._thread.join()
