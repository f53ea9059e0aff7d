"""The app's process dies right after its n-th lasting effect, for every n of a run: the end is that of a quiet run.

Each scenario is played once without a death, which gives the number of its effects and the end to compare with.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa

from landfall.addresses import parse_blob_url
from landfall.metadata.tables import (
    landed_files,
    lineage_edges,
    node_attempts,
    node_runs,
    published_data_sets,
    run_files,
    run_requests,
    runs,
)
from landfall.runs.requests import Trigger
from landfall.runs.states import RunState
from landfall.spec.model import ExecutionMode, Product, RunSettings
from tests.builders import a_product, a_transformation
from tests.chaos.books import check_world
from tests.chaos.cloud import Plan
from tests.chaos.forms import LONG, SHARE
from tests.chaos.moments import Moments, at
from tests.chaos.world import World


def product_in(mode: ExecutionMode) -> Product:
    """Return the product, its nodes alone or in packs of at most three."""
    return a_product(
        a_transformation("build_a"),
        a_transformation("build_b", inputs=["a"]),
        a_transformation("build_c", inputs=["orders_landed"]),
        a_transformation("build_d", inputs=["c"]),
        run=RunSettings(execution=mode, pack_nodes=3, stated=("execution", "pack_nodes")),
    )


FILE = "sales/orders/orders_landed/a.csv"
# One attempt is lost by the platform, one node has an error in its data, one is skipped for that.
TROUBLED = Plan(failing=frozenset({"build_c"}), lost=frozenset({"build_a"}))
# In the short form every 40th death is tried, and which ones differs between the scenarios.
EVERY = min(40, round(1 / SHARE)) if LONG else 40

Scenario = Callable[[World], None]


def land_one_file(world: World) -> None:
    world.land(FILE, times=2)
    world.finish()


def land_files_one_after_the_other(world: World) -> None:
    for number in range(3):
        world.land(f"sales/orders/orders_landed/{number}.csv")
        world.tick(4)
    world.finish()


def fail_and_rerun(world: World) -> None:
    world.land(FILE)
    world.finish()
    world.jobs.plan = Plan()
    run_id = world.run_ids()[0]
    # Whoever gets no answer asks again.
    while world.ask(f"runs/{run_id}/rerun", {"from_failed": True, "idempotency_key": "again"}) is None:
        pass
    world.finish()


def cancel_in_the_middle(world: World) -> None:
    world.jobs.plan = Plan(takes_s=100)
    world.land(FILE)
    world.tick_until(lambda: bool({"submitted", "running"} & set(world.node_states().values())))
    # Once, whether or not it is answered: what was asked for must happen.
    world.ask(f"runs/{world.run_ids()[0]}/cancel", {})
    asked_at_s = world.now_s
    world.finish()
    assert world.now_s - asked_at_s < 95, "the jobs ran to their end"


SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (land_one_file, land_files_one_after_the_other, fail_and_rerun, cancel_in_the_middle)
}


@pytest.mark.parametrize("loses_hub", [False, True], ids=["killed", "killed_and_task_hub_deleted"])
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("mode", ExecutionMode)
def test_a_death_after_any_effect_changes_nothing_but_the_time(
    mode: ExecutionMode, name: str, loses_hub: bool
) -> None:
    quiet, effects = play(SCENARIOS[name], Moments(), mode)
    first = 1 + 4 * list(SCENARIOS).index(name) + 2 * loses_hub
    files_may_share_runs = len(quiet.files) > 1

    for number in itertools.takewhile(lambda n: n <= effects, itertools.count(first % EVERY or EVERY, EVERY)):
        ended, _ = play(SCENARIOS[name], Moments(at(number)), mode, loses_hub=loses_hub)
        where = f"killed after effect {number} of {effects}"
        if files_may_share_runs:
            assert ended.shared() == quiet.shared(), where
        else:
            assert ended == quiet, where
    assert {(count, claims) for *_, count, claims in quiet.files} <= {(1, 1), (0, 1)}
    assert quiet.idle_runs == 0


def play(
    scenario: Scenario, moments: Moments, mode: ExecutionMode, *, loses_hub: bool = False
) -> tuple["End", int]:
    """Play a scenario and return how it ended, and how many effects it had."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder), product_in(mode), moments=moments, plan=TROUBLED)
        if loses_hub:
            world.on_death = world.lose_hub
        scenario(world)
        check_world(world)
        ended = End.of(world)
        world.close()
    return ended, moments.passed.total()


@dataclass(frozen=True)
class End:
    """How a story ended, but for what a death may change: when, and which of several files share a run.

    Attributes:
        files: Each file version with its state, how often its rows are in the tables and how many runs claimed it.
        idle_runs: Runs for landed files that claimed none: there is nothing that may open one.
        requests: How many requests there were of each trigger, key and state; each run that was asked for ends one.
        runs: How many runs there were of each trigger and state.
        nodes: How many nodes ended in each state, by trigger and key.
        attempts: How many attempts ended in each way, by trigger, key and number. Not of a cancelled run: what it has
            begun when it is cancelled is a matter of time.
        published: What is published, with its rows.
        edges: Edges of the lineage.
    """

    files: tuple[tuple[Any, ...], ...]
    idle_runs: int
    requests: Mapping[Any, int]
    runs: Mapping[Any, int]
    nodes: Mapping[Any, int]
    attempts: Mapping[Any, int]
    published: frozenset[tuple[str, int | None]]
    edges: int

    @classmethod
    def of(cls, world: World) -> "End":
        taken_in = world.taken_in()
        end: End = world.call(lambda connection: _end(connection, taken_in))
        return end

    def shared(self) -> "End":
        """Return the same without numbers that depend on which files share a run."""

        def once(counts: Mapping[Any, int]) -> Mapping[Any, int]:
            return dict.fromkeys(counts, 1)

        return replace(
            self,
            runs=once(self.runs),
            nodes=once(self.nodes),
            attempts=once(self.attempts),
            published=frozenset((name, None) for name, _ in self.published),
            edges=0,
        )


def _end(connection: sa.Connection, taken_in: Mapping[tuple[str, str], int]) -> End:
    def rows(query: sa.Select[Any]) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in connection.execute(query)]

    claims = Counter(file_id for (file_id,) in rows(sa.select(run_files.c.LandedFileID)))
    files = rows(
        sa.select(
            landed_files.c.LandedFileID, landed_files.c.Url, landed_files.c.ETag, landed_files.c.State
        ).order_by(landed_files.c.Url, landed_files.c.ETag)
    )
    ran = rows(sa.select(runs.c.RunID, runs.c.Trigger, runs.c.State))
    with_files = {run_id for (run_id,) in rows(sa.select(run_files.c.RunID))}
    trigger_of = {run_id: trigger for run_id, trigger, _ in ran}
    nodes = rows(sa.select(node_runs.c.RunID, node_runs.c.NodeKey, node_runs.c.State))
    tried = node_attempts.c
    attempts = rows(sa.select(tried.RunID, tried.NodeKey, tried.Attempt, tried.State, tried.Failure))
    was_cancelled = any(state == RunState.CANCELLED for *_, state in ran)
    asked = run_requests.c
    published = published_data_sets.c
    return End(
        files=tuple(
            (url, state, taken_in[parse_blob_url(url).abfss(), etag], claims[file_id])
            for file_id, url, etag, state in files
        ),
        idle_runs=sum(trigger == Trigger.LANDING and run_id not in with_files for run_id, trigger, _ in ran),
        requests=Counter(rows(sa.select(asked.Trigger, asked.IdempotencyKey, asked.State))),
        runs=Counter((trigger, state) for _, trigger, state in ran),
        nodes=Counter((trigger_of[run_id], key, state) for run_id, key, state in nodes),
        attempts=Counter(
            () if was_cancelled else ((trigger_of[run_id], *rest) for run_id, *rest in attempts)
        ),
        published=frozenset(rows(sa.select(published.DataSetName, published.Rows))),
        edges=len(rows(sa.select(lineage_edges.c.NodeKey))),
    )
