"""One landed file is one trace with every hop, wherever it is sent."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from landfall import telemetry
from landfall.settings import TelemetrySettings
from tests.databases import a_database
from tests.loopback import PATIENCE_S

ROOT = Path(__file__).parents[3]
NODES = ("ingest.orders_landed", "build_orders")
# The names of a whole trace and the names of their parents; SQL statements come on top.
HOPS = {
    ("run sales/orders", None),
    ("land orders_landed", "run sales/orders"),
    ("open_run", "run sales/orders"),
    ("start_run", "run sales/orders"),
    ("close_run", "run sales/orders"),
    *((f"node {key}", "run sales/orders") for key in NODES),
    *(
        (name, f"node {key}")
        for key in NODES
        for name in ("submit_job", "check_job", "finish_node", f"job {key}")
    ),
    *((phase, f"job {key}") for key in NODES for phase in ("read", "check", "write")),
}


class Receiver(ThreadingHTTPServer):
    """Keeps what is posted to it, by path, and says that all of it was taken."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[bytes]] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.bodies.setdefault(self.path, []).append(body)
        answer = b""
        if "track" in self.path:
            items = len(envelopes(body))
            answer = json.dumps({"itemsReceived": items, "itemsAccepted": items, "errors": []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = Thread(target=receiver.serve_forever, daemon=True)
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()


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

    assert above_sql == {"open_run", "start_run", "close_run", "submit_job", "finish_node"}


def test_an_activity_that_comes_twice_adds_no_second_node_to_the_trace(lines: list[dict[str, Any]]) -> None:
    ids = {(span["name"], span["span_id"]) for span in lines if span["name"].startswith(("node ", "job "))}

    assert len(ids) == 2 * len(NODES)


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

    assert dict(line.split(" ") for line in printed.splitlines()) == {
        key: telemetry.attempt_span("r1", key, 1).traceparent() for key in NODES
    }


def test_a_collector_gets_the_same_trace(tmp_path: Path) -> None:
    with receiving() as collector:
        run_one(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)

    spans = []
    for body in collector.bodies["/v1/traces"]:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                spans += [
                    {
                        "name": span.name,
                        "trace_id": span.trace_id.hex(),
                        "span_id": span.span_id.hex(),
                        "parent_id": span.parent_span_id.hex(),
                        "attributes": {item.key: item.value.string_value for item in span.attributes},
                    }
                    for span in scope.spans
                ]
    assert hops(spans) == HOPS
    assert len({span["trace_id"] for span in spans}) == 1
    assert "/v1/metrics" in collector.bodies


def test_application_insights_gets_the_same_trace(tmp_path: Path) -> None:
    with receiving() as endpoint:
        run_one(
            tmp_path,
            APPLICATIONINSIGHTS_CONNECTION_STRING=(
                f"InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint={endpoint.url}/"
            ),
            # Statistics of the exporter about itself would go to Microsoft.
            APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL="true",
        )

    sent = [
        item
        for path, bodies in endpoint.bodies.items()
        if "track" in path
        for body in bodies
        for item in envelopes(body)
    ]
    spans = [item for item in sent if item["data"]["baseType"] in {"RequestData", "RemoteDependencyData"}]
    names = {item["data"]["baseData"]["name"] for item in spans}
    assert {name for name, _ in HOPS} <= names
    assert {item["tags"]["ai.operation.id"] for item in spans} == {
        f"{telemetry.run_span('r1').trace_id:032x}"
    }
    assert any(item["data"]["baseType"] == "MetricData" for item in sent)


def envelopes(body: bytes) -> list[dict[str, Any]]:
    """Return what an ingestion request carries: a list, or one object per line."""
    text = body.decode()
    found: list[dict[str, Any]] = (
        json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines() if line]
    )
    return found


def test_without_a_place_to_go_nothing_is_set_up() -> None:
    assert telemetry.configure(TelemetrySettings(), service="landfall-test") is False
