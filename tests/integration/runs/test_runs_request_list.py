"""The list of requests: what was asked for, what became of it, page by page and only of whom one may see."""

from datetime import timedelta

import pytest

from landfall.metadata.engine import Database
from landfall.metadata.scope import Scope
from landfall.runs.ids import RequestID, RunID
from landfall.runs.request_list import RequestFilter, list_requests
from landfall.runs.requests import RequestState, RunRequest, Trigger, request_run
from landfall.runs.states import RunState
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, finish, land


@pytest.fixture
def asked(database: Database) -> Database:
    """A database in which five runs were asked for, a minute apart; the first of them failed."""
    apply(database, a_product(a_transformation()))
    apply(database, a_product(a_transformation(), domain="finance", name="ledger"))
    land(database)
    ask(database, 0, datasets=("orders_landed",))
    begin(database, "r1")
    finish(database, RunID("r1"), failing=frozenset({"build_orders"}))
    ask(database, 1, full=True, trigger=Trigger.SCHEDULE)
    ask(database, 2, product="finance/ledger")
    for number in (3, 4):
        # At the same instant, so that only their ids tell them apart.
        ask(database, number, minutes=3)
    return database


def ask(
    database: Database,
    number: int,
    *,
    product: str = "sales/orders",
    datasets: tuple[str, ...] = (),
    full: bool = False,
    trigger: Trigger = Trigger.HTTP,
    minutes: int | None = None,
) -> None:
    request = RunRequest(product, trigger, "ada", datasets=datasets, full=full)
    at = NOW + timedelta(minutes=number if minutes is None else minutes)
    database.transact(lambda c: request_run(c, request, request_id=RequestID(f"q{number}"), now=at))


def found(database: Database, wanted: RequestFilter, **more: object) -> list[str]:
    page = database.read(lambda c: list_requests(c, wanted, **more))  # type: ignore[arg-type]
    return [item.request_id for item in page.items]


def test_requests_are_paged_newest_first_without_losing_one(asked: Database) -> None:
    shown: list[str] = []
    cursor = None
    while True:
        page = asked.read(lambda c, cursor=cursor: list_requests(c, limit=2, cursor=cursor))  # type: ignore[misc]
        shown += [item.request_id for item in page.items]
        cursor = page.following
        if cursor is None:
            break

    assert shown == ["q4", "q3", "q2", "q1", "q0"]


def test_a_request_tells_the_run_that_took_it_up_and_how_that_ended(asked: Database) -> None:
    (*_, first) = asked.read(lambda c: list_requests(c, RequestFilter(product="sales/orders"))).items

    assert (first.run_id, first.run_state, first.datasets) == ("r1", RunState.FAILED, ("orders_landed",))
    assert first.reason is not None
    assert "1 failed" in first.reason


def test_requests_are_narrowed_by_what_they_are(asked: Database) -> None:
    assert found(asked, RequestFilter(state=RequestState.PENDING, product="sales/orders")) == [
        "q4",
        "q3",
        "q1",
    ]
    assert found(asked, RequestFilter(trigger=Trigger.SCHEDULE)) == ["q1"]
    assert found(asked, RequestFilter(since=NOW + timedelta(minutes=2))) == ["q4", "q3", "q2"]
    assert found(asked, RequestFilter(), scope=Scope(frozenset({"finance"}))) == ["q2"]
