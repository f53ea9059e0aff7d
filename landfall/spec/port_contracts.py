"""What the contracts of ports promise: written by hand in a file, or what the product itself says of columns."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from landfall.spec.column_types import UnknownTypeError, canonical_type
from landfall.spec.contract_quality import ContractQuality
from landfall.spec.draft import Draft
from landfall.spec.frames import Frame
from landfall.spec.model import DatasetName, Port, Product
from landfall.spec.project import read_file
from landfall.spec.yaml_source import Mark, YamlFile

# What a contract says of a table, and where it stands.
_Table = tuple[Mapping[str, Any], Mark]


def with_contracts(
    product: Product, frames: Mapping[DatasetName, Frame | None], root: Path, folder: Path, draft: Draft
) -> Product:
    """Return a product whose ports say which columns they promise, with the rules that contracts add to its datasets.

    Adds to the draft what a contract cannot say, or promises and nobody can check.

    Args:
        frames: Columns of each dataset as validation follows them; absent or ``None`` where they cannot be told.
        root: The project, for names of files in faults.
        folder: The product's folder, below which contracts lie.
    """
    ports = []
    datasets = {dataset.name: dataset for dataset in product.datasets}
    writes = {item.output.dataset: item.output.write for item in product.transformations}
    for index, port in enumerate(product.ports):
        frame = frames.get(port.dataset)
        columns: dict[str, str | None] = dict(frame.types) if frame is not None else {}
        promised = port
        if port.contract is not None:
            file = _written(root, folder / port.contract, port, index, draft)
            tables = list(_tables(file, port.dataset))
            properties = [item for table, _ in tables for _, item in _properties(table)]
            columns |= _types(tables, draft)
            promised = replace(port, required=_required(properties), key=_key(properties))
            dataset = datasets.get(port.dataset)
            if dataset is not None:
                quality = ContractQuality(port, dataset, writes.get(port.dataset), frame)
                rules = [rule for table, mark in tables for rule in quality.rules(table, mark)]
                draft.faults.extend(quality.faults)
                datasets[port.dataset] = replace(dataset, quality=(*dataset.quality, *rules))
        ports.append(replace(promised, columns=tuple(columns.items())))
    return replace(product, ports=tuple(ports), datasets=tuple(datasets.values()))


def _written(root: Path, path: Path, port: Port, index: int, draft: Draft) -> YamlFile:
    """Return a contract written by hand; that of a file which is not there says nothing."""
    if not path.is_file():
        draft.report(
            ("ports", index, "contract"),
            "LF1042",
            f"no file '{port.contract}'",
            "remove contract: for a generated one, which `landfall contract show` prints, or write one from it",
        )
        return YamlFile(None, draft.mark)
    file = read_file(root, path)
    draft.faults.extend(file.faults)
    return file


def _required(properties: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(item["name"]) for item in properties if item.get("required") is True)


def _key(properties: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    parts = [item for item in properties if item.get("primaryKey") is True]
    # Without a position a part stands where it is written.
    at = [item.get("primaryKeyPosition") for item in parts]
    if all(isinstance(position, int) for position in at):
        parts.sort(key=lambda item: int(item["primaryKeyPosition"]))
    return tuple(str(item["name"]) for item in parts)


def _types(tables: Iterable[_Table], draft: Draft) -> dict[str, str]:
    """Return the columns with a type that a contract promises."""
    found: dict[str, str] = {}
    for table, mark in tables:
        for number, item in _properties(table):
            try:
                if isinstance(item.get("physicalType"), str):
                    found[item["name"]] = canonical_type(item["physicalType"])
            except UnknownTypeError as error:
                place = mark.at(("properties", number, "physicalType"))
                message = f"physicalType of '{item['name']}': {error}"
                draft.faults.append(
                    place.fault("LF1023", message, "write a Spark SQL type, as under columns:")
                )
    return found


def _tables(file: YamlFile, dataset: str) -> Iterator[_Table]:
    """Yield what a document, which is not trusted to be a contract, says of a table, and where."""
    for number, table in _objects(file.data, "schema"):
        if table.get("name") == dataset:
            yield table, file.mark.at(("schema", number))


def _properties(table: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    return [(at, item) for at, item in _objects(table, "properties") if isinstance(item.get("name"), str)]


def _objects(document: Any, key: str) -> list[tuple[int, Mapping[str, Any]]]:
    """Return the objects in a list of a document, each with its place in the list."""
    found = document.get(key) if isinstance(document, Mapping) else None
    items = enumerate(found if isinstance(found, list) else ())
    return [(at, item) for at, item in items if isinstance(item, Mapping)]
