"""A nested column type taken apart: what values each of its parts has, and by which path a fault names it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[<>(),:]")
_SIMPLE = {
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"),
    "binary": pa.binary(),
}
ELEMENT, VALUE, KEY = "[]", "{}", "{key}"
"""How paths go on to the elements of an array, and to the values and keys of a map."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a type.

    Attributes:
        path: Names from the column on, such as ``items[].price``, ``rates{}`` and ``rates{key}``.
        kind: Spark SQL type in its one spelling.
        base: ``array``, ``map``, ``struct``, ``decimal`` or the type itself.
        arrow: The same type in Arrow.
        fields: Names and parts of a struct.
        inner: Part of the elements of an array, or of the values of a map.
        key: Part of the keys of a map.
        digits: Precision and scale of a decimal.
    """

    path: str
    kind: str
    base: str
    arrow: Any
    fields: "tuple[tuple[str, Part], ...]" = ()
    inner: "Part | None" = None
    key: "Part | None" = None
    digits: tuple[int, int] = (0, 0)

    def walk(self) -> "Iterator[Part]":
        """Yield the part and all parts of it, in the order in which the type names them."""
        yield self
        for part in (self.key, self.inner, *(part for _, part in self.fields)):
            if part is not None:
                yield from part.walk()


def type_tree(kind: str, column: str = "") -> Part:
    """Return the parts of a type.

    Args:
        kind: Spark SQL type in its one spelling.
        column: Name that paths begin with.
    """
    return _Reader(kind).read(column)


class _Reader:
    def __init__(self, kind: str) -> None:
        self._tokens = _TOKEN.findall(kind)
        self._at = 0

    def _next(self) -> str:
        self._at += 1
        return str(self._tokens[self._at - 1])

    def read(self, path: str) -> Part:
        start = self._at
        base = self._next().lower()
        part = self._rest(base, path)
        kind = "".join(self._tokens[start : self._at])
        return Part(path, kind, base, **part)

    def _rest(self, base: str, path: str) -> dict[str, Any]:
        if base == "array":
            self._next()
            inner = self.read(path + ELEMENT)
            self._next()
            return {"arrow": pa.list_(inner.arrow), "inner": inner}
        if base == "map":
            self._next()
            key = self.read(path + KEY)
            self._next()
            inner = self.read(path + VALUE)
            self._next()
            return {"arrow": pa.map_(key.arrow, inner.arrow), "inner": inner, "key": key}
        if base == "struct":
            return self._fields(path)
        if base == "decimal":
            self._next()
            precision = int(self._next())
            self._next()
            scale = int(self._next())
            self._next()
            return {"arrow": pa.decimal128(precision, scale), "digits": (precision, scale)}
        return {"arrow": _SIMPLE.get(base, pa.string())}

    def _fields(self, path: str) -> dict[str, Any]:
        fields = []
        separator = self._next()
        while separator != ">":
            name = self._next()
            self._next()
            fields.append((name, self.read(f"{path}.{name}")))
            separator = self._next()
        return {
            "arrow": pa.struct([pa.field(name, part.arrow) for name, part in fields]),
            "fields": tuple(fields),
        }
