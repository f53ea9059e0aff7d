"""The app's process dies right after its n-th lasting effect, for every n of a run: the end is that of a quiet run.

Each scenario is played once without a death, which gives the number of its effects and the end to compare with.
"""

import itertools
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa

from landfall.metadata.tables import landed_files, node_runs, runs
from tests.builders import a_product, a_transformation
from tests.chaos.books import check_world
from tests.chaos.cloud import Plan
from tests.chaos.forms import LONG, SHARE
from tests.chaos.moments import Moments, at
from tests.chaos.world import World

PRODUCT = a_product(
    a_transformation("build_a"),
    a_transformation("build_b", inputs=["a"]),
    a_transformation("build_c", inputs=["orders_landed"]),
    a_transformation("build_d", inputs=["c"]),
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
    while world.ask("rerun", {"from_failed": True, "idempotency_key": "again"}, run_id=run_id) is None:
        pass
    world.finish()


def cancel_in_the_middle(world: World) -> None:
    world.jobs.plan = Plan(takes_s=100)
    world.land(FILE)
    world.tick_until(lambda: world.node_states().get("build_a") in {"submitted", "running"})
    # Once, whether or not it is answered: what was asked for must happen.
    world.ask("cancel_run", {}, run_id=world.run_ids()[0])
    asked_at_s = world.now_s
    world.finish()
    assert world.now_s - asked_at_s < 95, "the jobs ran to their end"


SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (land_one_file, land_files_one_after_the_other, fail_and_rerun, cancel_in_the_middle)
}


@pytest.mark.parametrize("loses_hub", [False, True], ids=["killed", "killed_and_task_hub_deleted"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_death_after_any_effect_changes_nothing_but_the_time(name: str, loses_hub: bool) -> None:
    quiet, effects = play(SCENARIOS[name], Moments())
    first = 1 + 4 * list(SCENARIOS).index(name) + 2 * loses_hub

    for number in itertools.takewhile(lambda n: n <= effects, itertools.count(first % EVERY or EVERY, EVERY)):
        ended, _ = play(SCENARIOS[name], Moments(at(number)), loses_hub=loses_hub)
        assert ended == quiet, f"killed after effect {number} of {effects}"


def play(scenario: Scenario, moments: Moments, *, loses_hub: bool = False) -> tuple[Any, int]:
    """Play a scenario and return how it ended, and how many effects it had."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder), PRODUCT, moments=moments, plan=TROUBLED)
        if loses_hub:
            world.on_death = world.lose_hub
        scenario(world)
        check_world(world)
        ended = world.call(_end)
        world.close()
    return ended, moments.passed.total()


def _end(connection: sa.Connection) -> Any:
    """Return the states of all files, and in which states runs, and nodes of runs, have ended.

    Not how many runs: files that come while nobody is there to open one share the next.
    """
    files = connection.execute(sa.select(landed_files.c.Url, landed_files.c.State).order_by("Url")).all()
    ended = connection.execute(sa.select(runs.c.RunID, runs.c.State).order_by(runs.c.CreatedAt)).all()
    nodes = connection.execute(
        sa.select(runs.c.CreatedAt, node_runs.c.NodeKey, node_runs.c.State)
        .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
        .order_by(runs.c.CreatedAt, node_runs.c.NodeKey)
    ).all()
    return (
        [tuple(row) for row in files],
        sorted({row.State for row in ended}),
        sorted({(row.NodeKey, row.State) for row in nodes}),
    )
