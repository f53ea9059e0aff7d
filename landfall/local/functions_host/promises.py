"""Promises that settle and continue synchronously, so that a replay is the same every time."""

from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeAlias


class TaskFailed(Exception):
    """An awaited task ended in failure; the text is what the orchestrator sees."""


class OrchestrationRefused(Exception):
    """The orchestrator asked for something that fails the whole instance, not just one task."""


class Promise:
    """The outcome of a task that may still be open; continuations run inside the call that settles it."""

    __slots__ = ("_continuations", "error", "settled", "value")

    def __init__(self) -> None:
        self.settled = False
        self.value: Any = None
        self.error: Exception | None = None
        self._continuations: list[Callable[[Promise], None]] = []

    def resolve(self, value: Any = None) -> None:
        """Settle with a value; a promise that is settled stays as it is."""
        self._settle(value, None)

    def reject(self, error: Exception) -> None:
        """Settle with an error; a promise that is settled stays as it is."""
        self._settle(None, error)

    def then(self, continuation: "Callable[[Promise], None]") -> None:
        """Call ``continuation`` with this promise when it settles, at once if it has."""
        if self.settled:
            continuation(self)
        else:
            self._continuations.append(continuation)

    def _settle(self, value: Any, error: Exception | None) -> None:
        if self.settled:
            return
        self.settled, self.value, self.error = True, value, error
        continuations, self._continuations = self._continuations, []
        for continuation in continuations:
            continuation(self)


Steps: TypeAlias = Generator[Promise, Any, Any]


def settled_with(value: Any = None) -> Promise:
    """Return a promise that is resolved already."""
    promise = Promise()
    promise.resolve(value)
    return promise


def drive(steps: Steps) -> Promise:
    """Run a generator that yields promises; return the promise of its return value.

    A settled promise is handed back in a loop, not by recursion, so a chain of any length fits on the stack.
    """
    result = Promise()

    def advance(settled: Promise | None) -> None:
        while True:
            try:
                if settled is None:
                    awaited = next(steps)
                elif settled.error is None:
                    awaited = steps.send(settled.value)
                else:
                    awaited = steps.throw(settled.error)
            except StopIteration as stop:
                return result.resolve(stop.value)
            except (TaskFailed, OrchestrationRefused) as error:
                return result.reject(error)
            if not awaited.settled:
                return awaited.then(advance)
            settled = awaited

    advance(None)
    return result


def all_of(children: Sequence[Promise]) -> Promise:
    """Return a promise that settles when every child has, also if some failed; then the first error counts."""
    joined = Promise()
    open_children = len(children)

    def on_child(_: Promise) -> None:
        nonlocal open_children
        open_children -= 1
        if open_children == 0:
            error = next((child.error for child in children if child.error is not None), None)
            if error is None:
                joined.resolve([child.value for child in children])
            else:
                joined.reject(error)

    if not children:
        joined.resolve([])
    for child in children:
        child.then(on_child)
    return joined


def any_of(children: Sequence[Promise]) -> Promise:
    """Return a promise that resolves when the first child settles, whichever way."""
    joined = Promise()
    if not children:
        joined.resolve()
    for child in children:
        child.then(lambda settled: joined.resolve(settled.value))
    return joined
