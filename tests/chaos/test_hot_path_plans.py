"""The statements of files and nodes find their rows by an index, so that they cost the same at a million node runs."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from landfall.spec.model import ExecutionMode, RunSettings
from tests.builders import a_product, a_transformation
from tests.chaos.cloud import Plan
from tests.chaos.world import World

# One row, or as many as somebody has set by hand: reading all of them is no scan of what grows.
SMALL = frozenset({"NodeGate", "ConfigurationVersion"})
TABLE = re.compile(r"^(SCAN|SEARCH) ([A-Z]\w+)")
# The columns that an index is searched by: at least these, where the first one alone leaves all runs of a product.
SELECTIVE = {
    "Runs": re.compile(r"RunID=|State=|rowid="),
    "NodeRuns": re.compile(r"RunID=|NodeKey=|State=|rowid="),
    "LandedFiles": re.compile(r"UrlHash=|State=|RunID=|rowid="),
}
# The index has the order of the newest runs of a product: reading ends at the limit.
NEWEST_RUNS = "SEARCH Runs USING INDEX IX_Runs_DataProductID_CreatedAt (DataProductID=?)"


@pytest.mark.parametrize("execution", ExecutionMode)
@pytest.mark.parametrize("everything_twice", [False, True])
def test_no_statement_of_a_file_or_a_node_reads_a_table_that_grows(
    tmp_path: Path, execution: ExecutionMode, everything_twice: bool
) -> None:
    product = a_product(
        a_transformation("first", inputs=["orders_landed"]),
        a_transformation("second", inputs=["first"]),
        a_transformation("third", inputs=["first", "second"]),
        run=RunSettings(settle_s=0, execution=execution, stated=("execution",)),
    )
    # Half of the activities are delivered again, and most results are only found by looking at their jobs.
    twice, wakes = (0.5, 0.3) if everything_twice else (0.0, 1.0)
    world = World(tmp_path, product, plan=Plan(takes_s=0.5), twice=twice, wakes=wakes)
    sent: dict[str, Any] = {}

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not world.is_watched:
            sent.setdefault(statement, parameters)

    sa.event.listen(world.database.engine, "before_cursor_execute", keep)
    world.land("sales/orders/orders_landed/a.csv", times=2)
    world.land("sales/orders/orders_landed/b.csv")
    world.land("sales/orders/orders_landed/b.csv", version=2)
    world.finish()
    file = world.database.engine.url.database
    world.close()

    assert file is not None
    wide = [
        f"{step} in {statement}" for statement, step in _steps(Path(file), sent) if _is_wide(statement, step)
    ]
    assert len(sent) > 60
    assert not wide, "\n".join(wide)


def _steps(database: Path, sent: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each statement with each step of its plan; an empty database makes plans as a full one does."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        for statement, parameters in sent.items():
            one = parameters[0] if isinstance(parameters, list) else parameters
            for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", one):
                yield statement, step


def _is_wide(statement: str, step: str) -> bool:
    found = TABLE.match(step)
    if step == NEWEST_RUNS and "LIMIT" in statement:
        return False
    if found is None or found[2] in SMALL or step == "SCAN CONSTANT ROW":
        return False
    narrow = SELECTIVE.get(found[2])
    return found[1] == "SCAN" or (narrow is not None and narrow.search(step) is None)
