"""A collector on loopback: takes what exporters post, over OTLP or for Application Insights, and reads it."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


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
            items = len(_objects(body))
            answer = json.dumps({"itemsReceived": items, "itemsAccepted": items, "errors": []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self) -> None:
        """Be a workspace whose Jobs API has no time."""
        if not self.path.startswith("/api/"):
            self.send_error(404)
            return
        answer = b'{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow down"}'
        self.send_response(429)
        self.send_header("Retry-After", "600")
        self.send_header("Content-Type", "application/json")
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


def connection_string(receiver: Receiver) -> str:
    """Return the connection string of an Application Insights resource whose data comes here."""
    return f"InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint={receiver.url}/"


def otlp_spans(receiver: Receiver) -> list[dict[str, Any]]:
    """Return the spans that came over OTLP, with the keys that the lines of a span file have."""
    return [
        {
            "name": span.name,
            "trace_id": span.trace_id.hex(),
            "span_id": span.span_id.hex(),
            "parent_id": span.parent_span_id.hex() or None,
            "started_ns": span.start_time_unix_nano,
            "ended_ns": span.end_time_unix_nano,
            "attributes": _attributes(span.attributes),
        }
        for body in tuple(receiver.bodies.get("/v1/traces", ()))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def otlp_metrics(receiver: Receiver) -> dict[str, list[dict[str, Any]]]:
    """Return the attributes of every point that came over OTLP, by the name of its metric."""
    found: dict[str, list[dict[str, Any]]] = {}
    for body in tuple(receiver.bodies.get("/v1/metrics", ())):
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    data = getattr(metric, str(metric.WhichOneof("data")))
                    points = found.setdefault(metric.name, [])
                    points += [_attributes(point.attributes) for point in data.data_points]
    return found


def envelopes(receiver: Receiver) -> list[dict[str, Any]]:
    """Return the items that came for Application Insights."""
    return [
        item
        for path, bodies in tuple(receiver.bodies.items())
        if "track" in path
        for body in tuple(bodies)
        for item in _objects(body)
    ]


def insights_spans(receiver: Receiver) -> list[dict[str, Any]]:
    """Return the spans that came for Application Insights, with the keys that the lines of a span file have."""
    return [
        {
            "name": item["data"]["baseData"]["name"],
            "trace_id": item["tags"]["ai.operation.id"],
            "span_id": item["data"]["baseData"]["id"],
            "parent_id": item["tags"].get("ai.operation.parentId"),
            "attributes": item["data"]["baseData"].get("properties", {}),
        }
        for item in envelopes(receiver)
        if item["data"]["baseType"] in {"RequestData", "RemoteDependencyData"}
    ]


def _objects(body: bytes) -> list[dict[str, Any]]:
    # A list, or one object per line.
    text = body.decode()
    found: list[dict[str, Any]] = (
        json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines() if line]
    )
    return found


def _attributes(pairs: "Any") -> dict[str, Any]:
    return {pair.key: _value(pair) for pair in pairs}


def _value(pair: KeyValue) -> Any:
    value: AnyValue = pair.value
    return getattr(value, value.WhichOneof("value") or "string_value")
