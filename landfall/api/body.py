"""The JSON body of a request: its fields checked, every fault found at once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_BODY_BYTES = 64 * 1024


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
