"""Values of formats that know types as texts, or as what JSON can hold: read again, a text comes to the same value."""

import base64
import datetime
import decimal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spark_runtime.readers.records import as_text
from spark_runtime.readers.type_tree import Part


class NoText(Exception):
    """Bytes that are not UTF-8 stand where the declared type is no binary one."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration as Avro has them: three numbers that do not convert into each other.

    Attributes:
        stored: The twelve bytes.
    """

    stored: bytes

    def parts(self) -> dict[str, int]:
        """Return months, days and milliseconds."""
        names = ("months", "days", "milliseconds")
        return {
            name: int.from_bytes(self.stored[at * 4 : at * 4 + 4], "little") for at, name in enumerate(names)
        }

    def __str__(self) -> str:
        """Return the duration as ISO 8601 writes it, such as ``P1M2DT3.5S``."""
        months, days, milliseconds = self.parts().values()
        seconds = f"{decimal.Decimal(milliseconds).scaleb(-3).normalize():f}"
        shown = "".join(f"{number}{sign}" for number, sign in ((months, "M"), (days, "D")) if number)
        return f"P{shown}" + (f"T{seconds}S" if milliseconds or not shown else "")


def plain(value: Any, part: Part | None) -> Any:
    """Return a value of a file as one that JSON can hold.

    Args:
        part: The declared type; ``None`` for what is kept as it comes, where bytes that are no text are Base64.

    Raises:
        NoText: See there.
    """
    if part is not None and part.base == "binary" and value is not None:
        return base64.b64encode(_as_bytes(value)).decode()
    if isinstance(value, dict):
        return _members(value, part)
    if isinstance(value, list | tuple):
        return _elements(value, part)
    if isinstance(value, bytes):
        return _decoded(value, part)
    if isinstance(value, Duration):
        return value.parts() if part is not None and part.base == "struct" else str(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    # Dates, times of day, UUIDs and what else there is say best themselves how they are written.
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _members(value: dict[str, Any], part: Part | None) -> dict[str, Any]:
    if part is not None and part.base == "map":
        return {key: plain(item, part.inner) for key, item in value.items()}
    parts = {name.casefold(): inner for name, inner in part.fields} if part is not None else {}
    return {key: plain(item, parts.get(key.casefold())) for key, item in value.items()}


def _elements(value: Sequence[Any], part: Part | None) -> list[Any]:
    if part is not None and part.base == "map":
        # Its entries.
        return [[plain(pair[0], part.key), plain(pair[1], part.inner)] for pair in value]
    inner = part.inner if part is not None else None
    return [plain(item, inner) for item in value]


def _decoded(value: bytes, part: Part | None) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        if part is None:
            return base64.b64encode(value).decode()
        raise NoText from error


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, Duration):
        return value.stored
    return str(as_text(plain(value, None))).encode()
