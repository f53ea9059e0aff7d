"""Every table has an answer to how large it gets: it is purged by policy, or bounded by what people declare.

The simulated year puts rows into every table that is purged; a new table fails here until it is given an answer.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from activities.purging import Purging
from landfall.landing.intake import take_in
from landfall.metadata import tables
from landfall.metadata.acts import Act, record_product_act
from landfall.metadata.alarms import AlarmName, clear_alarm, list_alarms, raise_alarm
from landfall.metadata.apply import apply_products
from landfall.metadata.audit import Doing, Via
from landfall.metadata.catalog import find_product_id
from landfall.metadata.effective import set_value
from landfall.metadata.engine import Database
from landfall.metadata.tables import metadata, packs
from landfall.planning.plan import NodeKey
from landfall.purging import purge
from landfall.runs.callbacks import request_with_callback
from landfall.runs.ids import RequestID, RunID, pack_key
from landfall.runs.opening import open_run
from landfall.runs.packing import a_pack
from landfall.runs.requests import RunRequest, Trigger
from landfall.runs.states import NodeState, PackState
from landfall.runs.submissions import OPEN_SUBMISSION, Submission, opened
from landfall.spec.model import Transformation
from tests.builders import a_blob_event, a_product, a_transformation
from tests.chaos.cloud import SimulatedLake
from tests.chaos.moments import Moments
from tests.integration.runs.test_runs_retention import one_run, sizes

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
PRODUCT = "sales/orders"
EVERY_DAYS = 6

# As many rows as are declared in the current version of the products, and no more.
DECLARED = {
    "DataProducts",
    "DataQualityRules",
    "DataSets",
    "DataSources",
    "Ports",
    "ProductSchedules",
    "ServiceLevels",
    "TransformationDataSets",
    "TransformationDependencies",
    "Transformations",
}
# A fixed number of rows for each product, dataset or node that there ever was.
ONE_FOR_EACH_NAME = {
    "ConfigurationCategory",
    "ConfigurationItem",
    "NodeGate",
    "ProductLeases",
    "PublishedDataSets",
    "TransformationStates",
    "Watermarks",
}
PURGED = {
    "AlarmNotices",
    "Alarms",
    "AuditLog",
    "BackfillChunks",
    "BackfillFiles",
    "Backfills",
    "Callbacks",
    "ColumnLineage",
    "ConfigurationVersion",
    "DataQualityResults",
    "DeadLetters",
    "LandedFileValues",
    "LandedFiles",
    "LandingSetFiles",
    "LandingSets",
    "LeftOutNodes",
    "LineageEdges",
    "LineageOutbox",
    "MetadataVersionParts",
    "MetadataVersions",
    "NodeAttempts",
    "NodeRunEdges",
    "NodeRunPorts",
    "NodeRuns",
    "OpenSubmissions",
    "OperatorActs",
    "Packs",
    "RunEvents",
    "RunFiles",
    "RunPlans",
    "RunRequests",
    "Runs",
}


def test_every_table_is_purged_or_bounded() -> None:
    answers = [*DECLARED, *ONE_FOR_EACH_NAME, *PURGED]

    assert sorted(answers) == sorted(metadata.tables), "say in this module how large the new table gets"


def test_a_year_of_everything_keeps_every_table_level(database: Database) -> None:
    apply_products(database, [a_product(a_transformation())], actor="ada", now=NOW)
    for name in ("runs", "events", "files", "acts", "versions", "alarms", "letters"):
        _set(database, f"retention.{name}", "30d", NOW)
    _set(database, "retention.runs_kept", "2", NOW)
    most: Counter[str] = Counter()
    levels: dict[int, Counter[str]] = {}

    for number, day in enumerate(range(0, 366, EVERY_DAYS)):
        at = NOW + timedelta(days=day)
        _everything_happens(database, number, at)
        most |= sizes(database)
        purge(database, None, now=at)
        if day in (120, 240, 360):
            levels[day] = sizes(database)

    assert [name for name in PURGED if not most[name]] == []
    assert levels[120] == levels[240] == levels[360]
    assert all(levels[360][name] <= 2 * 30 // EVERY_DAYS * 8 for name in PURGED)


def test_what_lasts_or_is_undecided_stays(database: Database) -> None:
    apply_products(database, [a_product(a_transformation())], actor="ada", now=NOW)
    later = NOW + timedelta(days=399)
    product_id = database.read(lambda c: find_product_id(c, PRODUCT))
    for subject in ("lasts", "ended"):
        database.transact(
            lambda c, subject=subject: raise_alarm(  # type: ignore[misc]
                c, AlarmName.SET_INCOMPLETE, product_id=product_id, subject=subject, detail="d", now=NOW
            )
        )
    database.transact(lambda c: clear_alarm(c, AlarmName.SET_INCOMPLETE, "ended", now=NOW))
    _letter(database, "undecided", NOW)
    for number in range(12):
        apply_products(database, [a_product(a_transformation(f"build_t{number}"))], actor="ada", now=NOW)
    _waiting_set(database, product_id, NOW)

    purge(database, None, now=later)
    after = sizes(database)
    purge(database, None, now=later + timedelta(days=2))
    at_last = sizes(database)

    assert [alarm.subject for alarm in database.read(lambda c: list_alarms(c, cleared=True)).items] == [
        "lasts"
    ]
    assert (after["DeadLetters"], at_last["DeadLetters"]) == (1, 0)
    assert (after["MetadataVersions"], at_last["MetadataVersions"]) == (13, 10)
    assert at_last["LandingSets"] == at_last["LandingSetFiles"] == 1


def test_a_run_whose_job_may_have_left_rows_stays_until_the_node_is_built_again(database: Database) -> None:
    apply_products(database, [a_product(a_transformation())], actor="ada", now=NOW)
    _set(database, "retention.runs", "1d", NOW)
    _set(database, "retention.runs_kept", "1", NOW)
    one_run(database, 1, NOW)
    failed = one_run(database, 2, NOW + timedelta(days=1), last=NodeState.FAILED)
    _run_of_ingest_only(database, 3, NOW + timedelta(days=2))
    later = NOW + timedelta(days=50)

    purge(database, None, now=later)
    before = _runs(database)
    one_run(database, 4, later)
    purge(database, None, now=later + timedelta(days=2))

    assert failed in before
    assert failed not in _runs(database)


async def test_control_objects_and_histories_go_and_what_fails_holds_up_nothing(database: Database) -> None:
    apply_products(database, [a_product(a_transformation())], actor="ada", now=NOW)
    apply_products(database, [a_product(a_transformation(), name="returns")], actor="ada", now=NOW)
    lake = SimulatedLake(Moments())
    old = one_run(database, 1, NOW)
    new = one_run(database, 2, NOW + timedelta(days=40))
    for run_id in (old, new, RunID("of-nobody")):
        lake.write_control(f"{PRODUCT}/{run_id}/build_orders/1/spec.json", "{}")
    lake.write_control("sales/returns/of-nobody/build_orders/1/spec.json", "{}")
    broken = database.read(lambda c: find_product_id(c, PRODUCT))
    services, histories = _Services(database, lake), _Histories()
    whole = _change_spec(database, broken, {"datasets": "none"}, "changed")

    await Purging(services).purge(histories)
    first, alarmed = set(lake.control), [a.subject for a in database.read(list_alarms).items]
    _change_spec(database, broken, *whole)
    await Purging(services).purge(histories)

    assert alarmed == [f"product {PRODUCT}"]
    assert {path.split("/")[1] for path in first} == {"orders"}
    assert set(lake.control) == {f"{PRODUCT}/{new}/build_orders/1/spec.json"}
    assert database.read(list_alarms).items == ()
    assert histories.before == [_Services.at - timedelta(days=14)] * 2


class _Services:
    at = NOW + timedelta(days=45)

    settings: Any = None
    jobs: Any = None

    def __init__(self, database: Database, lake: SimulatedLake) -> None:
        self.database = database
        self.lake: Any = lake

    def now(self) -> datetime:
        return self.at


class _Histories:
    def __init__(self) -> None:
        self.before: list[datetime] = []

    async def purge(self, before: datetime) -> int:
        self.before.append(before)
        return 0


def _everything_happens(database: Database, number: int, at: datetime) -> None:
    """Let one of everything happen that leaves a row."""
    product_id = database.read(lambda c: find_product_id(c, PRODUCT))
    assert product_id is not None
    apply_products(database, [a_product(a_transformation(), *_more(number))], actor="ada", now=at)
    _set(database, "limits.nodes", str(10 + number), at)
    Doing("ada", Via.CLI, "config.set", at).audited(database).transact(lambda _: None)
    run_id = one_run(database, number, at)
    _waiting_set(database, product_id, at, name=f"{number}", completed=True)
    _letter(database, f"{number}", at)
    stray = a_blob_event(f"nobody/knows/{number}.csv")
    database.transact(lambda c: take_in(c, stray, now=at))
    request = RunRequest(PRODUCT, Trigger.HTTP, "ada", parameters={"number": number})
    database.transact(
        lambda c: request_with_callback(
            c, request, "https://example.com/x", request_id=RequestID(f"q{number}"), now=at
        )
    )
    database.transact(lambda c: open_run(c, PRODUCT, RunID(f"none-{number}"), now=at))

    def rest(connection: sa.Connection) -> None:
        pack = a_pack(run_id, pack_key(1), PackState.ENDED, priority=1)
        connection.execute(sa.insert(packs).values(pack))
        left_out = {"RunID": run_id, "NodeKey": "build_more", "Reason": "r"}
        connection.execute(sa.insert(tables.left_out_nodes).values(left_out))
        port = {"RunID": run_id, "NodeKey": "build_orders", "Position": 0, "Version": 1}
        connection.execute(sa.insert(tables.node_run_ports).values(port))
        for subject, of in ((f"of a product {number}", product_id), (f"of none {number}", None)):
            raise_alarm(
                connection, AlarmName.SET_INCOMPLETE, product_id=of, subject=subject, detail="d", now=at
            )
            clear_alarm(connection, AlarmName.SET_INCOMPLETE, subject, now=at)
        record_product_act(connection, Act.PAUSE, product_id, actor="ada", detail=None, now=at)
        file_id: int = connection.execute(
            sa.select(tables.landed_files.c.LandedFileID).where(tables.landed_files.c.RunID == run_id)
        ).scalar_one()
        connection.execute(
            sa.insert(tables.landed_file_values).values(LandedFileID=file_id, Captured={"n": 1})
        )
        connection.execute(
            sa.insert(tables.data_quality_results).values(
                RunID=run_id,
                NodeKey="build_orders",
                DataSetName="orders",
                RuleName="r",
                Severity="warn",
                RowsChecked=1,
                RowsFailed=0,
                CheckedAt=at,
            )
        )
        backfill = {"BackfillID": f"b{number}", "FileCount": 1, "State": "done", "FinishedAt": at}
        connection.execute(
            sa.insert(tables.backfills).values(
                DataProductID=product_id, Selection={}, RequestedAt=at, RequestedBy="ada", **backfill
            )
        )
        connection.execute(sa.insert(tables.backfill_chunks).values(ChunkNumber=1, RunID=run_id, **backfill))
        connection.execute(
            sa.insert(tables.backfill_files).values(
                BackfillID=f"b{number}", LandedFileID=file_id, ChunkNumber=1
            )
        )
        submission = Submission(run_id, NodeKey("build_orders"), 1, PRODUCT, 60, "t")
        connection.execute(OPEN_SUBMISSION, opened(submission, now=at))

    database.transact(rest)


def _more(number: int) -> tuple[Transformation, ...]:
    """Return one more transformation every other time, so that each apply is a new version."""
    return (a_transformation("build_more", inputs=["orders"]),) if number % 2 else ()


def _set(database: Database, name: str, value: str, at: datetime) -> None:
    database.transact(lambda c: set_value(c, name, value, now=at, actor="ada"))


def _letter(database: Database, payload: str, at: datetime) -> None:
    database.transact(
        lambda c: c.execute(
            sa.insert(tables.dead_letters).values(
                Source="queue",
                Payload=payload,
                PayloadHash=payload,
                Reason="r",
                State="dead",
                FirstSeenAt=at,
                LastSeenAt=at,
            )
        )
    )


def _waiting_set(
    database: Database, product_id: int | None, at: datetime, *, name: str = "w", completed: bool = False
) -> None:
    """Write a set with one file, which waits unless the set is complete."""

    def work(connection: sa.Connection) -> None:
        set_id: int = connection.execute(
            sa.insert(tables.landing_sets)
            .values(
                DataProductID=product_id,
                DataSetName="orders_landed",
                SetKey=name,
                SetNumber=1,
                State="complete" if completed else "open",
                OpenedAt=at,
                CompletedAt=at if completed else None,
            )
            .returning(tables.landing_sets.c.LandingSetID)
        ).scalar_one()
        file_id: int = connection.execute(
            sa.insert(tables.landed_files)
            .values(
                Url=f"set/{name}",
                UrlHash=f"set/{name}",
                ETag="0x1",
                SizeBytes=1,
                EventTime=at,
                LandedAt=at,
                DataProductID=product_id,
                DataSetName="orders_landed",
                State="rejected" if completed else "waiting",
                FinishedAt=at if completed else None,
            )
            .returning(tables.landed_files.c.LandedFileID)
        ).scalar_one()
        connection.execute(
            sa.insert(tables.landing_set_files).values(LandedFileID=file_id, LandingSetID=set_id)
        )

    database.transact(work)


def _run_of_ingest_only(database: Database, number: int, at: datetime) -> None:
    """Leave a newer run that has not built the node which failed."""
    product_id = database.read(lambda c: find_product_id(c, PRODUCT))
    database.transact(
        lambda c: c.execute(
            sa.insert(tables.runs).values(
                RunID=f"only-{number}",
                DataProductID=product_id,
                MetadataVersion=1,
                Trigger="landing",
                State="succeeded",
                NodeCount=0,
                OpenNodes=0,
                MaxParallelNodes=1,
                Settings={},
                CreatedAt=at,
                FinishedAt=at,
            )
        )
    )


def _runs(database: Database) -> set[str]:
    return set(database.read(lambda c: c.execute(sa.select(tables.runs.c.RunID)).scalars().all()))


def _change_spec(
    database: Database, product_id: int | None, spec: object, spec_hash: str
) -> tuple[object, str]:
    """Put another spec in the place of what was applied; return what was there."""
    this = tables.metadata_versions.c.DataProductID == product_id

    def work(connection: sa.Connection) -> tuple[object, str]:
        before = connection.execute(sa.select(tables.metadata_versions).where(this)).one()
        connection.execute(
            sa.update(tables.metadata_versions).where(this).values(Spec=spec, SpecHash=spec_hash)
        )
        return before.Spec, before.SpecHash

    return database.transact(work)
