"""Counting what goes over the wire to the database, for budgets in tests and figures in benchmarks."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

# What only SQLite is told, to begin a transaction; SQL Server begins one with its first statement.
_LOCAL = ("PRAGMA", "BEGIN")
# Execution options of connections that have nothing to commit on SQL Server.
_AUTOCOMMIT = ("landfall_read_only", "landfall_single")


class SqlCounter:
    """Counts the round trips of one engine, from any thread: one for each statement and each commit.

    Attributes:
        statements: By verb; one that writes many rows at once counts once.
        commits: Transactions that were committed; reading, and a statement alone, needs none on SQL Server.
    """

    def __init__(self, engine: sa.Engine, counts: Callable[[], bool] = lambda: True) -> None:
        """Start counting.

        Args:
            engine: The engine to watch.
            counts: Asked for each statement and commit; ``False`` lets it pass uncounted.
        """
        self.statements: Counter[str] = Counter()
        self.commits = 0
        self._engine = engine
        self._counts = counts
        sa.event.listen(engine, "before_cursor_execute", self._on_statement)
        sa.event.listen(engine, "commit", self._on_commit)

    @property
    def round_trips(self) -> int:
        return self.statements.total() + self.commits

    def stop(self) -> None:
        sa.event.remove(self._engine, "before_cursor_execute", self._on_statement)
        sa.event.remove(self._engine, "commit", self._on_commit)

    def _on_statement(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        verb = statement.split(None, 1)[0].upper()
        if verb not in _LOCAL and self._counts():
            self.statements[verb] += 1

    def _on_commit(self, connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        if self._counts() and not any(options.get(name) for name in _AUTOCOMMIT):
            self.commits += 1
