"""How often the job of a pack keeps the results it has, and what is known for that if it does not get to its end."""

from collections.abc import Iterable
from typing import Final

KEEP_EVERY_S: Final = 2.0
"""Nodes that take less share a write, which takes the engine as long as a small node."""


def keeps_one_by_one(attempts: Iterable[int]) -> bool:
    """Return whether each result is kept before the next node begins, so that it is known which one ends the process.

    It is where a process that had several nodes has ended before: they come here with their further attempts.

    Args:
        attempts: Number of the attempt of each node of the pack.
    """
    return any(attempt > 1 for attempt in attempts)
