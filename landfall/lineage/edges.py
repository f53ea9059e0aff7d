"""An edge of column lineage, for those who make edges and those who read them."""

from dataclasses import dataclass
from enum import StrEnum

from landfall.lineage.traces import DatasetColumn


class DependencyKind(StrEnum):
    """Value: the target is made of it. Filter: it decides which rows the target has, so its column is ``*``.

    Assumed: nobody knows; a step in between is code that cannot be read, so whatever it is given may be in whatever it
    gives, and may decide about its rows, too.
    """

    VALUE = "value"
    FILTER = "filter"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True, order=True)
class ColumnEdge:
    """Data flows from one column to another."""

    source: DatasetColumn
    target: DatasetColumn
    kind: DependencyKind
