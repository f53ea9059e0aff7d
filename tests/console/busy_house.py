"""A store in which every page of the console has something to show: failures, refusals, letters, versions."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from landfall.landing.dead_letters import LetterSource, keep_dead_letter
from landfall.landing.events import BlobEvent
from landfall.landing.intake import take_in
from landfall.metadata.apply import apply_products
from landfall.metadata.effective import set_value
from landfall.metadata.engine import Database
from landfall.metadata.tables import landing_sets
from landfall.planning.plan import NodeKey
from landfall.runs.backfills import BackfillID, Selection, request_backfill
from landfall.runs.closing import close_run
from landfall.runs.ids import RunID
from landfall.runs.pausing import pause_product
from landfall.runs.service_levels import check_service_levels
from landfall.runs.settling import settle_node
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.spec.model import (
    Check,
    Column,
    DatasetName,
    Layer,
    Port,
    Product,
    QualityRule,
    RunSettings,
    Schedule,
    ServiceLevel,
    Severity,
    Step,
    StepType,
)
from tests.builders import a_blob_event, a_built_dataset, a_landed_dataset, a_product, a_transformation
from tests.console.seeding import begin, submit, work_through

COLUMNS = (
    Column("order_id", "bigint", nullable=False),
    Column("customer", "string"),
    Column("amount", "decimal(12,2)"),
    Column("placed_on", "date"),
)
RULES = (
    QualityRule("order_id_known", Check.NOT_NULL, Severity.QUARANTINE, {"columns": ["order_id"]}),
    QualityRule(
        "amount_in_range", Check.RANGE, Severity.QUARANTINE, {"column": "amount", "min": 0, "max": 100000}
    ),
    QualityRule("customer_known", Check.NOT_NULL, Severity.WARN, {"columns": ["customer"]}),
)
FILE = "orders_2026_01_31.csv"
PRODUCT = "sales/orders"
LANDED = "orders_landed"
INGEST = NodeKey(f"ingest.{LANDED}")


@dataclass(frozen=True, slots=True)
class House:
    """What the tests look for: the last run that refused rows, a run that failed, and a backfill."""

    refusing: RunID
    failed: RunID
    backfill: BackfillID


def the_shop(*rules: QualityRule) -> Product:
    """Return a product that lands orders, keeps them clean and publishes what they come to by day."""
    return replace(
        a_product(
            a_transformation(
                "clean_orders",
                inputs=(LANDED,),
                output="orders",
                steps=(Step(StepType.FILTER, "amount > 0"),),
            ),
            a_transformation(
                "revenue_by_day",
                inputs=("orders",),
                output="revenue_by_day",
                layer=Layer.GOLD,
                steps=(
                    Step(
                        StepType.AGGREGATE,
                        {"by": ["placed_on"], "measures": {"orders": "count(*)", "revenue": "sum(amount)"}},
                    ),
                ),
            ),
            landed=(a_landed_dataset(LANDED, columns=COLUMNS, quality=(*RULES, *rules)),),
            built=(a_built_dataset("revenue_by_day", layer=Layer.GOLD),),
            ports=(Port(DatasetName("revenue_by_day"), 1),),
            run=RunSettings(schedules=(Schedule("0 6 * * *"),)),
        ),
        description="Orders of the shop, kept clean, and what they come to by day.",
        service_levels=(
            ServiceLevel("every_six_hours", 6 * 3600, dataset=DatasetName("revenue_by_day")),
            ServiceLevel("runs_succeed", 30 * 86400, min_share=0.9),
        ),
    )


def the_reports() -> Product:
    """Return a product of another domain that reads the shop's port."""
    reader = a_transformation(
        "monthly_report",
        inputs=("sales/orders.revenue_by_day@1",),
        output="monthly_report",
        layer=Layer.GOLD,
        steps=(Step(StepType.FILTER, "revenue > 0"),),
    )
    return a_product(reader, landed=(), domain="finance", name="reports")


def fill(database: Database, *, now: datetime, failing_run: bool = True) -> House:
    """Fill a store: twelve runs of the shop, the last of which failed, and what else happens in a house."""
    start = now - timedelta(days=2)
    apply_products(database, [the_shop()], actor="ada@contoso.example", now=start)
    apply_products(database, [the_reports()], actor="bob@contoso.example", now=start)
    limit = QualityRule(
        "placed_lately", Check.EXPRESSION, Severity.WARN, {"expression": "placed_on > '2020-01-01'"}
    )
    apply_products(database, [the_shop(limit)], actor="ada@contoso.example", now=start + timedelta(hours=3))
    refusing = RunID("")
    for number in range(12):
        at = start + timedelta(hours=3 * number + 4)
        refused = (0, 0, 17, 0, 3, 0, 0, 41, 0, 0, 12, 17)[number]
        name = FILE if number in (10, 11) else f"orders_2026_01_{number + 1:02}.csv"
        run_id = _one_run(database, name, refused, number, at)
        refusing = run_id if refused else refusing
    failed = _failing_run(database, now - timedelta(hours=2)) if failing_run else refusing
    database.transact(lambda c: _trouble(c, now))
    database.transact(lambda c: check_service_levels(c, now=now))
    return House(refusing, failed, _backfill(database, now))


def _land(database: Database, name: str, at: datetime, *, twice: bool = False) -> None:
    event: BlobEvent = replace(
        a_blob_event(f"{PRODUCT}/{LANDED}/{name}", etag=f"0x8D{at:%d%H%M%S}", size_bytes=1_830_211),
        occurred_at=at,
    )
    for _ in range(2 if twice else 1):
        database.transact(lambda c: take_in(c, event, now=at))


def _one_run(database: Database, name: str, refused: int, number: int, at: datetime) -> RunID:
    _land(database, name, at, twice=number % 4 == 2)
    at += timedelta(minutes=2)
    run_id = begin(database, now=at, product=PRODUCT)
    submit(database, run_id, INGEST, now=at)
    read = 48_000 + 173 * number
    database.transact(
        lambda c: settle_node(
            c,
            run_id,
            INGEST,
            _checked(read, refused, warned=(number % 3) * 40),
            now=at + timedelta(seconds=40),
        )
    )
    ended = work_through(database, run_id, now=at + timedelta(minutes=1))
    database.transact(lambda c: close_run(c, run_id, now=ended))
    return run_id


def _checked(read: int, refused: int, *, warned: int) -> Verdict:
    rules = [
        {"name": "order_id_known", "severity": "quarantine", "rows_failed": refused // 3},
        {"name": "amount_in_range", "severity": "quarantine", "rows_failed": refused - refused // 3},
        {"name": "customer_known", "severity": "warn", "rows_failed": warned},
    ]
    result = {"timings_s": {"read": 1.1, "check": 0.8, "write": 1.9, "total": 4.2}, "stopped_by": []}
    return Verdict(
        NodeState.SUCCEEDED,
        rows_read=read,
        rows_published=read - refused,
        rows_quarantined=refused,
        table_version=12,
        rules=[
            {**rule, "rows_checked": read, "version": "9f2c", "samples": ["order_id=90211"]} for rule in rules
        ],
        result=result,
    )


def _failing_run(database: Database, at: datetime) -> RunID:
    _land(database, "orders_2026_02_01.csv", at)
    at += timedelta(minutes=2)
    run_id = begin(database, now=at, product=PRODUCT)
    ended = work_through(database, run_id, now=at, failing={"clean_orders"})
    database.transact(lambda c: close_run(c, run_id, now=ended))
    return run_id


def _trouble(connection: sa.Connection, now: datetime) -> None:
    """Write what somebody has to look at beside runs, and what people set."""
    hours = timedelta(hours=1)
    pause_product(
        connection, "finance/reports", actor="bob", reason="the year is being closed", now=now - 5 * hours
    )
    connection.execute(
        sa.insert(landing_sets).values(
            DataProductID=1,
            DataSetName=LANDED,
            SetKey="2026-01",
            SetNumber=1,
            State="open",
            OpenedAt=now - 8 * hours,
            DeadlineAt=now - 2 * hours,
        )
    )
    for number, (source, reason, code) in enumerate(
        (
            (LetterSource.QUEUE, "it is no storage event: 'eventType' is missing", "LF3101"),
            (LetterSource.POISON, "the database did not answer within 30 s", "LF2001"),
            (LetterSource.EVENT_GRID, "the manifest lists no names", "LF3120"),
        )
    ):
        payload = f'{{"id": "{number}", "subject": "/blobServices/default", "data": {{"api": "PutBlob"}}}}'
        keep_dead_letter(
            connection, payload, source=source, reason=reason, error_code=code, now=now - (3 - number) * hours
        )
    for value, ago in (("2", 40), ("4", 20), ("3", 6)):
        set_value(connection, "runs.retries", value, now=now - ago * hours, actor="ada@contoso.example")
    take_in(connection, a_blob_event(f"{PRODUCT}/elsewhere/notes.txt"), now=now - hours)
    take_in(connection, a_blob_event(f"{PRODUCT}/{LANDED}/empty.csv", size_bytes=0), now=now - hours)


def _backfill(database: Database, now: datetime) -> BackfillID:
    backfill_id = BackfillID("0d6f3f2a11aa22bb33cc44dd55ee66ff")
    database.transact(
        lambda c: request_backfill(
            c,
            PRODUCT,
            Selection(1, 6),
            chunk_files=2,
            backfill_id=backfill_id,
            actor="ada@contoso.example",
            now=now - timedelta(minutes=20),
        )
    )
    return backfill_id
