"""A metadata database as a busy installation has it after ninety days, for what operators read of it.

Products are applied as a team applies them; runs, nodes, files and quality results are written by the database itself
from a few small tables, since a million rows take minutes any other way. What is where follows from numbers alone, so
the same arguments give the same database.
"""

import argparse
import json
import sqlite3
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database, create_engine
from landfall.metadata.migrations import upgrade
from landfall.spec.model import (
    Check,
    Column,
    Dataset,
    DatasetName,
    DatasetRef,
    FileFormat,
    Layer,
    Output,
    Owner,
    Port,
    Product,
    QualityRule,
    RunSettings,
    Schedule,
    Severity,
    Source,
    SourceType,
    Step,
    StepType,
    Transformation,
    TransformationName,
)

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
DAYS = 90
DOMAINS = (
    "sales",
    "mobility",
    "finance",
    "energy",
    "health",
    "logistics",
    "retail",
    "weather",
    "media",
    "people",
)
LANDED = 3
BUILT = 7
NODES = LANDED + BUILT
PRODUCTS = 300
_COLUMNS = tuple(
    Column(name, "string") for name in ("id", "customer", "amount", "country", "placed_on", "note")
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is; a run has ten nodes and three files."""

    products: int
    runs: int

    @property
    def node_runs(self) -> int:
        return self.runs * NODES


def store_parser(description: str) -> argparse.ArgumentParser:
    """Return a command's arguments for the store: ``node_runs``, and ``store``, its file or ``None``."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument(
        "node_runs",
        nargs="?",
        type=lambda text: int(text.replace(",", "")),
        default="1,000,000",
        metavar="NODE_RUNS",
        help="how many the store has (default: %(default)s)",
    )
    arguments.add_argument(
        "--store", type=Path, metavar="FILE", help="where the database is kept, and used again"
    )
    return arguments


def store_path(arguments: argparse.Namespace) -> Path:
    """Return where the database is kept: as somebody says, or by its number of node runs."""
    path: Path = arguments.store or Path(f".landfall/benchmarks/console-{arguments.node_runs}.db")
    return path


def open_store(path: Path, node_runs: int) -> Database:
    """Return the database at a path, written now with so many node runs unless it is there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        unfinished = path.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        seed(unfinished, Size(PRODUCTS, node_runs // NODES))
        unfinished.rename(path)
        print(f"{node_runs:,} node runs written in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    database = Database(create_engine(f"sqlite:///{path.resolve()}"))
    upgrade(database)
    return database


def seed(path: Path, size: Size) -> Database:
    """Return a new database at ``path`` with everything in it."""
    database = Database(create_engine(f"sqlite:///{path}"))
    upgrade(database)
    at = NOW - timedelta(days=DAYS)
    apply_products(database, [a_product(number) for number in range(size.products)], actor="ada", now=at)
    database.close()
    _write_rows(path, size)
    return database


def product_key(number: int) -> str:
    return f"{DOMAINS[number % len(DOMAINS)]}/product_{number:04}"


def a_product(number: int) -> Product:
    """Return a product of three landed datasets and a chain of seven tables, the last of which is a port.

    From the second product of a domain on, the first table is joined to the port of the product before.
    """
    domain, _, name = product_key(number).partition("/")
    landed = [DatasetName(f"{kind}_landed") for kind in ("orders", "customers", "items")]
    built = [
        DatasetName(item) for item in ("orders", "customers", "items", "lines", "daily", "weekly", "report")
    ]
    rules = (
        QualityRule("id_known", Check.NOT_NULL, Severity.QUARANTINE, {"columns": ["id"]}),
        QualityRule(
            "country_known", Check.ACCEPTED_VALUES, Severity.WARN, {"column": "country", "values": ["DE"]}
        ),
        QualityRule("one_row_per_id", Check.UNIQUE, Severity.FAIL, {"columns": ["id"]}),
    )
    inputs = [[landed[0]], [landed[1]], [landed[2]], built[:3], built[3:4], built[4:5], built[5:6]]
    reads = [tuple(DatasetRef(dataset) for dataset in datasets) for datasets in inputs]
    before = number - len(DOMAINS)
    if before >= 0:
        reads[3] += (DatasetRef(DatasetName("report"), product=product_key(before), version=1),)
    return Product(
        domain=domain,
        name=name,
        owner=Owner(f"{domain}-data", f"{domain}-data@contoso.example"),
        description=f"Orders, customers and items of shop {number}, by day and week.",
        sources=(Source("files", SourceType.FILE, FileFormat.CSV, {"header": True}),),
        datasets=(
            *(
                Dataset(
                    item,
                    Layer.BRONZE,
                    source="files",
                    landing=f"{item}/*.csv",
                    columns=_COLUMNS,
                    quality=rules,
                )
                for item in landed
            ),
            *(Dataset(item, Layer.SILVER, columns=_COLUMNS, quality=rules[:1]) for item in built[:4]),
            *(Dataset(item, Layer.GOLD, columns=_COLUMNS) for item in built[4:]),
        ),
        transformations=tuple(
            Transformation(
                TransformationName(f"build_{output}"),
                inputs=refs,
                steps=(Step(StepType.FILTER, "id is not null"),),
                output=Output(output, Layer.SILVER if position < 4 else Layer.GOLD),
            )
            for position, (output, refs) in enumerate(zip(built, reads, strict=True))
        ),
        ports=(Port(DatasetName("report"), 1),),
        run=RunSettings(schedules=(Schedule("0 6 * * *"),)),
    )


def _write_rows(path: Path, size: Size) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -262144", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    # Written in bulk and indexed afterwards: an index that grows row by row is what takes the time.
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN "
        "('Runs', 'NodeRuns', 'LandedFiles', 'RunFiles', 'DataQualityResults', 'RunEvents', 'NodeAttempts')"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    connection.executescript(_nodes())
    connection.execute("BEGIN")
    first = NOW - timedelta(days=DAYS)
    step_s = DAYS * 86_400 / size.runs
    connection.executemany(
        "INSERT INTO Series VALUES (?, ?, ?, ?)",
        (
            (
                number,
                f"{(at := first + timedelta(seconds=number * step_s)):%Y%m%d-%H%M%S}-{number:08x}",
                # Busy products have most of the runs: one in four is of the first tenth.
                _scattered(number) % (size.products if number % 4 else max(size.products // 10, 1)) + 1,
                f"{at:%Y-%m-%d %H:%M:%S.%f}",
            )
            for number in range(size.runs)
        ),
    )
    connection.execute("COMMIT")
    connection.executescript(f"BEGIN; {_ROWS} COMMIT;")
    for _, sql in indexes:
        connection.execute(sql)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()


def _scattered(number: int) -> int:
    """Return a number in which neighbours have nothing in common.

    Source:
        Knuth, The Art of Computer Programming, volume 3, section 6.4, multiplicative hashing.
    """
    return number * 2_654_435_761 % 2**32 // 2**12


def _nodes() -> str:
    """Return statements for the nodes that every run has, and a table for the runs to be."""
    product = a_product(0)
    rows = [(f"ingest.{item.name}", "ingest", item) for item in product.datasets[:LANDED]]
    rows += [(f"build_{item.name}", "transform", item) for item in product.datasets[LANDED:]]
    text = (
        "CREATE TEMP TABLE Nodes (Position INTEGER, NodeKey, Kind, DataSetName, Layer, Definition);"
        "CREATE TEMP TABLE Rules (DataSetName, RuleName, Severity);"
        "CREATE TEMP TABLE Series (Number INTEGER PRIMARY KEY, RunID, DataProductID, At);"
    )
    for position, (key, kind, item) in enumerate(rows):
        definition = json.dumps(
            {"kind": kind, "load": None, "output": {"dataset": item.name, "layer": item.layer}, "inputs": []}
        )
        values = f"{position}, '{key}', '{kind}', '{item.name}', '{item.layer}', '{definition}'"
        text += f"INSERT INTO Nodes VALUES ({values});"
        for rule in item.quality:
            text += f"INSERT INTO Rules VALUES ('{item.name}', '{rule.name}', '{rule.severity}');"
    return text


# One run in 50 fails at its fifth node, one in 200 is cancelled; the last ten go on.
_ROWS = """
CREATE TEMP TABLE Ended AS SELECT *, CASE
    WHEN Number >= (SELECT max(Number) FROM Series) - 9 THEN 'running'
    WHEN Number % 50 = 7 THEN 'failed' WHEN Number % 200 = 11 THEN 'cancelled' ELSE 'succeeded' END AS State
    FROM Series;
INSERT INTO Runs (RunID, DataProductID, MetadataVersion, "Trigger", State, Reason, NodeCount, OpenNodes, ActiveNodes,
        ReadyNodes, MaxParallelNodes, Settings, CreatedAt, StartedAt, FinishedAt)
    SELECT RunID, DataProductID, 1, CASE Number % 10 WHEN 0 THEN 'schedule' WHEN 1 THEN 'http' ELSE 'landing' END,
        State,
        CASE State WHEN 'failed' THEN 'build_lines failed' END, 10, CASE State WHEN 'running' THEN 6 ELSE 0 END,
        CASE State WHEN 'running' THEN 2 ELSE 0 END, 0, 8, '{"configuration":{},"on_failure":"continue"}', At, At,
        CASE WHEN State != 'running' THEN strftime('%Y-%m-%d %H:%M:%f000', At, '+4 minutes') END
    FROM Ended;
INSERT INTO NodeRuns (RunID, DataProductID, Layer, Step, Band, NodeKey, Kind, State, WaitingFor, Priority, Attempt,
        Definition, ClaimedAt, StartedAt, FinishedAt, JobRunID, ErrorCode, Reason, RowsRead, RowsPublished,
        RowsQuarantined, Result)
    SELECT RunID, DataProductID, Layer, Position, Position, NodeKey, Kind, NodeState, 0, 10 - Position, 1,
        Definition, At, At,
        CASE WHEN NodeState IN ('succeeded', 'failed', 'skipped', 'cancelled')
            THEN strftime('%Y-%m-%d %H:%M:%f000', At, printf('+%d seconds', (Position + 1) * 20)) END,
        Number * 10 + Position,
        CASE NodeState WHEN 'failed' THEN 'LF4521' END,
        CASE NodeState WHEN 'failed' THEN 'id_known refused too many rows' WHEN 'skipped' THEN 'build_lines failed' END,
        CASE NodeState WHEN 'succeeded' THEN 10000 + Number % 997 END,
        CASE NodeState WHEN 'succeeded' THEN 10000 + Number % 997 - (Number % 20 = 3) * 25 END,
        CASE NodeState WHEN 'succeeded' THEN (Number % 20 = 3) * 25 END,
        CASE NodeState WHEN 'succeeded' THEN '{"timings_s":{"read":1.5,"write":2.5,"total":4.0}}' END
    FROM (SELECT *, CASE
            WHEN State = 'succeeded' OR Position < 4 THEN 'succeeded'
            WHEN State = 'running' THEN CASE WHEN Position < 6 THEN 'running' ELSE 'waiting' END
            WHEN State = 'cancelled' THEN 'cancelled'
            WHEN Position = 6 THEN 'failed' WHEN Position > 6 THEN 'skipped' ELSE 'succeeded' END AS NodeState
        FROM Ended CROSS JOIN Nodes);
UPDATE Runs SET (RowsRead, RowsPublished, RowsQuarantined) =
    (SELECT coalesce(sum(RowsRead), 0), coalesce(sum(RowsPublished), 0), coalesce(sum(RowsQuarantined), 0)
    FROM NodeRuns WHERE NodeRuns.RunID = Runs.RunID);
INSERT INTO RunPlans (RunID, Plan, PlanHash)
    SELECT RunID, '{"changed":[]}', hex(RunID) FROM Ended;
INSERT INTO LandedFiles (Url, UrlHash, FileName, ETag, SizeBytes, EventTime, LandedAt, EventCount, DataProductID,
        DataSetName, State, Reason, RunID, ClaimedAt, FinishedAt)
    SELECT
        'https://contoso.dfs.core.windows.net/landing/' || Domain || '/' || Name || '/' || DataSetName || '/' || File,
        -- The customers of a day are one path, written again and again.
        CASE DataSetName WHEN 'customers_landed' THEN hex(Name || DataSetName || substr(At, 1, 10))
            ELSE hex(Name || File) END,
        File, '0x' || hex(RunID || Position),
        1000 + Number * 31 % 100000, At, At, 1 + (Number % 25 = 1), Ended.DataProductID, DataSetName,
        CASE WHEN State = 'running' THEN 'claimed' WHEN Number % 300 = 2 THEN 'rejected' ELSE 'done' END,
        CASE WHEN Number % 300 = 2 THEN 'the file is empty' END, RunID, At,
        CASE WHEN State != 'running' THEN At END
    FROM (SELECT Ended.*, Nodes.Position, Nodes.DataSetName,
            replace(DataSetName, '_landed', '') || '-' || substr(At, 1, 10) || '-' || printf('%06d', Number)
                || '.csv' AS File
        FROM Ended CROSS JOIN Nodes WHERE Kind = 'ingest') AS Ended
    JOIN DataProducts ON DataProducts.DataProductID = Ended.DataProductID
    ORDER BY Number, Position;
INSERT INTO LandedFiles (Url, UrlHash, FileName, ETag, SizeBytes, EventTime, LandedAt, EventCount, State, Reason)
    SELECT 'https://contoso.dfs.core.windows.net/landing/unknown/stray-' || Number || '.csv', hex('stray' || Number),
        'stray-' || Number || '.csv', '0x1', 77, At, At, 1, 'unmatched', 'no product has this folder'
    FROM Ended WHERE Number % 1000 = 5;
INSERT INTO RunFiles (RunID, LandedFileID) SELECT RunID, LandedFileID FROM LandedFiles WHERE RunID IS NOT NULL;
INSERT INTO DataQualityResults (RunID, NodeKey, DataSetName, RuleName, Severity, RowsChecked, RowsFailed, RuleVersion,
        DurationMs, SampleKeys, CheckedAt, DataProductID)
    SELECT Ended.RunID, Nodes.NodeKey, Nodes.DataSetName, RuleName, Severity, 10000 + Number % 997,
        CASE WHEN Number % 20 = 3 AND Severity != 'fail' THEN 25 WHEN Number % 9 = 4 AND Severity = 'warn' THEN 3
            ELSE 0 END,
        'a1b2c3', 400, CASE WHEN Number % 20 = 3 THEN '["id=17","id=23"]' END, NodeRuns.FinishedAt, Ended.DataProductID
    FROM Ended CROSS JOIN Nodes JOIN Rules ON Rules.DataSetName = Nodes.DataSetName
    JOIN NodeRuns ON NodeRuns.RunID = Ended.RunID AND NodeRuns.NodeKey = Nodes.NodeKey
    WHERE NodeRuns.State = 'succeeded';
INSERT INTO RunEvents (RunID, NodeKey, FromState, ToState, OccurredAt, Actor)
    SELECT RunID, NodeKey, 'submitted', State, At, 'orchestration'
    FROM (SELECT RunID, NodeKey, State, ClaimedAt AS At FROM NodeRuns);
INSERT INTO NodeAttempts (RunID, NodeKey, Attempt, IdempotencyKey, JobRunID, State, SubmittedAt, FinishedAt)
    SELECT RunID, NodeKey, 1, hex(NodeRunID), JobRunID, State, ClaimedAt, FinishedAt FROM NodeRuns
    WHERE State IN ('succeeded', 'failed', 'running');
INSERT INTO PublishedDataSets (DataProductID, DataSetName, RunID, PublishedAt, TableVersion, Rows)
    SELECT Runs.DataProductID, Nodes.DataSetName, Runs.RunID, Runs.FinishedAt, 17, 10000
    FROM (SELECT DataProductID, max(CreatedAt) AS CreatedAt FROM Runs WHERE State = 'succeeded' GROUP BY DataProductID)
        AS Newest
    JOIN Runs ON Runs.DataProductID = Newest.DataProductID AND Runs.CreatedAt = Newest.CreatedAt
    CROSS JOIN Nodes;
INSERT INTO DeadLetters (Source, Payload, PayloadHash, ErrorCode, Reason, State, EventCount, FirstSeenAt, LastSeenAt)
    SELECT CASE Number % 3 WHEN 0 THEN 'event_grid' WHEN 1 THEN 'queue' ELSE 'poison' END,
        '{"id":"' || Number || '","eventType":"Microsoft.Storage.BlobCreated","data":{}}', hex(Number), 'LF3101',
        'the event has no data.url', CASE WHEN Number % 3 = 0 THEN 'dead' ELSE 'discarded' END, 1, At, At
    FROM Ended WHERE Number % 200 = 9;
INSERT INTO LandingSets (DataProductID, DataSetName, SetKey, SetNumber, State, OpenedAt, DeadlineAt)
    SELECT DataProductID, 'items_landed', substr(At, 1, 10), Number,
        CASE WHEN Number % 5000 = 0 THEN 'open' ELSE 'complete' END, At, strftime('%Y-%m-%d %H:%M:%f000', At, '+1 hour')
    FROM Ended WHERE Number % 100 = 0;
INSERT INTO Backfills (BackfillID, DataProductID, Selection, State, FileCount, RequestedAt, RequestedBy)
    SELECT 'backfill-' || Number, DataProductID, '{"from":1,"to":100,"datasets":[]}',
        CASE Number % 3000 WHEN 500 THEN 'running' ELSE 'done' END, 5000, At, 'ada'
    FROM Ended WHERE Number % 500 = 0;
INSERT INTO BackfillChunks (BackfillID, ChunkNumber, State, FileCount)
    SELECT 'backfill-' || Ended.Number, Chunks.Number + 1, 'done', 100
    FROM Ended JOIN Series AS Chunks ON Chunks.Number < 50 WHERE Ended.Number % 500 = 0;
"""
