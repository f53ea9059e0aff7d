"""The JSON body of a request: its fields checked, every fault found at once."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from landfall.spec.model import OnFailure

MAX_BODY_BYTES = 64 * 1024
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_MINUTES = {"m": 1, "h": 60, "d": 1440}


@dataclass(frozen=True, slots=True)
class BodyField:
    """What a field has to be.

    Attributes:
        form: In words, after "must be".
    """

    form: str
    fits: Callable[[Any], bool]


TEXT = BodyField("a text of 1 to 128 characters", lambda v: isinstance(v, str) and 0 < len(v) <= 128)
NAMES = BodyField(
    "a list of dataset names", lambda v: isinstance(v, list) and all(isinstance(i, str) for i in v)
)
FLAG = BodyField("true or false", lambda v: isinstance(v, bool))


ON_FAILURE = BodyField(f"one of {', '.join(OnFailure)}", lambda v: v in list(OnFailure))
SINCE = BodyField(
    "a date or instant such as 2026-01-31, or an age such as 90m, 12h or 7d",
    lambda v: read_since(v, _SOME_DAY) is not None,
)


def read_instant(value: Any) -> datetime | None:
    """Return an instant, UTC where no zone is named; ``None`` for what is none."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


def read_since(value: Any, now: datetime) -> datetime | None:
    """Return the instant from which on something is meant, told as such or as an age; ``None`` for what is neither."""
    age = re.fullmatch(r"([0-9]{1,5})([mhd])", value) if isinstance(value, str) else None
    if age is None:
        return read_instant(value)
    return now - timedelta(minutes=int(age[1]) * _MINUTES[age[2]])


def read_on_failure(fields: Mapping[str, Any]) -> OnFailure | None:
    """Return what a body says of failures, ``None`` if it says nothing."""
    return OnFailure(fields["on_failure"]) if "on_failure" in fields else None


def read_body(body: bytes, known: Mapping[str, BodyField]) -> tuple[dict[str, Any], list[str]]:
    """Return the fields of a JSON object and every fault found in them; no body is an empty object."""
    if not body.strip():
        return {}, []
    if len(body) > MAX_BODY_BYTES:
        return {}, [f"The body is larger than {MAX_BODY_BYTES} bytes."]
    try:
        fields = json.loads(body)
    except ValueError as error:
        return {}, [f"The body is not JSON: {error}."]
    if not isinstance(fields, dict):
        return {}, ["The body is not a JSON object."]
    faults = [f"{key!r} is not known; known are {', '.join(known)}." for key in fields if key not in known]
    faults += [
        f"{key!r} must be {field.form}."
        for key, field in known.items()
        if key in fields and not field.fits(fields[key])
    ]
    return fields, faults
