"""Where the rows of a node go, as the node spec says it."""

from collections.abc import Mapping
from dataclasses import dataclass

from spark_runtime.column_spec import Column, parse_columns
from spark_runtime.spec_object import SpecObject
from spark_runtime.write_spec import Write, parse_write


@dataclass(frozen=True, slots=True)
class Replaced:
    """Rows that this attempt takes the place of: those a run wrote from some files, or all it wrote without any."""

    run_id: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contract:
    """What a port, ``domain/product.dataset@version``, promises of its table.

    Attributes:
        columns: Type by name; ``None`` where the contract says only that the column is there.
    """

    port: str
    columns: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Output:
    """Where valid and refused rows go.

    Attributes:
        columns: Declared columns; none means what the steps yield.
        discard_runs: Runs in which this node did not succeed, although its job may have written rows.
        max_quarantined_share: Largest share of the rows that may be refused before the node fails, from 0 to 1.
        replaces: Rows of former runs that are written again, for modes that only add rows.
        contracts: Of the ports that offer the table.
    """

    name: str
    uri: str
    quarantine_uri: str
    columns: tuple[Column, ...]
    write: Write
    discard_runs: tuple[str, ...] = ()
    max_quarantined_share: float | None = None
    replaces: tuple[Replaced, ...] = ()
    contracts: tuple[Contract, ...] = ()


def parse_output(item: SpecObject) -> Output:
    """Return what the ``output`` object of a spec says; its faults are noted in the object."""
    output = Output(
        name=item.text("name"),
        uri=item.text("uri").rstrip("/"),
        quarantine_uri=item.text("quarantine_uri").rstrip("/"),
        columns=parse_columns(item),
        write=parse_write(item.object("write")),
        discard_runs=item.texts("discard_runs", optional=True),
        max_quarantined_share=item.maybe("max_quarantined_share", float),
        replaces=tuple(_replaced(entry) for entry in item.objects("replaces", optional=True)),
        contracts=tuple(_contract(entry) for entry in item.objects("contracts", optional=True)),
    )
    item.refuse_unknown()
    return output


def _replaced(item: SpecObject) -> Replaced:
    replaced = Replaced(item.text("run_id"), item.texts("files"))
    item.refuse_unknown()
    return replaced


def _contract(item: SpecObject) -> Contract:
    columns = item.mapping("columns")
    contract = Contract(
        item.text("port"), {name: None if kind is None else str(kind) for name, kind in columns.items()}
    )
    item.refuse_unknown()
    return contract
