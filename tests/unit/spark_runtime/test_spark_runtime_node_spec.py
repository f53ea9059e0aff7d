"""The node spec: one JSON Schema, tested from both ends."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import spark_runtime
from landfall.planning.definition import definition_hash
from landfall.planning.increments import BuiltFrom, load_of
from spark_runtime.errors import FaultKind, InvalidNodeSpec
from spark_runtime.failures import Failure
from spark_runtime.input_spec import FilesInput
from spark_runtime.load_spec import TableState
from spark_runtime.result import FileResult, FileStatus, NodeResult, NodeStatus, OutputResult, RuleResult
from spark_runtime.rule_spec import Severity
from spark_runtime.spec import NodeKind, parse_node_spec
from spark_runtime.write_spec import WriteMode

SCHEMAS = Path(spark_runtime.__file__).parent / "schemas"


def a_document(**more: Any) -> dict[str, Any]:
    columns = [{"name": "id", "type": "int", "nullable": False}]
    return {
        "schema_version": 1,
        "run_id": "r1",
        "product": "sales/orders",
        "node": "ingest.orders",
        "attempt": 2,
        "kind": "ingest",
        "trace": {"traceparent": "00-1-1-01"},
        "inputs": [
            {
                "kind": "files",
                "name": "orders",
                "format": "csv",
                "options": {"header": True},
                "files": [
                    {"uri": "abfss://landing@a.dfs.core.windows.net/a.csv", "etag": "0x1", "size_bytes": 3}
                ],
                "columns": columns,
            }
        ],
        "steps": [],
        "rules": [
            {
                "name": "r",
                "check": "unique",
                "severity": "warn",
                "config": {"columns": ["id"]},
                "filter": None,
            }
        ],
        "output": {
            "name": "orders",
            "uri": "abfss://lake@a.dfs.core.windows.net/orders",
            "quarantine_uri": "abfss://lake@a.dfs.core.windows.net/quarantine/orders",
            "columns": columns,
            "write": {"mode": "append", "keys": []},
        },
        "result_uri": "abfss://control@a.dfs.core.windows.net/result",
    } | more


def is_valid(document: dict[str, Any]) -> bool:
    schema = json.loads((SCHEMAS / "node_spec.schema.json").read_text())
    return Draft202012Validator(schema).is_valid(document)


def test_what_the_orchestration_says_of_an_increment_is_understood() -> None:
    """It has no reason to read everything then, and says so with an empty text."""
    definition = {
        "inputs": [{"name": "landed", "version": None}],
        "load": {"full": False, "groups": [], "restate": None, "tolerate": []},
    }
    built_from = BuiltFrom(definition_hash(definition), {"landed": {"version": 3, "stamp": "7"}})
    document = a_document(load=load_of(definition, {"landed": 4}, built_from))

    load = parse_node_spec(json.dumps(document)).load

    assert is_valid(document)
    assert load is not None
    assert load.since == TableState(3, "7")


def test_a_spec_is_parsed_to_values() -> None:
    document = a_document()
    assert is_valid(document)

    spec = parse_node_spec(json.dumps(document))

    assert (spec.kind, spec.attempt, spec.idempotency_key) == (NodeKind.INGEST, 2, "r1/ingest.orders/2")
    (source,) = spec.inputs
    assert isinstance(source, FilesInput)
    assert source.files[0].size_bytes == 3
    assert not source.columns[0].nullable
    assert spec.output.write.mode is WriteMode.APPEND
    assert spec.rules[0].severity is Severity.WARN


def broken(path: str, value: Any) -> dict[str, Any]:
    """Return a spec in which one place holds another value; ``None`` takes it out."""
    document = a_document()
    place: Any = document
    *folders, name = path.split(".")
    for folder in folders:
        place = place[int(folder) if folder.isdigit() else folder]
    if value is None:
        del place[name]
    else:
        place[name] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("run_id", None, "$.run_id: is missing"),
        ("run_id", "", "$.run_id: must be a text"),
        ("attempt", 0, "$.attempt: must be a whole number from 1"),
        ("attempt", True, "$.attempt: must be a whole number from 1"),
        ("kind", "streaming", "$.kind: 'streaming' is not one of ingest, transform, noop"),
        (
            "output.write.mode",
            "upsert",
            "$.output.write.mode: 'upsert' is not one of append, overwrite, merge",
        ),
        ("colour", "red", "$.colour: is not a known key"),
        (
            "inputs.0.files.0.size_bytes",
            "3",
            "$.inputs[0].files[0].size_bytes: must be a whole number from 0",
        ),
        ("rules.0.severity", "error", "$.rules[0].severity: 'error' is not one of warn, quarantine, fail"),
        ("output.columns.0.nullable", "no", "$.output.columns[0].nullable: must be true or false"),
        ("schema_version", 2, "$.schema_version: 2 is not understood"),
        ("inputs", {}, "$.inputs: must be a list"),
        ("output", [], "$.output: must be an object"),
    ],
)
def test_what_the_schema_refuses_is_refused_with_its_place(path: str, value: Any, fault: str) -> None:
    document = broken(path, value)

    assert not is_valid(document)
    with pytest.raises(InvalidNodeSpec) as caught:
        parse_node_spec(json.dumps(document))
    assert fault in str(caught.value)


def test_all_faults_are_told_at_once() -> None:
    document = a_document(run_id=7, attempt="x") | {"extra": 1}

    with pytest.raises(InvalidNodeSpec) as caught:
        parse_node_spec(json.dumps(document))

    assert all(place in str(caught.value) for place in ("$.run_id", "$.attempt", "$.extra"))


def test_a_file_listed_twice_would_count_twice() -> None:
    document = a_document()
    document["inputs"][0]["files"] *= 2

    with pytest.raises(InvalidNodeSpec, match="lists a file twice"):
        parse_node_spec(json.dumps(document))


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(InvalidNodeSpec, match="not JSON"):
        parse_node_spec('{"schema_version": 1,')


@pytest.mark.parametrize("failed", [False, True])
def test_a_result_is_what_the_schema_says(failed: bool) -> None:
    schema = json.loads((SCHEMAS / "node_result.schema.json").read_text())
    result = NodeResult(
        spec=parse_node_spec(json.dumps(a_document())),
        status=NodeStatus.FAILED if failed else NodeStatus.SUCCEEDED,
        rows_read=3,
        rows_published=2,
        rows_quarantined=1,
        rules=(RuleResult("r", Severity.WARN, 3, 1),),
        files=(FileResult("abfss://a", FileStatus.REJECTED, "broken"),),
        output=None if failed else OutputResult("orders", "abfss://b", 4, (("id", "int"),)),
        timings_s={"total": 1.23456},
        error=Failure("LF4521", FaultKind.QUALITY_GATE, "r refused rows") if failed else None,
    )

    document = json.loads(result.to_json())

    Draft202012Validator(schema).validate(document)
    assert document["timings_s"] == {"total": 1.235}
