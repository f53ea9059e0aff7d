"""Tables of real databases into Parquet: types, increments, partitions, and what cannot be copied."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from landfall.copying.arrow import TypeNotCopied, ValueDoesNotFit
from landfall.copying.execute import Copied, copy_item
from landfall.copying.plan import Position, make_copy_plan
from landfall.copying.source import SourceDatabase, SourceNotUsable, SourceRefused, SourceUnreachable
from landfall.copying.tables import NoWatermark
from landfall.spec.copying import Copy, Engine, Partitions, Watermark
from landfall.spec.model import Column, FileFormat, Product, Source, SourceType
from tests.builders import a_landed_dataset, a_product
from tests.integration.copying.conftest import Landed, run

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
UUID = "00000000-0000-0000-0000-000000000001"
COLUMNS = (
    Column("id", "bigint", source_name="AircraftID"),
    Column("name", "string"),
    Column("seats", "smallint"),
    Column("price", "decimal(10,2)"),
    Column("weight", "double"),
    Column("active", "boolean"),
    Column("built", "date"),
    Column("changed", "timestamp"),
    Column("picture", "binary"),
)
TABLE = {
    "sqlite": (
        'CREATE TABLE "Aircraft" ("AircraftID" integer primary key, name text, seats integer, price numeric, '
        "weight real, active integer, built text, changed text, picture blob)"
    ),
    "postgresql": (
        'CREATE TABLE "Aircraft" ("AircraftID" bigint primary key, name text, seats smallint, price numeric(10,2), '
        "weight double precision, active boolean, built date, changed timestamptz, picture bytea)"
    ),
}


def fill(source: SourceDatabase, *rows: str) -> None:
    """Put rows into the table, which is made if it is not there."""
    bytes_of_ff = "x'ff00'" if source.kind is Engine.SQLITE else "'\\xff00'"
    active = "1" if source.kind is Engine.SQLITE else "true"
    with source.engine.connect() as connection:
        if not source.engine.dialect.has_table(connection, "Aircraft"):
            run(source, TABLE[source.kind.value])
    for row in rows:
        run(source, f'INSERT INTO "Aircraft" VALUES ({row.format(bytes=bytes_of_ff, yes=active)})')  # noqa: S608 - of this test


def a_row(number: int, changed: str) -> str:
    return f"{number}, 'A''{number}: 100%', {number}, {number}.50, 1.5, {{yes}}, '2020-02-29', {changed}, {{bytes}}"


def a_copied_product(copy: Copy, columns: Sequence[Column] = COLUMNS) -> Product:
    dataset = replace(
        a_landed_dataset(landing="orders_landed/*.parquet", columns=columns), source="fleet_db", copy=copy
    )
    source = Source(
        "fleet_db",
        SourceType.DATABASE,
        FileFormat.PARQUET,
        connection="keyvault:fleet",
        engine=Engine.SQLSERVER,
    )
    return replace(a_product(landed=[dataset]), sources=(source,))


def copy(
    source: SourceDatabase, landed: Landed, product: Product, position: Position | None = None
) -> Copied:
    positions = {} if position is None else {"orders_landed": position}
    (item,) = make_copy_plan(product, positions, key="run-1", now=NOW).items
    return copy_item(product, item, source, landed.upload, progress=_nobody)


def _nobody(dataset: str, rows: int) -> None:
    """Nobody is told how far a copy is."""


def ids(landed: Landed, copied: Copied) -> list[object]:
    assert copied.path is not None
    return [row["AircraftID"] for row in landed.rows(copied.path)]


def test_values_arrive_as_what_they_are_declared(source: SourceDatabase, landed: Landed) -> None:
    fill(source, a_row(1, "'2026-01-30 10:00:00.123456'"), "2" + ", NULL" * 8)

    copied = copy(source, landed, a_copied_product(Copy("Aircraft")))

    assert (copied.rows, copied.path) == (2, "sales/orders/orders_landed/run-1.parquet")
    full, empty = landed.rows(str(copied.path))
    assert full == {
        "AircraftID": 1,
        "name": "A'1: 100%",
        "seats": 1,
        "price": Decimal("1.50"),
        "weight": 1.5,
        "active": True,
        "built": date(2020, 2, 29),
        "changed": datetime(2026, 1, 30, 10, 0, 0, 123456, tzinfo=UTC),
        "picture": b"\xff\x00",
    }
    assert set(empty.values()) == {2, None}


def test_an_incremental_copy_reads_what_is_new_and_no_row_twice(
    source: SourceDatabase, landed: Landed
) -> None:
    product = a_copied_product(Copy("Aircraft", watermark=Watermark("changed")))
    fill(source, a_row(1, "'2026-01-30 10:00:00'"), a_row(2, "NULL"), a_row(3, "'2026-01-30 11:00:00.5'"))

    first = copy(source, landed, product)
    unchanged = copy(source, landed, product, Position(2, first.watermark_to))
    fill(source, a_row(4, "'2026-01-30 11:00:00.6'"), a_row(5, "'2026-01-30 09:00:00'"))
    second = copy(source, landed, product, Position(2, first.watermark_to))

    assert sorted(map(str, ids(landed, first))) == ["1", "2", "3"]
    assert (unchanged.rows, unchanged.path) == (None, None)
    # A row that was committed behind the watermark is not seen: that is what delay is for.
    assert ids(landed, second) == [4]
    assert str(second.path).startswith("sales/orders/orders_landed/00000002_2026-01-30")


def test_the_same_copy_again_has_the_same_name_and_rows(source: SourceDatabase, landed: Landed) -> None:
    product = a_copied_product(Copy("Aircraft", watermark=Watermark("AircraftID")))
    fill(source, a_row(1, "NULL"), a_row(2, "NULL"))

    one, two = copy(source, landed, product), copy(source, landed, product)

    assert one.path == two.path == "sales/orders/orders_landed/00000001_2.parquet"


def test_rows_that_are_too_young_wait(source: SourceDatabase, landed: Landed) -> None:
    product = a_copied_product(Copy("Aircraft", watermark=Watermark("changed", delay_s=300)))
    now = "strftime('%Y-%m-%d %H:%M:%f', 'now')" if source.kind is Engine.SQLITE else "now()"
    fill(source, a_row(1, "'2026-01-30 10:00:00'"))
    run(source, f'INSERT INTO "Aircraft" ("AircraftID", changed) VALUES (2, {now})')  # noqa: S608 - of this test

    assert ids(landed, copy(source, landed, product)) == [1]


def test_filter_and_partitions_read_every_row_once(source: SourceDatabase, landed: Landed) -> None:
    fill(source, *(a_row(number, "NULL") for number in range(1, 24)))
    wanted = Copy(
        "Aircraft", "\"AircraftID\" <> 7 AND name LIKE 'A%'", partitions=Partitions("AircraftID", 4)
    )
    # Quotes are those of the engine that is declared, brackets with SQL Server.
    product = a_copied_product(replace(wanted, filter="[AircraftID] <> 7 AND name LIKE 'A%'"))

    copied = copy(source, landed, product)

    assert sorted(map(str, ids(landed, copied))) == sorted(str(n) for n in range(1, 24) if n != 7)


def test_an_empty_table_is_a_file_without_rows(source: SourceDatabase, landed: Landed) -> None:
    fill(source)

    copied = copy(source, landed, a_copied_product(Copy("Aircraft")))

    assert copied.rows == 0
    assert pq.read_schema(landed.files[str(copied.path)]).names == [c.source_name or c.name for c in COLUMNS]


def test_nothing_is_uploaded_of_a_copy_that_breaks_off(source: SourceDatabase, landed: Landed) -> None:
    fill(source, a_row(1, "NULL"))
    narrow = [Column("seats", "boolean"), Column("name", "int")]

    with pytest.raises(ValueDoesNotFit, match="'name' is declared as int, and the source has \"A'1: 100%\""):
        copy(source, landed, a_copied_product(Copy("Aircraft"), narrow))

    assert landed.files == {}


def test_what_the_database_refuses_is_said_with_its_words(source: SourceDatabase, landed: Landed) -> None:
    fill(source)

    with pytest.raises(SourceRefused, match=r"(?s)refused a statement: .*[Hh]angar.*FROM \"Hangar\""):
        copy(source, landed, a_copied_product(Copy("Hangar")))
    with pytest.raises(TypeNotCopied, match=r"array<int>"):
        copy(source, landed, a_copied_product(Copy("Aircraft"), [Column("name", "array<int>")]))


def test_a_watermark_that_is_none_is_refused(tmp_path, landed: Landed) -> None:  # type: ignore[no-untyped-def]
    source = SourceDatabase.connect("fleet_db", f"sqlite:///{tmp_path / 'fleet.db'}")
    fill(source, a_row(1, "'yesterday'"))

    with pytest.raises(NoWatermark, match="'changed' is 'yesterday', which is no timestamp"):
        copy(source, landed, a_copied_product(Copy("Aircraft", watermark=Watermark("changed"))))


def test_a_source_that_is_not_there_is_told_without_its_password() -> None:
    source = SourceDatabase.connect("fleet_db", "postgresql+psycopg://ada:secret@127.0.0.1:1/fleet")

    with pytest.raises(SourceUnreachable) as raised:
        source.value("SELECT 1")

    assert "ada:***@127.0.0.1:1" in str(raised.value)
    assert "secret" not in str(raised.value)
    with pytest.raises(SourceNotUsable, match="it is no URL of a database"):
        SourceDatabase.connect("fleet_db", "hunter2")
    with pytest.raises(SourceNotUsable, match=r"(?i)mysql"):
        SourceDatabase.connect("fleet_db", "mysql://x/y")


def test_partitions_give_the_rows_that_one_reader_gives(source: SourceDatabase, landed: Landed) -> None:
    moments = ("NULL", *(f"'2026-01-{day:02} 10:00:00'" for day in range(1, 29)))
    fill(source, *(a_row(number, moments[number % len(moments)]) for number in range(1, 60)))
    whole = copy(source, landed, a_copied_product(Copy("Aircraft")))
    expected = sorted(landed.rows(str(whole.path)), key=lambda row: str(row["AircraftID"]))

    for column in ("AircraftID", "changed", "built", "name"):
        parted = copy(source, landed, a_copied_product(Copy("Aircraft", partitions=Partitions(column, 7))))

        assert sorted(landed.rows(str(parted.path)), key=lambda row: str(row["AircraftID"])) == expected


def test_a_value_that_does_not_fit_stops_all_readers(source: SourceDatabase, landed: Landed) -> None:
    fill(source, *(a_row(number, "NULL") for number in range(1, 24)))
    wanted = Copy("Aircraft", partitions=Partitions("AircraftID", 4))

    with pytest.raises(ValueDoesNotFit, match="'name' is declared as int"):
        copy(source, landed, a_copied_product(wanted, [Column("name", "int")]))

    assert landed.files == {}


def test_what_postgresql_alone_has_arrives_as_its_own_text(postgresql: str, landed: Landed) -> None:
    source = SourceDatabase.connect("fleet_db", postgresql)
    run(
        source,
        "DROP SCHEMA IF EXISTS public CASCADE",
        "CREATE SCHEMA public",
        'CREATE TABLE "Aircraft" (doc jsonb, id uuid, tags int[], at inet, note text)',
        f"""INSERT INTO "Aircraft" VALUES ('{{"a": 1}}', '{UUID}', '{{1,2}}', '10.0.0.1', '')""",  # noqa: S608 - of this test
    )
    columns = [Column(name, "string") for name in ("doc", "id", "tags", "at", "note")]

    copied = copy(source, landed, a_copied_product(Copy("Aircraft"), columns))

    assert landed.rows(str(copied.path)) == [
        {
            "doc": '{"a": 1}',
            "id": UUID,
            "tags": "{1,2}",
            "at": "10.0.0.1/32",
            "note": "",
        }
    ]
