"""Datasets in the words of a product file that copy the tables of an existing database."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from landfall.spec.copying import Engine

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")
# Of YAML 1.1 some readers take these for truths or nothing.
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column as the database has it; ``type`` is what a dataset declares."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table and what it says of itself.

    Attributes:
        table: ``table`` or ``schema.table``.
        key: Columns of the primary key.
        watermarks: Columns that could be a watermark, the best one first, each with the reason.
    """

    table: str
    columns: tuple[FoundColumn, ...]
    key: tuple[str, ...]
    watermarks: tuple[tuple[str, str], ...]
    description: str = ""


def product_text(key: str, source: str, engine: Engine) -> str:
    """Return a product file that has the source and nothing else."""
    domain, _, name = key.partition("/")
    return f"""\
api_version: landfall/v1
domain: {domain}
name: {name}
owner: {{team: {domain}-team, email: {domain}-team@example.com}}
description: ""

sources:
  {source_text(source, engine)}

run: {{on: [landing]}}
"""


def source_text(source: str, engine: Engine) -> str:
    """Return the line that declares a source."""
    secret = source.replace("_", "-")
    return f"- {{name: {source}, type: database, engine: {engine}, connection: keyvault:{secret}}}"


def datasets_text(source: str, tables: Sequence[FoundTable], taken: Sequence[str] = ()) -> str:
    """Return a file of datasets, one for each table.

    Args:
        taken: Names of datasets that the product has already.
    """
    used = set(taken)
    texts = []
    for table in tables:
        name = _unique(f"{snake_case(table.table.rpartition('.')[2])[:56]}_landed", used)
        texts.append("\n".join(_dataset(name, source, table)) + "\n")
    return "\n".join(texts)


def snake_case(name: str) -> str:
    """Return a name in lower-case letters, digits and underscores, a letter first: OrderID is order_id."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    plain = re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"column_{plain}".rstrip("_")


def _dataset(name: str, source: str, table: FoundTable) -> list[str]:
    lines = [f"- name: {name}"]
    if table.description:
        lines.append(f"  description: {_text(table.description)}")
    lines += [f"  source: {source}", f"  copy: {{table: {_text(table.table)}}}"]
    for watermark, why in table.watermarks:
        lines.append(f"  # watermark: {_text(watermark)} {why}".replace("\n", " "))
    if table.key:
        lines.append(f"  # key: {', '.join(table.key)}".replace("\n", " "))
    lines.append("  columns:")
    used: set[str] = set()
    for column in table.columns:
        declared = _unique(snake_case(column.name)[:120], used)
        parts = [f"name: {declared}"]
        if declared != column.name:
            parts.append(f"from: {_text(column.name)}")
        parts.append(f"type: {_text(column.type)}")
        if not column.nullable:
            parts.append("nullable: false")
        lines.append(f"    - {{{', '.join(parts)}}}")
    return lines


def _unique(name: str, used: set[str]) -> str:
    numbered = (f"{name[:60]}_{number}" for number in count(2))
    found = name if name not in used else next(other for other in numbered if other not in used)
    used.add(found)
    return found


def _text(value: str) -> str:
    """Return a text as YAML has it, in quotes where it could be something else."""
    return (
        value
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        else json.dumps(value, ensure_ascii=False)
    )
