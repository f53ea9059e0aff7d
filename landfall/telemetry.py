"""Traces: one per run, its ids made of the run's; where they are sent stands in ``exporting``.

A run is driven by activities of many processes, replayed by orchestrators that keep no context, and taken up
again after crashes. So nothing hands a trace context on: the ids of a run's trace and of its nodes' spans follow
from the ids of run, node and attempt, and every activity finds its parent by itself. What an activity repeats
has the ids it had before. Times of files, nodes and runs come from SQL, where they are the truth.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, Status, StatusCode, TraceFlags

if TYPE_CHECKING:
    from opentelemetry.context import Context

Attributes = Mapping[str, str | int | float | bool]

_NAME = "landfall"

# Trace id and span id of the span that is being started, where they are not left to chance.
own_ids: ContextVar[tuple[int, int] | None] = ContextVar("landfall_own_ids", default=None)


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
    def trace(self) -> str:
        """The trace id as back ends show it, 32 hexadecimal digits."""
        return f"{self.trace_id:032x}"

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
        return f"00-{self.trace}-{self.span_id:016x}-01"


def run_span(run_id: str) -> SpanKey:
    return SpanKey(run_id)


def coordinator_span(run_id: str) -> SpanKey:
    return SpanKey(run_id, ("coordinator",))


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
    token = own_ids.set((key.trace_id, key.span_id))
    try:
        span = trace.get_tracer(_NAME).start_span(
            name,
            context=parent.context() if parent is not None else otel_context.Context(),
            start_time=_nanoseconds(started_at),
            attributes=dict(attributes),
        )
    finally:
        own_ids.reset(token)
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


@dataclass(slots=True)
class Undecided:
    """Spans that are told only if what they belong to comes to be; each is a call that tells it."""

    tell: list[Callable[[], None]] = field(default_factory=list)
    keep: bool = False


# Where spans go that end while nobody knows yet whether they are worth telling.
undecided_spans: ContextVar[Undecided | None] = ContextVar("landfall_undecided_spans", default=None)


@contextmanager
def undecided() -> Iterator[Undecided]:
    """Hold back the spans that end within, and tell them at its end if ``keep`` was set by then.

    A coordinator that looks whether there is a run to open names a run that may never be.
    """
    held = Undecided()
    token = undecided_spans.set(held)
    try:
        yield held
    finally:
        undecided_spans.reset(token)
        if held.keep:
            for tell in held.tell:
                tell()


def _number(size: int, *parts: str) -> int:
    text = "\0".join(parts)
    # An id of nothing but zeros is invalid.
    return int.from_bytes(sha256(text.encode()).digest()[:size]) or 1


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000) * 1_000
