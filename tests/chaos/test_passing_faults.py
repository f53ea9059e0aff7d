"""Storage, Jobs API and database fail now and then, also after they did what was asked: the end is the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.jobs.errors import JobNotAccepted, JobsUnreachable
from landfall.lake import StorageUnreachable
from landfall.spec.model import RunSettings
from tests.builders import a_product, a_transformation
from tests.chaos.books import check_world
from tests.chaos.cloud import Plan, Trouble, database_is_locked, deadlock, unreachable
from tests.chaos.forms import form
from tests.chaos.moments import Moments
from tests.chaos.world import World

PRODUCT = a_product(
    a_transformation("build_a"),
    a_transformation("build_b", inputs=["a"]),
    a_transformation("build_c", inputs=["a"]),
    a_transformation("build_d", inputs=["b", "c"]),
    # As many attempts as a long disturbance may cost.
    run=RunSettings(retries=20),
)
FILES = [f"sales/orders/orders_landed/{number}.csv" for number in range(4)]
# For how long things go wrong, seconds of the simulated world.
DISTURBED_S = 120


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("seed", range(form(short=1, long=50)))
def test_passing_faults_cost_time_and_nothing_else(tmp_path: Path, seed: int, share: float) -> None:
    world = World(tmp_path, PRODUCT, plan=Plan(takes_s=3), seed=seed, twice=0.2, wakes=0.7)
    disturb(world, share)
    for path in FILES:
        world.land(path, times=3)
    world.shuffle_mail(within_s=60)

    world.finish()

    check_world(world)
    run_ids = world.run_ids()
    assert all(set(world.node_states(run_id).values()) == {"succeeded"} for run_id in run_ids)
    assert set(world.taken_in().values()) == {1}
    assert len(world.taken_in()) == len(FILES)
    world.close()


@pytest.mark.parametrize("seed", range(form(short=2, long=100)))
def test_faults_and_deaths_at_once_cost_time_and_nothing_else(tmp_path: Path, seed: int) -> None:
    moments = Moments()
    world = World(tmp_path, PRODUCT, moments=moments, plan=Plan(takes_s=3), seed=seed, twice=0.2, wakes=0.7)
    disturb(world, 0.2)
    moments.kill_when(lambda _number, _kind: world.now_s < DISTURBED_S and world.chance.random() < 0.05)
    if seed % 2:
        world.on_death = world.lose_hub
    for path in FILES:
        world.land(path, times=3)
    world.shuffle_mail(within_s=60)

    world.finish()

    check_world(world)
    assert set(world.taken_in().values()) == {1}
    assert len(world.taken_in()) == len(FILES)
    world.close()


def disturb(world: World, share: float) -> None:
    """Let a share of all calls fail while the world is young."""

    def strikes() -> bool:
        return world.now_s < DISTURBED_S and world.chance.random() < share

    def trouble_of(make: Callable[[str], LandfallError]) -> Trouble:
        return lambda call: make(call) if strikes() else None

    def jobs_error(call: str) -> LandfallError:
        if call == "submit" and world.chance.random() < 0.5:
            return JobNotAccepted("a node", "429 REQUEST_LIMIT_EXCEEDED")
        return JobsUnreachable("http://jobs", call, "503")

    def sql_error(where: str) -> sa.exc.DBAPIError | None:
        if not strikes():
            return None
        # After a commit, only the connection can be lost.
        kinds = [database_is_locked, deadlock] + ([unreachable] if where == "begin" else [])
        return world.chance.choice(kinds)()

    world.lake.trouble = trouble_of(lambda _: StorageUnreachable("http://storage", "503"))
    world.jobs.trouble = trouble_of(jobs_error)
    world.database.trouble = sql_error
