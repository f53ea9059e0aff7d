"""Whoever has roles for one domain gets no row of another one, on any route, but for what it publishes."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from landfall.landing.dead_letters import LetterSource, keep_dead_letter
from landfall.landing.intake import take_in
from landfall.metadata.alarms import AlarmName, raise_alarm
from landfall.metadata.catalog import find_product_id
from landfall.metadata.engine import Database
from landfall.runs.backfills import BackfillID, Selection, request_backfill
from landfall.runs.callbacks import request_with_callback
from landfall.runs.closing import start_run
from landfall.runs.ids import RequestID, RunID
from landfall.runs.opening import open_run
from landfall.runs.pausing import pause_product
from landfall.runs.requests import RunRequest, Trigger, request_run
from landfall.spec.model import DatasetName, Port
from tests.api_server import Api, ServerBackend, in_azure
from tests.builders import a_blob_event, a_product, a_transformation
from tests.databases import a_database
from tests.integration.runs.acting import NOW, apply, begin, finish, land

# In the name of everything of the other domain that is not published.
HIDDEN = "zzhidden"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = a_database(tmp_path_factory.mktemp("isolation"))
    fill(database)
    yield database
    database.close()


def fill(database: Database) -> None:
    apply(database, a_product(a_transformation(), domain="finance", name="ledger"))
    secret = a_product(a_transformation(f"build_{HIDDEN}"), a_transformation("open_book", inputs=[HIDDEN]))
    published = Port(DatasetName("open_book"), 1, None)
    apply(database, a_product(*secret.transformations, ports=(published,)))
    apply(database, a_product(a_transformation(), name=HIDDEN))
    land(database, f"orders_landed/{HIDDEN}.csv")
    begin(database, f"{HIDDEN}-run-1")
    finish(database, RunID(f"{HIDDEN}-run-1"))
    land(database, f"orders_landed/{HIDDEN}2.csv")
    begin(database, f"{HIDDEN}-run-2")
    request = RunRequest("sales/orders", Trigger.HTTP, f"{HIDDEN}-ada", parameters={"x": HIDDEN})
    product_id = database.read(lambda c: find_product_id(c, "sales/orders"))

    def rest(connection: Any) -> None:
        request_with_callback(connection, request, None, request_id=RequestID(f"{HIDDEN}q"), now=NOW)
        request_backfill(
            connection,
            "sales/orders",
            Selection(1, 9, ()),
            chunk_files=1,
            backfill_id=BackfillID(f"{HIDDEN}b"),
            actor=f"{HIDDEN}-ada",
            now=NOW,
        )
        for of in (product_id, None):
            raise_alarm(
                connection,
                AlarmName.SET_INCOMPLETE,
                product_id=of,
                subject=f"{HIDDEN} {of}",
                detail="d",
                now=NOW,
            )
        keep_dead_letter(
            connection,
            f"{HIDDEN} is no event",
            source=LetterSource.QUEUE,
            reason="no event",
            error_code="LF3101",
            now=NOW,
        )
        pause_product(connection, "sales/orders", actor=f"{HIDDEN}-ada", reason=None, now=NOW)

    database.transact(rest)
    _read_by_others(database)
    Api(ServerBackend(database)).post("/api/config/runs.retries", {"value": "3", "product": "sales/orders"})


def _read_by_others(database: Database) -> None:
    """Let the other domain read what is published, and what is hidden read what that one publishes."""
    report = a_transformation("build_report", inputs=["sales/orders.open_book@1"])
    ports = (Port(DatasetName("report"), 1),)
    apply(database, a_product(report, landed=(), domain="finance", name="report", ports=ports))
    spy = a_transformation(f"spy_{HIDDEN}", inputs=["finance/report.report@1"])
    apply(database, a_product(spy, landed=(), name=f"spy_{HIDDEN}"))
    request = RunRequest("finance/report", Trigger.HTTP, "eve", full=True)
    database.transact(lambda c: request_run(c, request, request_id=RequestID("report-q"), now=NOW))
    run_id = database.transact(lambda c: open_run(c, "finance/report", RunID("report-run"), now=NOW)).run_id
    assert run_id is not None
    database.transact(lambda c: start_run(c, run_id, now=NOW))
    finish(database, run_id)


VALUES = {
    "domain": "sales",
    "product": "orders",
    "dataset": HIDDEN,
    "run_id": f"{HIDDEN}-run-1",
    "key": f"build_{HIDDEN}",
    "file_id": "1",
    "request_id": f"{HIDDEN}q",
    "backfill_id": f"{HIDDEN}b",
    "letter_id": "1",
    "number": "1",
    "name": "runs.retries",
    "act_": "pause",
    "act": "discard",
    "what": "discard",
}
# What the other domain has that is like it, and reads from it.
OWN = {
    **VALUES,
    "product": "report",
    "domain": "finance",
    "dataset": "report",
    "run_id": "report-run",
    "key": "build_report",
    "request_id": "report-q",
}
# They read the lake, which is not there.
OF_THE_LAKE = {
    f"/api/datasets/sales/orders/{HIDDEN}/preview",
    "/api/datasets/finance/report/report/preview",
    "/api/quarantine",
    f"/api/products/sales/orders/quarantine/{HIDDEN}/rows",
    "/api/products/finance/report/quarantine/report/rows",
}


def paths(database: Database, method: str) -> list[str]:
    description = Api(ServerBackend(database)).get("/api/openapi.json").json
    return [path for path, methods in description["paths"].items() if method in methods]


def filled(path: str, values: Mapping[str, str] = VALUES) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)


def reads(database: Database) -> list[str]:
    plain = [filled(path) for path in paths(database, "get")]
    plain = [f"{path}?of={HIDDEN}" if path.startswith("/api/lineage") else path for path in plain]
    own = [filled(path, OWN) for path in paths(database, "get") if "{" in path and "backfill" not in path]
    return [
        *plain,
        *own,
        *(f"/api/lineage?of={name}&direction={way}" for name in ("open_book", "sales/orders.open_book",
                                                                   f"sales/orders.{HIDDEN}", "typo")
          for way in ("upstream", "downstream")),
        *(f"/api/lineage?of=finance/report.report&direction={way}" for way in ("upstream", "downstream")),
        "/api/lineage/files?of=finance/report.report",
        *(f"/api/lineage/files?of={name}&version=0" for name in ("sales/orders.open_book", f"sales/orders.{HIDDEN}")),
        *(f"{path}?product=sales/orders" for path in ("/api/runs", "/api/files", "/api/alarms", "/api/config",
                                                       "/api/requests", "/api/backfills", "/api/versions",
                                                       "/api/datasets")),
        "/api/products/sales/orders/contracts/open_book/1",
        f"/api/products/sales/{HIDDEN}/contracts",
        f"/api/search?q={HIDDEN[:3]}",
        "/api/search?q=or",
        "/api/quarantine/datasets?product=sales/orders",
        "/api/products/sales/typo",
        f"/api/products/sales/{HIDDEN}",
        "/api/products/sales/orders",
        "/api/datasets/sales/orders/open_book",
        "/api/audit?subject=sales/orders",
    ]  # fmt: skip


def test_every_read_answers_who_may_see_it(database: Database) -> None:
    insider = in_azure(database, "ada", "reader")

    texts = {path: insider.get(path) for path in reads(database)}

    assert {path for path, answer in texts.items() if answer.status >= 500} == OF_THE_LAKE
    # Otherwise the other tests would look for something that is nowhere.
    shown = [path for path, answer in texts.items() if HIDDEN in answer.text and answer.status == 200]
    assert len(shown) >= 18, shown


@pytest.mark.parametrize("roles", [("reader:finance",), ("owner:finance", "operator:finance"), ()])
def test_no_read_shows_anything_of_another_domain(database: Database, roles: tuple[str, ...]) -> None:
    outsider = in_azure(database, "eve@contoso.example", *roles)

    answers = {path: outsider.get(path) for path in reads(database)}

    # What the caller has typed may come back in a refusal; nothing else does.
    shown = {
        path: answer.text
        for path, answer in answers.items()
        if HIDDEN in answer.text and not (HIDDEN in path and answer.status in {400, 403, 404})
    }
    assert shown == {}
    # Whose rows they are is looked at before the lake is.
    assert {path for path, answer in answers.items() if answer.status == 503} <= OF_THE_LAKE - {
        f"/api/products/sales/orders/quarantine/{HIDDEN}/rows",
        f"/api/datasets/sales/orders/{HIDDEN}/preview",
    }
    assert {answer.status for answer in answers.values()} <= {200, 400, 403, 404, 503}
    assert "ledger" in answers["/api/products"].text or not roles


def test_what_another_domain_publishes_is_seen(database: Database) -> None:
    outsider = in_azure(database, "eve@contoso.example", "reader:finance")

    products = outsider.get("/api/products").json["products"]
    datasets = outsider.get("/api/datasets").json["datasets"]
    port = outsider.get("/api/datasets/sales/orders/open_book")
    hidden = outsider.get(f"/api/datasets/sales/orders/{HIDDEN}")

    last = {item["product"]: item["last_run"] and item["last_run"]["run_id"] for item in products}
    assert [(item["product"], last[item["product"]], item["datasets"]) for item in products] == [
        ("finance/ledger", None, 2),
        ("finance/report", "report-run", 1),
        ("sales/orders", None, 1),
    ]
    assert ("sales/orders", "open_book") in {(item["product"], item["name"]) for item in datasets}
    assert (port.json["ports"], port.json["rules"]) == ([1], [])
    assert (hidden.status, hidden.json["code"]) == (404, "LF6204")


@pytest.mark.parametrize("roles", [("reader:finance",), ("owner:finance", "operator:finance")])
def test_no_act_reaches_another_domain(database: Database, roles: tuple[str, ...]) -> None:
    outsider = in_azure(database, "eve@contoso.example", *roles)
    insider = in_azure(database, "ada", "reader")
    before = insider.get("/api/audit").text
    bodies: dict[str, Any] = {
        "/api/runs/cancel": {"all": True},
        "/api/runs/rerun": {"all": True},
        "/api/files/replay": {"file_ids": [1]},
        "/api/config/{name}": {"value": "5", "product": "sales/orders"},
        "/api/config/{name}/rollback": {"product": "sales/orders"},
    }

    answers = {path: outsider.post(filled(path), bodies.get(path, {})) for path in paths(database, "post")}

    bulk = {"/api/runs/cancel", "/api/runs/rerun"}
    assert [answers[path].json["runs"] for path in sorted(bulk)] == [[], []]
    assert {answer.status for path, answer in answers.items() if path not in bulk} <= {400, 403, 404}
    assert insider.get("/api/audit").text == before


def test_a_file_that_no_product_expected_is_its_folders_domains(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    apply(database, a_product(a_transformation()))
    for path in (
        "sales/order/typo.csv",
        "finance/ledger/theirs.csv",
        "finance/landing/sales/like_ours.csv",
        "landing/sales/like_ours_too.csv",
        "salesx/order/near.csv",
        "sales_eu/order/wild.csv",
        "top.csv",
    ):
        database.transact(lambda c, path=path: take_in(c, a_blob_event(path), now=NOW))  # type: ignore[misc]

    def seen(*roles: str) -> set[str]:
        caller = in_azure(database, "eve@contoso.example", *roles)
        files = caller.get("/api/files?state=unmatched").json["files"]
        for file in caller.get("/api/files").json["files"]:
            assert caller.get(f"/api/files/{file['file_id']}").status == 200
            assert caller.get(f"/api/why/files/{file['file_id']}").status == 200
        return {file["url"].rpartition("/")[2] for file in files}

    assert seen("reader:sales") == {"typo.csv"}
    assert seen("reader:finance") == {"theirs.csv", "like_ours.csv"}
    assert seen("reader:landing") == {"like_ours_too.csv"}
    assert seen("reader:sales_eu") == {"wild.csv"}
    assert seen("reader:hr") == set()
    assert len(seen("reader")) == 7

    def replayed(role: str, body: dict[str, Any]) -> tuple[int, Any]:
        answer = in_azure(database, "eve@contoso.example", role).post("/api/files/replay", body)
        return answer.status, [left["file_id"] for left in answer.json.get("left", ())]

    assert replayed("operator:finance", {"file_ids": [1]})[0] == 404
    assert replayed("operator:sales", {"file_ids": [1, 2**63]})[0] == 400
    assert replayed("operator:sales", {"file_ids": [1]}) == (200, [1])
    assert replayed("operator:sales", {"state": "unmatched"}) == (200, [1])
    database.close()
