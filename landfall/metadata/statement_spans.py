"""A span around every SQL statement, below the span of whoever sends it.

The instrumentation that OpenTelemetry offers refuses SQLAlchemy 2.1.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

_TABLE = re.compile(r"(?:\bFROM|\bINTO|^\s*UPDATE)\s+[\"\[]?(\w+)", re.IGNORECASE)
_SYSTEMS = {"mssql": "microsoft.sql_server"}


def trace_statements() -> None:
    """Trace the statements of all engines of this process from now on; asked for again, it changes nothing."""
    for name, listener in (
        ("before_cursor_execute", _begin),
        ("after_cursor_execute", _end),
        ("handle_error", _fail),
    ):
        if not sa.event.contains(sa.Engine, name, listener):
            sa.event.listen(sa.Engine, name, listener)


def _begin(connection: sa.Connection, _: Any, statement: str, __: Any, context: Any, ___: bool) -> None:
    if not trace.get_current_span().get_span_context().trace_flags.sampled:
        # Of nobody's trace: no statement begins one, and timers send them all day.
        context.landfall_span = trace.INVALID_SPAN
        return
    name, attributes = _described(statement, connection.dialect.name)
    context.landfall_span = trace.get_tracer("landfall.sql").start_span(
        name, kind=SpanKind.CLIENT, attributes=attributes
    )


@lru_cache(maxsize=4096)
def _described(statement: str, system: str) -> tuple[str, Mapping[str, str]]:
    """Return what a statement is called, and its attributes.

    Neither text nor parameters: what identifies the statement is enough, and no value gets out.
    """
    verb = statement.split(maxsplit=1)[0].upper()
    table = _TABLE.search(statement)
    attributes = {"db.system.name": _SYSTEMS.get(system, system), "db.operation.name": verb}
    if table is None:
        return verb, attributes
    return f"{verb} {table[1]}", attributes | {"db.collection.name": table[1]}


def _end(_: sa.Connection, __: Any, ___: str, ____: Any, context: Any, _____: bool) -> None:
    context.landfall_span.end()


def _fail(problem: sa.engine.ExceptionContext) -> None:
    span = getattr(problem.execution_context, "landfall_span", None)
    if span is not None:
        # The message of a driver may hold parameters.
        span.set_status(Status(StatusCode.ERROR, type(problem.original_exception).__name__))
        span.end()
