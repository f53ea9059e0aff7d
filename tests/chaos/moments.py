"""The moments at which a process can die so that it matters: right after each lasting effect.

Whatever a process does between two effects leaves no trace, so dying anywhere in between is dying right after the
first of them. Killing after the n-th effect for every n therefore tries every point there is.
"""

from collections import Counter
from collections.abc import Callable


class Killed(BaseException):
    """The process is gone. Not an Exception: nothing in the code under test gets to handle it."""


class Moments:
    """Counts lasting effects and ends the process after those that ``kill`` picks.

    Attributes:
        passed: How many there were of each kind.
    """

    def __init__(self, kill: Callable[[int, str], bool] = lambda _number, _kind: False) -> None:
        self.passed: Counter[str] = Counter()
        self._kill = kill

    def kill_when(self, kill: Callable[[int, str], bool]) -> None:
        """Decide anew after which effects, by number and kind, the process dies."""
        self._kill = kill

    def reach(self, kind: str) -> None:
        """Note that something has lasted: a commit, a blob, a job run.

        Raises:
            Killed: The process dies here.
        """
        self.passed[kind] += 1
        if self._kill(self.passed.total(), kind):
            raise Killed(f"after {kind} {self.passed[kind]}")


def at(*numbers: int) -> Callable[[int, str], bool]:
    """Kill after each of these effects, counted from 1 over all kinds and all lives of the process."""
    return lambda number, _kind: number in numbers
