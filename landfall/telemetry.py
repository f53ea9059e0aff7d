"""Traces and metrics: one trace per run, its ids made of the run's, exporters by settings alone.

A run is driven by activities of many processes, replayed by orchestrators that keep no context, and taken up
again after crashes. So nothing hands a trace context on: the ids of a run's trace and of its nodes' spans follow
from the ids of run, node and attempt, and every activity finds its parent by itself. What an activity repeats
has the ids it had before. Times of files, nodes and runs come from SQL, where they are the truth.
"""

import atexit
import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import metrics, trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, Status, StatusCode, TraceFlags

from landfall.settings import TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

Attributes = Mapping[str, str | int | float | bool]

_NAME = "landfall"
_METRICS_EVERY_S = 60.0

# Of the span that is being started, where its id is not left to chance.
_own_ids: ContextVar[tuple[int, int] | None] = ContextVar("landfall_own_ids", default=None)


@dataclass(frozen=True, slots=True)
class SpanKey:
    """What the id of a span is made of: a run, one of its nodes, one of its attempts, and what happened there.

    Attributes:
        run_id: Gives the trace as well.
        parts: Names below the run, for example ``("node", "daily_delays")``; empty for the run itself.
    """

    run_id: str
    parts: tuple[str, ...] = ()

    @property
    def trace_id(self) -> int:
        return _number(16, "trace", self.run_id)

    @property
    def span_id(self) -> int:
        return _number(8, "span", self.run_id, *self.parts)

    def below(self, *parts: str) -> "SpanKey":
        return SpanKey(self.run_id, (*self.parts, *parts))

    def context(self) -> "Context":
        """Return the context in which a span with this key is the parent."""
        parent = SpanContext(
            self.trace_id, self.span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
        )
        return trace.set_span_in_context(NonRecordingSpan(parent))

    def traceparent(self) -> str:
        """Return the key as a W3C trace context, for whoever works outside of this process.

        Source:
            W3C Recommendation Trace Context, section 3.2, version 00.
        """
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-01"


def run_span(run_id: str) -> SpanKey:
    return SpanKey(run_id)


def node_span(run_id: str, key: str) -> SpanKey:
    return SpanKey(run_id, ("node", key))


def attempt_span(run_id: str, key: str, attempt: int) -> SpanKey:
    return SpanKey(run_id, ("node", key, str(attempt)))


def record(
    name: str,
    key: SpanKey,
    parent: SpanKey | None,
    *,
    started_at: datetime,
    ended_at: datetime,
    attributes: Attributes,
    error: str | None = None,
) -> None:
    """Record a span that lies in the past, under the ids of its key.

    Args:
        parent: ``None`` for the root of the trace.
        started_at: Aware UTC.
        ended_at: Aware UTC; a clock that was set back gives a span without length.
        error: Why it failed, without values of rows; ``None`` if it succeeded.
    """
    token = _own_ids.set((key.trace_id, key.span_id))
    try:
        span = trace.get_tracer(_NAME).start_span(
            name,
            context=parent.context() if parent is not None else otel_context.Context(),
            start_time=_nanoseconds(started_at),
            attributes=dict(attributes),
        )
    finally:
        _own_ids.reset(token)
    if error is not None:
        span.set_status(Status(StatusCode.ERROR, error))
    span.end(_nanoseconds(max(started_at, ended_at)))


@contextmanager
def span(name: str, parent: SpanKey | None = None, attributes: Attributes | None = None) -> Iterator[Span]:
    """Be a span around what is done now; spans of libraries within become its children."""
    context = parent.context() if parent is not None else None
    tracer = trace.get_tracer(_NAME)
    with tracer.start_as_current_span(name, context=context, attributes=dict(attributes or {})) as current:
        yield current


class Metrics:
    """Landfall's instruments; without an exporter they cost next to nothing."""

    def __init__(self) -> None:
        meter = metrics.get_meter(_NAME)
        self.runs = meter.create_counter("landfall.runs", "{run}", "Runs that ended, by state.")
        self.nodes = meter.create_counter("landfall.nodes", "{node}", "Node runs that ended, by state.")
        self.retries = meter.create_counter(
            "landfall.retries", "{attempt}", "Attempts after the first, by error code."
        )
        self.rows = meter.create_counter("landfall.rows", "{row}", "Rows read, published and quarantined.")
        self.refused = meter.create_counter(
            "landfall.rows.refused", "{row}", "Rows that a rule did not let pass."
        )
        self.run_duration = meter.create_histogram(
            "landfall.run.duration", "s", "From opening a run to its end."
        )
        self.job_duration = meter.create_histogram(
            "landfall.job.duration", "s", "What the job itself measured."
        )
        self.start_latency = meter.create_histogram(
            "landfall.start.latency", "s", "From the landing of a file to the opening of its run."
        )
        self.publish_latency = meter.create_histogram(
            "landfall.publish.latency", "s", "From the landing of a file to the end of its run."
        )
        self.dataset_age = meter.create_gauge(
            "landfall.dataset.age", "s", "Age of a dataset whose freshness is promised."
        )
        self.level_met = meter.create_gauge(
            "landfall.service_level.met", "1", "1 where a service level is met, 0 where it is missed."
        )
        self.queue = meter.create_gauge(
            "landfall.queue", "{item}", "Files, requests, nodes and dead letters that wait, by what they are."
        )
        self.alarms = meter.create_gauge("landfall.alarms", "{alarm}", "Alarms that last, by name.")


def configure(settings: TelemetrySettings, *, service: str) -> bool:
    """Send traces and metrics where the settings say; return whether that is anywhere.

    Args:
        service: Name of this process among the others, ``service.name``.
    """
    if not settings.is_on:
        return False
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, SamplingResult

    class OwnIds(RandomIdGenerator):
        """Gives the ids that ``record`` asks for, chance elsewhere."""

        def generate_trace_id(self) -> int:
            own = _own_ids.get()
            return own[0] if own is not None else super().generate_trace_id()

        def generate_span_id(self) -> int:
            own = _own_ids.get()
            return own[1] if own is not None else super().generate_span_id()

    class OwnRoots(Sampler):
        """Begins a trace with spans of ours only: timers ask SQL all day, and nobody would read that."""

        def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
            attributes = kwargs.get("attributes") or {}
            is_ours = any(name.startswith("landfall.") for name in attributes)
            return (ALWAYS_ON if is_ours else ALWAYS_OFF).should_sample(*args, **kwargs)

        def get_description(self) -> str:
            return "OwnRoots"

    resource = Resource.create({"service.name": service, "service.namespace": _NAME})
    tracers = TracerProvider(ParentBased(OwnRoots()), resource, id_generator=OwnIds())
    readers = []
    for spans, measures in _exporters(settings):
        tracers.add_span_processor(BatchSpanProcessor(spans, schedule_delay_millis=1_000))
        if measures is not None:
            readers.append(PeriodicExportingMetricReader(measures, _METRICS_EVERY_S * 1_000))
    meters = MeterProvider(readers, resource)
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(meters)
    RequestsInstrumentor().instrument()
    atexit.register(meters.shutdown)
    atexit.register(tracers.shutdown)
    return True


def _exporters(settings: TelemetrySettings) -> "Iterator[tuple[SpanExporter, MetricExporter | None]]":
    if settings.applicationinsights_connection_string is not None:
        from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter, AzureMonitorTraceExporter

        text = settings.applicationinsights_connection_string
        signed = _credential(settings)
        yield (
            AzureMonitorTraceExporter(connection_string=text, **signed),
            AzureMonitorMetricExporter(connection_string=text, **signed),
        )
    if settings.otlp_endpoint is not None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        # The exporters read the endpoint, headers and certificates from the OTEL_EXPORTER_OTLP_ variables.
        yield OTLPSpanExporter(), OTLPMetricExporter()
    if settings.file is not None:
        yield _file_exporter(settings.file), None


def _credential(settings: TelemetrySettings) -> dict[str, Any]:
    """Return the identity to sign in to Application Insights with, nothing where its key is enough."""
    if not settings.signs_in:
        return {}
    from azure.identity import DefaultAzureCredential

    return {
        "credential": DefaultAzureCredential(managed_identity_client_id=settings.managed_identity_client_id)
    }


def _file_exporter(path: Path) -> "SpanExporter":
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class FileExporter(SpanExporter):
        """Appends each span as one line of JSON."""

        def __init__(self) -> None:
            self._lock = threading.Lock()

        def export(self, spans: "Sequence[ReadableSpan]") -> SpanExportResult:
            lines = "".join(f"{json.dumps(_line(item), ensure_ascii=False)}\n" for item in spans)
            try:
                with self._lock, path.open("a", encoding="utf-8") as file:
                    file.write(lines)
            except OSError as error:
                sys.stderr.write(f"telemetry is lost: {path}: {error}\n")
                return SpanExportResult.FAILURE
            return SpanExportResult.SUCCESS

    return FileExporter()


def _line(item: "ReadableSpan") -> dict[str, Any]:
    own = item.context
    return {
        "trace_id": f"{own.trace_id:032x}" if own is not None else None,
        "span_id": f"{own.span_id:016x}" if own is not None else None,
        "parent_id": f"{item.parent.span_id:016x}" if item.parent is not None else None,
        "name": item.name,
        "started_ns": item.start_time,
        "ended_ns": item.end_time,
        "status": item.status.status_code.name,
        "error": item.status.description,
        "attributes": dict(item.attributes or {}),
    }


def _number(size: int, *parts: str) -> int:
    text = "\0".join(parts)
    # An id of nothing but zeros is invalid.
    return int.from_bytes(sha256(text.encode()).digest()[:size]) or 1


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000) * 1_000
