"""A catalogue is told of every run in the words of OpenLineage, once it can be told, whatever happens to it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import jsonschema
import pytest
import sqlalchemy as sa

from activities.catalogue import CatalogueActivities
from activities.services import Services
from landfall.metadata.alarms import AlarmName, list_alarms
from landfall.metadata.engine import Database
from landfall.metadata.tables import lineage_outbox, runs
from landfall.runs.closing import cancel_run, close_run
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.settings import Settings
from landfall.spec.model import Column, Step, StepType
from tests.builders import a_landed_dataset, a_product, a_rule, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, claimed, finish, land, settle
from tests.openlineage_schema import run_event_schema

LANDED = a_landed_dataset(columns=[Column("id", "int"), Column("net", "int")], quality=[a_rule()])
PRODUCT = replace(
    a_product(
        replace(
            a_transformation(
                steps=[Step(StepType.FILTER, "id > 0"), Step(StepType.DERIVE, {"gross": "net * 2"})]
            ),
            description="Orders with what is paid.",
        ),
        landed=[LANDED],
    ),
    description="Orders of the shop.",
)
INGESTED = Verdict(
    NodeState.SUCCEEDED,
    rows_read=10,
    rows_published=8,
    rows_quarantined=2,
    rules=({"name": "id_known", "severity": "quarantine", "rows_checked": 10, "rows_failed": 2},),
    result={
        "output": {"version": 3, "columns": [{"name": "id", "type": "int"}, {"name": "net", "type": "int"}]}
    },
)


class Receiver(ThreadingHTTPServer):
    """A catalogue's end of the wire; it keeps what it takes and answers with ``status``."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.status = 201
        self.asked = 0
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked += 1
        if self.server.status < 300:
            self.server.events.append(body)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = Thread(target=receiver.serve_forever, daemon=True)
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()


@dataclass
class FakeServices:
    """The real database, a clock that the test sets, and no other part."""

    database: Database
    settings: Settings
    at: datetime = NOW + timedelta(minutes=1)

    def now(self) -> datetime:
        return self.at


def telling(database: Database, monkeypatch: pytest.MonkeyPatch, **variables: str) -> FakeServices:
    own = {
        "LANDFALL_DATABASE_URL": "sqlite:///unused.db",
        "LANDFALL_STORAGE_ACCOUNT": "contoso",
        "DATABRICKS_HOST": "http://127.0.0.1:9",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return FakeServices(database, Settings.from_environment({**own, **variables}))


def over_http(database: Database, monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> FakeServices:
    return telling(
        database,
        monkeypatch,
        OPENLINEAGE__TRANSPORT__TYPE="http",
        OPENLINEAGE__TRANSPORT__URL=f"http://127.0.0.1:{receiver.server_port}",
        OPENLINEAGE__TRANSPORT__TIMEOUT="5",
        OPENLINEAGE__TRANSPORT__RETRY='{"total": 0}',
    )


async def tell(services: FakeServices) -> None:
    await CatalogueActivities(cast(Services, services)).tell()


def one_run(database: Database, *, failing: bool = False) -> RunID:
    apply(database, PRODUCT)
    land(database)
    run_id = begin(database, "r1")
    assert run_id is not None
    settle(database, run_id, "ingest.orders_landed", INGESTED)
    finish(database, run_id, failing=frozenset({"build_orders"} if failing else ()))
    return run_id


def told(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["job"]["name"], event["eventType"]) for event in events]


def waiting(database: Database) -> int:
    query = sa.select(sa.func.count()).select_from(lineage_outbox).where(lineage_outbox.c.SentAt.is_(None))
    return database.read(lambda connection: connection.execute(query).scalar_one())


WHOLE = [
    ("sales/orders", "START"),
    ("sales/orders.ingest.orders_landed", "START"),
    ("sales/orders.ingest.orders_landed", "COMPLETE"),
    ("sales/orders.build_orders", "START"),
    ("sales/orders.build_orders", "COMPLETE"),
    ("sales/orders", "COMPLETE"),
]


async def test_a_run_is_told_over_http_with_all_its_facets(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_run(database)
    with receiving() as receiver:
        await tell(over_http(database, monkeypatch, receiver))
        events = receiver.events

    assert told(events) == WHOLE
    for event in events:
        jsonschema.validate(event, run_event_schema())
    ingest, built = events[2], events[4]
    assert ingest["inputs"][0]["name"] == "sales/orders/orders_landed/*.csv"
    measured = ingest["inputs"][0]["inputFacets"]["dataQualityMetrics"]
    assert (measured["rowCount"], measured["fileCount"], measured["bytes"]) == (10, 1, 100)
    table, refused = ingest["outputs"]
    assert table["namespace"] == "abfss://lake@contoso.dfs.core.windows.net"
    assert [field["name"] for field in table["facets"]["schema"]["fields"]] == ["id", "net"]
    assert table["facets"]["version"]["datasetVersion"] == "3"
    assert table["outputFacets"]["outputStatistics"]["rowCount"] == 8
    assert refused["name"] == "quarantine/sales/orders/orders_landed"
    (test,) = ingest["run"]["facets"]["test"]["tests"]
    assert (test["name"], test["status"], test["actual"]) == ("id_known", "fail", "2")
    assert built["job"]["facets"]["documentation"]["description"] == "Orders with what is paid."
    assert built["run"]["facets"]["parent"]["run"]["runId"] == events[0]["run"]["runId"]
    lineage = built["outputs"][0]["facets"]["columnLineage"]
    (gross,) = lineage["fields"]["gross"]["inputFields"]
    assert (gross["name"], gross["field"]) == ("sales/orders/bronze/orders_landed", "net")
    assert [field["field"] for field in lineage["dataset"]] == ["id"]


async def test_a_failed_node_fails_and_says_only_its_code(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_run(database, failing=True)
    with receiving() as receiver:
        await tell(over_http(database, monkeypatch, receiver))
        events = receiver.events

    assert told(events)[-2:] == [("sales/orders.build_orders", "FAIL"), ("sales/orders", "FAIL")]
    for event in events:
        jsonschema.validate(event, run_event_schema())
    assert events[-2]["run"]["facets"]["errorMessage"]["message"] == "LF4571"
    assert "no such column" not in json.dumps(events)


async def test_a_cancelled_run_is_aborted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(database, PRODUCT)
    land(database)
    run_id = begin(database, "r1")
    assert run_id is not None
    database.transact(lambda c: cancel_run(c, run_id, actor="ada", now=NOW))
    for key in claimed(database, run_id):
        settle(database, run_id, key, Verdict(NodeState.CANCELLED))
    database.transact(lambda c: close_run(c, run_id, now=NOW + timedelta(seconds=2)))
    with receiving() as receiver:
        await tell(over_http(database, monkeypatch, receiver))
        events = receiver.events

    assert told(events)[-1] == ("sales/orders", "ABORT")
    assert all(kind != "COMPLETE" for _, kind in told(events))


async def test_what_a_silent_catalogue_missed_is_sent_later_and_no_run_waits_for_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        receiver.status = 503
        services = over_http(database, monkeypatch, receiver)
        run_id = one_run(database)
        await tell(services)
        state: str = database.read(
            lambda c: c.execute(sa.select(runs.c.State).where(runs.c.RunID == run_id)).scalar_one()
        )
        assert (state, waiting(database), receiver.asked) == ("succeeded", 2, 1)

        receiver.status = 201
        services.at = NOW + timedelta(minutes=10)
        await tell(services)

        assert told(receiver.events) == WHOLE
        assert waiting(database) == 0


async def test_an_event_that_is_refused_holds_up_no_other_run(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        receiver.status = 422
        services = over_http(database, monkeypatch, receiver)
        one_run(database)
        await tell(services)

        assert receiver.asked == 2
        assert waiting(database) == 2


async def test_an_attempt_that_died_is_made_again_and_tells_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from landfall.runs.lineage_outbox import take_due_moments

    one_run(database)
    with receiving() as receiver:
        services = over_http(database, monkeypatch, receiver)
        await tell(services)
        first = list(receiver.events)
        # As after a crash between sending and noting that it was sent.
        database.transact(lambda c: c.execute(sa.update(lineage_outbox).values(SentAt=None)))
        database.transact(lambda c: take_due_moments(c, now=NOW))
        services.at = NOW + timedelta(hours=1)
        await tell(services)

        assert receiver.events == first * 2


async def test_what_waits_for_long_is_an_alarm_until_it_is_sent(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lasting() -> list[str]:
        return [alarm.name for alarm in database.read(list_alarms).items]

    with receiving() as receiver:
        receiver.status = 503
        services = over_http(database, monkeypatch, receiver)
        one_run(database)
        services.at = NOW + timedelta(hours=2)
        await tell(services)
        assert lasting() == [AlarmName.LINEAGE_NOT_SENT]

        receiver.status = 201
        services.at = NOW + timedelta(hours=12)
        await tell(services)
        assert lasting() == []


async def test_events_go_into_a_file_or_to_the_console_as_well(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    one_run(database)
    target = tmp_path / "events.jsonl"
    services = telling(
        database,
        monkeypatch,
        OPENLINEAGE__TRANSPORT__TYPE="file",
        OPENLINEAGE__TRANSPORT__LOG_FILE_PATH=str(target),
        OPENLINEAGE__TRANSPORT__APPEND="true",
        OPENLINEAGE_NAMESPACE="mesh",
    )
    await tell(services)

    events = [json.loads(line) for line in target.read_text().splitlines()]
    assert told(events) == WHOLE
    assert {event["job"]["namespace"] for event in events} == {"mesh"}


async def test_without_a_catalogue_nothing_is_sent_and_nothing_is_lost(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_run(database)
    await tell(telling(database, monkeypatch))

    assert waiting(database) == 2
