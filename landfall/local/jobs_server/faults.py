"""What tests use to make the server misbehave and to see what was asked of it: fault rules and the journal."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from landfall.local.jobs_server.errors import invalid

JOURNAL_LENGTH = 1000


class Moment(StrEnum):
    """When a fault strikes: instead of the handler, or after it has done its work."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(slots=True)
class Fault:
    """One rule: which requests it strikes and what they get instead of their answer.

    Attributes:
        method: HTTP method, ``None`` for any.
        path: Path without the query; ``*`` and ``?`` match as in file names.
        status: Status of the answer; ``None`` keeps the handler's answer (for a rule that only delays).
        body: JSON body of the answer.
        headers: Extra headers of the answer.
        delay_s: Seconds to wait before the answer.
        skip: Matching requests that pass before the first one is struck.
        times: Requests still to strike; -1 strikes for ever.
        moment: Before or after the handler.
        drop: Close the connection without an answer.
    """

    path: str
    method: str | None = None
    status: int | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    skip: int = 0
    times: int = 1
    moment: Moment = Moment.BEFORE
    drop: bool = False

    @classmethod
    def from_json(cls, rule: Any) -> "Fault":
        """Return the rule that a request body describes.

        Raises:
            ApiError: A key is unknown, ``path`` is missing or a value has the wrong type.
        """
        if not isinstance(rule, dict) or not isinstance(rule.get("path"), str):
            raise invalid("A fault is an object with at least a 'path'.")
        unknown = sorted(set(rule) - set(cls.__slots__))
        if unknown:
            raise invalid(f"A fault has no field {unknown[0]!r}; it has {', '.join(cls.__slots__)}.")
        try:
            return cls(**{**rule, "moment": Moment(rule.get("moment", Moment.BEFORE))})
        except ValueError as error:
            raise invalid(f"Fault for {rule['path']}: {error}.") from error

    def matches(self, method: str, path: str) -> bool:
        return (self.method is None or self.method.upper() == method) and fnmatchcase(path, self.path)


class FaultRules:
    """The rules in force, in the order in which they were posted."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._rules.append(fault)

    def clear(self) -> None:
        self._rules.clear()

    def strike(self, method: str, path: str) -> Fault | None:
        """Return the fault that this request meets, and count it; ``None`` lets the request pass."""
        for fault in self._rules:
            if not fault.matches(method, path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.times != 0:
                fault.times -= 1 if fault.times > 0 else 0
                return fault
        return None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One request as it was answered; headers are left out because they carry the token."""

    at_ms: int
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    status: int
    user_agent: str


class Journal:
    """The last requests, oldest first.

    Attributes:
        recorded: How many there were in all.
    """

    def __init__(self) -> None:
        self.recorded = 0
        self._entries: deque[JournalEntry] = deque(maxlen=JOURNAL_LENGTH)

    def record(self, entry: JournalEntry) -> None:
        self._entries.append(entry)
        self.recorded += 1

    def clear(self) -> None:
        self._entries.clear()

    def entries(self) -> tuple[JournalEntry, ...]:
        return tuple(self._entries)
