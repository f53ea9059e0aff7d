"""What the contracts of ports say of columns: written by hand in a file, or what the product itself says."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from landfall.spec.column_types import UnknownTypeError, canonical_type
from landfall.spec.draft import Draft
from landfall.spec.frames import Frame
from landfall.spec.model import DatasetName, Port, Product
from landfall.spec.project import read_file


def with_promised_columns(
    product: Product, frames: Mapping[DatasetName, Frame | None], root: Path, folder: Path, draft: Draft
) -> Product:
    """Return a product whose ports say which columns they promise; add to the draft what a contract cannot say.

    Args:
        frames: Columns of each dataset as validation follows them; absent or ``None`` where they cannot be told.
        root: The project, for names of files in faults.
        folder: The product's folder, below which contracts lie.
    """
    ports = []
    for index, port in enumerate(product.ports):
        frame = frames.get(port.dataset)
        columns: dict[str, str | None] = dict(frame.types) if frame is not None else {}
        promised = port
        if port.contract is not None:
            properties = _written(root, folder / port.contract, port, index, draft)
            columns |= _types(properties, port, index, draft)
            promised = replace(port, required=_required(properties), key=_key(properties))
        ports.append(replace(promised, columns=tuple(columns.items())))
    return replace(product, ports=tuple(ports))


def _written(root: Path, path: Path, port: Port, index: int, draft: Draft) -> tuple[Mapping[str, Any], ...]:
    """Return what a contract written by hand says of each column that it names."""
    at = ("ports", index, "contract")
    if not path.is_file():
        draft.report(
            at, "LF1042", f"no file '{port.contract}'", "write it, or remove contract: for a generated one"
        )
        return ()
    file = read_file(root, path)
    draft.faults.extend(file.faults)
    return tuple(item for item in _properties(file.data, port.dataset) if isinstance(item.get("name"), str))


def _required(properties: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(item["name"]) for item in properties if item.get("required") is True)


def _key(properties: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    parts = [item for item in properties if item.get("primaryKey") is True]
    # Without a position a part stands where it is written.
    at = [item.get("primaryKeyPosition") for item in parts]
    if all(isinstance(position, int) for position in at):
        parts.sort(key=lambda item: int(item["primaryKeyPosition"]))
    return tuple(str(item["name"]) for item in parts)


def _types(properties: Iterable[Mapping[str, Any]], port: Port, index: int, draft: Draft) -> dict[str, str]:
    """Return the columns with a type that a contract promises."""
    at = ("ports", index, "contract")
    found: dict[str, str] = {}
    for item in properties:
        try:
            if isinstance(item.get("physicalType"), str):
                found[item["name"]] = canonical_type(item["physicalType"])
        except UnknownTypeError as error:
            draft.report(
                at,
                "LF1023",
                f"{port.contract}: physicalType of '{item['name']}': {error}",
                "write a Spark SQL type, as under columns:",
            )
    return found


def _properties(document: Any, dataset: str) -> Iterator[Mapping[str, Any]]:
    for table in _objects(document, "schema"):
        if table.get("name") == dataset:
            yield from _objects(table, "properties")


def _objects(document: Any, key: str) -> list[Mapping[str, Any]]:
    """Return the objects in a list of a document that is not trusted to have one."""
    found = document.get(key) if isinstance(document, Mapping) else None
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []
