"""What a node reads, landed files or tables, as the node spec says it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from spark_runtime.column_spec import Column, parse_columns
from spark_runtime.spec_object import SpecObject


class FileFormat(StrEnum):
    CSV = "csv"
    JSON = "json"
    FIXED = "fixed"
    XML = "xml"
    EXCEL = "excel"
    PARQUET = "parquet"
    ORC = "orc"
    AVRO = "avro"
    DELTA = "delta"


class Drift(StrEnum):
    """What happens to files with other columns than the declared ones.

    Their rows go to quarantine, or the node fails, or further columns are passed over, kept as JSON in a column of
    their own, or added to the table.
    """

    QUARANTINE = "quarantine"
    FREEZE = "freeze"
    DISCARD = "discard"
    RESCUE = "rescue"
    EVOLVE = "evolve"


@dataclass(frozen=True, slots=True)
class LandedFile:
    """A file to read.

    Attributes:
        captured: What its path says of it, by column.
        partition: Columns of its rows that stand beside it, in the log of its table, as text.
        rows: How many rows that log says it has; ``None`` where nothing says so.
    """

    uri: str
    etag: str
    size_bytes: int
    captured: Mapping[str, Any] = field(default_factory=dict)
    partition: Mapping[str, str | None] = field(default_factory=dict)
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class FilesInput:
    """Landed files; ``captured`` are the columns whose values come from the path of each file."""

    name: str
    format: FileFormat
    options: Mapping[str, Any]
    files: tuple[LandedFile, ...]
    columns: tuple[Column, ...]
    captured: tuple[Column, ...] = ()
    drift: Drift = Drift.QUARANTINE


@dataclass(frozen=True, slots=True)
class TableInput:
    """A Delta table.

    Attributes:
        name: How steps refer to it.
        version: The version to read, so that all nodes of a run read the same; ``None`` reads the newest.
    """

    name: str
    uri: str
    version: int | None = None


def parse_input(item: SpecObject) -> FilesInput | TableInput:
    """Return what an object of ``inputs`` in a spec says; its faults are noted in the object."""
    parsed: FilesInput | TableInput
    if item.anything("kind") == "table":
        parsed = TableInput(item.text("name"), item.text("uri"), item.optional_integer("version"))
    elif item.anything("kind") == "files":
        parsed = FilesInput(
            name=item.text("name"),
            format=item.choice("format", FileFormat, FileFormat.CSV),
            options=item.mapping("options"),
            files=tuple(_landed_file(file) for file in item.objects("files")),
            columns=parse_columns(item),
            captured=parse_columns(item, "captured", optional=True),
            drift=item.choice("drift", Drift, Drift.QUARANTINE, optional=True),
        )
    else:
        item.fault("kind", f"{item.anything('kind')!r} is not one of files, table")
        return TableInput("", "")
    item.refuse_unknown()
    return parsed


def _landed_file(item: SpecObject) -> LandedFile:
    file = LandedFile(
        item.text("uri"),
        item.text("etag", may_be_empty=True),
        item.integer("size_bytes"),
        item.mapping("captured", optional=True),
    )
    item.refuse_unknown()
    return file
