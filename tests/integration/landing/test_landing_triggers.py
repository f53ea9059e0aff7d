"""Runs that nobody lands a file for: schedules, each due instant once, and published ports."""

import asyncio
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from activities.runs import RunActivities
from landfall.metadata.apply import apply_products
from landfall.metadata.circles import CircularProducts
from landfall.metadata.tables import product_schedules, run_requests
from landfall.runs.closing import start_run
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState, RunState
from landfall.runs.verdict import Verdict
from landfall.spec.model import DatasetName, Port, Product, RunSettings, Schedule
from tests.builders import a_product, a_transformation
from tests.fakes.instances import FakeInstances
from tests.integration.landing.conftest import START, Zone
from tests.integration.runs.acting import claimed, settle

HOURLY = Schedule("0 * * * *")


def requests(zone: Zone) -> list[tuple[str, str]]:
    query = sa.select(run_requests).order_by(run_requests.c.RequestedAt)
    rows = zone.database.read(lambda c: c.execute(query).all())
    return [(row.Trigger, row.Parameters.get("due_at") or row.Parameters.get("published_by")) for row in rows]


async def test_each_due_instant_asks_for_one_run_even_with_two_hosts(zone: Zone) -> None:
    zone.apply(a_product(a_transformation(), run=RunSettings(schedules=(HOURLY,))))
    other = Zone(zone.database, instances=FakeInstances())
    await zone.tick()

    for _ in range(2):
        zone.pass_time(hours=1)
        other.clock = zone.clock
        await asyncio.gather(zone.tick(), other.tick(), zone.tick())

    assert requests(zone) == [("schedule", "2026-01-05T13:00:00Z"), ("schedule", "2026-01-05T14:00:00Z")]
    assert "product-sales-orders" in zone.instances.alive | other.instances.alive


async def test_missed_instants_ask_for_one_run_together(zone: Zone) -> None:
    zone.apply(a_product(a_transformation(), run=RunSettings(schedules=(HOURLY,))))

    zone.pass_time(days=30)
    await zone.tick()
    await zone.tick()

    assert requests(zone) == [("schedule", "2026-01-05T13:00:00Z")]
    (row,) = zone.database.read(lambda c: c.execute(sa.select(product_schedules)).all())
    assert row.NextDueAt == datetime(2026, 2, 4, 13, tzinfo=UTC)


async def test_a_changed_schedule_counts_from_when_it_was_applied(zone: Zone) -> None:
    zone.apply(a_product(a_transformation(), run=RunSettings(schedules=(HOURLY,))))
    zone.pass_time(minutes=30)
    daily = Schedule("0 6 * * *", "Europe/Berlin")
    zone.apply(a_product(a_transformation(), run=RunSettings(schedules=(daily,))))

    rows = zone.database.read(lambda c: c.execute(sa.select(product_schedules)).all())

    assert [(row.Cron, row.NextDueAt) for row in rows] == [("0 6 * * *", datetime(2026, 1, 6, 5, tzinfo=UTC))]


def a_consumer(*, on_upstream: bool = True) -> Product:
    return a_product(
        a_transformation("build_report", inputs=["sales/orders.orders@1"]),
        landed=[],
        domain="finance",
        name="report",
        run=RunSettings(on_landing=False, on_upstream=on_upstream),
    )


async def test_a_published_port_starts_the_products_that_read_it(zone: Zone) -> None:
    owner = a_product(
        a_transformation("build_orders"),
        a_transformation("build_inner", inputs=["orders"]),
        ports=[Port(DatasetName("orders"), 1)],
    )
    zone.apply(owner, a_consumer())
    await zone.land("sales/orders/orders_landed/a.csv")
    zone.pass_time(minutes=1)
    await _run(zone, "r1")
    # Delivered twice, as any activity may be.
    await RunActivities(zone).close_run({"run_id": "r1"}, zone.instances)

    assert requests(zone) == [("upstream", "r1")]
    assert "product-finance-report" in zone.instances.alive
    zone.pass_time(minutes=1)
    opened = await zone.open_run("r2", "finance/report")
    assert opened["run_id"] == "r2"
    assert claimed_after_start(zone, "r2") == ["build_report"]


async def test_a_product_that_does_not_say_so_is_left_alone_until_its_schedule(zone: Zone) -> None:
    owner = a_product(a_transformation("build_orders"), ports=[Port(DatasetName("orders"), 1)])
    zone.apply(owner, a_consumer(on_upstream=False))
    await zone.land("sales/orders/orders_landed/a.csv")
    zone.pass_time(minutes=1)
    await _run(zone, "r1")

    assert requests(zone) == []
    assert "product-finance-report" not in zone.instances.alive


async def test_products_that_would_wait_for_each_other_are_refused(zone: Zone) -> None:
    one = a_product(
        a_transformation("build_a", inputs=["finance/report.b@1"]),
        landed=[],
        ports=[Port(DatasetName("a"), 1)],
    )
    other = a_product(
        a_transformation("build_b", inputs=["sales/orders.a@1"]),
        landed=[],
        ports=[Port(DatasetName("b"), 1)],
        domain="finance",
        name="report",
    )
    zone.apply(one)

    with pytest.raises(
        CircularProducts, match=r"sales/orders\.a -> finance/report\.b -> sales/orders\.a|b -> "
    ):
        apply_products(zone.database, [other], actor="ada", now=START)


async def _run(zone: Zone, run_id: str) -> None:
    assert (await zone.open_run(run_id))["run_id"] == run_id
    run = RunID(run_id)
    zone.database.transact(lambda c: start_run(c, run, now=zone.clock))
    while active := claimed(zone.database, run):
        settle(zone.database, run, active[0], Verdict(NodeState.SUCCEEDED), now=zone.clock)
    closed = await RunActivities(zone).close_run({"run_id": run_id}, zone.instances)
    assert closed["state"] == RunState.SUCCEEDED


def claimed_after_start(zone: Zone, run_id: str) -> list[str]:
    zone.database.transact(lambda c: start_run(c, RunID(run_id), now=zone.clock))
    return claimed(zone.database, RunID(run_id))
