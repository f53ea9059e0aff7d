"""The contract of a port: its columns, its key and the rules that keep rows out, as the product file says them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from landfall.spec.columns import ForeignFrames, follow_columns
from landfall.spec.contract_quality import promise_of
from landfall.spec.model import Check, Dataset, JsonObject, Port, Product, QualityRule, Severity
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import Path

# A consumer never sees a row that these refuse; a warning promises nothing.
_PROMISES = frozenset({Severity.QUARANTINE, Severity.FAIL, Severity.CORRECT})


@dataclass(frozen=True, slots=True)
class ContractColumn:
    """One column; ``type`` is a Spark SQL type, ``None`` where only a run can tell it."""

    name: str
    type: str | None
    required: bool
    description: str = ""


@dataclass(frozen=True, slots=True)
class ContractRule:
    """A rule whose breach keeps a row, or the whole table, from consumers."""

    name: str
    check: Check
    config: JsonObject
    filter: str | None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """What one version of a port promises.

    Attributes:
        product: ``domain/product``.
        version: Major version of the port.
        columns: In the order of the table; empty where they cannot be told before a run.
        key: Columns that no two rows share; empty if there is none.
    """

    product: str
    dataset: str
    version: int
    description: str
    team: str
    email: str
    columns: tuple[ContractColumn, ...]
    key: tuple[str, ...]
    rules: tuple[ContractRule, ...]

    @property
    def port(self) -> str:
        """The name by which consumers read it, ``domain/product.dataset@version``."""
        return f"{self.product}.{self.dataset}@{self.version}"


def contracts_of(product: Product, foreign: ForeignFrames) -> tuple[Contract, ...]:
    """Return the contracts of a sound product, one for each port, in the order of the file.

    Args:
        foreign: Columns of the ports of other products by ``str(DatasetRef)``; absent where not known.
    """
    frames = follow_columns(product, foreign, _ignore)
    datasets = {dataset.name: dataset for dataset in product.datasets}
    found = []
    for port in product.ports:
        dataset, frame = datasets[port.dataset], frames.get(port.dataset)
        kept = tuple(rule for rule in dataset.quality if rule.severity in _PROMISES)
        types = dict(frame.types) if frame is not None else {}
        found.append(
            Contract(
                product=product.key,
                dataset=port.dataset,
                version=port.version,
                description=dataset.description,
                team=product.owner.team,
                email=product.owner.email,
                columns=tuple(_columns(dataset, port, types, kept)),
                key=_key(product, port, kept),
                rules=tuple(
                    ContractRule(rule.name, rule.check, promise_of(rule), rule.filter, rule.description)
                    for rule in kept
                ),
            )
        )
    return tuple(found)


def consumers(port: str, products: Iterable[Product]) -> tuple[str, ...]:
    """Return the transformations that read a port, as ``domain/product.transformation``."""
    return tuple(
        f"{product.key}.{item.name}"
        for product in products
        for item in product.transformations
        if any(str(ref) == port for ref in item.inputs)
    )


def _columns(
    dataset: Dataset, port: Port, types: dict[str, str | None], rules: Iterable[QualityRule]
) -> Iterator[ContractColumn]:
    declared = {column.name: column for column in dataset.columns}
    checked = {
        name.casefold()
        for rule in rules
        if rule.check is Check.NOT_NULL and rule.filter is None
        for name in rule.config["columns"]
    }
    # A run keeps what a contract by hand says, with rules of its own.
    checked.update(name.casefold() for name in port.required)
    for name, kind in types.items():
        column = declared.get(name)
        is_required = name.casefold() in checked or (column is not None and not column.nullable)
        yield ContractColumn(name, kind, is_required, column.description if column is not None else "")


def _key(product: Product, port: Port, rules: Iterable[QualityRule]) -> tuple[str, ...]:
    """Return the columns that no two published rows share: those of a contract, of a rule, or of a merge."""
    if port.key:
        return port.key
    for rule in rules:
        if rule.check is Check.UNIQUE and rule.filter is None:
            return tuple(rule.config["columns"])
    for transformation in product.transformations:
        if transformation.output.dataset == port.dataset and transformation.output.write.keys:
            return transformation.output.write.keys
    return ()


def _ignore(_: Path, __: SqlProblem) -> None:
    """Take a problem: the product was validated before."""
