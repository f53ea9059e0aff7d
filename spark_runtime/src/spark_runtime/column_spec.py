"""Declared columns, as the node spec says them."""

from dataclasses import dataclass

from spark_runtime.spec_object import SpecObject


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column; ``type`` is a Spark SQL type in lower case.

    Attributes:
        source_name: What it is called in files; empty for its own name.
        format: Datetime pattern of its texts; empty for that of the source.
        start: First character in a line of fixed width, counted from 1.
        width: Number of characters there; 0 in other formats.
    """

    name: str
    type: str
    nullable: bool = True
    source_name: str = ""
    format: str = ""
    start: int = 1
    width: int = 0


def parse_columns(item: SpecObject, key: str = "columns", *, optional: bool = False) -> tuple[Column, ...]:
    """Return what a list of columns in a spec says; its faults are noted in the object."""
    columns = []
    start = 1
    for column in item.objects(key, optional=optional):
        start = column.optional_integer("start", minimum=1) or start
        width = column.optional_integer("width") or 0
        columns.append(
            Column(
                column.text("name"),
                column.text("type").strip(),
                column.boolean("nullable", default=True),
                source_name=column.text("from", optional=True),
                format=column.text("format", optional=True),
                start=start,
                width=width,
            )
        )
        start += width
        column.refuse_unknown()
    names = [column.name.casefold() for column in columns]
    for name in {name for name in names if names.count(name) > 1}:
        item.fault(key, f"'{name}' is declared twice (names differ by more than case)")
    return tuple(columns)
