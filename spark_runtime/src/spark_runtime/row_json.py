"""A row as JSON text, for people and for taking it in again: the same text on every engine, and nothing lost.

Engines write decimals and instants into JSON in ways of their own: one cuts zeros and signs off, another all that is
below a millisecond. So these are written as the texts that a file could hold.

Sail goes through a row field by field to write it, which is most of what refusing it costs. Where no text of a row has
a sign that JSON would escape, its values are put between their names. Spark, which compiles what it writes, needs twice
as long for that as for its own function.
"""

import json
from collections.abc import Callable, Sequence

from spark_runtime.portable.dialect import Dialect
from spark_runtime.sql import quoted, text_literal

Field = tuple[str, str, str]

_BARE = frozenset({"tinyint", "smallint", "int", "bigint", "boolean"})
# Written as text that has no sign to escape.
_UNESCAPED = frozenset({"decimal", "date", "timestamp", "timestamp_ntz"})
_QUOTE = '"'
_ESCAPED = r'[\x00-\x1F"\\]'


def row_as_json(fields: Sequence[Field], dialect: Dialect) -> str:
    """Return SQL of a row as JSON, without the fields that are null.

    Args:
        fields: Name, SQL and type of each field.
        dialect: The engine: Spark's own function is its fastest way, and on Sail joining texts is.
    """
    if dialect.is_spark:
        return _by_engine(fields)
    texts = [sql for _, sql, kind in fields if kind == "string"]
    joined = f"concat('{{', concat_ws(',', {', '.join(_named(*field) for field in fields)}), '}}')"
    if not texts:
        return joined
    escaped = f"concat_ws('', {', '.join(texts)}) RLIKE {text_literal(_ESCAPED)}"
    return f"CASE WHEN {escaped} THEN {_by_engine(fields)} ELSE {joined} END"


def _by_engine(fields: Sequence[Field]) -> str:
    written = (f"{text_literal(name)}, {_readable(sql, kind, 0)}" for name, sql, kind in fields)
    return f"to_json(named_struct({', '.join(written)}))"


def _named(name: str, sql: str, kind: str) -> str:
    """Return SQL of a field with its name, null where the value is; a text has no sign to escape."""
    front = json.dumps(name, ensure_ascii=False) + ":"
    base = kind.partition("(")[0].partition("<")[0]
    if base == "string":
        return f"concat({text_literal(front + _QUOTE)}, {sql}, {text_literal(_QUOTE)})"
    if base in _BARE:
        return f"concat({text_literal(front)}, CAST({sql} AS string))"
    if base in _UNESCAPED:
        text = _readable(sql, kind, 0) if base != "date" else f"CAST({sql} AS string)"
        return f"concat({text_literal(front + _QUOTE)}, {text}, {text_literal(_QUOTE)})"
    # What else there is, such as doubles, engines write in ways of their own.
    alone = _by_engine([(name, sql, kind)])
    if base in {"float", "double"}:
        # Numbers of usual size are the same text in JSON as anywhere, which is made faster. Others are named once, as
        # they are made as often as they are named; a number has no brace of its own.
        text = f"concat({text_literal(front)}, CAST({_readable(sql, kind, 0)} AS string))"
        usual = f"abs({sql}) >= 0.001D AND abs({sql}) < 10000000D"
        inside = f"CASE WHEN {usual} THEN {text} ELSE trim(BOTH '{{}}' FROM {alone}) END"
    else:
        inside = f"substring({alone}, 2, length({alone}) - 2)"
    return f"CASE WHEN {sql} IS NOT NULL THEN {inside} END"


def _readable(sql: str, kind: str, depth: int) -> str:
    """Return SQL of a value in the form in which every engine writes it into JSON."""
    base = kind.partition("(")[0].partition("<")[0]
    if base in {"decimal", "timestamp_ntz"}:
        return f"CAST({sql} AS string)"
    if base == "timestamp":
        return f"concat(replace(CAST({sql} AS string), ' ', 'T'), 'Z')"
    if base == "float":
        return f"CAST({sql} AS double)"
    if base in _NESTED and _readable_inside(kind):
        return _NESTED[base](sql, kind, depth)
    return sql


def _readable_inside(kind: str) -> bool:
    """Return whether a nested type has parts that engines write differently."""
    return any(word in kind for word in ("decimal(", "timestamp", "float"))


def _array(sql: str, kind: str, depth: int) -> str:
    item = f"_lf_i{depth}"
    return f"transform({sql}, {item} -> {_readable(item, _inside(kind), depth + 1)})"


def _map(sql: str, kind: str, depth: int) -> str:
    entry = f"_lf_i{depth}"
    key, value = _parts(_inside(kind))
    fields = f"{_readable(f'{entry}.key', key, depth + 1)}, {_readable(f'{entry}.value', value, depth + 1)}"
    return f"map_from_entries(transform(map_entries({sql}), {entry} -> struct({fields})))"


def _struct(sql: str, kind: str, depth: int) -> str:
    fields = []
    for part in _parts(_inside(kind)):
        name, _, inner = part.partition(":")
        fields.append(f"{text_literal(name)}, {_readable(f'{sql}.{quoted(name)}', inner, depth)}")
    return f"CASE WHEN {sql} IS NOT NULL THEN named_struct({', '.join(fields)}) END"


def _inside(kind: str) -> str:
    return kind[kind.index("<") + 1 : -1]


def _parts(inside: str) -> list[str]:
    """Return what stands between the commas that no bracket encloses."""
    parts, depth = [""], 0
    for sign in inside:
        depth += (sign in "<(") - (sign in ">)")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


_NESTED: dict[str, Callable[[str, str, int], str]] = {"array": _array, "map": _map, "struct": _struct}
