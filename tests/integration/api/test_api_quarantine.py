"""Acts on rows in quarantine over HTTP: taken as a request, or refused with what is wrong."""

import pytest
import sqlalchemy as sa

from landfall.metadata.engine import Database
from landfall.metadata.tables import run_requests
from tests.api_server import Api, ServerBackend
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import apply

PLACE = "/api/products/sales/orders/quarantine"


@pytest.fixture
def api(database: Database) -> Api:
    apply(database, a_product(a_transformation()))
    return Api(ServerBackend(database))


def test_an_act_is_a_request_for_a_run(api: Api, database: Database) -> None:
    answer = api.post(
        f"{PLACE}/discard", b'{"dataset": "orders_landed", "files": ["a.csv"], "reason": "not ours"}'
    )

    assert (answer.status, answer.json["product"]) == (202, "sales/orders")
    (row,) = database.read(lambda c: c.execute(sa.select(run_requests)).all())
    assert (row.RequestID, row.Trigger, row.DataSets) == (
        answer.json["request_id"],
        "quarantine",
        ["orders_landed"],
    )
    assert row.Parameters["quarantine"] == {
        "act": "discard",
        "rows": {"dataset": "orders_landed", "rules": [], "runs": [], "files": ["a.csv"]},
        "reason": "not ours",
    }


@pytest.mark.parametrize(
    ("act", "body", "status", "code"),
    [
        ("discard", b'{"dataset": "orders_landed"}', 400, "LF3221"),
        ("replay", b'{"dataset": "orders", "rules": ["id_known"]}', 400, "LF3222"),
        ("replay", b'{"dataset": "order"}', 400, "LF3201"),
        ("replay", b'{"rules": "id_known"}', 400, "LF6101"),
        ("forget", b'{"dataset": "orders_landed"}', 400, "LF6104"),
    ],
)
def test_what_cannot_be_done_is_a_problem(api: Api, act: str, body: bytes, status: int, code: str) -> None:
    answer = api.post(f"{PLACE}/{act}", body)

    assert (answer.status, answer.json["code"]) == (status, code)


def test_a_lake_that_does_not_answer_is_no_fault_of_the_caller(api: Api) -> None:
    listed = api.get("/api/quarantine")
    shown = api.get(f"{PLACE}/orders_landed/rows?rule=a&rule=b&state=released")

    assert (listed.status, listed.json["code"]) == (503, "LF4202")
    assert (shown.status, shown.json["code"]) == (503, "LF4102")


def test_parameters_of_rows_are_checked(api: Api) -> None:
    answer = api.get(f"{PLACE}/orders_landed/rows?state=gone&limit=0")

    assert [fault.partition(":")[0] for fault in answer.json["faults"]] == ["state", "limit"]
