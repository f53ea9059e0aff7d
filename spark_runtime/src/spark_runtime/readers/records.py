"""What the parsers of all formats hand over, and why a file cannot be read at all."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

# A text for annotations only: pyarrow's stubs take parameters, its classes do not.
TextArray: TypeAlias = "pa.Array[Any]"


class UnreadableFile(Exception):
    """The file as a whole cannot be read; what was parsed of it must not be used."""


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """A record that could not be parsed, as it stands in the file."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """Part of a file.

    Attributes:
        columns: One text array per declared column, all of one length; empty when no record was good.
        refused: Records that could not be parsed.
    """

    columns: tuple[TextArray, ...]
    refused: tuple[RefusedRecord, ...]


def match_columns(found: list[str], declared: tuple[str, ...]) -> tuple[list[int], str | None]:
    """Match a file's column names to the declared ones: by name, in any order, whatever their case.

    Returns:
        For each declared column its position in the file, and ``None``; or nothing, and what is wrong.
    """
    names = [name.strip().casefold() for name in found]
    wanted = [name.casefold() for name in declared]
    faults = []
    repeated = sorted({name for name in names if names.count(name) > 1})
    missing = [name for name, key in zip(declared, wanted, strict=True) if key not in names]
    unexpected = [name.strip() for name, key in zip(found, names, strict=True) if key not in wanted]
    for label, columns in (("repeated", repeated), ("missing", missing), ("unexpected", unexpected)):
        if columns:
            faults.append(
                f"{label} column{'s' if len(columns) > 1 else ''} {', '.join(repr(c) for c in columns[:10])}"
            )
    if faults:
        return [], "the file has " + " and ".join(faults)
    return [names.index(key) for key in wanted], None
