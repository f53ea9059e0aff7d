"""One line per event on stderr: time, level, event, then ``key=value`` fields."""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

_invocation: ContextVar[Mapping[str, str]] = ContextVar("functions_host_invocation")
_log = logging.getLogger("landfall.functions_host")


def event(name: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log one event of the host with its fields; fields that are ``None`` are left out."""
    if _log.isEnabledFor(level):
        # Not through `log`, which looks for the caller's line for as long as all the rest takes; no line shows it.
        record = _log.makeRecord(_log.name, level, "", 0, name, (), None, extra={"fields": fields})
        _log.handle(record)


def failure(name: str, error: BaseException, **fields: Any) -> None:
    """Log an event at ERROR together with the traceback that led to it, on one line."""
    _log.error(name, extra={"fields": fields}, exc_info=error)


@contextmanager
def invocation(function: str, instance: str | None = None) -> Iterator[None]:
    """Stamp every line that is logged inside, by whatever library, with the function and the instance."""
    fields = {"function": function} if instance is None else {"function": function, "instance": instance}
    token = _invocation.set(fields)
    try:
        yield
    finally:
        _invocation.reset(token)


class LineFormatter(logging.Formatter):
    """Formats a record as one line whatever it holds; newlines and quotes are escaped as in JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for ``record``."""
        at = (
            datetime.fromtimestamp(record.created, UTC)
            .replace(tzinfo=None)
            .isoformat(timespec="milliseconds")
        )
        own = getattr(record, "fields", None)
        head = record.getMessage() if own is not None else f"log logger={record.name}"
        fields: dict[str, Any] = {**_invocation.get({}), **(own or {})}
        if own is None:
            fields["message"] = record.getMessage()
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        text = " ".join(f"{key}={_value(value)}" for key, value in fields.items() if value is not None)
        return f"{at}Z {record.levelname} {head} {text}".rstrip()


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logging of the process to ``stream`` (stderr if not given) as lines of this format."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These log every request or connection at INFO; the host's own lines say the same once.
    for noisy in (
        "azure.functions.DurableFunctions",
        "aiohttp.access",
        "asyncio",
        "azure.core.pipeline.policies.http_logging_policy",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    plain = text and not any(character in text for character in ' "=\n\r\t')
    return text if plain or not isinstance(value, str) else json.dumps(text, ensure_ascii=False)
