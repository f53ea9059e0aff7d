"""What a product file says of the copy of its sources, and every way to say it wrong."""

import pytest

from landfall.spec.copying import AfterCopy, Copy, Engine, Partitions, Watermark
from landfall.spec.load import check_products, load_products
from landfall.spec.payload import product_from_payload, product_to_payload
from tests.unit.spec.conftest import PRODUCT_PATH, WriteProject

PRODUCT = """\
api_version: landfall/v1
domain: sales
name: orders
owner: {team: sales-team, email: sales@example.com}
sources:
  - {name: shop_db, type: database, engine: sqlserver, connection: keyvault:shop-db}
  - {name: shop_api, type: api, connection: "https://api.example.com/v1", secret: keyvault:shop-api}
  - {name: partner, type: sftp, format: csv, secret: keyvault:partner, connection: "sftp://landfall@a.example", \
    host_key: "ssh-ed25519 255 2a:0c:fe:10"}
datasets:
  - name: orders_landed
    source: shop_db
    copy:
      table: dbo.Orders
      filter: Deleted = 0
      watermark: {column: ModifiedAt, delay: 5m}
      partitions: {column: OrderID, count: 4}
    columns:
      - {name: order_id, from: OrderID, type: bigint}
      - {name: modified_at, from: ModifiedAt, type: timestamp}
  - name: prices_landed
    source: shop_api
    copy: {path: "prices?currency=eur", items: $.data, watermark: {column: changed, parameter: since}}
    columns: [{name: sku, type: string}, {name: changed, type: timestamp}]
  - name: returns_landed
    source: partner
    copy: {path: "out/returns_*.csv", after: delete}
    columns: [{name: order_id, type: bigint}]
"""


def test_what_is_copied_comes_out_of_the_file_and_out_of_storage_as_it_was(
    write_project: WriteProject,
) -> None:
    (product,) = load_products(write_project({PRODUCT_PATH: PRODUCT}))

    table, api, files = product.datasets
    assert product.sources[0].engine is Engine.SQLSERVER
    assert table.copy == Copy(
        table="dbo.Orders",
        filter="Deleted = 0",
        watermark=Watermark("ModifiedAt", delay_s=300.0),
        partitions=Partitions("OrderID", 4),
    )
    assert table.landing == "orders_landed/*.parquet"
    assert api.copy is not None
    assert api.copy.watermark == Watermark("changed", parameter="since")
    assert files.copy == Copy(path="out/returns_*.csv", after=AfterCopy.DELETE)
    assert product_from_payload(product_to_payload(product)) == product


@pytest.mark.parametrize(
    ("text", "by", "line", "code", "message"),
    [
        ("engine: sqlserver, ", "", 6, "LF1021", "nothing says what kind of database 'shop_db' is"),
        ("engine: sqlserver", "engine: db2", 6, "LF1021", "engine cannot be 'db2'"),
        ("keyvault:shop-db", "Server=a;Authentication=ActiveDirectoryMSI", 6, "LF1030", "signs in with"),
        (", secret: keyvault:partner", "", 8, "LF1021", "source 'partner' has no password"),
        ("secret: keyvault:partner", "secret: hunter2", 8, "LF1024", "this is no name of a secret"),
        ('host_key: "ssh-ed25519 255 2a:0c:fe:10"', "x-host: a", 8, "LF1021", "anybody could stand in for it"),
        ("sftp://landfall@", "https://landfall@", 8, "LF1021", "is no address of an SFTP server"),
        ("format: csv, ", "", 8, "LF1021", "source 'partner' has no format"),
        ("table: dbo.Orders", "path: orders", 12, "LF1021", "nothing says which table is copied"),
        ("table: dbo.Orders", 'table: "dbo].Orders"', 13, "LF1022", "names no table"),
        ("Deleted = 0", "Deleted =", 14, "LF1050", "this is no condition"),
        ("Deleted = 0", "\"1=1) UNION SELECT (1\"", 14, "LF1050", "more than one condition"),
        ("Deleted = 0", "\"1=1; DROP TABLE x\"", 14, "LF1050", "this is"),
        ("column: ModifiedAt", "column: ModifedAt", 15, "LF1042", "has no column 'ModifedAt'"),
        ("from: ModifiedAt, type: timestamp", "from: ModifiedAt, type: string", 15, "LF1030", "nothing about what"),
        ("from: ModifiedAt, type: timestamp", "from: ModifiedAt, type: date", 15, "LF1030", "how old a row is"),
        ("count: 4", "count: 99", 16, "LF1021", "count"),
        (", parameter: since", "", 22, "LF1021", "nothing says how the API is asked"),
        ("items: $.data", "table: prices", 22, "LF1030", "table means nothing"),
        (", after: delete", ", watermark: order_id", 26, "LF1030", "have no watermark"),
        ("    source: partner\n", "    source: shop_api\n", 26, "LF1030", "after means nothing"),
    ],
)  # fmt: skip
def test_a_fault_names_its_line(
    text: str, by: str, line: int, code: str, message: str, write_project: WriteProject
) -> None:
    assert text in PRODUCT
    root = write_project({PRODUCT_PATH: PRODUCT.replace(text, by)})

    _, faults = check_products(root)

    assert [(fault.line, fault.code) for fault in faults if message in fault.message] == [(line, code)]


def test_what_a_copy_writes_must_land_where_its_dataset_looks(write_project: WriteProject) -> None:
    text = PRODUCT.replace("source: shop_db\n", 'source: shop_db\n    landing: {path: "orders/*.csv"}\n')

    _, faults = check_products(write_project({PRODUCT_PATH: text}))

    (only,) = faults
    assert (only.line, only.code) == (12, "LF1026")
    assert "would not match 'orders/*.csv'" in only.message


def test_files_that_land_by_themselves_are_not_copied(write_project: WriteProject) -> None:
    text = PRODUCT.replace(
        "type: database, engine: sqlserver, connection: keyvault:shop-db", "type: file, format: parquet"
    )

    _, faults = check_products(write_project({PRODUCT_PATH: text}))

    assert [(fault.line, fault.code) for fault in faults] == [(12, "LF1030")]
