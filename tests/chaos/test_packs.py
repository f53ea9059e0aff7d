"""Nodes that share job runs: each ends as it would alone, whatever becomes of those beside it."""

from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from landfall.metadata.tables import node_attempts
from landfall.spec.model import ExecutionMode, OnFailure, Product, RunSettings
from tests.builders import a_product, a_transformation
from tests.chaos.books import check_world
from tests.chaos.cloud import Plan
from tests.chaos.world import World

FILE = "sales/orders/orders_landed/a.csv"
PLANS = {
    "well": Plan(),
    "failing": Plan(failing=frozenset({"build_t3"})),
    "lost": Plan(lost=frozenset({"build_t2", "build_t7"})),
    "poisonous": Plan(poisonous=frozenset({"build_t1", "build_t5", "build_t8"})),
}


def a_mixed_product(
    mode: ExecutionMode, *, nodes: int = 10, on_failure: OnFailure = OnFailure.CONTINUE
) -> Product:
    """Return a product of nodes that read the landed files or an earlier node, three at most in a row."""
    return a_product(
        *(
            a_transformation(f"build_t{number}", inputs=[f"t{number - 1}" if number % 3 else "orders_landed"])
            for number in range(nodes)
        ),
        run=RunSettings(execution=mode, on_failure=on_failure, retry_delay_s=1),
    )


@pytest.mark.parametrize("plan", PLANS)
def test_every_node_ends_as_it_would_alone(tmp_path: Path, plan: str) -> None:
    ended = {}
    for mode in ExecutionMode:
        world = _play(tmp_path / mode, a_mixed_product(mode), PLANS[plan])
        ended[mode] = (world.node_states(), world.jobs.slices)
        world.close()

    (alone, tables), (packed, packed_tables) = ended.values()
    assert packed == alone
    assert _by_table(packed_tables) == _by_table(tables)


def test_fifty_nodes_use_at_most_ten_job_runs(tmp_path: Path) -> None:
    world = _play(tmp_path / "world", a_mixed_product(ExecutionMode.PACKED, nodes=50), Plan(takes_s=0.1))

    assert set(world.node_states().values()) == {"succeeded"}
    assert len(world.node_states()) == 51
    assert len(world.jobs.runs) <= 10
    world.close()


def test_a_node_that_kills_its_process_is_left_alone_with_it(tmp_path: Path) -> None:
    world = _play(tmp_path / "world", a_mixed_product(ExecutionMode.PACKED), PLANS["poisonous"])

    attempts = world.call(
        lambda c: c.execute(sa.select(node_attempts.c.NodeKey, node_attempts.c.Failure)).all()
    )
    blamed = Counter(row.NodeKey for row in attempts if row.Failure == "infrastructure")
    assert blamed == {"build_t1": 3, "build_t5": 3, "build_t8": 3}
    world.close()


def test_nodes_move_while_their_job_run_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path, a_mixed_product(ExecutionMode.PACKED), plan=Plan(takes_s=60))
    world.land(FILE)

    world.tick_until(lambda: 3 <= Counter(world.node_states().values())["succeeded"] <= 8)

    assert "running" in world.node_states().values()
    assert len(world.jobs.runs) == 1
    world.finish()
    check_world(world)
    assert set(world.node_states().values()) == {"succeeded"}
    world.close()


def test_a_run_that_fails_fast_begins_no_further_node_of_the_pack(tmp_path: Path) -> None:
    product = a_mixed_product(ExecutionMode.PACKED, on_failure=OnFailure.FAIL_FAST)

    world = _play(tmp_path / "world", product, Plan(failing=frozenset({"build_t0"})))

    states = Counter(world.node_states().values())
    assert states["failed"] == 1
    assert states["skipped"] == len(world.node_states()) - 1 - states["succeeded"]
    assert len(world.jobs.runs) == 1
    world.close()


def _play(folder: Path, product: Product, plan: Plan) -> World:
    folder.mkdir()
    world = World(folder, product, plan=plan)
    world.land(FILE)
    world.finish()
    check_world(world)
    return world


def _by_table(slices: dict[tuple[str, str], tuple[tuple[str, str], ...]]) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    for (table, _), files in slices.items():
        found.setdefault(table, set()).update(files)
    return found
