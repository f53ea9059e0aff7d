"""The audit log: each act that is done is one row, with who, what and the parameters, and nothing secret."""

from typing import Any

import pytest
import sqlalchemy as sa

from landfall.concealing import without_secrets
from landfall.metadata.audit import AuditFilter, Doing, Via, list_acts
from landfall.metadata.engine import Database
from landfall.metadata.tables import audit_log
from landfall.runs.ids import RunID
from tests.api_server import NOW, Api, ServerBackend, in_azure
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import apply, begin, finish, land

FAILING = frozenset({"build_orders"})


@pytest.fixture
def api(database: Database) -> Api:
    apply(database, a_product(a_transformation()))
    land(database)
    begin(database, "r1")
    return Api(ServerBackend(database))


def acts(api: Api, **query: str) -> list[dict[str, Any]]:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    found: list[dict[str, Any]] = api.get(f"/api/audit?{text}").json["acts"]
    return found


def test_each_act_says_who_did_what_to_what_with_which_parameters(api: Api) -> None:
    api.post("/api/products/sales/orders/pause", {"reason": "doubles"}, x_landfall_actor="grace")
    api.post("/api/runs/r1/cancel")
    api.post("/api/config/runs.retries", {"value": "3", "product": "sales/orders"})
    api.post("/api/config/limits.nodes", {"value": "30"})

    found = [
        (act["actor"], act["via"], act["act"], act["domain"], act["subject"], act["parameters"])
        for act in reversed(acts(api))
    ]

    assert found == [
        ("grace", "api", "product.pause", "sales", "sales/orders", {"reason": "doubles"}),
        ("ada", "api", "run.cancel", "sales", "r1", {}),
        ("ada", "api", "config.set", "sales", "runs.retries", {"value": "3", "product": "sales/orders"}),
        ("ada", "api", "config.set", None, "limits.nodes", {"value": "30"}),
    ]


def test_what_is_refused_or_only_looked_at_leaves_no_row(api: Api) -> None:
    api.post("/api/products/sales/none/pause")
    api.post("/api/products/sales/orders/pause", {"reason": ""})
    api.post("/api/runs/r9/cancel")
    api.post("/api/runs/cancel", {"all": True, "dry_run": True})
    api.send("POST", "/api/products/sales/orders/pause", headers={"origin": "https://evil.example"})
    api.get("/api/runs")

    assert acts(api) == []


def test_a_bulk_act_is_one_row_with_its_filter(api: Api, database: Database) -> None:
    finish(database, RunID("r1"), failing=FAILING)
    land(database, etag="0x2")
    begin(database, "r2")
    finish(database, RunID("r2"), failing=FAILING)

    done = api.post("/api/runs/rerun", {"state": "failed", "from_failed": True})

    assert [run["outcome"] for run in done.json["runs"]] == ["done", "done"]
    (act,) = acts(api)
    assert (act["act"], act["parameters"]) == ("runs.rerun", {"state": "failed", "from_failed": True})


def test_an_address_to_call_back_is_never_written_down(api: Api) -> None:
    body = {
        "callback_uri": "https://example.com/x?callBackToken=hush",
        "parameters": {"api-key": "hush", "day": "2026-01-01", "nested": {"Password": "hush"}},
    }

    assert api.post("/api/products/sales/orders/runs", body).status == 202

    text = api.get("/api/audit").text
    assert "hush" not in text
    assert acts(api)[0]["parameters"] == {
        "callback_uri": "(secret)",
        "parameters": {"api-key": "(secret)", "day": "2026-01-01", "nested": {"Password": "(secret)"}},
    }


def test_parameters_are_bounded() -> None:
    deep: Any = "end"
    for _ in range(50):
        deep = {"more": deep}

    kept = without_secrets({"ids": list(range(500)), "text": "x" * 9_000, "deep": deep})

    assert kept["ids"][-1] == "… 400 more"
    assert len(kept["text"]) == 501
    assert "end" not in str(kept["deep"])


def test_the_log_is_narrowed_and_read_page_by_page(api: Api) -> None:
    for number in range(5):
        api.post("/api/config/limits.nodes", {"value": str(10 + number)})
    api.post("/api/products/sales/orders/pause", x_landfall_actor="grace")

    first = api.get("/api/audit?limit=2&act=config").json
    second = api.get(f"/api/audit?limit=2&act=config&cursor={first['following']}").json

    values = [act["parameters"]["value"] for act in (*first["acts"], *second["acts"])]
    assert values == ["14", "13", "12", "11"]
    assert [act["act"] for act in acts(api, actor="grace")] == ["product.pause"]
    assert [act["act"] for act in acts(api, subject="sales/orders")] == ["product.pause"]
    assert len(acts(api, since="1h")) == 6
    assert api.get("/api/audit?cursor=x").json["code"] == "LF2301"
    assert api.get("/api/audit?since=soon").json["code"] == "LF6104"


def test_a_domain_sees_its_own_acts_only(api: Api, database: Database) -> None:
    api.post("/api/products/sales/orders/pause")
    api.post("/api/config/limits.nodes", {"value": "30"})

    sales = acts(in_azure(database, "eve", "reader:sales"))
    other = acts(in_azure(database, "eve", "reader:finance"))

    assert ([act["act"] for act in sales], other) == (["product.pause"], [])


def test_the_row_stands_and_falls_with_the_act(database: Database) -> None:
    def refuse(_: sa.Connection) -> None:
        raise ValueError("no")

    doing = Doing("ada", Via.CLI, "purge", NOW)
    audited = doing.audited(database)
    with pytest.raises(ValueError, match="no"):
        audited.transact(refuse)
    nothing = database.read(list_acts).items
    for _ in range(3):
        audited.transact(lambda _: None)

    assert nothing == ()
    assert len(database.read(list_acts).items) == 1


def test_a_transaction_that_is_repeated_writes_one_row(database: Database) -> None:
    doing = Doing("ada", Via.CLI, "purge", NOW)

    for _ in range(2):
        # What the database does after a commit whose answer was lost.
        database.transact(lambda connection: doing._write(connection, "call-1"))

    count = sa.select(sa.func.count()).select_from(audit_log)
    assert database.read(lambda c: c.execute(count).scalar_one()) == 1
    assert database.read(lambda c: list_acts(c, AuditFilter(act="pur"))).items[0].via is Via.CLI
