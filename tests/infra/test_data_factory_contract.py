"""What Data Factory's expressions read is what the real API answers, and what they send is what it takes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database
from landfall.spec.load import load_products
from tests.api_server import NOW, Api, ServerBackend
from tests.databases import a_database

pytestmark = pytest.mark.infra

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / "infra/adf/pipeline"
# Whoever reads a plan wants to know these; nothing is decided by them.
TOLD = {"dataset", "source", "mode", "items", "watermark_to"}
SOURCES = """\
api_version: landfall/v1
domain: mobility
name: sources
owner: {team: t, email: t@example.com}
sources:
  - {name: api, type: api, connection: "https://api.example.com", secret: keyvault:api}
  - {name: feed, type: api, format: parquet, connection: "https://feed.example.com", audience: "api://feed"}
  - {name: partner, type: sftp, format: csv, connection: "sftp://a@files.example.com", secret: keyvault:p,
     host_key: "ssh-ed25519 255 2a:0c:fe:10:9b:71:5d:02"}
  - {name: share, type: share, format: csv, connection: "smb://a@files.example.com/out", secret: keyvault:s}
  - {name: files, type: share, format: csv, connection: "https://acct.file.core.windows.net/out"}
  - {name: ora, type: database, engine: oracle, connection: keyvault:o}
  - {name: pg, type: database, engine: postgresql, connection: keyvault:g}
  - {name: az, type: database, engine: azure_sql,
     connection: "Server=s.database.windows.net;Database=d;Authentication=ActiveDirectoryManagedIdentity"}
datasets:
"""
COPIES = {
    "api": "{path: a, items: $.data, next_page: $.next}",
    "feed": "{path: a, items: $.data}",
    "partner": '{path: "out/*.csv"}',
    "share": '{path: "*.csv"}',
    "files": '{path: "*.csv"}',
    "ora": "{table: T, partitions: {column: id, count: 4}}",
    "pg": "{table: T, partitions: {column: id, count: 4}}",
    "az": "{table: T, watermark: id}",
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The real API over the example and a product with a source of every other kind."""
    project = tmp_path_factory.mktemp("contract")
    (project / "landfall.yml").write_text("name: contract\n")
    folder = project / "data_products/mobility/sources"
    folder.mkdir(parents=True)
    datasets = "".join(
        f"  - {{name: {name}_landed, source: {name}, copy: {copy},\n"
        "     columns: [{name: id, type: bigint, nullable: false}]}\n"
        for name, copy in COPIES.items()
    )
    (folder / "product.yml").write_text(SOURCES + datasets)
    database: Database = a_database(project)
    for root, product in ((ROOT, "mobility/fleet"), (project, "mobility/sources")):
        apply_products(database, load_products(root, product), actor="ada", now=NOW)
    yield Api(ServerBackend(database))
    database.close()


@pytest.fixture(scope="module")
def items(api: Api) -> list[dict[str, Any]]:
    plans = [api.get(f"/api/products/mobility/{name}/copy-plan?key=run-1") for name in ("fleet", "sources")]
    assert [plan.status for plan in plans] == [200, 200]
    return [item for plan in plans for item in plan.json["items"]]


def written(name: str) -> str:
    return (PIPELINES / f"{name}.json").read_text()


def fields_read() -> set[str]:
    texts = [path.read_text() for path in PIPELINES.glob("pl_copy_*.json")]
    return {name for text in texts for name in re.findall(r"\bitem(?:\(\))?\.([a-z_]+)", text)}


def test_every_field_that_is_read_is_answered_and_every_answer_is_read(items: list[dict[str, Any]]) -> None:
    answered = {key for item in items for key in item}

    assert fields_read() - answered == set()
    assert answered - fields_read() - TOLD == set()
    assert {frozenset(item) for item in items} == {frozenset(answered)}


def test_every_kind_and_format_has_an_activity_and_every_activity_a_kind(items: list[dict[str, Any]]) -> None:
    def cases(name: str) -> set[str]:
        found = re.findall(r'"value": "([a-z_]+)",\s+"activities"', written(name))
        return set(found)

    kinds = {item["kind"] for item in items}
    assert kinds <= cases("pl_copy_to_landing")
    assert cases("pl_copy_to_landing") - kinds == {"rest"}
    answers = {f"{item['kind']}_{item['format']}" for item in items if item["kind"].startswith("rest")}
    assert answers <= cases("pl_copy_from_rest")
    assert {item["format"] for item in items if not item["file"]} == {"csv"}


@pytest.mark.parametrize("name", ["mobility/fleet", "mobility/sources"])
def test_the_address_and_body_of_the_start_are_those_of_the_api(api: Api, name: str) -> None:
    text = written("pl_copy_to_landing")
    (body,) = set(re.findall(r"@concat\('(\{.*?\})'\)", text))
    filled = body.replace("', pipeline().RunId, '", "run-1").replace(
        "', string(variables('landed')), '", "[]"
    )
    sent = json.loads(filled.replace('\\"', '"'))
    query = re.findall(r"copy-plan\?([a-z]+)=|'&([a-z]+)='", text)

    started = api.post(f"/api/products/{name}/runs", sent)
    again = api.post(
        f"/api/products/{name}/runs", {**sent, "callBackUri": "https://x.svc.datafactory.azure.com/c?t=1"}
    )
    misspelt = api.post(f"/api/products/{name}/runs", {**sent, "file": []})

    assert (started.status, "location" in started.headers) == (202, True)
    # The same key from a WebHook activity, which adds where it waits, is the same request.
    assert (again.status, again.json["request_id"]) == (202, started.json["request_id"])
    assert misspelt.status == 400
    known = {parameter["name"] for parameter in _operation(api)["parameters"]}
    assert {one or other for one, other in query} <= known


def _operation(api: Api) -> dict[str, Any]:
    described = api.get("/api/openapi.json").json["paths"]
    return dict(next(path for name, path in described.items() if name.endswith("/copy-plan"))["get"])
