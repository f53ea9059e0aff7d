"""What happens to files and nodes in eight stories, with every statement that the app sends meanwhile and its plan."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from landfall.metadata.engine import Database
from landfall.spec.model import CompleteSet, ExecutionMode, OnFailure, Product, RunSettings
from tests.builders import a_landed_dataset, a_product, a_transformation
from tests.chaos.cloud import Plan
from tests.chaos.world import World

Sent = dict[str, Any]
"""Statements, each with the parameters of its first time."""

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
        acts: What is done to the world, with files in the folder of the product's landed dataset.
        wide: Nodes that read the landed files, beside three in a row.
        statements: How many are sent, at least: fewer would mean that the story was not what it says.
    """

    acts: Callable[[World, str], None]
    plan: Plan = QUICK
    complete: CompleteSet | None = None
    wide: int = 0
    twice: float = 0.0
    wakes: float = 1.0
    run: RunSettings = AT_ONCE
    statements: int = 60


def _land(world: World, folder: str) -> None:
    world.land(f"{folder}/1/a.csv", times=2)
    world.land(f"{folder}/1/b.csv")
    world.land(f"{folder}/1/b.csv", version=2)
    world.finish()


def _land_a_set_and_correct_it(world: World, folder: str) -> None:
    world.land(f"{folder}/1/a.csv")
    world.land(f"{folder}/2/a.csv")
    world.tick()
    world.land(f"{folder}/1/b.csv")
    world.tick_until(lambda: set(world.node_states().values()) == {"succeeded"})
    world.land(f"{folder}/1/a.csv", version=2)
    world.tick_until(lambda: len(world.run_ids()) == 2)
    world.tick_until(lambda: set(world.node_states().values()) == {"succeeded"})


def _cancel_in_mid_run(world: World, folder: str) -> None:
    world.land(f"{folder}/1/a.csv")
    world.tick_until(lambda: bool({"submitted", "running"} & set(world.node_states().values())))
    (run_id,) = world.run_ids()
    assert world.ask(f"runs/{run_id}/cancel", {}) == 202
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


def tell(
    story: str, execution: ExecutionMode, folder: Path, *, name: str = "orders", into: Database | None = None
) -> Sent:
    """Let a story happen and return what the app has sent to the database.

    Args:
        story: One of ``STORIES``.
        folder: For the database and the task hub.
        name: Of the product that it happens to.
        into: The database that it happens in, which is left open; a new one in the folder unless given.
    """
    told, sent = STORIES[story], Sent()
    world = World(
        folder, _product(told, execution, name), plan=told.plan, twice=told.twice, wakes=told.wakes, into=into
    )

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not world.is_watched:
            sent.setdefault(statement, parameters)

    sa.event.listen(world.database.engine, "before_cursor_execute", keep)
    told.acts(world, f"sales/{name}/orders_landed")
    sa.event.remove(world.database.engine, "before_cursor_execute", keep)
    world.close()
    assert len(sent) > told.statements, f"only {len(sent)} statements"
    return sent


def wide_steps(connection: sqlite3.Connection, sent: Sent) -> list[str]:
    """Return the steps of the statements' plans that read a table that grows."""
    return [
        f"{step} in {statement}" for statement, step in _steps(connection, sent) if _is_wide(statement, step)
    ]


def one_of(parameters: Any) -> Any:
    """Return the parameters of a statement, the first ones if it was sent for many rows at once."""
    return parameters[0] if isinstance(parameters, list) else parameters


def _product(told: Story, execution: ExecutionMode, name: str) -> Product:
    landed = a_landed_dataset(
        "orders_landed", landing="orders_landed/{day:int}/*.csv", complete=told.complete
    )
    return a_product(
        a_transformation("first", inputs=["orders_landed"]),
        a_transformation("second", inputs=["first"]),
        a_transformation("third", inputs=["first", "second"]),
        *(a_transformation(f"wide_{number}", inputs=["orders_landed"]) for number in range(told.wide)),
        landed=[landed],
        name=name,
        run=replace(told.run, execution=execution, stated=("execution",)),
    )


def _steps(connection: sqlite3.Connection, sent: Sent) -> Iterator[tuple[str, str]]:
    """Yield each statement with each step of its plan."""
    for statement, parameters in sent.items():
        for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", one_of(parameters)):
            yield statement, step


def _is_wide(statement: str, step: str) -> bool:
    found = TABLE.match(step)
    if step == NEWEST_RUNS and "LIMIT" in statement:
        return False
    if found is None or found[2] in SMALL or step == "SCAN CONSTANT ROW":
        return False
    narrow = SELECTIVE.get(found[2])
    return found[1] == "SCAN" or (narrow is not None and narrow.search(step) is None)
