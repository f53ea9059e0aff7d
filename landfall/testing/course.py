"""What goes on from one batch of a test to the next: where its tables lie, and what was built from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from landfall.planning.definition import definition_hash
from landfall.planning.increments import BuiltFrom, load_of
from spark_runtime.delta import DeltaTables
from spark_runtime.result import NodeResult
from spark_runtime.sql import text_literal

_RUN_ID = "_run_id"


@dataclass(slots=True)
class Course:
    """The runs of one test.

    Attributes:
        place: A folder of its own.
        of_several: Whether there may be more than one.
        number: The run that is going on, from 1.
        former_rows: Rows that the runs before have published, the newest first.
    """

    spark: SparkSession
    place: Path
    of_several: bool = False
    number: int = 1
    former_rows: list[int] = field(default_factory=list)
    _built_from: BuiltFrom | None = None

    @property
    def run_id(self) -> str:
        return f"batch{self.number}" if self.of_several else "test"

    @property
    def run_date(self) -> str:
        """The day of the run: batches come a day apart, so that each has its own snapshot."""
        return f"2000-01-{self.number:02}"

    @property
    def quarantine(self) -> Path:
        return self.place / "quarantine"

    def table(self, name: str) -> str:
        """Return where an input lies."""
        return str(self.place / "inputs" / name)

    def write(self, name: str, rows: DataFrame, types: Mapping[str, str], *, adds: bool) -> None:
        """Write the rows given for an input.

        Args:
            adds: Whether they come to those that are there, as where files land; otherwise they take their place.
        """
        tables, uri = DeltaTables(self.spark), self.table(name)
        key = f"{self.run_id}/given/1"
        if not (adds and self.of_several):
            tables.overwrite(uri, rows, types, key=key)
            return
        tables.create_if_missing(uri, types)
        if _RUN_ID not in types:
            rows.write.format("delta").mode("append").save(uri)
            return
        run = text_literal(self.run_id)
        columns = (f"{run} AS {_RUN_ID}" if column == _RUN_ID else f"`{column}`" for column in types)
        own = f"({_RUN_ID} IS NOT NULL AND {_RUN_ID} = {run})"
        tables.replace_slice(uri, rows.selectExpr(*columns), own, key=key)

    def load(self, definition: Mapping[str, Any], inputs: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
        """Return how an incremental node reads, and pin the versions of its inputs; ``None`` for any other node."""
        if definition["load"] is None or not self.of_several:
            return None
        tables = DeltaTables(self.spark)
        for item in inputs:
            commit = tables.find_commit(item["uri"], "")
            item["version"] = None if commit is None else commit.version
        versions = {item["name"]: item["version"] for item in inputs}
        return load_of(definition, versions, self._built_from)

    def move_on(self, definition: Mapping[str, Any], result: NodeResult) -> None:
        """Take note of a run that has ended; one that was stopped moves nothing."""
        if result.error is None:
            self.former_rows.insert(0, result.rows_published)
            read = {
                item.name: {"version": item.state.version, "stamp": item.state.stamp}
                for item in result.inputs
                if item.state is not None
            }
            self._built_from = BuiltFrom(definition_hash(definition), read)
        self.number += 1
