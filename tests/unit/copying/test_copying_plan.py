"""The copy plan: what is to be copied, with statements that the databases' own grammars read."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlglot

from landfall.copying.names import UPTO
from landfall.copying.plan import CopyItem, NothingIsCopied, Position, make_copy_plan
from landfall.copying.queries import TableQueries
from landfall.spec.copying import AfterCopy, Copy, Engine, Partitions, Watermark, WatermarkKind
from landfall.spec.model import Column, FileFormat, Product, Source, SourceType
from tests.builders import a_landed_dataset, a_product

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
COLUMNS = (
    Column("order_id", "bigint", nullable=False, source_name="OrderID"),
    Column("changed", "timestamp", source_name="Changed"),
    Column("day", "date"),
    Column("version", "binary"),
)
KINDS = {
    "OrderID": WatermarkKind.NUMBER,
    "Changed": WatermarkKind.INSTANT,
    "day": WatermarkKind.DATE,
    "version": WatermarkKind.ROWVERSION,
}
VALUES = {
    WatermarkKind.NUMBER: "17",
    WatermarkKind.INSTANT: "2026-01-31T12:00:00.1234567",
    WatermarkKind.DATE: "2026-01-31",
    WatermarkKind.ROWVERSION: "0x00000000000007D1",
}


def a_copied_product(copy: Copy, source: Source | None = None) -> Product:
    dataset = replace(
        a_landed_dataset(landing="orders_landed/*.parquet", columns=COLUMNS), source="shop", copy=copy
    )
    shop = source or Source(
        "shop",
        SourceType.DATABASE,
        FileFormat.PARQUET,
        connection="keyvault:shop-db",
        engine=Engine.SQLSERVER,
    )
    return replace(a_product(landed=[dataset]), sources=(shop,))


def the_item(product: Product, position: Position | None = None, **more: Any) -> CopyItem:
    positions = {} if position is None else {"orders_landed": position}
    (item,) = make_copy_plan(product, positions, key="run-1", now=NOW, **more).items
    return item


@pytest.mark.parametrize(
    ("engine", "column"),
    # Only SQL Server has row versions.
    [(engine, name) for engine in Engine for name in KINDS if name != "version" or engine.parser == "tsql"],
)
def test_every_statement_is_read_by_the_grammar_of_its_database(engine: Engine, column: str) -> None:
    kind = KINDS[column]
    watermark = Watermark(column, delay_s=300 if kind is WatermarkKind.INSTANT else 0)
    copy = Copy("dbo.Order Details", "Deleted = 0", watermark, Partitions("OrderID", 4))
    queries = TableQueries(copy, COLUMNS, engine, engine)
    value = VALUES[kind]

    statements = [
        queries.rows(after=None, upto=value),
        queries.rows(after=value, upto=value, part=queries.partition(None, 10)),
        queries.rows(after=value, upto=value, part=queries.partition(10, 20)),
        queries.upper_bound(after=None),
        queries.upper_bound(after=value),
        queries.bounds_of_partitions(after=value, upto=value),
    ]

    for statement in statements:
        (parsed,) = sqlglot.parse(statement, read=engine.parser)
        assert isinstance(parsed, sqlglot.exp.Select)
        assert "Deleted = 0" in statement


def test_names_of_columns_are_quoted_whatever_they_hold() -> None:
    columns = [Column("a", "int", source_name="No. 1"), Column("b", "int", source_name="]; DROP TABLE x --")]

    written = TableQueries(Copy("dbo.T"), columns, Engine.SQLSERVER, Engine.SQLSERVER).rows(
        after=None, upto=None
    )

    assert written == "SELECT [No. 1], []]; DROP TABLE x --] FROM [dbo].[T]"


def test_the_first_copy_has_rows_without_a_watermark_and_the_others_begin_behind_it() -> None:
    product = a_copied_product(Copy("dbo.Orders", watermark=Watermark("Changed")))

    first = the_item(product)
    next_one = the_item(product, Position(18, "2026-01-30T00:00:00"))

    upto = f"[Changed] <= CAST('{UPTO}' AS datetime2(7))"
    columns = "SELECT [OrderID], [Changed], [day], [version] FROM [dbo].[Orders]"
    assert first.source_query == f"{columns} WHERE ({upto} OR [Changed] IS NULL)"
    assert next_one.source_query == (
        f"{columns} WHERE [Changed] > CAST('2026-01-30T00:00:00' AS datetime2(7)) AND {upto}"
    )
    assert next_one.upper_bound_query == (
        "SELECT COALESCE(CONVERT(varchar(33), CAST(MAX([Changed]) AS datetime2(7)), 126), '-') AS [watermark_to] "
        "FROM [dbo].[Orders] WHERE [Changed] > CAST('2026-01-30T00:00:00' AS datetime2(7))"
    )
    assert (first.file, next_one.file) == (f"00000001_{UPTO}.parquet", f"00000018_{UPTO}.parquet")
    assert next_one.folder == "sales/orders/orders_landed"
    assert (next_one.kind, next_one.secret, next_one.mode) == ("sqlserver", "shop-db", "incremental")


def test_a_row_version_ends_below_what_is_still_open() -> None:
    item = the_item(a_copied_product(Copy("Orders", watermark=Watermark("version"))))

    assert "[version] < MIN_ACTIVE_ROWVERSION()" in item.upper_bound_query


def test_without_a_watermark_everything_is_copied_under_the_key() -> None:
    item = the_item(a_copied_product(Copy("Orders", "Deleted = 0")))

    assert (item.mode, item.file, item.upper_bound_query) == (
        "full",
        "run-1.parquet",
        "SELECT 'all' AS [watermark_to]",
    )
    assert item.source_query.endswith("FROM [Orders] WHERE (Deleted = 0)")


def test_partitions_are_left_to_data_factory() -> None:
    item = the_item(a_copied_product(Copy("Orders", partitions=Partitions("OrderID", 4))))

    assert (item.partition_option, item.partition_column, item.partition_count) == (
        "DynamicRange",
        "OrderID",
        4,
    )
    assert "?AdfDynamicRangePartitionCondition" in item.source_query


def test_a_column_that_may_be_null_is_read_in_one_since_no_range_has_its_nulls() -> None:
    item = the_item(a_copied_product(Copy("Orders", partitions=Partitions("day", 4))))

    assert (item.partition_option, item.partition_count) == ("None", 0)
    assert "?Adf" not in item.source_query


def test_a_filter_is_translated_where_another_database_stands_in() -> None:
    copy = Copy("Orders", "ISNULL(Name, '') <> '' AND Placed > GETDATE()")

    written = TableQueries(copy, COLUMNS, Engine.SQLSERVER, Engine.SQLITE).rows(after=None, upto=None)

    assert "COALESCE(Name, '')" in written
    assert "GETDATE" not in written


def test_who_signs_in_with_an_identity_is_told_server_and_database() -> None:
    identity = "Server=tcp:shop.database.windows.net,1433;Database=shop;Authentication=ActiveDirectoryManagedIdentity"
    source = Source(
        "shop", SourceType.DATABASE, FileFormat.PARQUET, connection=identity, engine=Engine.AZURE_SQL
    )

    item = the_item(a_copied_product(Copy("Orders"), source))

    assert (item.kind, item.server, item.database, item.secret) == (
        "azure_sql",
        "shop.database.windows.net",
        "shop",
        "",
    )


def test_an_api_is_asked_for_what_is_new_since_the_last_copy() -> None:
    source = Source("shop", SourceType.API, FileFormat.JSON, connection="https://api.example.com")
    copy = Copy(path="orders?size=100", items="$.data", watermark=Watermark("Changed", parameter="since"))

    first = the_item(a_copied_product(copy, source))
    next_one = the_item(a_copied_product(copy, source), Position(2, "2026-01-30T00:00:00Z"))

    assert first.path == "orders?size=100"
    assert next_one.path == "orders?size=100&since=2026-01-30T00:00:00Z"
    assert next_one.watermark_to == "2026-01-31T12:00:00Z"
    assert next_one.file == "00000002_2026-01-31T12~00~00Z.json"


def test_files_of_a_server_get_a_folder_for_each_copy() -> None:
    source = Source(
        "shop",
        SourceType.SFTP,
        FileFormat.CSV,
        connection="sftp://lf@files.example.com",
        secret="keyvault:partner",
    )

    item = the_item(a_copied_product(Copy(path="out/*.csv", after=AfterCopy.DELETE), source))

    assert (item.kind, item.server, item.user, item.secret) == ("sftp", "files.example.com", "lf", "partner")
    assert (item.folder, item.file, item.delete_after) == ("sales/orders/orders_landed/run-1", "", True)


def test_a_dataset_whose_last_copy_is_on_its_way_waits() -> None:
    product = a_copied_product(Copy("Orders", watermark=Watermark("Changed")))

    plan = make_copy_plan(
        product, {"orders_landed": Position(waits="a.parquet has landed")}, key="k", now=NOW
    )

    assert plan.to_payload()["items"] == []
    assert plan.to_payload()["waiting"] == [{"dataset": "orders_landed", "reason": "a.parquet has landed"}]


def test_everything_is_copied_once_more_under_the_next_number() -> None:
    product = a_copied_product(Copy("Orders", watermark=Watermark("Changed")))

    item = the_item(product, Position(18, "2026-01-30T00:00:00"), full=True)

    assert item.watermark_from == ""
    assert item.file == f"00000018_{UPTO}.parquet"
    assert " > " not in item.source_query


def test_what_copies_nothing_is_refused_with_what_does() -> None:
    with pytest.raises(NothingIsCopied, match="copies nothing: none of its datasets has copy"):
        make_copy_plan(a_product(), {}, key="k", now=NOW)
    with pytest.raises(NothingIsCopied, match="did you mean 'orders_landed'"):
        make_copy_plan(a_copied_product(Copy("Orders")), {}, key="k", now=NOW, datasets=["order_landed"])
