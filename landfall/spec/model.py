"""The values a product file declares, after it was read and found sound."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType, Self

from landfall.spec.copying import Copy, Engine

DatasetName = NewType("DatasetName", str)
TransformationName = NewType("TransformationName", str)

JsonObject = Mapping[str, Any]


class SourceType(StrEnum):
    FILE = "file"
    DATABASE = "database"
    API = "api"
    SFTP = "sftp"
    SHARE = "share"


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


class SchemaDrift(StrEnum):
    """What happens to files with other columns than the declared ones.

    Their rows go to quarantine, or the node fails, or further columns are passed over, kept as JSON in a column of
    their own, or added to the table.
    """

    QUARANTINE = "quarantine"
    FREEZE = "freeze"
    DISCARD = "discard"
    RESCUE = "rescue"
    EVOLVE = "evolve"


class Layer(StrEnum):
    """Bronze: as received plus load columns. Silver: typed and conformed. Gold: shaped for consumers."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


class WriteMode(StrEnum):
    APPEND = "append"
    OVERWRITE = "overwrite"
    MERGE = "merge"
    SCD1 = "scd1"
    SCD2 = "scd2"
    SNAPSHOT = "snapshot"
    REPLACE_PARTITIONS = "replace_partitions"


class SnapshotPer(StrEnum):
    """What a table of snapshots has one copy of: each date on which runs began (UTC), or each run."""

    DATE = "date"
    RUN = "run"


class LoadMode(StrEnum):
    """Full reads every input whole; incremental reads what is new in the first input since the last success."""

    FULL = "full"
    INCREMENTAL = "incremental"


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


class Measure(StrEnum):
    """What a rule on an aggregate measures of a column."""

    MIN = "min"
    MAX = "max"
    SUM = "sum"
    AVG = "avg"
    DISTINCT = "distinct"


class NamedPattern(StrEnum):
    """Forms of text that the runtime knows by name."""

    EMAIL = "email"
    URL = "url"
    UUID = "uuid"
    ISO_DATE = "iso_date"
    ISO_TIMESTAMP = "iso_timestamp"
    IBAN = "iban"
    BIC = "bic"
    IPV4 = "ipv4"
    PHONE = "phone"
    TRIMMED = "trimmed"


class Severity(StrEnum):
    """Warn publishes the row, quarantine sets it aside, fail publishes nothing, correct repairs the row.

    A row that a repair does not help is set aside.
    """

    WARN = "warn"
    QUARANTINE = "quarantine"
    FAIL = "fail"
    CORRECT = "correct"


class Repair(StrEnum):
    """Repairs of a value that need no more than their name: white space off, nearest limit, null."""

    TRIM = "trim"
    CLAMP = "clamp"
    TO_NULL = "to_null"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who answers for a product; ``webhook`` is told of its alarms, and its address is no secret."""

    team: str
    email: str
    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where data comes from.

    Attributes:
        connection: A Key Vault reference (``keyvault:name``) or an identity-based connection; never a secret.
        options: Reader options, for example ``{"header": True, "null_value": "NA"}``.
        engine: What a database is; ``None`` where nothing is copied from it.
        secret: Key Vault reference of a password or token that goes with an address.
        host_key: Fingerprint of the host key of an SFTP server.
        audience: Of what an identity asks a token for, to sign in to an API.
    """

    name: str
    type: SourceType
    format: FileFormat | None = None
    options: JsonObject = field(default_factory=dict)
    connection: str | None = None
    engine: Engine | None = None
    secret: str | None = None
    audience: str | None = None
    host_key: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``type`` is a Spark SQL type in lower case, for example ``decimal(10,2)``.

    Attributes:
        source_name: What landed files call it, where that is not its name.
        format: Datetime pattern of its texts in landed files, where that is not the source's.
        start: First character in a line of fixed width, counted from 1; ``None`` for behind the column before.
        width: Number of characters in a line of fixed width.
    """

    name: str
    type: str
    nullable: bool = True
    description: str = ""
    source_name: str | None = None
    format: str | None = None
    start: int | None = None
    width: int | None = None


@dataclass(frozen=True, slots=True)
class QualityRule:
    """A test on rows.

    Attributes:
        config: The check's own settings, as the model of the check in ``rule_documents`` names them. What looks
            something up in another dataset of the product names it under ``references``; what repairs values says
            how under ``repair``.
        filter: SQL condition; rows that do not meet it are not tested.
        max_failed_rows: Most rows that may fail; with more the node fails, whatever the severity.
        max_failed_share: The same as a share of the tested rows, from 0 to 1.
    """

    name: str
    check: Check
    severity: Severity
    config: JsonObject
    filter: str | None = None
    description: str = ""
    max_failed_rows: int | None = None
    max_failed_share: float | None = None

    @property
    def has_limit(self) -> bool:
        """Whether the rule stops its node where too many rows break it."""
        return self.max_failed_rows is not None or self.max_failed_share is not None

    @property
    def references(self) -> DatasetName | None:
        """The dataset of the product in which the rule looks something up, if it does."""
        name = self.config.get("references")
        return None if name is None else DatasetName(name)


@dataclass(frozen=True, slots=True)
class CompleteSet:
    """What makes files that are taken in together complete: one of the first four fields is set.

    The values that the landing path captures in its folders name the set. Without any, sets follow one another.

    Attributes:
        marker: Path pattern of the file that closes a set.
        manifest: Path pattern of the file that lists the names of a set.
        count: Number of files of a set.
        names: Names of the files of a set.
        within_s: Seconds from the first file of a set to its deadline.
    """

    within_s: float
    marker: str | None = None
    manifest: str | None = None
    count: int | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """A table with a stable name.

    Attributes:
        source: Name of the source whose files land for it; ``None`` for what a transformation builds.
        landing: Path pattern below ``landing/{domain}/{product}/``; ``None`` for what a transformation builds.
        complete: What landed files wait for; ``None`` if each may run by itself.
        columns: Declared columns; empty for a built dataset means whatever its transformation yields.
        max_quarantined_share: Largest share of its rows, from 0 to 1, that one run may quarantine; with more the
            node fails.
        copy: What of its source is copied into the landing zone; ``None`` where files land by themselves.
    """

    name: DatasetName
    layer: Layer
    source: str | None = None
    landing: str | None = None
    complete: CompleteSet | None = None
    columns: tuple[Column, ...] = ()
    quality: tuple[QualityRule, ...] = ()
    description: str = ""
    max_quarantined_share: float | None = None
    schema_drift: SchemaDrift = SchemaDrift.QUARANTINE
    copy: Copy | None = None


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """A dataset of this product, or a published port of another one.

    Attributes:
        product: ``domain/product`` of a foreign port, ``None`` for the own product.
        version: Major version of a foreign port, ``None`` for the own product.
    """

    dataset: DatasetName
    product: str | None = None
    version: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what an entry of ``inputs`` stands for: ``dataset`` or ``domain/product.dataset@1``."""
        if "/" not in text:
            return cls(DatasetName(text))
        product, _, port = text.partition(".")
        dataset, _, version = port.partition("@")
        return cls(DatasetName(dataset), product, int(version))

    def __str__(self) -> str:
        return self.dataset if self.product is None else f"{self.product}.{self.dataset}@{self.version}"


@dataclass(frozen=True, slots=True)
class Step:
    """One step; ``config`` is what the product file says under the step's type, as JSON."""

    type: StepType
    config: Any


@dataclass(frozen=True, slots=True)
class Write:
    """How rows become part of a table; what means nothing for the mode has its default.

    Attributes:
        keys: Columns that identify a row, for merge, scd1 and scd2.
        order_by: Column that says which of two rows with one key is newer.
        delete_when: SQL condition; a row that meets it takes the row of its key away.
        valid_from: Column that scd2 adds for the moment from which a version holds.
        valid_to: Column that it adds for the moment from which the version holds no longer.
        is_current: Column that it adds to tell the version that holds now.
        partition_by: Columns whose values name the partitions to replace.
        snapshot_column: Column that a snapshot adds to tell the copies apart.
    """

    mode: WriteMode = WriteMode.OVERWRITE
    keys: tuple[str, ...] = ()
    order_by: str | None = None
    delete_when: str | None = None
    valid_from: str = "valid_from"
    valid_to: str = "valid_to"
    is_current: str = "is_current"
    partition_by: tuple[str, ...] = ()
    snapshot_per: SnapshotPer = SnapshotPer.DATE
    snapshot_column: str = "snapshot_date"

    def to_payload(self) -> dict[str, Any]:
        """Return the mode, the keys, and what else means something for the mode, as JSON."""
        keyed = {"order_by": self.order_by, "delete_when": self.delete_when}
        settings: Mapping[WriteMode, JsonObject] = {
            WriteMode.MERGE: {key: value for key, value in keyed.items() if value is not None},
            WriteMode.SCD1: keyed,
            WriteMode.SCD2: {
                **keyed,
                "valid_from": self.valid_from,
                "valid_to": self.valid_to,
                "is_current": self.is_current,
            },
            WriteMode.SNAPSHOT: {
                "snapshot_per": self.snapshot_per.value,
                "snapshot_column": self.snapshot_column,
            },
            WriteMode.REPLACE_PARTITIONS: {"partition_by": list(self.partition_by)},
        }
        return {"mode": self.mode.value, "keys": list(self.keys), **settings.get(self.mode, {})}


@dataclass(frozen=True, slots=True)
class Output:
    dataset: DatasetName
    layer: Layer
    write: Write = Write()


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What of its product's ``RunSettings`` is different for one node; ``None`` leaves the product's."""

    retries: int | None = None
    retry_delay_s: float | None = None
    retry_delay_max_s: float | None = None
    timeout_s: int | None = None


@dataclass(frozen=True, slots=True)
class Restate:
    """Rows that an incremental load reads again: of the last ``days`` before the newest value of ``column``."""

    column: str
    days: int


@dataclass(frozen=True, slots=True)
class Load:
    """What a transformation reads.

    Attributes:
        groups: Columns of the first input; of a group that new rows belong to all rows are read.
        tolerate: Other inputs whose changes do not have everything built again.
    """

    mode: LoadMode = LoadMode.FULL
    groups: tuple[str, ...] = ()
    restate: Restate | None = None
    tolerate: tuple[DatasetRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Transformation:
    """One node of the graph. The first input feeds the first step; ``join`` and ``union`` name the others."""

    name: TransformationName
    inputs: tuple[DatasetRef, ...]
    steps: tuple[Step, ...]
    output: Output
    depends_on: tuple[TransformationName, ...] = ()
    description: str = ""
    run: NodeSettings = NodeSettings()
    load: Load = Load()


@dataclass(frozen=True, slots=True)
class Port:
    """A dataset that other products may read.

    Attributes:
        contract: File with the contract, below the product's folder; ``None`` for one that the product file says.
        columns: Name and type of each column that the contract promises, the type ``None`` where it cannot be told
            before a run; empty where not even the names can.
        required: Columns that a contract written by hand says are never null.
        key: Columns that by such a contract no two rows share.
    """

    dataset: DatasetName
    version: int
    contract: str | None = None
    columns: tuple[tuple[str, str | None], ...] = ()
    required: tuple[str, ...] = ()
    key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """An objective that consumers may count on: the freshness of a dataset, or the success of runs.

    Attributes:
        dataset: Whose age is looked at; ``None`` where the objective is about the success of runs.
        window_s: Longest age of the dataset, or how far back runs are looked at.
        min_share: Smallest share, above 0 and up to 1, of the runs that ended which have to succeed.
    """

    name: str
    window_s: float
    dataset: DatasetName | None = None
    min_share: float | None = None


class OnFailure(StrEnum):
    """What a run does after a node has failed.

    Continue runs all that does not depend on it; fail_fast starts nothing more, and what is at work ends.
    """

    CONTINUE = "continue"
    FAIL_FAST = "fail_fast"


class ExecutionMode(StrEnum):
    """How the nodes of a run come to job runs: each to one of its own, or small ones together to one."""

    SINGLE = "single"
    PACKED = "packed"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a run starts: a cron expression of five fields, and the IANA time zone it is meant in."""

    cron: str
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a product runs; durations in seconds.

    Attributes:
        on_landing: Whether a landed file starts a run.
        on_upstream: Whether a run starts when a port of another product that this one reads was published.
        settle_s: Pause without a new file after which those that have landed run together.
        max_wait_s: Longest time that the first of them waits for others.
        max_files: Files of one run; as many as that wait for no others.
        retries: Further attempts after an infrastructure failure.
        retry_delay_s: Pause before the second attempt; it doubles with every further one.
        retry_delay_max_s: Longest pause between two attempts.
        execution: Whether nodes share job runs.
        pack_nodes: Most nodes that share one.
        pack_duration_s: Longest time that the nodes of a pack are expected to take together; a node that is expected
            to take longer has a job run of its own.
        stated: The fields that the product or project file gave; configuration of the installation counts for
            the others.
    """

    on_landing: bool = True
    on_upstream: bool = False
    schedules: tuple[Schedule, ...] = ()
    settle_s: float = 0.15
    max_wait_s: float = 60.0
    max_files: int = 5000
    max_parallel_nodes: int = 8
    retries: int = 2
    node_timeout_s: int = 3600
    retry_delay_s: float = 5.0
    retry_delay_max_s: float = 300.0
    on_failure: OnFailure = OnFailure.CONTINUE
    execution: ExecutionMode = ExecutionMode.SINGLE
    pack_nodes: int = 50
    pack_duration_s: float = 300.0
    stated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Product:
    """A data product: sound in itself, every reference resolved, every dataset listed.

    Attributes:
        datasets: Landed and built ones; a transformation's output appears here even if the file declares
            nothing about it but its name.
    """

    domain: str
    name: str
    owner: Owner
    description: str
    sources: tuple[Source, ...]
    datasets: tuple[Dataset, ...]
    transformations: tuple[Transformation, ...]
    ports: tuple[Port, ...] = ()
    run: RunSettings = RunSettings()
    service_levels: tuple[ServiceLevel, ...] = ()

    @property
    def key(self) -> str:
        """``domain/product``, the name people use."""
        return f"{self.domain}/{self.name}"
