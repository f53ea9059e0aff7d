"""Requests that name the files they are about, as a pipeline does that has just written them."""

from datetime import timedelta

import pytest

from landfall.metadata.engine import Database
from landfall.runs.ids import RequestID
from landfall.runs.requests import RequestStatus, RunRequest, Trigger, request_run, request_status
from landfall.spec.model import RunSettings
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, finish, land

FILE = "sales/orders/orders_landed/a.csv"


@pytest.fixture
def asked(database: Database) -> Database:
    """A product that landing does not start, and a request for one file."""
    apply(database, a_product(a_transformation(), run=RunSettings(on_landing=False)))
    request = RunRequest("sales/orders", Trigger.ADF, "factory", files=(FILE,))
    database.transact(lambda c: request_run(c, request, request_id=RequestID("q1"), now=NOW))
    return database


def status(database: Database) -> RequestStatus:
    return database.read(lambda c: request_status(c, "q1"))


def test_a_run_waits_for_the_event_of_its_file(asked: Database) -> None:
    early = begin(asked, "r1")
    land(asked)
    run = begin(asked, "r2")
    assert run is not None
    before = status(asked)
    finish(asked, run)

    assert early is None
    assert (before.ended, status(asked).succeeded) == (False, True)
    assert status(asked).run_id == "r2"


def test_a_file_is_known_whatever_its_address_encodes(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    path = "sales/orders/orders_landed/00000001_2026-01-01+00.csv"
    request = RunRequest("sales/orders", Trigger.ADF, "factory", files=(path,))
    database.transact(lambda c: request_run(c, request, request_id=RequestID("q1"), now=NOW))
    land(database, "orders_landed/00000001_2026-01-01%2B00.csv")

    run = begin(database, "r1")
    assert run is not None
    finish(database, run)

    assert status(database).succeeded


def test_a_file_that_is_not_taken_in_fails_the_request(asked: Database) -> None:
    land(asked, size=0)

    assert begin(asked, "r1") is None

    assert (status(asked).ended, status(asked).succeeded) == (True, False)
    assert status(asked).failure() == f"{FILE} is rejected: the file is empty (0 bytes)."


def test_a_file_that_another_run_has_is_waited_for(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database)
    run = begin(database, "r1")
    request = RunRequest("sales/orders", Trigger.ADF, "factory", files=(FILE,))
    database.transact(lambda c: request_run(c, request, request_id=RequestID("q1"), now=NOW))
    assert run is not None

    before = status(database)
    finish(database, run, failing=frozenset({"ingest.orders_landed"}))
    begin(database, "r2")

    assert before.ended is False
    assert (status(database).ended, status(database).succeeded) == (True, False)
    assert "is rejected" in status(database).failure()


def test_a_file_that_never_lands_is_told(asked: Database) -> None:
    begin(asked, "r1", now=NOW + timedelta(minutes=16))

    assert (status(asked).ended, status(asked).succeeded) == (True, False)
    assert status(asked).failure() == f"{FILE} has not landed."
