"""The T-SQL for Azure SQL, read as a DBA would read it."""

import re
from itertools import pairwise

import pytest
import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlglot import exp

from landfall.metadata.columns import JsonText, UtcDateTime
from landfall.metadata.migrations import VERSION_TABLE, head, sql_script
from landfall.metadata.tables import metadata

# Not understood by sqlglot; SQL Server takes a SET in an IF.
STOP_IF_FAILED = "IF @@TRANCOUNT = 0 SET NOEXEC ON;"
MAX_CLUSTERED_KEY_BYTES = 900
MAX_INDEX_KEY_BYTES = 1_700

TABLES = tuple(metadata.tables.values())


def batches(script: str) -> list[str]:
    return [batch.strip() for batch in re.split(r"^GO$", script, flags=re.MULTILINE) if batch.strip()]


def statements(script: str) -> list[exp.Expression]:
    return [
        statement
        for batch in batches(script)
        if batch != STOP_IF_FAILED
        for statement in sqlglot.parse(batch, read="tsql", error_level=sqlglot.ErrorLevel.RAISE)
        if isinstance(statement, exp.Expression)
    ]


@pytest.fixture(scope="module")
def fresh() -> str:
    return sql_script()


@pytest.fixture(scope="module")
def folded(fresh: str) -> str:
    """Return the script with the columns and indexes that later revisions add or drop there from the beginning."""
    script = fresh
    for added in re.finditer(r"^ALTER TABLE (\[\w+\]) ADD (.+);$", fresh, flags=re.MULTILINE):
        table = f"CREATE TABLE {added[1]} (\n"
        assert table in script
        script = script.replace(added[0], "").replace(table, f"{table}    {added[2]},\n")
    for dropped in re.finditer(r"^ALTER TABLE (\[\w+\]) DROP COLUMN (\[\w+\]);$", fresh, flags=re.MULTILINE):
        start = script.index(f"CREATE TABLE {dropped[1]} (\n")
        created = script[start : script.index("\n);", start)]
        without = re.sub(rf"^ *{re.escape(dropped[2])} .*,\n", "", created, count=1, flags=re.MULTILINE)
        assert without != created
        script = script.replace(dropped[0], "").replace(created, without)
    for gone in re.finditer(r"^DROP INDEX (\[\w+\]) ON (\[\w+\]);$", fresh, flags=re.MULTILINE):
        created = rf"^CREATE (UNIQUE )?INDEX {re.escape(gone[1])} ON {re.escape(gone[2])} .+;$"
        script, times = re.subn(created, "", script.replace(gone[0], ""), flags=re.MULTILINE)
        assert times == 1
    return script


@pytest.fixture(scope="module")
def created(folded: str) -> dict[str, exp.Create]:
    """Return the CREATE TABLE statements by the table's name."""
    return {
        create.find(exp.Table).name: create  # type: ignore[union-attr]
        for create in statements(folded)
        if isinstance(create, exp.Create) and create.kind == "TABLE"
    }


def test_every_statement_is_understood(fresh: str) -> None:
    kinds = {type(statement) for statement in statements(fresh)}

    assert exp.Command not in kinds
    assert {exp.Create, exp.Insert, exp.Transaction, exp.Commit} <= kinds


def test_it_creates_the_tables_and_indexes_in_code(folded: str) -> None:
    dialect = mssql.dialect()
    tables = [CreateTable(table).compile(dialect=dialect) for table in TABLES]
    indexes = [CreateIndex(index).compile(dialect=dialect) for table in TABLES for index in table.indexes]
    wanted = {_plain(str(item)) for item in (*tables, *indexes)}

    found = {_plain(text) for batch in batches(folded) if (text := _without_comments(batch).strip())}

    assert wanted <= found
    assert {
        text for text in found - wanted if text.startswith("CREATE") and VERSION_TABLE not in text
    } == set()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_columns_have_the_types_a_dba_expects(created: dict[str, exp.Create], table: sa.Table) -> None:
    types = {
        column.name: column.kind.sql("tsql")
        for column in created[table.name].find_all(exp.ColumnDef)
        if column.kind
    }

    assert types.keys() == set(table.columns.keys())
    allowed = re.compile(r"BIGINT|INTEGER|DATETIME2\(6\)|NVARCHAR\((\d+|max)\)", flags=re.IGNORECASE)
    assert [(name, type_) for name, type_ in types.items() if not allowed.fullmatch(type_)] == []
    for column in table.columns:
        if isinstance(column.type, UtcDateTime):
            assert types[column.name] == "DATETIME2(6)"
        if isinstance(column.type, JsonText):
            assert types[column.name].lower() == "nvarchar(max)"
            assert f"CHECK (ISJSON([{column.name}]) = 1)" in created[table.name].sql("tsql")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_numbers_are_handed_out_by_the_server(created: dict[str, exp.Create], table: sa.Table) -> None:
    generated = {
        column.name
        for column in created[table.name].find_all(exp.ColumnDef)
        if column.find(exp.GeneratedAsIdentityColumnConstraint, exp.AutoIncrementColumnConstraint)
        or "IDENTITY" in column.sql("tsql")
    }

    own = next(iter(table.primary_key.columns))
    numbered = (
        len(table.primary_key.columns) == 1 and not own.foreign_keys and isinstance(own.type, sa.BigInteger)
    )
    assert generated == ({own.name} if numbered else set())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_constraint_and_index_has_a_name(
    fresh: str, created: dict[str, exp.Create], table: sa.Table
) -> None:
    text = created[table.name].sql("tsql")
    constraints = re.findall(r"PRIMARY KEY|FOREIGN KEY|UNIQUE|CHECK|DEFAULT", text)
    names = re.findall(r"CONSTRAINT \[?((?:PK|FK|UQ|CK)_\w+)\]?", text)

    assert len(names) == len(constraints)
    assert "DEFAULT" not in constraints
    assert all(name.split("_")[1] == table.name for name in names)
    for index in table.indexes:
        assert re.match(r"(IX|UQ)_", str(index.name))
        assert f"[{index.name}]" in fresh


def test_names_are_unique_and_within_their_limit() -> None:
    names = [str(index.name) for table in TABLES for index in table.indexes]
    names += [str(constraint.name) for table in TABLES for constraint in table.constraints]
    of_mssql = [name for name in names if name != "None"]

    assert max(map(len, of_mssql)) <= 128
    # The JSON checks are there twice, once for each database.
    assert {name for name in of_mssql if of_mssql.count(name) > 1 and not name.endswith("_IsJson")} == set()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_keys_fit_into_an_index(table: sa.Table) -> None:
    unique = [list(item.columns) for item in table.constraints if isinstance(item, sa.UniqueConstraint)]
    indexed = [list(index.columns) for index in table.indexes]

    assert _key_bytes(list(table.primary_key.columns)) <= MAX_CLUSTERED_KEY_BYTES
    for columns in (*unique, *indexed):
        assert _key_bytes(columns) <= MAX_INDEX_KEY_BYTES, [column.name for column in columns]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_foreign_key_is_led_to_by_an_index(table: sa.Table) -> None:
    leading = {next(iter(table.primary_key.columns)).name}
    leading |= {next(iter(index.columns)).name for index in table.indexes}
    leading |= {
        next(iter(item.columns)).name for item in table.constraints if isinstance(item, sa.UniqueConstraint)
    }

    assert {key.parent.name for key in table.foreign_keys} <= leading


def test_it_is_one_transaction_that_stops_at_the_first_error(fresh: str) -> None:
    parts = batches(fresh)

    begin, commit = parts.index("BEGIN TRANSACTION;"), parts.index("COMMIT TRANSACTION;")
    assert "SET XACT_ABORT ON;" in parts[begin - 1]
    assert "SET QUOTED_IDENTIFIER ON;" in parts[begin - 1]
    assert "sp_getapplock" in parts[begin + 1]
    changes = parts[begin + 1 : commit]
    assert all(
        follower == STOP_IF_FAILED for batch, follower in pairwise([*changes, ""]) if batch != STOP_IF_FAILED
    )
    assert parts[commit + 1 :] == ["SET NOEXEC OFF;"]


def test_it_refuses_a_database_it_is_not_for(fresh: str) -> None:
    assert f"OBJECT_ID(N'[{VERSION_TABLE}]') IS NOT NULL" in fresh
    assert f"WHERE version_num = '{head()}')" in sql_script(from_revision=head())


def test_a_database_at_the_newest_revision_gets_no_change() -> None:
    script = sql_script(from_revision=head())

    assert not any(
        isinstance(statement, exp.Create | exp.Insert | exp.Update) for statement in statements(script)
    )


def test_the_way_back_is_a_script_too() -> None:
    script = sql_script(from_revision=head(), to="base")

    dropped = [item.find(exp.Table) for item in statements(script) if isinstance(item, exp.Drop)]
    assert {table.name for table in dropped if table} >= set(metadata.tables)


def _key_bytes(columns: list[sa.Column[object]]) -> int:
    total = 0
    for column in columns:
        length = getattr(column.type, "length", None)
        # Two bytes a character; numbers and instants take eight at most.
        total += 2 * length if length else 8
    return total


def _without_comments(batch: str) -> str:
    return re.sub(r"^--.*$", "", batch, flags=re.MULTILINE)


def _plain(statement: str) -> str:
    """Return a statement with its clauses sorted: the order of constraints in a table says nothing."""
    lines = (line.strip().rstrip(",;") for line in statement.strip().rstrip(";").splitlines())
    text = [" ".join(line.split()) for line in lines if line]
    return " ".join([text[0], *sorted(text[1:])])
