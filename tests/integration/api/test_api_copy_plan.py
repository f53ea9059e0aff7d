"""The copy plan over HTTP."""

import pytest

from landfall.metadata.engine import Database
from tests.api_server import Api, ServerBackend
from tests.integration.landing.test_landing_copies import FIRST, a_copied_product
from tests.integration.runs.acting import apply, land

PLAN = "/api/products/sales/orders/copy-plan"


@pytest.fixture
def api(database: Database) -> Api:
    apply(database, a_copied_product())
    return Api(ServerBackend(database))


def test_the_plan_has_what_is_due_or_why_it_waits(api: Api, database: Database) -> None:
    due = api.get(f"{PLAN}?key=run-1&datasets=orders_landed").json
    land(database, FIRST)
    waits = api.get(PLAN).json

    assert (due["product"], due["key"], due["waiting"]) == ("sales/orders", "run-1", [])
    assert [(item["dataset"], item["kind"], item["secret"]) for item in due["items"]] == [
        ("orders_landed", "sqlserver", "s")
    ]
    assert waits["items"] == []
    assert "was not published yet" in waits["waiting"][0]["reason"]


def test_what_cannot_be_planned_is_told(api: Api) -> None:
    asked = [
        f"{PLAN}?key=a/b",
        f"{PLAN}?full=often",
        f"{PLAN}?datasets=order",
        "/api/products/sales/x/copy-plan",
    ]

    answers = [api.get(path) for path in asked]

    assert [(answer.status, answer.json["code"]) for answer in answers] == [
        (400, "LF3131"),
        (400, "LF6104"),
        (404, "LF3130"),
        (404, "LF2101"),
    ]
