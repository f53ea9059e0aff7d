"""Every setting is read by what it names: a value of its own changes what that does; one nobody reads fails here."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from activities.purging import Purging
from landfall.known_settings import SETTINGS, Setting
from landfall.metadata.catalog import get_current_product
from landfall.metadata.effective import configured_run, set_value
from landfall.metadata.engine import Database
from landfall.metadata.tables import packs, runs
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import read_attempt
from landfall.runs.costs import run_costs
from landfall.runs.evidence import find_evidence
from landfall.runs.gate import hold_gate, live_limits, take_turns
from landfall.runs.ids import RunID
from landfall.runs.opening import OpenedRun, open_run
from landfall.runs.retention import retention_of
from landfall.runs.settling import end_node
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.spec.model import RunSettings
from tests.builders import a_product, a_transformation
from tests.databases import a_database
from tests.integration.runs.acting import NOW, apply, begin, claimed, file_states, land, node_states, settle

RUN = RunID("r1")
INGEST = NodeKey("ingest.orders_landed")
PRODUCT = "sales/orders"
HISTORIES = "retention.histories"
"""Has a test of its own, for it is read by what purges orchestrations."""
LOST = Verdict(NodeState.FAILED, retryable=True, reason="cluster lost")
NO_ROOM = Verdict(NodeState.FAILED, retryable=True, capacity=True, reason="no room")


@dataclass(frozen=True)
class Probe:
    """A value that is not the default, and what is to differ with it."""

    value: str
    observe: Callable[[Database], Any]


def _open(database: Database) -> OpenedRun:
    land(database, "orders_landed/a.csv", etag="0xa")
    land(database, "returns/b.csv", etag="0xb")
    return database.transact(lambda c: open_run(c, PRODUCT, RUN, now=NOW, settles=True))


def _wait(database: Database) -> Any:
    return _open(database).wait_s


def _claimed_files(database: Database) -> Any:
    _open(database)
    return sorted(file_states(database).values())


def _at_work(database: Database) -> Any:
    _begin(database)
    return len(claimed(database, RUN))


def _after(verdict: Verdict) -> Callable[[Database], Any]:
    def observe(database: Database) -> Any:
        _begin(database)
        ended = database.transact(lambda c: end_node(c, RUN, INGEST, 1, verdict, token="t", now=NOW))
        return getattr(ended, "delay_s", None)

    return observe


def _attempt(field: str) -> Callable[[Database], Any]:
    def observe(database: Database) -> Any:
        _begin(database)
        return getattr(database.read(lambda c: read_attempt(c, RUN, INGEST)), field)

    return observe


def _after_a_failure(database: Database) -> Any:
    _begin(database)
    settle(database, RUN, INGEST, Verdict(NodeState.FAILED, reason="no such column"))
    return node_states(database, RUN)["build_other"]


def _last_turn(database: Database) -> Any:
    def work(connection: sa.Connection) -> timedelta:
        gate = hold_gate(connection, NOW)
        return take_turns(connection, gate, 5_000, live_limits(connection, NOW), now=NOW)[-1] - NOW

    return database.transact(work)


def _price(database: Database) -> Any:
    _begin(database)
    return database.read(lambda connection: run_costs(connection, RUN)).price_per_hour


def _kept(field: str) -> Callable[[Database], Any]:
    return lambda database: database.read(
        lambda c: getattr(retention_of(c, get_current_product(c, PRODUCT), at=NOW), field)
    )


def _packs(database: Database) -> int:
    """Return how many packs a run has."""
    _begin(database)
    return len(database.read(lambda c: c.execute(sa.select(packs.c.PackKey)).all()))


def _packed(database: Database) -> int:
    _set(database, "runs.execution", "packed", product=PRODUCT)
    return _packs(database)


def _expected_of_a_pack(database: Database) -> float:
    return database.read(
        lambda c: configured_run(c, get_current_product(c, PRODUCT), at=NOW)[0].pack_duration_s
    )


PROBES: Mapping[str, Probe] = {
    "runs.max_parallel_nodes": Probe("1", _at_work),
    "runs.retries": Probe("0", _after(LOST)),
    "runs.retry_delay": Probe("30s", _after(LOST)),
    "runs.retry_delay_max": Probe("0.1s", _after(LOST)),
    "runs.capacity_retries": Probe("0", _after(NO_ROOM)),
    "runs.capacity_delay": Probe("1h", _after(NO_ROOM)),
    "runs.timeout": Probe("2h", _attempt("timeout_s")),
    "runs.settle": Probe("30s", _wait),
    "runs.max_wait": Probe("0s", _wait),
    "runs.max_files": Probe("1", _claimed_files),
    "runs.execution": Probe("packed", _packs),
    "runs.pack_nodes": Probe("1", _packed),
    "runs.pack_duration": Probe("1s", _expected_of_a_pack),
    "runs.on_failure": Probe("fail_fast", _after_a_failure),
    "limits.nodes": Probe("1", _at_work),
    "limits.nodes_per_product": Probe("1", _at_work),
    "jobs.submissions_per_second": Probe("1", _last_turn),
    "jobs.submissions_per_hour": Probe("60", _last_turn),
    "jobs.patience": Probe("1h", _attempt("patience_s")),
    "jobs.price_per_hour": Probe("0.8", _price),
}


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    """Two databases alike: one for the default, one for another value."""
    both = []
    for name in ("default", "set"):
        (tmp_path / name).mkdir()
        database = a_database(tmp_path / name)
        apply(
            database,
            a_product(
                a_transformation("build_orders"),
                a_transformation("build_other", inputs=["returns"]),
                landed=("orders_landed", "returns"),
            ),
        )
        both.append(database)
    yield both[0], both[1]
    for database in both:
        database.close()


@pytest.mark.parametrize(
    "setting",
    [setting for setting in SETTINGS.values() if setting.name != HISTORIES],
    ids=lambda setting: setting.name,
)
def test_a_setting_changes_what_it_names(databases: tuple[Database, Database], setting: Setting) -> None:
    default, changed = databases
    if setting.category == "retention":
        probe = Probe("500" if setting.key == "runs_kept" else "500d", _kept(setting.key))
    else:
        probe = PROBES[setting.name]
    product = PRODUCT if setting.per_product else None
    _set(changed, setting.name, probe.value, product=product)

    assert probe.observe(default) != probe.observe(changed)


async def test_histories_are_kept_as_long_as_configured(databases: tuple[Database, Database]) -> None:
    purged_before = []

    class Histories:
        async def purge(self, before: Any) -> int:
            purged_before.append(before)
            return 0

    class Services:
        lake = None

        def __init__(self, database: Database) -> None:
            self.database = database

        def now(self) -> Any:
            return NOW

    _set(databases[1], HISTORIES, "20d")
    for database in databases:
        services: Any = Services(database)
        await Purging(services).purge(Histories())

    assert purged_before == [NOW - timedelta(days=14), NOW - timedelta(days=20)]


def test_how_long_files_settle_is_the_products_before_the_files_before_the_installations(
    databases: tuple[Database, Database],
) -> None:
    database, other = databases
    _set(database, "runs.settle", "20s")
    _set(database, "runs.settle", "30s", product=PRODUCT)
    _set(other, "runs.settle", "20s")
    apply(
        other,
        a_product(
            a_transformation("build_orders"),
            run=RunSettings(settle_s=7, stated=("settle_s",)),
            landed=("orders_landed", "returns"),
        ),
    )

    assert _wait(database) == 30
    assert _wait(other) == 7


def test_a_value_counts_from_its_instant_and_the_run_pins_what_it_used(
    databases: tuple[Database, Database],
) -> None:
    database = databases[0]
    later = NOW + timedelta(hours=1)
    database.transact(
        lambda c: set_value(c, "runs.settle", "5m", product=PRODUCT, effective_at=later, now=NOW, actor="ada")
    )
    land(database, "orders_landed/a.csv")

    before = database.transact(lambda c: open_run(c, PRODUCT, RUN, now=NOW, settles=True))
    # The file landed before, so by now it has settled unless the new window counts.
    after = database.transact(lambda c: open_run(c, PRODUCT, RUN, now=later, settles=True))
    pinned: Mapping[str, Any] = database.read(lambda c: c.execute(sa.select(runs.c.Settings)).scalar_one())

    assert before.wait_s == 0.15
    assert after.run_id == RUN
    assert pinned["configuration"]["runs.settle"] == 300


def test_why_names_the_window_in_effect(databases: tuple[Database, Database]) -> None:
    database = databases[0]
    _set(database, "runs.settle", "30s", product=PRODUCT)
    land(database, "orders_landed/a.csv")

    evidence: Any = database.read(lambda c: find_evidence(c, "1", now=NOW))

    assert (evidence.product.settle_s, evidence.product.max_wait_s) == (30, 60)


def _set(database: Database, name: str, text: str, *, product: str | None = None) -> None:
    database.transact(lambda c: set_value(c, name, text, product=product, now=NOW, actor="ada"))


def _begin(database: Database) -> None:
    land(database, "orders_landed/a.csv", etag="0xa")
    land(database, "returns/b.csv", etag="0xb")
    begin(database, RUN)
