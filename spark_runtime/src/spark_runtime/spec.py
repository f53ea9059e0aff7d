"""The node spec as frozen values: everything one job needs, parsed from its JSON document."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import Any

from spark_runtime.errors import InvalidNodeSpec
from spark_runtime.held_spec import Held, HeldAct, parse_held
from spark_runtime.load_spec import Load, parse_load
from spark_runtime.spec_object import SpecObject
from spark_runtime.write_spec import Write, WriteMode, parse_write

SCHEMA_VERSION = 1


class NodeKind(StrEnum):
    INGEST = "ingest"
    TRANSFORM = "transform"
    NOOP = "noop"


class FileFormat(StrEnum):
    CSV = "csv"
    JSON = "json"
    FIXED = "fixed"
    XML = "xml"
    EXCEL = "excel"
    PARQUET = "parquet"
    ORC = "orc"
    AVRO = "avro"
    DELTA = "delta"


class Drift(StrEnum):
    """What happens to files with other columns than the declared ones.

    Their rows go to quarantine, or the node fails, or further columns are passed over, kept as JSON in a column of
    their own, or added to the table.
    """

    QUARANTINE = "quarantine"
    FREEZE = "freeze"
    DISCARD = "discard"
    RESCUE = "rescue"
    EVOLVE = "evolve"


class Severity(StrEnum):
    """Warn publishes the row, quarantine sets it aside, fail publishes nothing, correct repairs the row.

    A row that a repair does not help is set aside.
    """

    WARN = "warn"
    QUARANTINE = "quarantine"
    FAIL = "fail"
    CORRECT = "correct"


class Check(StrEnum):
    NOT_NULL = "not_null"
    UNIQUE = "unique"
    RANGE = "range"
    ACCEPTED_VALUES = "accepted_values"
    REGEX = "regex"
    EXPRESSION = "expression"
    LENGTH = "length"
    NOT_EMPTY = "not_empty"
    FORBIDDEN_VALUES = "forbidden_values"
    PATTERN = "pattern"
    FOREIGN_KEY = "foreign_key"
    ROW_COUNT = "row_count"
    NULL_SHARE = "null_share"
    PARSEABLE = "parseable"
    FRESHNESS = "freshness"
    AGGREGATE = "aggregate"
    TOTAL = "total"
    EQUAL_TOTALS = "equal_totals"
    SCHEMA = "schema"


# Checks of all rows together, which no single row can fail.
TABLE_CHECKS = frozenset(
    {
        Check.ROW_COUNT,
        Check.NULL_SHARE,
        Check.FRESHNESS,
        Check.AGGREGATE,
        Check.TOTAL,
        Check.EQUAL_TOTALS,
        Check.SCHEMA,
    }
)


class StepType(StrEnum):
    SELECT = "select"
    FILTER = "filter"
    JOIN = "join"
    AGGREGATE = "aggregate"
    DERIVE = "derive"
    RENAME = "rename"
    CAST = "cast"
    DROP = "drop"
    UNION = "union"
    DEDUPE = "dedupe"
    SORT = "sort"
    LIMIT = "limit"
    FILL_NULLS = "fill_nulls"
    REPLACE_VALUES = "replace_values"
    WINDOW = "window"
    LOOKUP = "lookup"
    INTERSECT = "intersect"
    EXCEPT = "except"
    EXPLODE = "explode"
    FLATTEN = "flatten"
    UNPIVOT = "unpivot"
    PIVOT = "pivot"
    SPLIT = "split"
    STANDARDISE = "standardise"
    SURROGATE_KEY = "surrogate_key"
    MASK = "mask"
    SAMPLE = "sample"
    SQL = "sql"
    PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column; ``type`` is a Spark SQL type in lower case.

    Attributes:
        source_name: What it is called in files; empty for its own name.
        format: Datetime pattern of its texts; empty for that of the source.
        start: First character in a line of fixed width, counted from 1.
        width: Number of characters there; 0 in other formats.
    """

    name: str
    type: str
    nullable: bool = True
    source_name: str = ""
    format: str = ""
    start: int = 1
    width: int = 0


@dataclass(frozen=True, slots=True)
class LandedFile:
    """A file to read.

    Attributes:
        captured: What its path says of it, by column.
        partition: Columns of its rows that stand beside it, in the log of its table, as text.
        rows: How many rows that log says it has; ``None`` where nothing says so.
    """

    uri: str
    etag: str
    size_bytes: int
    captured: Mapping[str, Any] = field(default_factory=dict)
    partition: Mapping[str, str | None] = field(default_factory=dict)
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class FilesInput:
    """Landed files; ``captured`` are the columns whose values come from the path of each file."""

    name: str
    format: FileFormat
    options: Mapping[str, Any]
    files: tuple[LandedFile, ...]
    columns: tuple[Column, ...]
    captured: tuple[Column, ...] = ()
    drift: Drift = Drift.QUARANTINE


@dataclass(frozen=True, slots=True)
class TableInput:
    """A Delta table.

    Attributes:
        name: How steps refer to it.
        version: The version to read, so that all nodes of a run read the same; ``None`` reads the newest.
    """

    name: str
    uri: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step; ``config`` is what the product file says under the step's type."""

    type: StepType
    config: Any


@dataclass(frozen=True, slots=True)
class Rule:
    """A test on rows.

    Attributes:
        filter: SQL condition; rows that do not meet it are not tested.
        max_failed_rows: Most rows that may fail before the node does, whatever the severity; ``None`` is any.
        max_failed_share: The same as a share of the tested rows, from 0 to 1.
    """

    name: str
    check: Check
    severity: Severity
    config: Mapping[str, Any]
    filter: str | None = None
    max_failed_rows: int | None = None
    max_failed_share: float | None = None

    @property
    def looks_up(self) -> bool:
        """Whether the rule compares single rows with what another table holds."""
        return self.check not in TABLE_CHECKS and "references" in self.config

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that change with anything that decides what the rule does."""
        said = [
            self.check,
            self.severity,
            self.config,
            self.filter,
            self.max_failed_rows,
            self.max_failed_share,
        ]
        return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]


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


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """Everything one attempt of a node needs.

    Attributes:
        run_date: The date on which the run began (UTC), ``YYYY-MM-DD``; what a daily snapshot is called by.
        former_rows: Rows that former runs of the node published, the newest first; empty if no rule asks for them.
        load: How an incremental node reads; ``None`` for one that reads everything each time.
        held: What it does with rows in quarantine; ``None`` for a node that builds as ever.
    """

    run_id: str
    product: str
    node: str
    attempt: int
    kind: NodeKind
    inputs: tuple[FilesInput | TableInput, ...]
    steps: tuple[Step, ...]
    rules: tuple[Rule, ...]
    output: Output
    result_uri: str
    trace: Mapping[str, str] = field(default_factory=dict)
    run_date: str = ""
    former_rows: tuple[int, ...] = ()
    load: Load | None = None
    held: Held | None = None

    @property
    def releases(self) -> bool:
        """Whether the node reads rows in quarantine instead of its inputs."""
        return self.held is not None and self.held.act is HeldAct.RELEASE

    @property
    def idempotency_key(self) -> str:
        """``run/node/attempt``: the same key twice has the effect of once."""
        return f"{self.run_id}/{self.node}/{self.attempt}"


def parse_node_spec(text: str) -> NodeSpec:
    """Return the spec that a JSON document holds.

    Raises:
        InvalidNodeSpec: The document is not JSON or breaks ``node_spec.schema.json``; the message lists every
            fault with its place, for example ``$.output.write.mode: 'upsert' is not one of append, …``.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidNodeSpec(f"the node spec is not JSON: {error}. Was the file cut off?") from error
    faults: list[str] = []
    spec = _node_spec(SpecObject(document, "$", faults))
    if faults:
        raise InvalidNodeSpec("the node spec is not valid: " + "; ".join(faults))
    return spec


def _node_spec(root: SpecObject) -> NodeSpec:
    version = root.integer("schema_version")
    if version != SCHEMA_VERSION:
        root.fault(
            "schema_version",
            f"{version!r} is not understood, only {SCHEMA_VERSION}; install the spark_runtime of this release",
        )
    spec = NodeSpec(
        run_id=root.text("run_id"),
        product=root.text("product"),
        node=root.text("node"),
        attempt=root.integer("attempt", minimum=1),
        kind=root.choice("kind", NodeKind, NodeKind.NOOP),
        trace=root.mapping("trace", optional=True),
        inputs=tuple(_input(item) for item in root.objects("inputs")),
        steps=tuple(
            Step(item.choice("type", StepType, StepType.SQL), item.anything("config"))
            for item in root.objects("steps")
        ),
        rules=tuple(_rule(item) for item in root.objects("rules")),
        output=_output(root.object("output")),
        result_uri=root.text("result_uri"),
        run_date=root.text("run_date", optional=True),
        former_rows=root.integers("former_rows"),
        load=None if (load := root.optional_object("load")) is None else parse_load(load),
        held=None if (held := root.optional_object("quarantine")) is None else parse_held(held),
    )
    if spec.output.write.mode is WriteMode.SNAPSHOT and not _is_date(spec.run_date):
        root.fault("run_date", "a snapshot needs the date of its run, as in 2024-03-01")
    root.refuse_unknown()
    _check_inputs(spec, root)
    return spec


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _check_inputs(spec: NodeSpec, root: SpecObject) -> None:
    if spec.kind is NodeKind.NOOP:
        return
    if not spec.inputs:
        root.fault("inputs", f"a node of kind {spec.kind} needs at least one")
    of_files = [item for item in spec.inputs if isinstance(item, FilesInput)]
    if spec.kind is NodeKind.INGEST and (len(spec.inputs) != 1 or len(of_files) != 1):
        root.fault("inputs", "an ingest node has exactly one input, of kind files")
    if spec.kind is NodeKind.TRANSFORM and of_files:
        root.fault("inputs", "a transform node reads tables only")
    for item in of_files:
        uris = [file.uri for file in item.files]
        if not uris and spec.held is None:
            root.fault("inputs", f"'{item.name}' lists no file")
        if len(set(uris)) != len(uris):
            root.fault("inputs", f"'{item.name}' lists a file twice, and its rows would count twice")
        if not item.columns:
            root.fault("inputs", f"'{item.name}' declares no columns")


def _input(item: SpecObject) -> FilesInput | TableInput:
    parsed: FilesInput | TableInput
    if item.anything("kind") == "table":
        parsed = TableInput(item.text("name"), item.text("uri"), item.optional_integer("version"))
    elif item.anything("kind") == "files":
        parsed = FilesInput(
            name=item.text("name"),
            format=item.choice("format", FileFormat, FileFormat.CSV),
            options=item.mapping("options"),
            files=tuple(_landed_file(file) for file in item.objects("files")),
            columns=_columns(item),
            captured=_columns(item, "captured", optional=True),
            drift=item.choice("drift", Drift, Drift.QUARANTINE, optional=True),
        )
    else:
        item.fault("kind", f"{item.anything('kind')!r} is not one of files, table")
        return TableInput("", "")
    item.refuse_unknown()
    return parsed


def _landed_file(item: SpecObject) -> LandedFile:
    file = LandedFile(
        item.text("uri"),
        item.text("etag", may_be_empty=True),
        item.integer("size_bytes"),
        item.mapping("captured", optional=True),
    )
    item.refuse_unknown()
    return file


def _columns(item: SpecObject, key: str = "columns", *, optional: bool = False) -> tuple[Column, ...]:
    columns = []
    start = 1
    for column in item.objects(key, optional=optional):
        start = column.optional_integer("start", minimum=1) or start
        width = column.optional_integer("width") or 0
        columns.append(
            Column(
                column.text("name"),
                column.text("type").strip(),
                column.boolean("nullable", default=True),
                source_name=column.text("from", optional=True),
                format=column.text("format", optional=True),
                start=start,
                width=width,
            )
        )
        start += width
        column.refuse_unknown()
    names = [column.name.casefold() for column in columns]
    for name in {name for name in names if names.count(name) > 1}:
        item.fault(key, f"'{name}' is declared twice (names differ by more than case)")
    return tuple(columns)


def _rule(item: SpecObject) -> Rule:
    rule = Rule(
        name=item.text("name"),
        check=item.choice("check", Check, Check.EXPRESSION),
        severity=item.choice("severity", Severity, Severity.QUARANTINE),
        config=item.mapping("config"),
        filter=item.text("filter", optional=True) or None,
        max_failed_rows=item.maybe("max_failed_rows", int),
        max_failed_share=item.maybe("max_failed_share", float),
    )
    item.refuse_unknown()
    return rule


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


def _output(item: SpecObject) -> Output:
    output = Output(
        name=item.text("name"),
        uri=item.text("uri").rstrip("/"),
        quarantine_uri=item.text("quarantine_uri").rstrip("/"),
        columns=_columns(item),
        write=parse_write(item.object("write")),
        discard_runs=item.texts("discard_runs", optional=True),
        max_quarantined_share=item.maybe("max_quarantined_share", float),
        replaces=tuple(_replaced(entry) for entry in item.objects("replaces", optional=True)),
        contracts=tuple(_contract(entry) for entry in item.objects("contracts", optional=True)),
    )
    item.refuse_unknown()
    return output
