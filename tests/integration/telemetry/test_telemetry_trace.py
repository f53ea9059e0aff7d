"""One landed file is one trace with every hop, wherever it is sent."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import metrics

from landfall import telemetry
from landfall.exporting import configure
from landfall.metrics import Metrics
from landfall.settings import TelemetrySettings
from tests.collector import (
    Receiver,
    connection_string,
    envelopes,
    otlp_metrics,
    otlp_spans,
    receiving,
)
from tests.databases import a_database
from tests.loopback import PATIENCE_S

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "telemetry.md"
NODES = ("ingest.orders_landed", "build_orders")
# The names of a whole trace and the names of their parents; SQL statements come on top.
HOPS = {
    ("run sales/orders", None),
    ("land orders_landed", "run sales/orders"),
    ("event orders_landed", "land orders_landed"),
    ("coordinator", "run sales/orders"),
    ("open_run", "coordinator"),
    ("start_run", "run sales/orders"),
    ("close_run", "run sales/orders"),
    *((f"node {key}", "run sales/orders") for key in NODES),
    *((name, f"node {key}") for key in NODES for name in ("submit_job", "check_job", f"job {key}")),
    # As a node ends that was started by an earlier version.
    ("finish_node", "node build_orders"),
    *((phase, f"job {key}") for key in NODES for phase in ("read", "check", "write")),
}


def run_one(folder: Path, **environ: str) -> str:
    """Let one file land and its run end with telemetry going where ``environ`` says; return what was printed."""
    url = f"sqlite:///{folder / 'landfall.db'}"
    a_database(folder).close()
    command = [sys.executable, "-m", "tests.integration.telemetry.one_run", url]
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "APPLICATIONINSIGHTS_"))
    }
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**own, **environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def hops(spans: list[dict[str, Any]]) -> set[tuple[str, str | None]]:
    """Return each span's name with that of its parent, but for SQL."""
    names = {span["span_id"]: span["name"] for span in spans}
    return {
        (span["name"], names[span["parent_id"]] if span["parent_id"] else None)
        for span in spans
        if span["attributes"].get("db.system.name") is None
    }


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("file")
    run_one(folder, LANDFALL_TELEMETRY_FILE=str(folder / "spans.jsonl"))
    return [json.loads(line) for line in (folder / "spans.jsonl").read_text().splitlines()]


def test_one_file_is_one_trace_with_every_hop(lines: list[dict[str, Any]]) -> None:
    assert {span["trace_id"] for span in lines} == {f"{telemetry.run_span('r1').trace_id:032x}"}
    assert hops(lines) == HOPS


def test_sql_statements_belong_to_the_activity_that_sent_them(lines: list[dict[str, Any]]) -> None:
    names = {span["span_id"]: span["name"] for span in lines}
    above_sql = {
        names[span["parent_id"]] for span in lines if span["attributes"].get("db.system.name") is not None
    }

    assert above_sql == {"open_run", "start_run", "close_run", "submit_job", "check_job", "finish_node"}


def test_an_activity_that_comes_twice_adds_no_second_node_to_the_trace(lines: list[dict[str, Any]]) -> None:
    ids = {(span["name"], span["span_id"]) for span in lines if span["name"].startswith(("node ", "job "))}

    # One attempt of one node was lost.
    assert len(ids) == 2 * len(NODES) + 1


def test_spans_tell_rows_and_states_and_no_reasons(lines: list[dict[str, Any]]) -> None:
    (node,) = {
        json.dumps(span["attributes"], sort_keys=True)
        for span in lines
        if span["name"] == "node build_orders"
    }

    attributes = json.loads(node)
    assert attributes["landfall.rows.published"] == 8
    assert attributes["landfall.node.state"] == "succeeded"
    assert attributes["landfall.product"] == "sales/orders"


def test_a_parent_begins_before_its_children_and_ends_after_them(lines: list[dict[str, Any]]) -> None:
    spans = {span["span_id"]: span for span in lines}
    skeleton = [span for span in lines if span["name"].split(" ")[0] in {"run", "node", "job", "land"}]

    for span in skeleton:
        parent = spans.get(span["parent_id"])
        assert span["started_ns"] <= span["ended_ns"]
        assert (
            parent is None
            or parent["started_ns"] <= span["started_ns"] <= span["ended_ns"] <= parent["ended_ns"]
        )


def test_a_job_is_told_the_trace_it_belongs_to(tmp_path: Path) -> None:
    printed = run_one(tmp_path, LANDFALL_TELEMETRY_FILE=str(tmp_path / "spans.jsonl"))

    attempts = ((NODES[0], 1), (NODES[0], 2), (NODES[1], 1))
    assert printed.splitlines() == [
        f"{key} {telemetry.attempt_span('r1', key, attempt).traceparent()}" for key, attempt in attempts
    ]


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A collector that has everything of one run, and was the Jobs API that had no time for one of its calls."""
    with receiving() as receiver:
        run_one(
            tmp_path_factory.mktemp("otlp"),
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
            DATABRICKS_HOST=receiver.url,
        )
        yield receiver


def test_a_collector_gets_the_same_trace(collector: Receiver) -> None:
    spans = otlp_spans(collector)

    assert hops(spans) == HOPS
    assert len({span["trace_id"] for span in spans}) == 1


def test_every_metric_is_sent_with_the_attributes_that_the_page_lists(collector: Receiver) -> None:
    sent = {
        name: {key for attributes in points for key in attributes}
        for name, points in otlp_metrics(collector).items()
        if name.startswith("landfall.")
    }

    assert sent == documented()


def test_the_page_lists_every_instrument_with_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, str] = {}

    class Meter:
        def __getattr__(self, _: str) -> Callable[..., None]:
            return lambda name, unit, _: made.update({name: unit})

    monkeypatch.setattr(metrics, "get_meter", lambda _: Meter())
    Metrics()

    assert made.keys() == documented().keys()


def test_what_lands_is_counted_by_what_became_of_it(collector: Receiver) -> None:
    found = otlp_metrics(collector)

    fates = {point["landfall.file.fate"] for point in found["landfall.files"]}
    assert fates == {"pending", "duplicate", "unmatched"}
    assert found["landfall.dead_letters"] == [{"landfall.letter.source": "event_grid"}]


def test_a_retry_names_whose_failure_it_follows(collector: Receiver) -> None:
    (point,) = otlp_metrics(collector)["landfall.retries"]

    assert point["landfall.failure"] == "infrastructure"


def test_a_throttled_call_is_counted_by_its_name(collector: Receiver) -> None:
    assert otlp_metrics(collector)["landfall.jobs.throttled"] == [{"landfall.jobs.call": "runs/get"}]


def documented() -> dict[str, set[str]]:
    """Return the attributes of every metric as docs/telemetry.md lists them."""
    rows = re.findall(r"^\| `(landfall\.[\w.]+)` \|.*\| ([^|]*) \|$", PAGE.read_text(), re.MULTILINE)
    return {name: {f"landfall.{word.strip()}" for word in text.split(",")} for name, text in rows}


def test_application_insights_gets_the_same_trace(tmp_path: Path) -> None:
    with receiving() as endpoint:
        run_one(
            tmp_path,
            APPLICATIONINSIGHTS_CONNECTION_STRING=connection_string(endpoint),
            # Statistics of the exporter about itself would go to Microsoft.
            APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL="true",
        )

    sent = envelopes(endpoint)
    spans = [item for item in sent if item["data"]["baseType"] in {"RequestData", "RemoteDependencyData"}]
    names = {item["data"]["baseData"]["name"] for item in spans}
    assert {name for name, _ in HOPS} <= names
    assert {item["tags"]["ai.operation.id"] for item in spans} == {
        f"{telemetry.run_span('r1').trace_id:032x}"
    }
    assert any(item["data"]["baseType"] == "MetricData" for item in sent)


def test_without_a_place_to_go_nothing_is_set_up() -> None:
    assert configure(TelemetrySettings(), service="landfall-test") is False
