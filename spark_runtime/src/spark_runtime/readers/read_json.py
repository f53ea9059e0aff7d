"""JSON lines: text of one file in, columns of text out, every line accounted for."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from spark_runtime.readers.records import Parsed, RefusedRecord


def read_json_lines(chunks: Iterator[bytes], columns: tuple[str, ...]) -> Iterator[Parsed]:
    """Yield the objects of one text, one line each; fields are matched by name, whatever their case.

    A field that is absent is null. A line that is no JSON object, or has a field that is not declared, is refused.
    Numbers keep the digits they are written with.
    """
    positions = {name.casefold(): at for at, name in enumerate(columns)}
    carried = b""
    for chunk in chunks:
        data = carried + chunk
        end = data.rfind(b"\n") + 1
        carried = data[end:]
        yield _parse(data[:end], positions)
    yield _parse(carried, positions)


def _parse(text: bytes, positions: dict[str, int]) -> Parsed:
    columns: list[list[str | None]] = [[] for _ in positions]
    refused = []
    for line in text.split(b"\n"):
        if not line.strip():
            continue
        values, fault = _values(line, positions)
        if fault:
            refused.append(RefusedRecord(line.decode().rstrip("\r"), fault))
            continue
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return Parsed(tuple(pa.array(column, pa.string()) for column in columns), tuple(refused))


def _values(line: bytes, positions: dict[str, int]) -> tuple[list[str | None], str]:
    try:
        document = json.loads(line, parse_float=_Number, parse_int=_Number, parse_constant=_Number)
    except (ValueError, RecursionError) as error:
        return [], f"not JSON: {error}"
    if not isinstance(document, dict):
        return [], "not a JSON object"
    values: list[str | None] = [None] * len(positions)
    seen: set[int] = set()
    for name, value in document.items():
        at = positions.get(name.casefold())
        if at is None:
            return [], f"unexpected field '{name}'"
        if at in seen:
            return [], f"field '{name}' comes twice"
        seen.add(at)
        values[at] = _as_text(value)
    return values, ""


class _Number(str):
    """A number as it is written, so that no digit is lost on the way to its declared type."""

    __slots__ = ()


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value if type(value) is not _Number else str(value)
    return _as_json(value)


def _as_json(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_as_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_as_json, value)) + "]"
    return json.dumps(value)
