"""Where the host gets the time from, and how it writes instants down."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of the current instant; tests give one that they move by hand."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC)


def to_text(instant: datetime) -> str:
    """Return ``instant`` as fixed-width UTC text with microseconds and ``Z``; its order is the order of time."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    # Not strftime: an episode writes some thirty instants.
    return f"{instant.isoformat(timespec='microseconds').removesuffix('+00:00')}Z"


def to_seconds_text(instant: datetime) -> str:
    """Return ``instant`` with second precision, as the management API prints it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_text(text: str) -> datetime:
    """Return the instant that ``text`` (ISO 8601, UTC if it names no offset) stands for.

    Raises:
        ValueError: ``text`` is not an instant.
    """
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
