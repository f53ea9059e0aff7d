"""Two function hosts on one database at once, with a task hub each: everything still happens once.

In Azure several workers share one task hub. The laptop's host owns its hub alone, so two of them have two hubs, neither
of which knows the other's instances. Only SQL and the idempotency tokens stand between them: the harder case.
"""

from pathlib import Path

import pytest

from landfall.spec.model import ExecutionMode, Product, RunSettings
from tests.builders import a_product, a_transformation
from tests.chaos.books import check_world
from tests.chaos.cloud import Plan
from tests.chaos.forms import form
from tests.chaos.moments import Moments
from tests.chaos.world import World


def products_in(mode: ExecutionMode) -> list[Product]:
    """Return two products, their nodes alone or in packs of at most three."""
    return [
        a_product(
            a_transformation("build_a"),
            a_transformation("build_b", inputs=["a"]),
            a_transformation("build_c", inputs=["a"]),
            a_transformation("build_d", inputs=["b", "c"]),
            name=name,
            run=RunSettings(retries=20, execution=mode, pack_nodes=3),
        )
        for name in ("orders", "returns")
    ]


FILES = [f"sales/{name}/orders_landed/{number}.csv" for name in ("orders", "returns") for number in range(3)]


@pytest.mark.parametrize("mode", ExecutionMode)
@pytest.mark.parametrize("takes_s", [3.0, 90.0])
@pytest.mark.parametrize("seed", range(form(short=1, long=100)))
def test_two_hubs_on_one_database_do_everything_once(
    tmp_path: Path, seed: int, takes_s: float, mode: ExecutionMode
) -> None:
    moments = Moments()
    plan = Plan(takes_s=takes_s, lost=frozenset({"build_a"}))
    world = World(
        tmp_path, *products_in(mode), moments=moments, plan=plan, hosts=2, seed=seed, twice=0.2, wakes=0.7
    )
    # The long jobs outlast the time after which reconcile starts what it finds nowhere: on both hosts.
    moments.kill_when(lambda _number, _kind: world.now_s < 200 and world.chance.random() < 0.02)
    if seed % 3 == 0:
        world.on_death = world.lose_hub
    for path in FILES:
        world.land(path, times=3)
    world.shuffle_mail(within_s=100)

    world.finish()

    check_world(world)
    assert set(world.taken_in().values()) == {1}
    assert len(world.taken_in()) == len(FILES)
    assert all(set(world.node_states(run_id).values()) == {"succeeded"} for run_id in world.run_ids())
    world.close()
