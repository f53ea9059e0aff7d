"""The statements of files and nodes find their rows by an index, so that they cost the same at a million node runs."""

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from landfall.spec.model import CompleteSet, ExecutionMode, OnFailure, RunSettings
from tests.builders import a_landed_dataset, a_product, a_transformation
from tests.chaos.cloud import Plan
from tests.chaos.world import World

FOLDER = "sales/orders/orders_landed"
QUICK, AT_ONCE = Plan(takes_s=0.5), RunSettings(settle_s=0)
# One row, or as many as somebody has set by hand: reading all of them is no scan of what grows.
SMALL = frozenset({"NodeGate", "ConfigurationVersion"})
TABLE = re.compile(r"^(SCAN|SEARCH) ([A-Z]\w+)")
# The columns that an index is searched by: at least these, where the first one alone leaves all runs of a product.
SELECTIVE = {
    "Runs": re.compile(r"RunID=|State=|rowid="),
    "NodeRuns": re.compile(r"RunID=|NodeKey=|State=|rowid="),
    # The edges and attempts of a run are as many as its nodes.
    "NodeRunEdges": re.compile(r"FromNode=|ToNode="),
    "NodeAttempts": re.compile(r"NodeKey=|JobRunID=|IdempotencyKey=|rowid="),
    "LandedFiles": re.compile(r"UrlHash=|State=|RunID=|rowid="),
}
# The index has the order of the newest runs of a product: reading ends at the limit.
NEWEST_RUNS = "SEARCH Runs USING INDEX IX_Runs_DataProductID_CreatedAt (DataProductID=?)"


@dataclass(frozen=True)
class Story:
    """What happens to a product whose statements are watched.

    Attributes:
        acts: What is done to the world.
        wide: Nodes that read the landed files, beside three in a row.
        statements: How many are sent, at least: fewer would mean that the story was not what it says.
    """

    acts: Callable[[World], None]
    plan: Plan = QUICK
    complete: CompleteSet | None = None
    wide: int = 0
    twice: float = 0.0
    wakes: float = 1.0
    run: RunSettings = AT_ONCE
    statements: int = 60


def _land(world: World) -> None:
    world.land(f"{FOLDER}/1/a.csv", times=2)
    world.land(f"{FOLDER}/1/b.csv")
    world.land(f"{FOLDER}/1/b.csv", version=2)
    world.finish()


def _land_a_set_and_correct_it(world: World) -> None:
    world.land(f"{FOLDER}/1/a.csv")
    world.land(f"{FOLDER}/2/a.csv")
    world.tick()
    world.land(f"{FOLDER}/1/b.csv")
    world.tick_until(lambda: set(world.node_states().values()) == {"succeeded"})
    world.land(f"{FOLDER}/1/a.csv", version=2)
    world.tick_until(lambda: len(world.run_ids()) == 2)
    world.tick_until(lambda: set(world.node_states().values()) == {"succeeded"})


def _cancel_in_mid_run(world: World) -> None:
    world.land(f"{FOLDER}/1/a.csv")
    world.tick_until(lambda: bool({"submitted", "running"} & set(world.node_states().values())))
    (run_id,) = world.run_ids()
    assert world.ask(f"runs/{run_id}/cancel", {"reason": "wrong file"}) == 202
    world.finish()
    assert "cancelled" in world.node_states().values()


STORIES = {
    "well": Story(_land),
    # Half of the activities are delivered again, and most results are only found by looking at their jobs.
    "everything twice": Story(_land, twice=0.5, wakes=0.3),
    "lost attempts": Story(_land, Plan(takes_s=0.5, lost=frozenset({"first", "third"}))),
    "failures": Story(_land, Plan(takes_s=0.5, failing=frozenset({"second"}))),
    "failing fast": Story(
        _land,
        Plan(takes_s=0.5, failing=frozenset({"first"})),
        wide=4,
        run=RunSettings(settle_s=0, on_failure=OnFailure.FAIL_FAST),
    ),
    "cancelled": Story(_cancel_in_mid_run, Plan(takes_s=60), wide=4),
    "sets of files": Story(_land_a_set_and_correct_it, complete=CompleteSet(300, count=2)),
    # More job runs at once than have a turn at the Jobs API in a second.
    "turns": Story(_land, wide=40, run=RunSettings(settle_s=0, max_parallel_nodes=40, pack_nodes=1)),
}


@pytest.mark.parametrize("execution", ExecutionMode)
@pytest.mark.parametrize("story", STORIES)
def test_no_statement_of_a_file_or_a_node_reads_a_table_that_grows(
    tmp_path: Path, execution: ExecutionMode, story: str
) -> None:
    told = STORIES[story]
    landed = a_landed_dataset(
        "orders_landed", landing="orders_landed/{day:int}/*.csv", complete=told.complete
    )
    product = a_product(
        a_transformation("first", inputs=["orders_landed"]),
        a_transformation("second", inputs=["first"]),
        a_transformation("third", inputs=["first", "second"]),
        *(a_transformation(f"wide_{number}", inputs=["orders_landed"]) for number in range(told.wide)),
        landed=[landed],
        run=replace(told.run, execution=execution, stated=("execution",)),
    )
    world = World(tmp_path, product, plan=told.plan, twice=told.twice, wakes=told.wakes)
    sent: dict[str, Any] = {}

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not world.is_watched:
            sent.setdefault(statement, parameters)

    sa.event.listen(world.database.engine, "before_cursor_execute", keep)
    told.acts(world)
    file = world.database.engine.url.database
    world.close()

    assert file is not None
    wide = [
        f"{step} in {statement}" for statement, step in _steps(Path(file), sent) if _is_wide(statement, step)
    ]
    assert len(sent) > told.statements
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
