"""Instants as people write them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

_MINUTES = {"m": 1, "h": 60, "d": 1440}


def read_instant(value: Any) -> datetime | None:
    """Return an instant, UTC where no zone is named; ``None`` for what is none."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def read_since(value: Any, now: datetime) -> datetime | None:
    """Return the instant from which on something is meant, told as such or as an age; ``None`` for what is neither."""
    age = re.fullmatch(r"([0-9]{1,5})([mhd])", value) if isinstance(value, str) else None
    if age is None:
        return read_instant(value)
    return now - timedelta(minutes=int(age[1]) * _MINUTES[age[2]])
