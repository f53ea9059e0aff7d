"""A new version of the metadata is applied while a run is going on: the run ends on the version that it began with.

The whole function app, with the apply at any moment of the run. What a run has pinned shows in what its jobs are told.
"""

from pathlib import Path

import pytest

from landfall.metadata.apply import apply_products
from landfall.metadata.effective import set_value
from landfall.spec.model import Product, RunSettings, Step, StepType
from tests.builders import a_product, a_transformation
from tests.chaos.books import check_world
from tests.chaos.cloud import Plan
from tests.chaos.forms import LONG
from tests.chaos.world import World

OLD, NEW = "id is not null", "id > 1000"
INPUTS = {"build_a": "orders_landed", "build_b": "a", "build_c": "b", "build_d": "c"}
# Seconds after the run was opened; it takes about twenty, one lost attempt and its pause included.
MOMENTS = range(0, 20, 1 if LONG else 6)


@pytest.mark.parametrize("after_s", MOMENTS)
def test_a_run_ends_on_the_version_that_it_began_with(tmp_path: Path, after_s: int) -> None:
    before = _product(OLD, "build_a", "build_b", "build_c")
    after = _product(NEW, "build_a", "build_b", "build_d", "build_c")
    # The second attempt of a node begins after the apply as well.
    world = World(tmp_path, before, plan=Plan(takes_s=2, lost=frozenset({"build_b"})))
    world.land("sales/orders/orders_landed/first.csv")
    world.tick_until(lambda: world.run_ids() != [])
    for _ in range(after_s):
        world.tick()

    apply_products(world.database, [after], actor="ada", now=world.now())
    world.call(lambda c: set_value(c, "runs.retries", "0", now=world.now(), actor="ada"))
    world.finish()
    world.land("sales/orders/orders_landed/second.csv")
    world.jobs.plan = Plan(takes_s=2)
    world.finish()

    first, second = world.run_ids()
    assert world.node_states(first) == _succeeded("build_a", "build_b", "build_c")
    assert _conditions(world, first) == {OLD}
    assert world.node_states(second) == _succeeded("build_a", "build_b", "build_c", "build_d")
    assert _conditions(world, second) == {NEW}
    check_world(world)
    world.close()


def _product(condition: str, *names: str) -> Product:
    return a_product(
        *(
            a_transformation(name, inputs=[INPUTS[name]], steps=[Step(StepType.FILTER, condition)])
            for name in names
        ),
        run=RunSettings(settle_s=0, retry_delay_s=1),
    )


def _succeeded(*names: str) -> dict[str, str]:
    return dict.fromkeys(["ingest.orders_landed", *names], "succeeded")


def _conditions(world: World, run_id: str) -> set[str]:
    """Return what the jobs of a run were told to filter by."""
    return {
        str(step.config)
        for run in world.jobs.runs.values()
        for spec in run.specs
        if spec.run_id == run_id
        for step in spec.steps
    }
