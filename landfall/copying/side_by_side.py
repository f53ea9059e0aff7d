"""Several readers side by side, and what they read in one stream: as much is held as there are readers, and no more."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, Full, Queue
from typing import Final, Generic, TypeVar

_Part = TypeVar("_Part")
_Read = TypeVar("_Read")
_LOOKS_UP_EVERY_S: Final = 0.1


def read_side_by_side(
    parts: Sequence[_Part], read: Callable[[_Part], Iterator[_Read]], *, at_once: int
) -> Iterator[_Read]:
    """Yield what ``read`` yields for each part, in no order.

    What one reader raises ends the others and is raised here. A consumer that ends early ends them too.

    Args:
        parts: What is read, each by one thread.
        at_once: Readers at the same time, at least 1; so many results wait at most.
    """
    if len(parts) == 1 or at_once == 1:
        for part in parts:
            yield from read(part)
        return
    readers = _Readers(read, at_once)
    with ThreadPoolExecutor(at_once, thread_name_prefix="copy") as pool:
        futures = [pool.submit(readers.read_part, part) for part in parts]
        try:
            yield from readers.results(len(parts))
            for future in futures:
                future.result()
        finally:
            readers.stopped.set()


class _Readers(Generic[_Part, _Read]):
    """Readers that hand over through one queue."""

    def __init__(self, read: Callable[[_Part], Iterator[_Read]], at_once: int) -> None:
        self._read = read
        self._queue: Queue[tuple[_Read] | None] = Queue(at_once)
        self.stopped = threading.Event()

    def read_part(self, part: _Part) -> None:
        """Hand over what a part has; ``None`` says that it had no more."""
        try:
            if self.stopped.is_set():
                return
            for item in self._read(part):
                if not self._hand_over((item,)):
                    return
        except BaseException:
            # Whoever reads learns of it from the future; the others need not go on.
            self.stopped.set()
            raise
        self._hand_over(None)

    def results(self, parts: int) -> Iterator[_Read]:
        """Yield what is handed over until all parts have ended, or one has failed."""
        while parts:
            try:
                handed = self._queue.get(timeout=_LOOKS_UP_EVERY_S)
            except Empty:
                if self.stopped.is_set():
                    return
                continue
            if handed is None:
                parts -= 1
            else:
                yield handed[0]

    def _hand_over(self, item: tuple[_Read] | None) -> bool:
        while not self.stopped.is_set():
            try:
                self._queue.put(item, timeout=_LOOKS_UP_EVERY_S)
            except Full:
                continue
            return True
        return False
