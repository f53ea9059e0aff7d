"""JSON as it is stored and sent: compact, with characters as they are."""

import json
from typing import Any


def compact(value: Any) -> str:
    """Return ``value`` as JSON text without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
