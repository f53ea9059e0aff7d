"""How fast a table is copied, and with how much memory: ``python benchmarks/copying.py [ROWS] [URL] [PARTITIONS]``.

One million rows of eight columns from a SQLite file that is made first, or from the table ``bench`` of another
database, which is made anew there; in one, or so many partitions side by side.
"""

import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from landfall.copying.execute import copy_item
from landfall.copying.plan import make_copy_plan
from landfall.copying.source import SourceDatabase
from landfall.spec.copying import Copy, Engine, Partitions, Watermark
from landfall.spec.model import (
    Column,
    Dataset,
    DatasetName,
    FileFormat,
    Layer,
    Owner,
    Product,
    Source,
    SourceType,
)

COLUMNS = (
    Column("id", "bigint"),
    Column("customer", "string"),
    Column("quantity", "int"),
    Column("amount", "double"),
    Column("active", "boolean"),
    Column("day", "date"),
    Column("changed", "timestamp"),
    Column("note", "string"),
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def fill(url: str, rows: int) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS bench"))
        connection.execute(
            sa.text(
                "CREATE TABLE bench (id bigint primary key, customer varchar(20), quantity int, amount float, "
                "active boolean, day date, changed timestamp, note varchar(40))"
            )
        )
        numbers = (
            f"SELECT n FROM generate_series(1, {rows}) AS g(n)"
            if engine.dialect.name == "postgresql"
            else f"WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {rows}) SELECT n FROM g"
        )
        moment = (
            "timestamp '2025-01-01' + n * interval '1 second'"
            if engine.dialect.name == "postgresql"
            else "strftime('%Y-%m-%d %H:%M:%f', 1735689600 + n, 'unixepoch')"
        )
        connection.execute(
            sa.text(
                f"INSERT INTO bench SELECT n, 'customer ' || n % 9973, n % 100, n * 0.25, n % 2 = 0, '2025-01-01', "
                f"{moment}, 'the note of row ' || n FROM ({numbers}) AS numbers"
            )
        )
    engine.dispose()


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(rows: int, url: str | None, partitions: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = url or f"sqlite:///{folder}/bench.db"
        fill(url, rows)
        dataset = Dataset(
            DatasetName("bench_landed"),
            Layer.BRONZE,
            source="db",
            landing="bench_landed/*.parquet",
            columns=COLUMNS,
            copy=Copy(
                "bench",
                watermark=Watermark("changed"),
                partitions=Partitions("id", partitions) if partitions > 1 else None,
            ),
        )
        source = Source("db", SourceType.DATABASE, FileFormat.PARQUET, engine=Engine.SQLSERVER)
        product = Product("bench", "copying", Owner("b", "b@example.com"), "", (source,), (dataset,), ())
        database = SourceDatabase.connect("db", url)
        (item,) = make_copy_plan(product, {}, key="bench", now=NOW).items
        sizes: list[int] = []

        def upload(path: str, file: Path) -> str:
            sizes.append(file.stat().st_size)
            return path

        before, began = peak_mib(), time.perf_counter()
        copied = copy_item(product, item, database, upload, progress=lambda *_: None)
        seconds = time.perf_counter() - began
        print(
            f"{database.kind}, {partitions} at once: {copied.rows:,} rows in {seconds:.1f} s, "
            f"{rows / seconds:,.0f} rows/s; {sizes[0] / 2**20:.1f} MiB of Parquet; "
            f"memory {before:.0f} MiB before, {peak_mib():.0f} MiB at most"
        )


if __name__ == "__main__":
    given = dict(enumerate(sys.argv))
    main(int(given.get(1, 1_000_000)), given.get(2) or None, int(given.get(3, 1)))
