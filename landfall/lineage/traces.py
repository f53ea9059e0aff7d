"""Where the columns of a frame come from: the value that is carried from step to step."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# What decides which rows there are belongs to no single column of the target.
ALL_COLUMNS = "*"


@dataclass(frozen=True, slots=True, order=True)
class DatasetColumn:
    """A column of a dataset.

    Attributes:
        dataset: Full name, see ``landfall.lineage.datasets.full_name``.
        column: Its name, or ``ALL_COLUMNS``.
    """

    dataset: str
    column: str

    def __str__(self) -> str:
        return f"{self.dataset}.{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class AssumedColumn(DatasetColumn):
    """A column of a dataset of which code that cannot be read may have made something: no equal of the one itself."""

    def column_itself(self) -> DatasetColumn:
        return DatasetColumn(self.dataset, self.column)


Origins = frozenset[DatasetColumn]
NOTHING: Origins = frozenset()


def assumed(origins: Origins) -> Origins:
    """Return origins as those of something that nobody can read."""
    return frozenset(AssumedColumn(origin.dataset, origin.column) for origin in origins)


@dataclass(frozen=True, slots=True)
class Trace:
    """The columns of a frame, each with the columns of datasets that its values are made of.

    Attributes:
        columns: Origins by column, in the order of the frame; found without regard to case, as Spark does.
        rows: Columns that decide which rows the frame has, and how often: those of filters, join keys, groups.
        rest: The dataset to which a name belongs that is not among the columns: one whose columns are not known,
            or one that carries load columns as well.
    """

    columns: Mapping[str, Origins]
    rows: Origins = NOTHING
    rest: str | None = None
    _names: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", {name.casefold(): name for name in self.columns})

    @classmethod
    def of_dataset(cls, dataset: str, columns: Iterable[str]) -> "Trace":
        """Return the trace of a dataset as it is read: each column comes from itself."""
        return cls({name: frozenset({DatasetColumn(dataset, name)}) for name in columns}, rest=dataset)

    def has(self, name: str) -> bool:
        return name.casefold() in self._names

    def origins(self, name: str) -> Origins:
        """Return what the values of a column are made of; nothing for a column that is nowhere known."""
        known = self._names.get(name.casefold())
        if known is not None:
            return self.columns[known]
        return frozenset({DatasetColumn(self.rest, name)}) if self.rest is not None else NOTHING

    def origins_of(self, names: Iterable[str]) -> Origins:
        return NOTHING.union(*(self.origins(name) for name in names))

    def everything(self) -> Origins:
        """Return what any column is made of, and what decides about the rows."""
        rest = {DatasetColumn(self.rest, ALL_COLUMNS)} if self.rest is not None and not self.columns else ()
        return self.rows.union(rest, *self.columns.values())

    def with_columns(self, columns: Mapping[str, Origins]) -> "Trace":
        """Return the trace with columns replaced in place where their names exist, else appended."""
        replaced = {name.casefold(): origins for name, origins in columns.items()}
        merged = {name: replaced.get(name.casefold(), origins) for name, origins in self.columns.items()}
        merged.update({name: origins for name, origins in columns.items() if not self.has(name)})
        return Trace(merged, self.rows, self.rest)

    def only(self, columns: Mapping[str, Origins]) -> "Trace":
        """Return a trace of the same rows that has these columns and no others."""
        return Trace(columns, self.rows)

    def by_rows(self, origins: Origins) -> "Trace":
        """Return the trace after more columns had their say about which rows there are."""
        return Trace(self.columns, self.rows | origins, self.rest)
