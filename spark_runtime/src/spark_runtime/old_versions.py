"""Old versions of a Delta table on Sail, put together from its log.

Once a table has a checkpoint, Sail opens no version before it but those right at an earlier one: it looks for the
commits from the one before the version on, and not from the last checkpoint before it. Here the log is read as the
Delta protocol says: from the checkpoint, then commit by commit, what was added and not removed since is the version.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any
from urllib.parse import unquote

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from spark_runtime.delta_log import commit_texts
from spark_runtime.empty_frames import empty_frame
from spark_runtime.file_addresses import findable
from spark_runtime.sql import quoted, text_literal

# What Sail writes one after, as Delta does where a table does not say otherwise.
CHECKPOINT_EVERY = 10


def is_not_found(error: BaseException) -> bool:
    """Whether Sail's error says that it did not find the commits of a version."""
    return "Missing commit file" in str(error)


def put_together(spark: SparkSession, uri: str, version: int) -> DataFrame | None:
    """Return the rows of a version, or ``None`` if its log is no longer there or says what is not understood here."""
    try:
        actions = _actions(spark, uri, version)
    except PySparkException:
        return None
    found = None if actions is None else _replay(actions)
    if found is None:
        return None
    rows = found.rows(spark, uri)
    # An engine passes over a file that it does not find by a pattern.
    return rows if rows.count() == found.row_count else None


@dataclass(frozen=True, slots=True)
class _Version:
    """What a version consists of.

    Attributes:
        schema: All its columns.
        partitioned_by: Those whose values stand in the log and not in the files.
        files: Values of these columns, by the path of each file as the log has it.
        row_count: Rows of all files.
    """

    schema: StructType
    partitioned_by: Sequence[str]
    files: Mapping[str, Mapping[str, str | None]]
    row_count: int

    def rows(self, spark: SparkSession, uri: str) -> DataFrame:
        stored = StructType([field for field in self.schema.fields if field.name not in self.partitioned_by])
        # Of a path without a scheme Sail would not read the escapes.
        folder = (uri if "://" in uri else f"file://{uri}").rstrip("/")
        together: dict[tuple[str | None, ...], list[str]] = defaultdict(list)
        for path, values in self.files.items():
            address = findable(f"{folder}/{unquote(path)}", escapes=True)
            together[tuple(values.get(name) or None for name in self.partitioned_by)].append(address)
        parts = [
            spark.read.schema(stored).parquet(*paths).selectExpr(*self._columns(values))
            for values, paths in together.items()
        ]
        none = empty_frame(spark, {name: self._type(name) for name in self.schema.names})
        return reduce(DataFrame.union, parts, none)

    def _columns(self, values: Sequence[str | None]) -> Iterator[str]:
        texts = dict(zip(self.partitioned_by, values, strict=True))
        for name in self.schema.names:
            text = texts.get(name)
            if name not in texts:
                yield quoted(name)
            else:
                value = "NULL" if text is None else text_literal(text)
                yield f"CAST({value} AS {self._type(name)}) AS {quoted(name)}"

    def _type(self, name: str) -> str:
        return self.schema[name].dataType.simpleString()


def _actions(spark: SparkSession, uri: str, version: int) -> list[Mapping[str, Any]] | None:
    """Return the actions of the log that make up a version, oldest first; ``None`` if a commit is missing."""
    actions: list[Mapping[str, Any]] = []
    first, checkpoint = 0, version // CHECKPOINT_EVERY * CHECKPOINT_EVERY
    if checkpoint:
        kept = spark.read.parquet(f"{uri}/_delta_log/{checkpoint:020d}.checkpoint.parquet")
        actions += [json.loads(row[0]) for row in kept.selectExpr("to_json(struct(metaData, add))").collect()]
        first = checkpoint + 1
    wanted = range(first, version + 1)
    if not wanted:
        return actions
    texts = commit_texts(spark, uri, wanted)
    if texts.keys() != set(wanted):
        return None
    for number in wanted:
        actions += [json.loads(line) for line in texts[number].splitlines() if line.strip()]
    return actions


def _replay(actions: Sequence[Mapping[str, Any]]) -> _Version | None:
    described: Mapping[str, Any] = {}
    files: dict[str, Mapping[str, Any]] = {}
    for action in actions:
        described = action.get("metaData") or described
        if removed := action.get("remove"):
            files.pop(removed["path"], None)
        if added := action.get("add"):
            files[added["path"]] = added
    configuration = described.get("configuration") or {}
    plain = described and configuration.get("delta.columnMapping.mode", "none") == "none"
    if not plain or any(file.get("deletionVector") or not file.get("stats") for file in files.values()):
        return None
    return _Version(
        schema=StructType.fromJson(json.loads(described["schemaString"])),
        partitioned_by=tuple(described.get("partitionColumns") or ()),
        files={path: file.get("partitionValues") or {} for path, file in files.items()},
        row_count=sum(json.loads(file["stats"])["numRecords"] for file in files.values()),
    )
