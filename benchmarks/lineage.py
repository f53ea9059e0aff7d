"""How long lineage takes to answer where 1,000 datasets lie between the first and the last column.

Usage: ``python benchmarks/lineage.py [DATASETS]``. Each dataset has ten columns, every one made of two of the level
above; every tenth decides about rows. All of it was published, each dataset with files and refused rows.
"""

import sys
import tempfile
import time
from datetime import UTC, datetime

import sqlalchemy as sa

from landfall.metadata.engine import Database, create_engine
from landfall.metadata.lineage import Direction
from landfall.metadata.migrations import upgrade
from landfall.metadata.stored_specs import insert_version
from landfall.metadata.tables import (
    column_lineage,
    data_products,
    data_quality_results,
    published_data_sets,
    runs,
)
from landfall.runs.provenance import Provenance, provenance
from landfall.spec.model import Column, Dataset, DatasetName, Layer, Owner, Product
from landfall.spec.payload import product_to_payload

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WIDTH = 50
PER_PRODUCT = 10
COLUMNS = 10


def dataset(number: int) -> str:
    return f"mesh/product_{number // PER_PRODUCT}.d{number}"


def fill(connection: sa.Connection, count: int) -> None:
    for product_id in range(1, -(-count // PER_PRODUCT) + 1):
        first = (product_id - 1) * PER_PRODUCT
        name = f"product_{product_id - 1}"
        columns = tuple(Column(f"c{at}", "int") for at in range(COLUMNS))
        datasets = tuple(
            Dataset(DatasetName(f"d{number}"), Layer.SILVER, columns=columns)
            for number in range(first, min(first + PER_PRODUCT, count))
        )
        product = Product("mesh", name, Owner("t", "t@example.com"), "", (), datasets, ())
        described = {"Description": "", "OwnerTeam": "t", "OwnerEmail": "t@example.com"}
        connection.execute(
            sa.insert(data_products).values(
                DataProductID=product_id, Domain="mesh", Name=name, CurrentVersion=1, **described
            )
        )
        version = {"DataProductID": product_id, "VersionNumber": 1, "SpecHash": name}
        applied = {"AppliedAt": NOW, "AppliedBy": "benchmark"}
        insert_version(connection, {**version, **applied}, product_to_payload(product))
        run = {"RunID": name, "DataProductID": product_id, "MetadataVersion": 1, "Trigger": "landing"}
        connection.execute(
            sa.insert(runs).values(
                **run,
                State="succeeded",
                NodeCount=1,
                OpenNodes=0,
                MaxParallelNodes=1,
                Settings={},
                CreatedAt=NOW,
            )
        )
        connection.execute(
            sa.insert(published_data_sets),
            [
                {"DataProductID": product_id, "DataSetName": item.name, "RunID": name, "PublishedAt": NOW}
                for item in datasets
            ],
        )
        connection.execute(
            sa.insert(data_quality_results),
            [
                {
                    "RunID": name,
                    "NodeKey": item.name,
                    "DataProductID": product_id,
                    "DataSetName": item.name,
                    "RuleName": "r",
                    "Severity": "quarantine",
                    "RowsChecked": 10,
                    "RowsFailed": 1,
                    "CheckedAt": NOW,
                }
                for item in datasets
            ],
        )
    connection.execute(
        sa.insert(column_lineage), [edge for number in range(WIDTH, count) for edge in edges(number)]
    )


def edges(number: int) -> list[dict[str, object]]:
    above = (number // WIDTH - 1) * WIDTH
    sources = (above + number % WIDTH, above + ((number % WIDTH) * 3 + number // WIDTH) % WIDTH)
    return [
        {
            "DataProductID": number // PER_PRODUCT + 1,
            "MetadataVersion": 1,
            "SourceDataSet": dataset(source),
            "SourceColumn": f"c{(at + step) % COLUMNS}",
            "TargetDataSet": dataset(number),
            "TargetColumn": f"c{at}" if at else "*",
            "Kind": "value" if at else "filter",
        }
        for at in range(COLUMNS)
        for step, source in enumerate(sources)
    ]


def timed(database: Database, subject: str, direction: Direction) -> tuple[float, float, Provenance]:
    """Return the best of three: seconds that passed and those of the processor, and the answer."""
    took, found = [], None
    for _ in range(3):
        started, worked = time.perf_counter(), time.process_time()
        found = database.read(lambda connection: provenance(connection, subject, direction))
        took.append((time.perf_counter() - started, time.process_time() - worked))
    assert found is not None
    return min(passed for passed, _ in took), min(worked for _, worked in took), found


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    with tempfile.TemporaryDirectory() as folder:
        database = Database(create_engine(f"sqlite:///{folder}/lineage.db"))
        upgrade(database)
        database.transact(lambda connection: fill(connection, count))
        for subject, direction in (
            (dataset(count - 1), Direction.UPSTREAM),
            (f"{dataset(count - 1)}.c3", Direction.UPSTREAM),
            (dataset(0), Direction.DOWNSTREAM),
            (f"{dataset(0)}.c3", Direction.DOWNSTREAM),
        ):
            seconds, cpu_s, found = timed(database, subject, direction)
            passed = {end.dataset for link in found.links for end in (link.source, link.target)}
            print(
                f"{direction:10} {subject:24} {seconds:6.3f} s  {cpu_s:6.3f} CPU s  {len(passed):5} datasets  "
                f"{len(found.links):6} edges  {len(found.origins):5} origins"
            )
        database.close()


if __name__ == "__main__":
    main()
