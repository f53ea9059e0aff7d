"""HTTP answers as values, before a host turns them into its own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from landfall.api.statuses import status_of
from landfall.concealing import concealed, holds_secret
from landfall.errors import LandfallError
from landfall.runs.callbacks import CallbackID
from landfall.runs.closing import CancelledRun
from landfall.spec.model import Product


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        body: JSON.
        headers: Beside the content type.
    """

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content_type(self) -> str:
        return "application/problem+json" if self.status >= 400 else "application/json"

    def text(self) -> str:
        text = json.dumps(self.body, ensure_ascii=False, default=_plain)
        # Most answers hold nothing that has to be looked at more closely.
        return (
            json.dumps(concealed(self.body), ensure_ascii=False, default=_plain)
            if holds_secret(text)
            else text
        )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


@dataclass(frozen=True, slots=True)
class Acted:
    """The answer to an act, and what has to be set going once the act is in SQL.

    Attributes:
        start: Products whose coordinators have to be started.
        cancelled: Runs whose jobs have to end.
        notify: Callbacks that are due.
    """

    reply: Reply
    start: tuple[Product, ...] = ()
    cancelled: tuple[CancelledRun, ...] = ()
    notify: tuple[CallbackID, ...] = ()


def invalid(faults: Sequence[str]) -> Acted:
    """Return the refusal of a body, with everything that is wrong with it."""
    return Acted(problem(400, "LF6101", "InvalidBody", " ".join(faults), faults=list(faults)))


def problem(status: int, code: str, title: str, detail: str, **more: Any) -> Reply:
    """Return a problem document.

    Source:
        RFC 9457, Problem Details for HTTP APIs.
    """
    return Reply(
        status,
        {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code, **more},
    )


def problem_of(error: LandfallError, **more: Any) -> Reply:
    """Return the problem document of one of our errors."""
    return problem(status_of(error), error.code, type(error).__name__, str(error), **more)
