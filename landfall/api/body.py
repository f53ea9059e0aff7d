"""The JSON body of a request: read into a model, with every fault found at once."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from landfall.instants import read_since

MAX_BODY_BYTES = 64 * 1024
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Body(BaseModel):
    """A body; what a field has to be stands in its description, after "must be"."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Model = TypeVar("Model", bound=Body)


def _checked_since(value: str) -> str:
    if read_since(value, _SOME_DAY) is None:
        raise ValueError("neither an instant nor an age")
    return value


ShortText = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Since = Annotated[str, AfterValidator(_checked_since)]
ProductKey = Annotated[str, StringConstraints(pattern=r"^[^/]+/[^/]+$", max_length=257)]
# What the database can hold in a column of ids.
FileID = Annotated[int, Field(ge=1, le=2**63 - 1)]

TEXT = "a text of 1 to 128 characters"
NAMES = "a list of dataset names"
FLAG = "true or false"
SINCE = "a date or instant such as 2026-01-31, or an age such as 90m, 12h or 7d"
PRODUCT = "domain/product"


def read_body(model: type[Model], body: bytes | Mapping[str, Any]) -> tuple[Model | None, list[str]]:
    """Return the model of a JSON object, or every fault found in it; no body is an empty object."""
    fields, faults = read_object(body)
    if faults:
        return None, faults
    try:
        return model.model_validate_json(json.dumps(fields)), []
    except ValidationError as error:
        return None, list(dict.fromkeys(_fault(model, fault) for fault in error.errors()))


def read_object(body: bytes | Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the fields of a JSON object, whatever they are, and what keeps it from being one."""
    if isinstance(body, Mapping):
        return dict(body), []
    if not body.strip():
        return {}, []
    try:
        fields = json.loads(body)
        json.dumps(fields, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        return {}, [f"The body is not JSON: {error}."]
    if not isinstance(fields, dict):
        return {}, ["The body is not a JSON object."]
    return fields, []


def _fault(model: type[Body], fault: Mapping[str, Any]) -> str:
    """Return one of pydantic's faults in our words."""
    place = fault["loc"]
    if not place:
        return f"{str(fault['ctx']['error']) if 'ctx' in fault else fault['msg']}"
    key = str(place[0])
    known = {field.alias or name: field for name, field in model.model_fields.items()}
    if fault["type"] == "extra_forbidden":
        return f"{key!r} is not known; {'known are ' + ', '.join(known) if known else 'no field is taken'}."
    if fault["type"] == "missing":
        return f"{key!r} is missing."
    field = known.get(key)
    return f"{key!r} must be {field.description if field and field.description else fault['msg']}."
