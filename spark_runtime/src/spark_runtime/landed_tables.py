"""Delta tables that land: each listed commit of a table's log stands for the data files whose rows it adds.

A data file means nothing by itself: whether its rows are in the table says a commit, which is written after it. So the
landed file is the commit. What it adds is read by the parser of Parquet and accounted for like any file, and a commit
is taken in whole or rejected whole. No engine's reader of Delta takes part, so all of them come to the same rows.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from pyspark.sql import SparkSession

from spark_runtime.errors import FilesMissing, FileTooLarge
from spark_runtime.input_spec import FileFormat, FilesInput, LandedFile
from spark_runtime.reader_options import takes_rewrites
from spark_runtime.readers.blocks import TextBlock
from spark_runtime.readers.parse import bare_path

# A commit is read by the job itself; one of this size adds some hundred thousand files.
MAX_COMMIT_BYTES = 256 << 20
_LOG = "/_delta_log/"


@dataclass(frozen=True, slots=True)
class Landed:
    """The listed files, and the files that hold their rows; of all formats but ``delta`` these are the same.

    Attributes:
        source: The input with the files to read.
        listed: What landed.
        owners: Per file to read the number of the listed one that it belongs to.
        faults: Why a listed file is not read at all, by its number.
        blocks: What of its file is read, by the number of a file to read that is a part of a large one.
    """

    source: FilesInput
    listed: tuple[LandedFile, ...]
    owners: tuple[int, ...]
    faults: Mapping[int, str] = field(default_factory=dict)
    blocks: Mapping[int, TextBlock] = field(default_factory=dict)

    def parts_of(self, number: int) -> list[int]:
        """Return the numbers of the files that hold the rows of a listed one."""
        return [at for at, owner in enumerate(self.owners) if owner == number]


class _NotTaken(Exception):
    """A commit cannot be taken in; the message says why."""


def landed_files_of(spark: SparkSession, source: FilesInput) -> Landed:
    """Return the files that hold the rows of what landed.

    Raises:
        FilesMissing: A listed commit is not there.
        FileTooLarge: A commit is larger than what a job reads.
    """
    if source.format is not FileFormat.DELTA:
        return Landed(source, source.files, tuple(range(len(source.files))))
    files: list[LandedFile] = []
    owners: list[int] = []
    faults: dict[int, str] = {}
    added_by: dict[str, str] = {}
    contents = _contents(spark, source.files)
    for number, commit in enumerate(source.files):
        try:
            added = list(_added(commit, contents[bare_path(commit.uri)], takes_rewrites(source)))
            for file in added:
                if file.uri in added_by:
                    raise _NotTaken(f"{_name(file)} was added by {added_by[file.uri]} already")
        except _NotTaken as why:
            faults[number] = str(why)
            continue
        added_by |= dict.fromkeys((file.uri for file in added), _name(commit))
        files += added
        owners += [number] * len(added)
    return Landed(replace(source, files=tuple(files)), source.files, tuple(owners), faults)


def _contents(spark: SparkSession, commits: Sequence[LandedFile]) -> dict[str, bytes]:
    """Return what the commits hold, by path as all engines report it."""
    for commit in commits:
        if commit.size_bytes > MAX_COMMIT_BYTES:
            raise FileTooLarge(commit.uri, commit.size_bytes, MAX_COMMIT_BYTES)
    if not commits:
        return {}
    frame = spark.read.format("binaryFile").load([commit.uri for commit in commits])
    # Sail gives a large file once per scan partition.
    found = {
        bare_path(row["path"]): bytes(row["content"]) for row in frame.select("path", "content").collect()
    }
    missing = tuple(commit.uri for commit in commits if bare_path(commit.uri) not in found)
    if missing:
        raise FilesMissing(missing)
    return found


def _added(commit: LandedFile, content: bytes, rewrites: bool) -> Iterator[LandedFile]:
    """Yield the data files whose rows a commit adds.

    Raises:
        _NotTaken: The commit does more than add rows, or adds them in a way that the parser does not follow.
    """
    if len(content) != commit.size_bytes:
        raise _NotTaken(
            f"it has {len(content)} bytes and had {commit.size_bytes} when it landed; land it again"
        )
    table, found, _ = commit.uri.rpartition(_LOG)
    if not found:
        raise _NotTaken("it lies in no _delta_log folder, so it is no commit of a Delta table")
    actions = list(_actions(content))
    operation = _of_kind(actions, "commitInfo").get("operation")
    if operation == "RESTORE":
        raise _NotTaken("it restores a former version, whose rows were taken in when they were added")
    configuration = _of_kind(actions, "metaData").get("configuration") or {}
    adds = [add for action in actions if (add := action.get("add")) and add.get("dataChange", True)]
    if adds and configuration.get("delta.columnMapping.mode", "none") != "none":
        raise _NotTaken(
            "the columns of the table are mapped to other names; land a table without column mapping"
        )
    removed = sum(1 for action in actions if (gone := action.get("remove")) and gone.get("dataChange", True))
    if removed and not rewrites:
        raise _NotTaken(
            f"it takes rows away ({operation or 'a change'} that removes {removed} files), and what lands is added; "
            "write options: {removed_rows: ignore} to take in what it adds"
        )
    for add in adds:
        if add.get("deletionVector"):
            raise _NotTaken("it marks rows as deleted (deletion vectors); land a table without them")
        yield _data_file(table, add, commit)


def _actions(content: bytes) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            action = json.loads(line)
        except ValueError as error:
            raise _NotTaken(
                f"line {number} is not JSON ({error}); it is no commit of a Delta table"
            ) from error
        if not isinstance(action, dict) or not all(isinstance(part, dict) for part in action.values()):
            raise _NotTaken(f"line {number} is no action of a Delta table")
        yield action


def _of_kind(actions: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next((action[kind] for action in actions if action.get(kind)), {})
    return found


def _data_file(table: str, add: Mapping[str, Any], commit: LandedFile) -> LandedFile:
    path = unquote(str(add.get("path") or ""))
    if not path or "://" in path or path.startswith(("/", "file:")) or ".." in path.split("/"):
        raise _NotTaken(
            f"it adds {path!r}, which lies outside of the table's folder; land a table of its own files"
        )
    size = add.get("size")
    if not isinstance(size, int) or size < 1:
        raise _NotTaken(f"it does not say what size {path!r} has")
    values = add.get("partitionValues") or {}
    # An empty text stands for null, as in all of Delta.
    partition = {str(name): str(value) if value not in (None, "") else None for name, value in values.items()}
    return LandedFile(f"{table}/{path}", "", size, commit.captured, partition, _rows_of(add))


def _rows_of(add: Mapping[str, Any]) -> int | None:
    """Return the number of rows that a commit says a file has; it need not say so."""
    try:
        rows = json.loads(add.get("stats") or "{}").get("numRecords")
    except (ValueError, AttributeError):
        return None
    return rows if isinstance(rows, int) else None


def _name(file: LandedFile) -> str:
    return PurePosixPath(file.uri).name
