"""`infra/adf`: held against its models and rules, walked through, and against what our API answers."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from landfall.api.copying import show_copy_plan
from landfall.copying.plan import make_copy_plan
from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database
from landfall.spec.copying import Copy, Engine, Partitions
from landfall.spec.load import load_products
from landfall.spec.model import Column, FileFormat, Source, SourceType
from tests.builders import a_landed_dataset, a_product
from tests.databases import a_database
from tests.infra.factory.rules import faults_of_rules

pytestmark = pytest.mark.infra

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "infra/adf"
TOOLS = ROOT / ".landfall/tools/data-factory"
PROGRAMS = Path(__file__).parent / "factory"
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
GLOBALS = {"landfall_url": "https://landfall.example", "landfall_audience": "api://landfall"}
PRODUCT = {"domain": "mobility", "product": "fleet", "datasets": "", "full": False, "wait": "poll"}


@pytest.fixture(scope="session")
def python() -> str:
    if not (TOOLS / ".landfall-setup").exists():
        pytest.skip(
            "the models and the expression engine of Data Factory are not there: run `make data-factory`"
        )
    return str(TOOLS / "venv/bin/python")


def environment() -> dict[str, str]:
    (runtime,) = TOOLS.glob("venv/lib/python3*/site-packages/dnv/net/runtime/.net")
    return {**os.environ, "DOTNET_ROOT": str(runtime), "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}


class Walker:
    """The expression engine, in a process that walks through any number of pipelines: it takes seconds to load."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, PROGRAMS / "flow.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            text=True,
        )

    def outcome(self, pipeline: str, parameters: Any, answers: Any, folder: Path = SOURCE) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {
            "folder": str(folder),
            "pipeline": pipeline,
            "parameters": parameters,
            "globals": GLOBALS,
            "answers": answers,
        }
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def walk(self, pipeline: str, parameters: Any, answers: Any) -> list[dict[str, Any]]:
        """Return what ran, in order."""
        found = self.outcome(pipeline, parameters, answers)
        assert "error" not in found, found
        return list(found["ran"])

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def walker(python: str) -> Iterator[Walker]:
    running = Walker(python)
    yield running
    running.close()


def test_models_and_rules_find_nothing(faults_of_models: tuple[list[str], list[str]]) -> None:
    of_source, _ = faults_of_models

    assert of_source == []
    assert list(faults_of_rules(SOURCE)) == []


def broken(folder: Path, file: str, old: str, new: str) -> Path:
    """Return a copy of the source with one text of one file replaced."""
    copy = folder / "adf"
    shutil.copytree(SOURCE, copy)
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1))
    return copy


COPY = "pipeline/pl_copy_to_landing.json"
CHILD = "pipeline/pl_copy_from_sqlserver.json"


@pytest.fixture(scope="module")
def faults_of_models(python: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """What the models say of the source, and of one with many faults: asked once, the SDK takes seconds to load."""
    folder = tmp_path_factory.mktemp("faults") / "adf"
    shutil.copytree(SOURCE, folder)
    for file, old, new in MODEL_FAULTS.values():
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))
    done = subprocess.run(
        [python, PROGRAMS / "models.py", SOURCE, folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    of_source, of_broken = json.loads(done.stdout)
    return of_source, of_broken


MODEL_FAULTS = {
    "has no such property": (CHILD, '"dependsOn": []', '"dependOn": []'),
    "'PSOT' is none of": (COPY, '"method": "POST"', '"method": "PSOT"'),
    "type 'ParquetSnk' is not known": (CHILD, "ParquetSink", "ParquetSnk"),
    "int is expected": (COPY, '"batchCount": 4', '"batchCount": "four"'),
    "'Suceeded' is none of": ("pipeline/pl_copy_from_oracle.json", '"Succeeded"', '"Suceeded"'),
    "AzureSqlDatabaseLinkedServiceTypeProperties has no such property": (
        "linkedService/ls_azure_sql.json",
        '"server": "@',
        '"sever": "@',
    ),
    "name is 'ds_orakel'": ("dataset/ds_oracle.json", '"ds_oracle"', '"ds_orakel"'),
    "type 'CronTrigger' is not known": (
        "trigger/tr_mobility_fleet_daily.json",
        "ScheduleTrigger",
        "CronTrigger",
    ),
}


@pytest.mark.parametrize("fault", MODEL_FAULTS)
def test_the_models_refuse_what_the_service_does_not_know(
    fault: str, faults_of_models: tuple[list[str], list[str]]
) -> None:
    _, of_broken = faults_of_models

    assert [found for found in of_broken if fault in found]


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        (COPY, "pl_copy_from_oracle", "pl_copy_from_orakel", "there is no pipeline 'pl_copy_from_orakel'"),
        (CHILD, '"secret": {', '"sekret": {', "dataset 'ds_sqlserver' has no parameter 'sekret'"),
        (CHILD, '"activity": "Ask how far"', '"activity": "Ask"', "depends on 'Ask', which is not beside it"),
        (COPY, "string(variables('landed'))", "string(activity('From rest').output)", "reads 'From rest'"),
        (COPY, '"batchCount": 4', '"batchCount": 400', "needs a batchCount"),
        (COPY, '"timeout": "0.00:10:00",', "", "'Get copy plan' has no timeout"),
        (COPY, "parameters.product,", "parameters.prodct,", "there is no parameter 'prodct'"),
        (COPY, '"reportStatusOnCallBack": true', '"reportStatusOnCallBack": false', "needs reportStatusOnCallBack"),
        (COPY, '"name": "Start run"', '"name": "From sftp"', "two activities are called 'From sftp'"),
        (COPY, "pipeline().globalParameters.landfall_url", "'https://x.example'", "an address of one environment"),
        ("linkedService/ls_oracle.json", '"annotations": []', '"annotations": ["Password=x"]', "a secret"),
        ("linkedService/ls_oracle.json", '"connectVia"', '"x-connectVia"', "leaves the managed network"),
        ("trigger/tr_mobility_fleet_daily.json", "Stopped", "Started", "must be Stopped"),
    ],
)  # fmt: skip
def test_rules_refuse_what_would_only_show_when_it_runs(
    file: str, old: str, new: str, fault: str, tmp_path: Path
) -> None:
    assert fault in "\n".join(faults_of_rules(broken(tmp_path, file, old, new)))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """The example, applied."""
    database = a_database(tmp_path)
    apply_products(database, load_products(ROOT, "mobility/fleet"), actor="ada", now=NOW)
    yield database
    database.close()


def by_name(ran: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in ran if item["name"] == name)


def test_the_pipeline_copies_what_our_api_answers_and_starts_a_run_for_it(
    walker: Walker, database: Database
) -> None:
    """Every field that an expression reads is one that the API answers: a missing one is an error of the engine."""
    plan = show_copy_plan(database, "mobility/fleet", key="run-1", now=NOW).body
    answers = {
        "Get copy plan": plan,
        "From sqlserver": [
            {"pipelineReturnValue": {"file": "mobility/fleet/aircraft_landed/00000001_x.parquet"}},
            {"pipelineReturnValue": {"file": ""}},
        ],
    }

    ran = walker.walk("pl_copy_to_landing", PRODUCT, answers)

    assert by_name(ran, "Get copy plan")["properties"]["url"] == (
        "https://landfall.example/api/products/mobility/fleet/copy-plan?key=run-1&datasets=&full=false"
    )
    children = [item for item in ran if item["name"] == "From sqlserver"]
    assert [child["properties"]["parameters"]["item"]["dataset"] for child in children] == [
        "aircraft_landed",
        "models_landed",
    ]
    start = by_name(ran, "Start run")["properties"]
    assert start["url"] == "https://landfall.example/api/products/mobility/fleet/runs"
    assert json.loads(start["body"]) == {
        "trigger": "adf",
        "idempotency_key": "run-1",
        "files": ["mobility/fleet/aircraft_landed/00000001_x.parquet", ""],
    }


def test_a_child_puts_the_upper_bound_where_the_plan_says(walker: Walker, database: Database) -> None:
    (item, _) = show_copy_plan(database, "mobility/fleet", key="run-1", now=NOW).body["items"]
    answers = {"Ask how far": {"firstRow": {"watermark_to": "2026-01-30T10:00:00.1234567"}}}

    ran = walker.walk("pl_copy_from_sqlserver", {"item": item}, answers)

    copy = by_name(ran, "Copy rows")
    assert (
        "CAST('2026-01-30T10:00:00.1234567' AS datetime2(7))"
        in copy["properties"]["source"]["sqlReaderQuery"]
    )
    assert copy["properties"]["source"]["partitionOption"] == "DynamicRange"
    assert copy["inputs"][0]["parameters"] == {"secret": "fleet-db"}
    assert copy["outputs"][0]["parameters"] == {
        "folder": "mobility/fleet/aircraft_landed",
        "file": "00000001_2026-01-30T10~00~00.1234567.parquet",
    }
    assert "Tell what landed" in {item["name"] for item in ran}


def test_a_child_copies_nothing_where_nothing_is_new(walker: Walker, database: Database) -> None:
    (item, _) = show_copy_plan(database, "mobility/fleet", key="run-1", now=NOW).body["items"]
    item |= {"watermark_from": "2026-01-30"}

    for answer in ("-", "2026-01-30"):
        answers = {"Ask how far": {"firstRow": {"watermark_to": answer}}}
        ran = walker.walk("pl_copy_from_sqlserver", {"item": item}, answers)
        assert [item["name"] for item in ran] == ["Ask how far", "Tell that nothing did"]


ENGINES = ("sqlserver", "azure_sql", "postgresql", "oracle")


def test_a_large_table_of_any_engine_is_read_in_ranges_of_its_column(walker: Walker) -> None:
    """Where the plan names a partition column; without one the same pipeline reads in one."""
    asked = [("postgresql", 0), *((engine, 8) for engine in ENGINES)]
    items = {(engine, count): item_of_a_table(Engine(engine), count) for engine, count in asked}
    answers = {"Ask how far": {"firstRow": {"watermark_to": "all"}}}

    for (engine, count), item in items.items():
        ran = walker.walk(f"pl_copy_from_{engine}", {"item": item}, answers)
        copy = by_name(ran, "Copy rows")["properties"]
        source = copy["source"]
        query = next(str(value) for name, value in source.items() if name.lower().endswith("query"))
        assert source["partitionOption"] == ("DynamicRange" if count else "None"), engine
        assert source["partitionSettings"]["partitionColumnName"] == ("id" if count else ""), engine
        assert copy["parallelCopies"] == max(count, 1), engine
        # The ranges stand in the statement, where the service puts each in turn.
        assert ("?Adf" in query) == bool(count), engine


def item_of_a_table(engine: Engine, count: int) -> dict[str, Any]:
    """Return the item of a plan that copies a table whole, in so many ranges."""
    copy = Copy("t", partitions=Partitions("id", count) if count else None)
    dataset = replace(
        a_landed_dataset(landing="t/*.parquet", columns=(Column("id", "bigint", nullable=False),)),
        source="shop",
        copy=copy,
    )
    connection = "Server=s;Database=d" if engine is Engine.AZURE_SQL else "keyvault:shop"
    source = Source("shop", SourceType.DATABASE, FileFormat.PARQUET, connection=connection, engine=engine)
    product = replace(a_product(landed=[dataset]), sources=(source,))
    (item,) = make_copy_plan(product, {}, key="run-1", now=NOW).to_payload()["items"]
    return dict(item)


def test_a_product_whose_copies_are_all_on_their_way_still_starts_its_run(walker: Walker) -> None:
    plan = {
        "product": "mobility/fleet",
        "key": "run-1",
        "items": [],
        "waiting": [{"dataset": "x", "reason": "y"}],
    }

    answers = {"Get copy plan": plan, "What landed": {"value": []}}
    ran = walker.walk("pl_copy_to_landing", PRODUCT, answers)

    assert json.loads(by_name(ran, "Start run")["properties"]["body"])["files"] == []


def test_who_is_called_back_asks_for_the_same_run(walker: Walker) -> None:
    answers: dict[str, Any] = {"Get copy plan": {"items": []}, "What landed": {"value": []}}

    polled = walker.walk("pl_copy_to_landing", PRODUCT, answers)
    called = walker.walk("pl_copy_to_landing", {**PRODUCT, "wait": "callback"}, answers)

    start = by_name(polled, "Start run")["properties"]
    hook = by_name(called, "Start run and be called back")
    assert (hook["type"], "Start run" in {item["name"] for item in called}) == ("WebHook", False)
    assert [hook["properties"][key] for key in ("url", "body")] == [start["url"], start["body"]]


def test_a_field_that_the_api_does_not_answer_breaks_the_walk(walker: Walker, tmp_path: Path) -> None:
    folder = broken(tmp_path, COPY, "output.items", "output.entries")

    found = walker.outcome("pl_copy_to_landing", PRODUCT, {"Get copy plan": {"items": []}}, folder)

    assert "error" in found


def test_answers_of_an_api_are_mapped_to_columns_where_they_become_parquet(walker: Walker) -> None:
    mapping = {
        "type": "TabularTranslator",
        "mappings": [{"source": {"path": "['id']"}, "sink": {"name": "id"}}],
    }
    item = {
        "kind": "rest_identity",
        "format": "parquet",
        "server": "https://x",
        "audience": "api://x",
        "path": "a",
        "next_page": "$.next",
        "folder": "f",
        "file": "a.parquet",
        "dataset": "d",
        "translator": mapping,
    }

    (copy,) = walker.walk("pl_copy_from_rest", {"item": item}, {})

    assert copy["name"] == "Copy rest_identity as parquet"
    assert copy["properties"]["sink"]["type"] == "ParquetSink"
    assert copy["properties"]["translator"] == mapping
    assert copy["properties"]["source"]["paginationRules"] == {"AbsoluteUrl": "$.next"}
