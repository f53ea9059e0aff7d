"""A job that was taken and whose submission was never written down: nobody may leave it running.

The process dies, or gets no answer, after the Jobs API took the job and before SQL knows of it; then the node ends
without its job. Without a record from before the submission no one could find that job again.
"""

from pathlib import Path

import pytest
import sqlalchemy as sa

from landfall.jobs.errors import JobsUnreachable
from landfall.metadata.effective import set_value
from landfall.metadata.tables import node_runs
from spark_runtime.spec import NodeSpec
from tests.builders import a_product, a_transformation
from tests.chaos.books import check_world
from tests.chaos.cloud import Plan
from tests.chaos.world import World

FILE = "sales/orders/orders_landed/a.csv"
JOB_S = 5000.0
_newest_attempt = sa.select(sa.func.max(node_runs.c.Attempt))


def _job_of(world: World, node: str, attempt: int = 1) -> str | None:
    """Return the state of the job of an attempt; ``None`` while it goes on, ``missing`` if there is none."""
    for run in world.jobs.runs.values():
        if (run.specs[0].node, run.specs[0].attempt) == (node, attempt):
            return run.status.state if run.status else None
    return "missing"


def _dies_when_a_job_is_taken(world: World, node: str) -> None:
    """Let the process die right after the Jobs API took the first job of a node."""
    world.moments.kill_when(
        lambda _, kind: kind == "job" and world.deaths == 0 and _job_of(world, node) is None
    )


@pytest.mark.parametrize("loses_hub", [False, True])
def test_a_job_nobody_wrote_down_is_cancelled_with_its_run(tmp_path: Path, loses_hub: bool) -> None:
    world = World(tmp_path, a_product(a_transformation("build_a")), plan=Plan(takes_s=JOB_S))
    _dies_when_a_job_is_taken(world, "ingest.orders_landed")

    def cancel_before_anybody_looks() -> None:
        if loses_hub:
            world.lose_hub()
        world.ask(f"runs/{world.run_ids()[0]}/cancel", {})

    world.on_death = cancel_before_anybody_looks
    world.land(FILE)
    world.finish(limit_s=600)

    assert world.deaths == 1
    assert _job_of(world, "ingest.orders_landed") == "cancelled"
    check_world(world)
    world.close()


def test_an_attempt_without_an_answer_is_ended_before_the_next_one_begins(tmp_path: Path) -> None:
    world = World(tmp_path, a_product(a_transformation("build_a")), plan=Plan(takes_s=JOB_S))
    world.call(lambda c: set_value(c, "jobs.patience", "60s", now=world.now(), actor="ada"))
    ended_first: list[str | None] = []

    def answers(call: str) -> JobsUnreachable | None:
        # From the moment it took the first job, the Jobs API answers nobody until that attempt is given up.
        silent = world.jobs.runs and world.call(lambda c: c.execute(_newest_attempt).scalar_one()) == 1
        return JobsUnreachable("http://jobs", call, "no answer") if silent else None

    world.jobs.trouble = answers
    before = world.jobs.on_start

    def on_start(spec: NodeSpec, together: set[str]) -> None:
        if world.jobs.runs:
            ended_first.append(_job_of(world, "ingest.orders_landed"))
            world.jobs.plan = Plan(takes_s=1)
        before(spec, together)

    world.jobs.on_start = on_start
    world.land(FILE)
    world.finish()

    assert ended_first[0] == "cancelled"
    check_world(world)
    world.close()
