"""Every list of the API walked page by page while rows are added: nothing is lost, nothing comes twice."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from landfall.api.describing import describe
from landfall.landing.dead_letters import LetterSource, keep_dead_letter
from landfall.metadata.alarms import AlarmName, raise_alarm
from landfall.metadata.catalog import find_product_id
from landfall.metadata.engine import Database
from landfall.runs.backfills import BackfillID, Selection, request_backfill
from landfall.runs.closing import close_run
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.settings import IdentitySettings
from tests.api_server import Api, ServerBackend, application
from tests.builders import a_product, a_transformation
from tests.databases import a_database
from tests.integration.api.test_api_isolation import filled
from tests.integration.runs.acting import NOW, apply, begin, claimed, land, settle

PATHS = describe(application(IdentitySettings(insecure_local="ada")))["paths"]
NAMES = {
    "domain": "sales",
    "product": "orders",
    "dataset": "orders_landed",
    "run_id": "walk-1",
}
# What tells a row of each list from every other.
ROWS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "/api/alarms": ("alarms", ("alarm_id",)),
    "/api/audit": ("acts", ("audit_id",)),
    "/api/backfills": ("backfills", ("backfill_id",)),
    "/api/datasets": ("datasets", ("product", "name")),
    "/api/datasets/{domain}/{product}/{dataset}/builds": ("builds", ("run_id",)),
    "/api/datasets/{domain}/{product}/{dataset}/quality": ("checks", ("run_id",)),
    "/api/dead-letters": ("letters", ("letter_id",)),
    "/api/files": ("files", ("file_id",)),
    "/api/products": ("products", ("product",)),
    "/api/requests": ("requests", ("request_id",)),
    "/api/runs": ("runs", ("run_id",)),
    "/api/quarantine/datasets": ("datasets", ("product", "dataset")),
    "/api/runs/{run_id}/edges": ("edges", ("before", "after")),
    "/api/runs/{run_id}/events": ("events", ("event_id",)),
    "/api/runs/{run_id}/files": ("files", ("file_id",)),
    "/api/runs/{run_id}/lineage": ("edges", ()),
    "/api/runs/{run_id}/nodes": ("nodes", ("key",)),
    "/api/runs/{run_id}/quality": ("rules", ("node", "rule")),
    "/api/runs/{run_id}/timeline": ("nodes", ("key",)),
    "/api/versions": ("versions", ("product", "version")),
}
# A dataset of which rows are refused again comes first again, so who walks on has passed it.
MOVING = {"/api/quarantine/datasets"}
# Its rows lie in the lake; tests/integration/runs walk them.
OF_THE_LAKE = {"/api/products/{domain}/{product}/quarantine/{dataset}/rows"}
BUILT = (
    ("build_orders", ("orders_landed",)),
    ("build_more", ("orders",)),
    ("build_most", ("orders", "more")),
)
_numbers = count(1)


def lists() -> dict[str, dict[str, list[str]]]:
    """Return by path the lists that go on by cursor, each with the values of the parameters that order it."""
    found = {}
    for path, methods in PATHS.items():
        parameters = {item["name"]: item["schema"] for item in methods.get("get", {}).get("parameters", ())}
        if "cursor" in parameters:
            found[path] = {
                name: _values(parameters[name]) for name in ("order", "oldest_first") if name in parameters
            }
    return found


def _values(schema: Mapping[str, Any]) -> list[str]:
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        schema = describe(application(IdentitySettings(insecure_local="ada")))["components"]["schemas"][name]
    return [str(item) for item in schema.get("enum", ("true", "false"))]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    database = a_database(tmp_path_factory.mktemp("lists"))
    apply(database, a_product(*(a_transformation(name, inputs=inputs) for name, inputs in BUILT)))
    for _ in range(5):
        grow(database)
    yield Api(ServerBackend(database))
    database.close()


def grow(database: Database) -> None:
    """Add to every list: a product, files, a run with rules, letters, alarms, requests, backfills, acts."""
    number = next(_numbers)
    now = NOW + timedelta(minutes=number)
    apply(database, a_product(a_transformation(), name=f"more{number}"))
    for extra in range(3):
        land(database, f"orders_landed/{number}-{extra}.csv", etag=f"0x{number}")
    run_id = RunID(f"walk-{number}")
    assert begin(database, run_id, now=now) == run_id
    rules = [
        {"name": f"rule{rule}", "severity": "warn", "rows_checked": 9, "rows_failed": rule % 2}
        for rule in range(5)
    ]
    while active := claimed(database, run_id):
        settle(
            database,
            run_id,
            active[0],
            Verdict(NodeState.SUCCEEDED, rows_quarantined=2, rules=rules),
            now=now,
        )
    database.transact(lambda c: close_run(c, run_id, now=now))
    product_id = database.read(lambda c: find_product_id(c, "sales/orders"))

    def rest(connection: Any) -> None:
        keep_dead_letter(
            connection, f"{number}", source=LetterSource.QUEUE, reason="r", error_code="LF3101", now=now
        )
        raise_alarm(
            connection,
            AlarmName.SET_INCOMPLETE,
            product_id=product_id,
            subject=f"{number}",
            detail="d",
            now=now,
        )
        request_backfill(
            connection,
            "sales/orders",
            Selection(1, 2, ()),
            chunk_files=1,
            backfill_id=BackfillID(f"walk-b{number}"),
            actor="ada",
            now=now,
        )

    database.transact(rest)
    api = Api(ServerBackend(database))
    api.post("/api/config/limits.nodes", {"value": str(10 + number)})
    assert api.post("/api/products/sales/orders/runs", {"idempotency_key": f"walk{number}"}).status == 202


def rows(path: str, answer: Mapping[str, Any]) -> list[str]:
    key, names = ROWS[path]
    return [json.dumps([row[name] for name in names] if names else row) for row in answer[key]]


def walk(api: Api, path: str, query: str = "", *, growing: int = 0) -> list[str]:
    """Return the rows of all pages of two, adding to every list behind the first so many."""
    found: list[str] = []
    cursor = None
    while True:
        behind = f"&cursor={cursor}" if cursor else ""
        answer = api.get(f"{filled(path, NAMES)}?limit=2{query}{behind}").json
        assert len(rows(path, answer)) <= 2
        found += rows(path, answer)
        cursor = answer["following"]
        if cursor is None:
            return found
        if growing > 0:
            growing -= 1
            grow(api.backend.database)


def test_every_list_of_the_description_is_walked() -> None:
    assert set(lists()) - OF_THE_LAKE == set(ROWS)


@pytest.mark.parametrize("path", sorted(ROWS))
def test_a_list_loses_nothing_and_shows_nothing_twice_while_rows_are_added(api: Api, path: str) -> None:
    before = rows(path, api.get(f"{filled(path, NAMES)}?limit=500").json)

    walked = walk(api, path, growing=0 if path in MOVING else 2)

    assert len(before) >= 3
    assert len(walked) == len(set(walked))
    assert [row for row in walked if row in before] == before


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [(path, name, value) for path, orders in lists().items() for name, values in orders.items() for value in values
     if path in ROWS],
)  # fmt: skip
def test_the_pages_of_a_list_in_any_order_are_the_list(api: Api, path: str, name: str, value: str) -> None:
    query = f"&{name}={value}"

    walked = walk(api, path, query)

    assert walked == rows(path, api.get(f"{filled(path, NAMES)}?limit=500{query}").json)
    assert len(walked) == len(set(walked))
