"""Column lineage of a product: which columns each column of a dataset is made of, read from the product file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from landfall.lineage.datasets import full_name, quarantine_name
from landfall.lineage.edges import ColumnEdge, DependencyKind
from landfall.lineage.steps import expression_origins, trace_after
from landfall.lineage.traces import ALL_COLUMNS, NOTHING, AssumedColumn, DatasetColumn, Origins, Trace
from landfall.lineage.writes import trace_of_table
from landfall.spec.columns import ForeignFrames, follow_columns
from landfall.spec.frames import Frame
from landfall.spec.model import (
    Dataset,
    DatasetName,
    DatasetRef,
    Product,
    QualityRule,
    Severity,
    Transformation,
)
from landfall.spec.order import in_order
from landfall.spec.sql_text import SqlProblem
from landfall.spec.step_checks import Path
from landfall.spec.step_columns import frame_after

# Severities by which a row may end in quarantine.
_SET_ASIDE = frozenset({Severity.QUARANTINE, Severity.CORRECT})


def column_edges(product: Product, foreign: ForeignFrames) -> tuple[ColumnEdge, ...]:
    """Return the column lineage that a product declares, before anything runs, each edge once and in order.

    What decides about rows (filters, join keys, groups, keys of a merge) leads to the column ``*`` of the target,
    so that the number of edges grows with the columns and not with their square. The quarantine table of a dataset
    holds its refused rows: they are made of what the dataset is made of, and its rules read the columns they name.

    Args:
        product: A sound product.
        foreign: Columns of the ports of other products by ``str(DatasetRef)``; absent where not known.
    """
    frames = follow_columns(product, foreign, _ignore)
    names = _FullNames(product.key)
    edges: set[ColumnEdge] = set()
    made_of: dict[DatasetName, Trace] = {}
    for transformation in in_order(product.transformations):
        trace = _trace(transformation, frames, foreign, names)
        made_of[transformation.output.dataset] = trace
        inputs = [names.of(ref) for ref in transformation.inputs]
        table = trace_of_table(transformation.output.write, trace)
        edges.update(_edges_into(names.own(transformation.output.dataset), table, inputs))
    for dataset in product.datasets:
        if _may_refuse(dataset, made_of.get(dataset.name)):
            edges.update(
                _quarantine_edges(dataset, frames.get(dataset.name), made_of.get(dataset.name), names)
            )
    return tuple(sorted(edges))


@dataclass(frozen=True, slots=True)
class _FullNames:
    product: str

    def own(self, dataset: DatasetName) -> str:
        return full_name(self.product, dataset)

    def of(self, ref: DatasetRef) -> str:
        return full_name(ref.product or self.product, ref.dataset)


def _trace(
    transformation: Transformation,
    frames: Mapping[DatasetName, Frame | None],
    foreign: ForeignFrames,
    names: _FullNames,
) -> Trace:
    """Return where the columns of a transformation's output come from."""
    read = {
        str(ref.dataset): frames.get(ref.dataset) if ref.product is None else foreign.get(str(ref))
        for ref in transformation.inputs
    }
    traces = {
        str(ref.dataset): Trace.of_dataset(names.of(ref), read[ref.dataset] or ())
        for ref in transformation.inputs
    }
    first = str(transformation.inputs[0].dataset)
    frame, trace = read[first], traces[first]
    for step in transformation.steps:
        frame = frame_after(step, frame, read, _ignore)
        trace = trace_after(step, trace, traces, frame)
    return trace


def _edges_into(target: str, trace: Trace, inputs: Sequence[str]) -> Iterator[ColumnEdge]:
    for column, origins in trace.columns.items():
        yield from _edges(origins, DatasetColumn(target, column), DependencyKind.VALUE)
    whole = DatasetColumn(target, ALL_COLUMNS)
    if not trace.columns and trace.rest is not None:
        yield ColumnEdge(DatasetColumn(trace.rest, ALL_COLUMNS), whole, DependencyKind.VALUE)
    yield from _edges(trace.rows, whole, DependencyKind.FILTER)
    read = {source.dataset for source in trace.everything()}
    for name in inputs:
        # Rows alone may be what is wanted of an input, as by count(*).
        if name not in read:
            yield ColumnEdge(DatasetColumn(name, ALL_COLUMNS), whole, DependencyKind.FILTER)


def _edges(origins: Origins, target: DatasetColumn, kind: DependencyKind) -> Iterator[ColumnEdge]:
    """Yield the edges from origins to a column; what is known of one is not assumed as well."""
    for source in origins:
        if not isinstance(source, AssumedColumn):
            yield ColumnEdge(source, target, kind)
        elif source.column_itself() not in origins:
            yield ColumnEdge(source.column_itself(), target, DependencyKind.ASSUMED)


def _may_refuse(dataset: Dataset, made_of: Trace | None) -> bool:
    """Return whether rows of a dataset can end in quarantine: by a rule, a type, or a value that must be there."""
    is_landed = made_of is None
    return (
        is_landed
        or any(rule.severity in _SET_ASIDE for rule in dataset.quality)
        or any(not column.nullable for column in dataset.columns)
    )


def _quarantine_edges(
    dataset: Dataset, frame: Frame | None, made_of: Trace | None, names: _FullNames
) -> Iterator[ColumnEdge]:
    own = names.own(dataset.name)
    target = quarantine_name(own)
    # Of landed files nothing is known but that they are where the columns come from.
    columns = made_of if made_of is not None else Trace.of_dataset(own, frame or ())
    values = replace(columns, rows=NOTHING).everything()
    yield from _edges(values, DatasetColumn(target, "_row"), DependencyKind.VALUE)
    for rule in dataset.quality:
        if rule.severity in _SET_ASIDE:
            yield from _edges(
                _read_by(rule, columns, names), DatasetColumn(target, "_rules"), DependencyKind.VALUE
            )


def _read_by(rule: QualityRule, columns: Trace, names: _FullNames) -> Origins:
    """Return the columns that a rule looks at, those of a table it looks values up in among them."""
    config = rule.config
    listed = config.get("columns") or ([config["column"]] if config.get("column") else [])
    origins = columns.origins_of(listed)
    for text in (config.get("expression"), rule.filter):
        if isinstance(text, str):
            origins |= expression_origins(text, columns)
    if config.get("references") is not None:
        other = names.own(DatasetName(config["references"]))
        origins |= {DatasetColumn(other, name) for name in config.get("to") or listed}
    return origins


def _ignore(_: Path, __: SqlProblem) -> None:
    """Take a problem: the product was validated before."""
