"""Datasets from the tables of an existing database: they validate, and what they copy arrives."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, oracle, postgresql

from landfall.cli.main import main
from landfall.copying.execute import copy_item
from landfall.copying.plan import make_copy_plan
from landfall.copying.reflect import read_tables, spark_type
from landfall.copying.source import SourceDatabase
from landfall.copying.writing import snake_case
from landfall.spec.copying import Engine
from landfall.spec.load import load_products
from tests.integration.copying.conftest import Landed, run

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
TABLES = (
    'CREATE TABLE "Aircraft" ("AircraftID" integer not null primary key, "Tail No." varchar(10), '
    '"LastModified" timestamp not null, "List Price" numeric(12,2), no_of_seats smallint)',
    "CREATE TABLE landing (landing_id integer primary key, on_day date, created_at timestamp, weight double precision)",
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: SourceDatabase) -> Path:
    (tmp_path / "landfall.yml").write_text("name: fleet\n")
    monkeypatch.chdir(tmp_path)
    url = source.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("LANDFALL_CONNECTION_FLEET_DB", url)
    run(source, *TABLES)
    run(source, "INSERT INTO \"Aircraft\" VALUES (1, 'N101', '2026-01-30 10:00:00', 1.50, 180)")
    return tmp_path


def test_what_is_written_validates_and_copies(
    project: Path, source: SourceDatabase, landed: Landed, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["import", "database", "mobility/fleet", "fleet_db"])

    (product,) = load_products(project)
    assert code == 0
    assert [dataset.name for dataset in product.datasets] == ["aircraft_landed", "landing_landed"]
    columns = {column.name: (column.source_name, column.type) for column in product.datasets[0].columns}
    whole = "bigint" if source.kind is Engine.SQLITE else "int"
    assert columns == {
        "aircraft_id": ("AircraftID", whole),
        "tail_no": ("Tail No.", "string"),
        "last_modified": ("LastModified", "timestamp"),
        "list_price": ("List Price", "decimal(12,2)"),
        "no_of_seats": (None, "bigint" if source.kind is Engine.SQLITE else "smallint"),
    }
    items = make_copy_plan(product, {}, key="k", now=NOW).items
    copied = [copy_item(product, item, source, landed.upload, progress=lambda *_: None) for item in items]
    assert [one.rows for one in copied] == [1, 0]
    written = (project / "data_products/mobility/fleet/datasets/fleet_db.yml").read_text()
    assert "# watermark: LastModified if every change of a row sets it" in written
    assert "# watermark: created_at sees new rows, but no changes of old ones" in written
    assert "# key: AircraftID" in written
    assert "datasets/fleet_db.yml" in capsys.readouterr().out


def test_a_named_watermark_makes_it_incremental(
    project: Path, source: SourceDatabase, landed: Landed
) -> None:
    main(["import", "database", "mobility/fleet", "fleet_db", "--table", "Aircraft"])
    file = project / "data_products/mobility/fleet/datasets/fleet_db.yml"
    file.write_text(
        file.read_text().replace("{table: Aircraft}", "{table: Aircraft, watermark: LastModified}")
    )
    (product,) = load_products(project)
    (item,) = make_copy_plan(product, {}, key="k", now=NOW).items

    copied = copy_item(product, item, source, landed.upload, progress=lambda *_: None)

    assert (copied.rows, str(copied.watermark_to)[:10]) == (1, "2026-01-30")


def test_what_is_there_is_left_as_it_is(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["import", "database", "mobility/fleet", "fleet_db", "--table", "landing"])

    again = main(["import", "database", "mobility/fleet", "fleet_db"])
    other = main(["import", "database", "mobility/fleet", "hangar_db"])
    misspelt = main(["import", "database", "mobility/other", "fleet_db", "--table", "Aircraf"])

    errors = capsys.readouterr().err
    assert (again, other, misspelt) == (1, 1, 1)
    assert "LF1004" in errors
    assert "LANDFALL_CONNECTION_HANGAR_DB is not set" in errors
    assert "LF4308" in errors
    assert "did you mean 'Aircraft'" in errors


@pytest.mark.parametrize(
    ("kind", "engine", "declared"),
    [
        (mssql.TINYINT(), Engine.SQLSERVER, "smallint"),
        (mssql.BIT(), Engine.SQLSERVER, "boolean"),
        (mssql.MONEY(), Engine.SQLSERVER, "decimal(19,4)"),
        (mssql.DATETIME2(7), Engine.SQLSERVER, "timestamp"),
        (mssql.DATETIMEOFFSET(), Engine.SQLSERVER, "timestamp"),
        (mssql.ROWVERSION(), Engine.SQLSERVER, "binary"),
        (mssql.TIMESTAMP(), Engine.SQLSERVER, "binary"),
        (mssql.UNIQUEIDENTIFIER(), Engine.SQLSERVER, "string"),
        (mssql.NVARCHAR(20), Engine.SQLSERVER, "string"),
        (mssql.VARBINARY(), Engine.SQLSERVER, "binary"),
        (mssql.REAL(), Engine.SQLSERVER, "float"),
        (mssql.TIME(), Engine.SQLSERVER, "string"),
        (oracle.NUMBER(), Engine.ORACLE, "decimal(38,12)"),
        (oracle.NUMBER(10, 2), Engine.ORACLE, "decimal(10,2)"),
        (oracle.NUMBER(3, 5), Engine.ORACLE, "decimal(5,5)"),
        (oracle.DATE(), Engine.ORACLE, "timestamp"),
        (oracle.TIMESTAMP(), Engine.ORACLE, "timestamp"),
        (sa.types.NullType(), Engine.POSTGRESQL, "string"),
        (postgresql.JSONB(), Engine.POSTGRESQL, "string"),
    ],
)
def test_types_are_declared_as_what_holds_all_their_values(
    kind: sa.types.TypeEngine[object], engine: Engine, declared: str
) -> None:
    assert spark_type(kind, engine) == declared


def test_names_become_those_of_a_product_file() -> None:
    assert [snake_case(name) for name in ("OrderID", "HTTPCode", "Order Details", "2ndName", "größe")] == [
        "order_id",
        "http_code",
        "order_details",
        "column_2nd_name",
        "gr_e",
    ]


def test_an_empty_database_is_told(source: SourceDatabase) -> None:
    with pytest.raises(Exception, match="has no tables"):
        read_tables(source)
