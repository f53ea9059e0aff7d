"""The node result that a job leaves in ``control/``, as far as the orchestration relies on it."""

import json
from typing import Any

from landfall.errors import LandfallError

_REQUIRED = (
    "run_id",
    "node",
    "attempt",
    "status",
    "rows_read",
    "rows_published",
    "rows_quarantined",
    "rules",
)


class UnreadableResult(LandfallError):
    """A job left a result that is none."""

    code = "LF3306"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The job's result cannot be used: {reason}. Does the wheel on the cluster fit this version?"
        )


def parse_node_result(text: str) -> dict[str, Any]:
    """Return a node result of schema version 1.

    Raises:
        UnreadableResult: It is no JSON object, of another version, or lacks a key.
    """
    try:
        result = json.loads(text)
    except ValueError as error:
        raise UnreadableResult(f"it is not JSON ({error})") from error
    return check_node_result(result)


def check_node_result(result: Any) -> dict[str, Any]:
    """Return a node result if it is one of schema version 1.

    Raises:
        UnreadableResult: It is not an object, of another version, or lacks a key.
    """
    if not isinstance(result, dict) or result.get("schema_version") != 1:
        raise UnreadableResult("it is not of schema version 1")
    missing = [key for key in (*_REQUIRED, "files", "output", "inputs", "load", "error") if key not in result]
    if missing:
        raise UnreadableResult(f"it lacks {', '.join(missing)}")
    return result
