"""What the command says of lineage is what the API answers: edges, refusals on the way, files behind a version."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from landfall.metadata.engine import Database
from tests.api_server import Api, ServerBackend
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import NOW, SUCCEEDED, apply, begin, finish, land, settle
from tests.unit.cli.conftest import Command

REFUSED = {"name": "id_known", "severity": "quarantine", "rows_checked": 10, "rows_failed": 3}


@pytest.fixture
def published(database: Database) -> Database:
    """One file went through two nodes, and a rule refused some of its rows."""
    apply(database, a_product(a_transformation()))
    land(database)
    run_id = begin(database, "r1")
    assert run_id is not None
    for key, version, rules in (("ingest.orders_landed", 4, (REFUSED,)), ("build_orders", 5, ())):
        written = {"output": {"version": version}}
        verdict = replace(SUCCEEDED, table_version=version, result=written, rules=rules)
        settle(database, run_id, key, verdict, now=NOW)
    finish(database, run_id)
    return database


def as_said(told: dict[str, Any], moment: str) -> dict[str, Any]:
    """Return what the API tells as the command says it: a moment to the millisecond, in UTC for short."""
    instant = datetime.fromisoformat(told[moment]).astimezone(UTC)
    return told | {moment: f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"}


@pytest.mark.parametrize(
    ("subject", "options", "address"),
    [
        ("orders", (), "/api/lineage?of=orders"),
        (
            "orders_landed",
            ("--downstream", "--depth", "1"),
            "/api/lineage?of=orders_landed&direction=downstream&depth=1",
        ),
    ],
)
def test_the_command_and_the_api_tell_the_same_edges(
    published: Database, landfall: Command, subject: str, options: tuple[str, ...], address: str
) -> None:
    said = landfall("lineage", subject, *options, "--output", "json")

    assert said.code == 0, said.err
    answer = json.loads(said.out)
    told = Api(ServerBackend(published)).get(address).json
    told["origins"] = [as_said(origin, "published_at") for origin in told["origins"]]
    assert answer == told
    assert answer["links"]
    # Which rows were refused on the way: how many by which rule, and in which run to look for them.
    refused = {origin["dataset"]: (origin["refused"], origin["run_id"]) for origin in answer["origins"]}
    assert refused["sales/orders.orders_landed"] == ({"id_known": 3}, "r1")


@pytest.mark.parametrize("version", [None, 5])
def test_the_command_and_the_api_tell_the_same_files(
    published: Database, landfall: Command, version: int | None
) -> None:
    name = "sales/orders.orders"
    options = () if version is None else ("--version", str(version))
    said = landfall("lineage", name, "--files", *options, "--output", "json")
    address = f"/api/lineage/files?of={quote(name)}" + ("" if version is None else f"&version={version}")

    assert said.code == 0, said.err
    files = json.loads(said.out)
    told = Api(ServerBackend(published)).get(address).json["files"]
    assert files == [as_said(file, "landed_at") for file in told]
    assert [file["url"].rpartition("/")[2] for file in files] == ["a.csv"]


def test_a_version_that_no_run_published_is_refused_by_both(published: Database, landfall: Command) -> None:
    said = landfall("lineage", "orders", "--files", "--version", "77")
    answer = Api(ServerBackend(published)).get("/api/lineage/files?of=orders&version=77")

    assert (said.code, answer.status, answer.json["code"]) == (1, 404, "LF2106")
    assert "LF2106" in said.err


def test_a_version_without_files_is_a_wrong_use(published: Database, landfall: Command) -> None:
    assert landfall("lineage", "orders", "--version", "5").code == 2


def test_the_command_and_the_api_tell_the_same_versions_of_a_run(
    published: Database, landfall: Command
) -> None:
    said = landfall("runs", "lineage", "@last", "--output", "json")

    assert said.code == 0, said.err
    edges = json.loads(said.out)
    assert edges == Api(ServerBackend(published)).get("/api/runs/r1/lineage").json["edges"]
    assert [edge["target_version"] for edge in edges] == [4, 5]
