"""People are told of alarms: the owner of the product and the operators, once each, however their addresses behave."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import sqlalchemy as sa

from activities.services import Services
from activities.watching import Watching
from landfall.metadata.alarm_notices import RUNBOOK
from landfall.metadata.alarms import AlarmName, clear_alarm, raise_alarm
from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database
from landfall.metadata.tables import alarm_notices
from landfall.settings import Settings
from landfall.spec.model import Owner
from tests.builders import a_product, a_transformation

T0 = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


class Inbox(ThreadingHTTPServer):
    """Keeps what is posted to it and answers with ``status``."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.status = 200
        self.asked = 0
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/alarms"


class _Handler(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked += 1
        if self.server.status == 200:
            self.server.taken.append(body)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def an_inbox() -> Iterator[Inbox]:
    with Inbox() as inbox:
        thread = Thread(target=inbox.serve_forever, daemon=True)
        thread.start()
        yield inbox
        inbox.shutdown()
        thread.join()


@dataclass
class FakeServices:
    """The real database, a clock that the test sets, and no other part."""

    database: Database
    settings: Settings
    at: datetime = T0

    def now(self) -> datetime:
        return self.at


def watching(database: Database, operators: str | None) -> tuple[Watching, FakeServices]:
    settings = Settings.from_environment(
        {
            "LANDFALL_DATABASE_URL": "sqlite:///unused.db",
            "LANDFALL_STORAGE_ACCOUNT": "contoso",
            "DATABRICKS_HOST": "http://127.0.0.1:9",
            "LANDFALL_CALLBACK_LOOPBACK": "1",
            "LANDFALL_ALARM_WEBHOOK": operators or "",
        }
    )
    services = FakeServices(database, settings)
    return Watching(cast(Services, services)), services


def alarm(database: Database, *, owner: str | None) -> None:
    product = replace(
        a_product(a_transformation()), owner=Owner("sales-data", "sales-data@contoso.example", owner)
    )
    apply_products(database, [product], actor="ada", now=T0)
    database.transact(
        lambda connection: raise_alarm(
            connection,
            AlarmName.FRESHNESS_MISSED,
            product_id=1,
            subject="sales/orders: fresh",
            detail="orders is old",
            now=T0,
        )
    )


def states(database: Database) -> dict[tuple[str, str], str]:
    rows = database.read(lambda connection: connection.execute(sa.select(alarm_notices)).all())
    return {(row.Event, row.Audience): row.State for row in rows}


async def test_the_owner_and_the_operators_are_told_when_it_begins_and_when_it_is_over(
    database: Database,
) -> None:
    with an_inbox() as owner, an_inbox() as operators:
        alarm(database, owner=owner.url)
        watch, services = watching(database, operators.url)
        await watch.watch()
        database.transact(
            lambda connection: clear_alarm(
                connection, AlarmName.FRESHNESS_MISSED, "sales/orders: fresh", now=T0 + timedelta(hours=1)
            )
        )
        services.at = T0 + timedelta(hours=1)
        await watch.watch()
        await watch.watch()

    assert [body["event"] for body in owner.taken] == ["raised", "cleared"]
    assert [body["event"] for body in operators.taken] == ["raised", "cleared"]
    told = owner.taken[0]
    assert told["owner"] == {"team": "sales-data", "email": "sales-data@contoso.example"}
    assert (told["product"], told["alarm"]) == ("sales/orders", "freshness_missed")
    assert (ROOT / told["runbook"]).exists()


async def test_an_address_that_does_not_answer_is_tried_again_and_asked_once_a_round(
    database: Database,
) -> None:
    with an_inbox() as inbox:
        alarm(database, owner=inbox.url)
        database.transact(
            lambda connection: raise_alarm(
                connection, AlarmName.SUCCESS_MISSED, product_id=1, subject="b", detail="c", now=T0
            )
        )
        watch, services = watching(database, None)
        inbox.status = 503
        await watch.watch()
        assert set(states(database).values()) == {"pending", "unaddressed"}

        inbox.status = 200
        services.at = T0 + timedelta(hours=1)
        await watch.watch()

    assert {body["alarm"] for body in inbox.taken} == {"freshness_missed", "success_missed"}
    assert states(database)[("raised", "owner")] == "delivered"


async def test_nobody_is_told_of_the_news_of_yesterday(database: Database) -> None:
    with an_inbox() as inbox:
        inbox.status = 503
        alarm(database, owner=inbox.url)
        watch, services = watching(database, None)
        services.at = T0 + timedelta(days=2)
        await watch.watch()

    assert states(database)[("raised", "owner")] == "expired"


async def test_an_attempt_that_died_is_made_again(database: Database) -> None:
    from landfall.metadata.alarm_notices import take_due_notices

    with an_inbox() as inbox:
        alarm(database, owner=inbox.url)
        database.transact(lambda connection: take_due_notices(connection, now=T0))
        watch, services = watching(database, None)
        await watch.watch()
        assert inbox.taken == []

        services.at = T0 + timedelta(minutes=3)
        await watch.watch()

    assert len(inbox.taken) == 1


async def test_an_address_that_refuses_for_good_is_left_alone(database: Database) -> None:
    with an_inbox() as inbox:
        inbox.status = 404
        alarm(database, owner=inbox.url)
        watch, services = watching(database, None)
        await watch.watch()
        services.at = T0 + timedelta(hours=2)
        await watch.watch()

    assert inbox.asked == 1
    assert states(database)[("raised", "owner")] == "refused"


def test_every_alarm_has_a_page_in_the_runbook() -> None:
    pages = {path.stem for path in (ROOT / RUNBOOK).glob("*.md")} - {"index"}

    assert pages == {str(name) for name in AlarmName}


def test_every_page_of_the_runbook_says_what_it_means_and_what_to_do() -> None:
    headings = ("## What it means", "## What to look at", "## What to do", "## When it is over")
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / RUNBOOK).glob("*.md")}

    lacking = {
        name: [heading for heading in headings if heading not in text]
        for name, text in texts.items()
        if name != "index"
    }
    assert {name: found for name, found in lacking.items() if found} == {}
    assert all(f"({name}.md)" in texts["index"] for name in texts if name != "index")
