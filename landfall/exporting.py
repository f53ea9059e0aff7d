"""Where traces and metrics are sent: providers and exporters of OpenTelemetry, by settings alone."""

import atexit
import json
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace

from landfall.metrics import Metrics
from landfall.settings import TelemetrySettings, use_stable_conventions
from landfall.telemetry import own_ids, undecided_spans

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

_NAME = "landfall"
_TOO_MANY_REQUESTS = 429
# What comes after the version says which call of the Jobs API a request is.
_JOBS_CALL = re.compile(r"/api/[\d.]+/jobs/([\w/-]+)")


def configure(settings: TelemetrySettings, *, service: str) -> bool:
    """Send traces and metrics where the settings say; return whether that is anywhere.

    Args:
        service: Name of this process among the others, ``service.name``.
    """
    if not settings.is_on:
        return False
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, SamplingResult

    class Telling(BatchSpanProcessor):
        """Passes on spans that have ended, or leaves them to whoever has yet to decide about them."""

        def on_end(self, span: "ReadableSpan") -> None:
            held = undecided_spans.get()
            if held is None:
                super().on_end(span)
            else:
                held.tell.append(lambda: super(Telling, self).on_end(span))

    class OwnIds(RandomIdGenerator):
        """Gives the ids that ``record`` asks for, chance elsewhere."""

        def generate_trace_id(self) -> int:
            own = own_ids.get()
            return own[0] if own is not None else super().generate_trace_id()

        def generate_span_id(self) -> int:
            own = own_ids.get()
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
        tracers.add_span_processor(Telling(spans, schedule_delay_millis=1_000))
        if measures is not None:
            # Once a minute, or as OTEL_METRIC_EXPORT_INTERVAL says.
            readers.append(PeriodicExportingMetricReader(measures))
    meters = MeterProvider(readers, resource)
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(meters)
    _trace_requests()
    atexit.register(meters.shutdown)
    atexit.register(tracers.shutdown)
    return True


def _trace_requests() -> None:
    """Let every HTTP request be a span, and name and count those that go to the Jobs API."""
    use_stable_conventions()
    from opentelemetry.instrumentation.requests import RequestsInstrumentor

    throttled = Metrics().throttled

    def name_call(span: trace.Span, request: Any) -> None:
        call = _JOBS_CALL.search(request.url)
        if call is not None:
            span.update_name(f"jobs {call[1]}")
            span.set_attribute("landfall.jobs.call", call[1])

    def count_refusal(_: trace.Span, request: Any, response: Any) -> None:
        # Told here, for the SDK repeats a call that was throttled without a word.
        call = _JOBS_CALL.search(request.url)
        if call is not None and response.status_code == _TOO_MANY_REQUESTS:
            throttled.add(1, {"landfall.jobs.call": call[1]})

    RequestsInstrumentor().instrument(request_hook=name_call, response_hook=count_refusal)


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
