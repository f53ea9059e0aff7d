"""Fields of structs that a file of a format that knows types has, held against the declared ones."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from spark_runtime.readers.records import Drifted, Match, Wanted
from spark_runtime.readers.type_tree import Part

Shape = Mapping[str, Any]
"""What a file says of a value: ``{"struct": {name: shape}}``, ``{"inner": shape}`` for arrays and maps, else empty."""
PLAIN: Shape = {}


def match_fields(
    match: Match, shapes: Sequence[Shape], declared: Mapping[int, Part], wanted: Wanted
) -> Match:
    """Return a match of the columns of a file in which the fields of their structs have been compared, too.

    Args:
        shapes: One per column of the file.
        declared: Part per declared column of a nested type, by its number.

    Raises:
        Drifted: The file has other fields, and the declared ones are frozen.
    """
    if match.fault is not None:
        return match
    missing: list[str] = []
    unexpected: list[str] = []
    for own, part in declared.items():
        at = match.positions[own]
        if at is not None:
            for path, is_missing in _differences(part, shapes[at]):
                (missing if is_missing else unexpected).append(path)
    faults = []
    for label, paths in (
        ("missing", [] if wanted.fills_missing else missing),
        ("unexpected", unexpected if wanted.extra in ("refuse", "fail") else []),
    ):
        if paths:
            shown = ", ".join(repr(path) for path in paths[:10])
            faults.append(f"{label} field{'s' if len(paths) > 1 else ''} {shown}")
    if not faults:
        return match
    fault = "the file has " + " and ".join(faults)
    if wanted.extra == "fail":
        raise Drifted(fault)
    return Match(fault=fault)


def _differences(part: Part, shape: Shape) -> Iterator[tuple[str, bool]]:
    """Yield the path of each field that one side lacks, and whether that is the file."""
    if part.inner is not None and "inner" in shape:
        yield from _differences(part.inner, shape["inner"])
    if part.base != "struct" or "struct" not in shape:
        return
    found = {name.casefold(): (name, inner) for name, inner in shape["struct"].items()}
    for name, inner in part.fields:
        there = found.pop(name.casefold(), None)
        if there is None:
            yield inner.path, True
        else:
            yield from _differences(inner, there[1])
    for name, _ in found.values():
        yield f"{part.path}.{name}", False


def shape_of_arrow(kind: Any) -> Shape:
    """Return the shape of an Arrow type."""
    if pa.types.is_dictionary(kind):
        return shape_of_arrow(kind.value_type)
    if pa.types.is_struct(kind):
        fields = (kind.field(at) for at in range(kind.num_fields))
        return {"struct": {field.name: shape_of_arrow(field.type) for field in fields}}
    if pa.types.is_map(kind):
        return {"inner": shape_of_arrow(kind.item_type)}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return {"inner": shape_of_arrow(kind.value_type)}
    return PLAIN


def shape_of_avro(schema: Any, named: dict[str, Shape] | None = None) -> Shape:
    """Return the shape of an Avro schema; that of a union is all that its branches have.

    Args:
        named: Records that were met, by their names, by which a schema may mean them again.
    """
    known = {} if named is None else named
    if isinstance(schema, list):
        joined: dict[str, Any] = {}
        for branch in schema:
            for key, inside in shape_of_avro(branch, known).items():
                joined[key] = {**joined.get(key, {}), **inside}
        return joined
    if isinstance(schema, str):
        return _known(known, schema)
    kind = schema.get("type")
    if isinstance(kind, dict | list):
        return shape_of_avro(kind, known)
    if kind in ("record", "error"):
        shape: dict[str, Any] = {"struct": {}}
        # Before its fields, which may be of the same record.
        known[schema["name"]] = shape
        for field in schema["fields"]:
            shape["struct"][field["name"]] = shape_of_avro(field["type"], known)
        return shape
    if kind == "array":
        return {"inner": shape_of_avro(schema["items"], known)}
    if kind == "map":
        return {"inner": shape_of_avro(schema["values"], known)}
    return _known(known, str(kind))


def _known(known: dict[str, Shape], name: str) -> Shape:
    return known.get(name, PLAIN)
