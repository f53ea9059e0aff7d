"""A store as operators find it, made by the functions that make a real one: landed files, runs and their results."""

import zlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from landfall.landing.intake import take_in
from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database
from landfall.metadata.tables import node_runs
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import record_submission
from landfall.runs.closing import close_run, start_run
from landfall.runs.ids import RunID, make_run_id
from landfall.runs.opening import open_run
from landfall.runs.settling import end_node
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.spec.model import Layer, Product
from tests.builders import a_blob_event, a_product, a_transformation
from tests.integration.runs.acting import claimed

JOB_URL = "https://adb-1.azuredatabricks.example/jobs/1/runs/"

SHOP = a_product(
    a_transformation("clean_orders", inputs=("orders_landed",), output="orders"),
    a_transformation("clean_customers", inputs=("customers_landed",), output="customers"),
    a_transformation("clean_rates", inputs=("rates_landed",), output="exchange_rates"),
    a_transformation("order_values", inputs=("orders", "exchange_rates"), output="order_values"),
    a_transformation("late_orders", inputs=("orders",), output="late_orders", layer=Layer.GOLD),
    a_transformation("revenue_by_day", inputs=("order_values",), output="revenue_by_day", layer=Layer.GOLD),
    a_transformation(
        "customer_lifetime_value",
        inputs=("order_values", "customers"),
        output="customer_lifetime_value",
        layer=Layer.GOLD,
    ),
    landed=("orders_landed", "customers_landed", "rates_landed"),
)
LANDED = ("orders_landed", "customers_landed", "rates_landed")
MINUTES_AGO = {"succeeded": 180, "failed": 95, "running": 2}
"""When the files of each run of the shop landed."""
BROKEN_RULE = {
    "name": "order_has_customer",
    "severity": "fail",
    "rows_checked": 48_210,
    "rows_failed": 312,
    "samples": ["order_id=90211", "order_id=90218"],
    "version": "9f2c",
    "seconds": 1.2,
}
SOFT_RULE = {
    "name": "amount_in_range",
    "severity": "quarantine",
    "rows_checked": 48_210,
    "rows_failed": 17,
    "samples": ["order_id=90002"],
    "version": "11aa",
    "seconds": 0.8,
}


def apply(database: Database, product: Product, *, now: datetime) -> None:
    apply_products(database, [product], actor="ada@contoso.example", now=now)


def land(
    database: Database, dataset: str, file: str, *, now: datetime, product: str = "sales/orders"
) -> None:
    event = a_blob_event(f"{product}/{dataset}/{file}", etag=f"0x{now:%H%M%S}", size_bytes=1_830_211)
    event = replace(event, occurred_at=now)
    database.transact(lambda connection: take_in(connection, event, now=now))


def begin(database: Database, *, now: datetime, product: str = "sales/orders") -> RunID:
    """Open and start the next run of a product."""
    run_id = make_run_id(product, now)
    opened = database.transact(lambda connection: open_run(connection, product, run_id, now=now)).run_id
    assert opened is not None, "there was nothing to run"
    database.transact(lambda connection: start_run(connection, opened, now=now))
    return opened


def submit(database: Database, run_id: RunID, key: str, *, now: datetime) -> None:
    job = zlib.crc32(f"{run_id} {key}".encode())
    database.transact(
        lambda connection: record_submission(
            connection,
            run_id,
            NodeKey(key),
            1,
            job_run_id=job,
            job_run_url=f"{JOB_URL}{job}",
            token="t",
            now=now,
        )
    )


def settle(database: Database, run_id: RunID, key: str, verdict: Verdict, *, now: datetime) -> None:
    database.transact(
        lambda connection: end_node(connection, run_id, NodeKey(key), 1, verdict, token="t", now=now)
    )


def succeeded(rows: int, *, quarantined: int = 0, rules: tuple[Mapping[str, Any], ...] = ()) -> Verdict:
    result = {
        "timings_s": {"read": 1.1, "transform": 2.4, "check": 0.8, "write": 1.9, "total": 6.2},
        "output": {"name": "t", "uri": "abfss://lake@a.dfs.core.windows.net/t", "version": 12, "columns": []},
        "inputs": [],
        "load": None,
        "stopped_by": [],
    }
    return Verdict(
        NodeState.SUCCEEDED,
        rows_read=rows + quarantined,
        rows_published=rows,
        rows_quarantined=quarantined,
        table_version=12,
        rules=rules,
        result=result,
    )


def stopped_by_rule() -> Verdict:
    stop = {
        "rule": "order_has_customer",
        "setting": "severity",
        "found": 312.0,
        "allowed": 0.0,
        "message": "order_has_customer refused 312 of 48,210 rows, and its severity is fail",
    }
    return Verdict(
        NodeState.FAILED,
        error_code="LF4521",
        reason="order_has_customer refused 312 of 48,210 rows, and its severity is fail.",
        rows_read=48_210,
        rows_published=0,
        rows_quarantined=0,
        rules=(BROKEN_RULE, SOFT_RULE),
        result={"timings_s": {"read": 1.0, "check": 1.2, "total": 2.3}, "stopped_by": [stop]},
    )


def work_through(
    database: Database,
    run_id: RunID,
    *,
    now: datetime,
    failing: Collection[str] = (),
    leaving: Collection[str] = (),
) -> datetime:
    """Let the nodes of a run work and end, as many at a time as are claimed; return the last instant.

    Args:
        failing: Nodes that a rule stops.
        leaving: Nodes that are still at work when this returns.
    """
    number = 0
    while ready := [key for key in claimed(database, run_id) if key not in leaving]:
        for place, key in enumerate(ready):
            submit(database, run_id, key, now=now + timedelta(seconds=2 + place))
        for key in ready:
            number += 1
            now += timedelta(seconds=7 + 5 * (number % 4))
            verdict = (
                stopped_by_rule()
                if key in failing
                else succeeded(9_400 * number, quarantined=17 if "clean" in key else 0, rules=(SOFT_RULE,))
            )
            settle(database, run_id, key, verdict, now=now)
    for key in leaving:
        submit(database, run_id, key, now=now + timedelta(seconds=2))
    return now


def a_shop(database: Database, *, now: datetime) -> dict[str, RunID]:
    """Fill a store with one run that succeeded, one that failed and one that goes on; return their ids by that."""
    apply(database, SHOP, now=now - timedelta(days=1))
    runs: dict[str, RunID] = {}
    for name, ago in MINUTES_AGO.items():
        at = now - timedelta(minutes=ago)
        for dataset in LANDED:
            land(database, dataset, f"{dataset.removesuffix('_landed')}_{at:%Y%m%d_%H%M}.csv", now=at)
        # Files settle before a run takes them.
        at += timedelta(seconds=30)
        runs[name] = begin(database, now=at)
        failing = {"clean_orders"} if name == "failed" else set()
        leaving = {"order_values", "late_orders"} if name == "running" else set()
        ended = work_through(database, runs[name], now=at, failing=failing, leaving=leaving)
        if name != "running":
            close = partial(close_run, run_id=runs[name], now=ended + timedelta(seconds=1))
            database.transact(close)
    return runs


def a_large_product(nodes: int) -> Product:
    """Return a product of about ``nodes`` nodes: a tenth takes files in, the others read one or two before them."""
    landed = [f"source_{number:04d}" for number in range(max(nodes // 10, 1))]
    built: list[str] = []
    transformations = []
    for number in range(nodes - len(landed)):
        layer = Layer.SILVER if number < (nodes - len(landed)) * 2 // 3 else Layer.GOLD
        name = f"{layer.value}_{number:05d}"
        first = landed[number % len(landed)] if number < len(landed) * 2 else built[number * 7 % len(built)]
        inputs = (
            (first,) if number % 3 else tuple({first: None, built[number // 2]: None}) if built else (first,)
        )
        transformations.append(a_transformation(f"build_{name}", inputs=inputs, output=name, layer=layer))
        built.append(name)
    return a_product(*transformations, landed=landed, domain="sales", name="large")


def a_large_run(database: Database, *, nodes: int, now: datetime) -> RunID:
    """Return a run with so many nodes, of which most have succeeded, some failed, and some are at work or wait.

    The states are written at once: letting ten thousand nodes work one after the other is what other tests do.
    """
    product = a_large_product(nodes)
    apply(database, product, now=now - timedelta(days=1))
    started = now - timedelta(minutes=40)
    for number, dataset in enumerate(item.name for item in product.datasets if item.landing is not None):
        land(database, dataset, f"{number}.csv", now=started - timedelta(minutes=1), product="sales/large")
    run_id = begin(database, now=started, product="sales/large")
    database.transact(lambda connection: _age(connection, run_id, started))
    return run_id


def _age(connection: sa.Connection, run_id: RunID, started: datetime) -> None:
    rows = connection.execute(
        sa.select(node_runs.c.NodeRunID, node_runs.c.NodeKey)
        .where(node_runs.c.RunID == run_id)
        .order_by(node_runs.c.NodeRunID)
    ).all()
    changes: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        share = number / len(rows)
        state = NodeState.SUCCEEDED
        if share > 0.9:
            state = NodeState.WAITING
        elif share > 0.89:
            state = NodeState.SUBMITTED
        elif number % 997 == 990:
            state = NodeState.FAILED
        elif number % 501 == 500:
            state = NodeState.SKIPPED
        at = started + timedelta(seconds=2000 * share)
        ended = state in {NodeState.SUCCEEDED, NodeState.FAILED}
        changes.append(
            {
                "node": row.NodeRunID,
                "State": state,
                "StartedAt": at if ended or state is NodeState.SUBMITTED else None,
                "FinishedAt": at + timedelta(seconds=20 + number % 60) if ended else None,
                "RowsPublished": 1000 + number if state is NodeState.SUCCEEDED else None,
                "Reason": "No such column: amount." if state is NodeState.FAILED else None,
                "ErrorCode": "LF4571" if state is NodeState.FAILED else None,
            }
        )
    connection.execute(
        sa.update(node_runs)
        .where(node_runs.c.NodeRunID == sa.bindparam("node"))
        .values({name: sa.bindparam(name) for name in changes[0] if name != "node"}),
        changes,
    )
