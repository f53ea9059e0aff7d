"""What an orchestration decided in an episode: the work to schedule and how the execution ended."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, TypeAlias

from landfall.local.functions_host.history import Event, EventType, row

HTTP_ACTIVITY = "BuiltIn::HttpActivity"


@dataclass(frozen=True, slots=True)
class ScheduleActivity:
    """Run an activity; ``input`` is the stored JSON text (an array of one)."""

    kind: ClassVar[str] = "activity task"
    row_type: ClassVar[EventType] = EventType.TASK_SCHEDULED
    id: int
    name: str
    input: str

    def to_row(self, at: datetime) -> Event:
        """Return the history row that records this decision."""
        return row(self.row_type, at, self.id, Name=self.name, Version="", Input=None, Tags=None)

    def identity(self) -> str:
        """Return the text that must be the same on every replay."""
        return f"{self.name.lower()}\n{self.input}"


@dataclass(frozen=True, slots=True)
class CreateChild:
    """Start a child orchestration; ``input`` is the child's raw JSON input."""

    kind: ClassVar[str] = "sub-orchestration"
    row_type: ClassVar[EventType] = EventType.SUB_ORCHESTRATION_CREATED
    id: int
    name: str
    instance_id: str
    input: str | None
    version: str | None

    def to_row(self, at: datetime) -> Event:
        """Return the history row that records this decision."""
        return row(
            self.row_type,
            at,
            self.id,
            Name=self.name,
            InstanceId=self.instance_id,
            Input=None,
            Version=self.version or "",
        )

    def identity(self) -> str:
        """Return the text that must be the same on every replay."""
        return f"{self.name.lower()}\n{self.instance_id}\n{self.input}"


@dataclass(frozen=True, slots=True)
class CreateTimer:
    """Fire at an instant; ``fire_at`` is the text that the orchestrator sent."""

    kind: ClassVar[str] = "timer"
    row_type: ClassVar[EventType] = EventType.TIMER_CREATED
    name: ClassVar[str] = ""
    id: int
    fire_at: str

    def to_row(self, at: datetime) -> Event:
        """Return the history row that records this decision."""
        return row(self.row_type, at, self.id, FireAt=self.fire_at)

    def identity(self) -> str:
        """Return the text that must be the same on every replay."""
        return self.fire_at


@dataclass(frozen=True, slots=True)
class SendEvent:
    """Send a request to an entity; ``input`` is the JSON of the request message."""

    kind: ClassVar[str] = "event"
    row_type: ClassVar[EventType] = EventType.EVENT_SENT
    id: int
    instance_id: str
    name: str
    input: str

    def to_row(self, at: datetime) -> Event:
        """Return the history row that records this decision."""
        return row(self.row_type, at, self.id, InstanceId=self.instance_id, Name=self.name, Input=self.input)

    def identity(self) -> str:
        """Return the text that must be the same on every replay."""
        return f"{self.instance_id}\n{self.name}\n{self.input}"


Decision: TypeAlias = ScheduleActivity | CreateChild | CreateTimer | SendEvent


def fingerprint(decision: Decision) -> str:
    """Return a short digest of kind, name and input, to compare with what an earlier episode decided."""
    return hashlib.sha256(f"{decision.kind}\n{decision.identity()}".encode()).hexdigest()[:16]


class Status(StrEnum):
    """Runtime status of an instance, as the management API spells it."""

    PENDING = "Pending"
    RUNNING = "Running"
    COMPLETED = "Completed"
    CONTINUED_AS_NEW = "ContinuedAsNew"
    FAILED = "Failed"
    CANCELED = "Canceled"
    TERMINATED = "Terminated"
    SUSPENDED = "Suspended"

    @property
    def is_terminal(self) -> bool:
        """Whether the instance will never run again by itself."""
        return self in _TERMINAL


_TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELED, Status.TERMINATED})
# The numbers that history rows carry instead of the names.
STATUS_NUMBERS: dict[Status, int] = {
    Status.RUNNING: 0,
    Status.COMPLETED: 1,
    Status.CONTINUED_AS_NEW: 2,
    Status.FAILED: 3,
    Status.CANCELED: 4,
    Status.TERMINATED: 5,
    Status.PENDING: 6,
    Status.SUSPENDED: 7,
}
STATUS_NAMES = {number: status for status, number in STATUS_NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class Ending:
    """How an execution ended.

    Attributes:
        status: Completed, Failed, Terminated or ContinuedAsNew.
        result: Output or new input as JSON text; the plain message of a failure; the reason of a termination.
    """

    status: Status
    result: str | None
