"""Migrations on SQLite: there and back, equal to the tables in code, and refused where they do not fit."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from landfall.metadata import migrations
from landfall.metadata.engine import Database, create_engine
from landfall.metadata.migrations import (
    UnknownSchemaRevision,
    WrongSchemaRevision,
    alembic_config,
    current_revision,
    downgrade,
    head,
    sql_script,
    upgrade,
)
from landfall.metadata.migrations.new import write_revision
from landfall.metadata.tables import metadata, run_events
from tests.loopback import PATIENCE_S

ADD_A_COLUMN = '''"""Add a note to every run.

Revision: THIS
Revises: BEFORE
"""

import sqlalchemy as sa
from alembic import op

revision = "THIS"
down_revision: str | None = "BEFORE"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("ConfigurationCategory") as table:
        table.add_column(sa.Column("Note", sa.Unicode(64)))


def downgrade() -> None:
    with op.batch_alter_table("ConfigurationCategory") as table:
        table.drop_column("Note")
'''


@pytest.fixture
def next_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in for a later release: the same migrations with another one behind them."""
    folder = tmp_path / "next_release"
    shutil.copytree(migrations._FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    number = f"{int(head()) + 1:04}"
    text = ADD_A_COLUMN.replace("BEFORE", head()).replace("THIS", number)
    (folder / "versions" / f"{number}_add_a_note.py").write_text(text)
    monkeypatch.setattr(migrations, "_FOLDER", folder)
    migrations.revisions.cache_clear()
    yield folder
    monkeypatch.undo()
    migrations.revisions.cache_clear()


def schema_of(database: Database) -> dict[str, str]:
    """Return the statement of every table and index; names quoted in one way, space of one kind."""

    def work(connection: sa.Connection) -> dict[str, str]:
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        quotes = str.maketrans({"[": '"', "]": '"'})
        return {row.name: " ".join(sorted(_clauses(row.sql.translate(quotes)))) for row in rows}

    schema = database.unguarded().read(work)
    schema.pop(migrations.VERSION_TABLE, None)
    return schema


def _clauses(statement: str) -> list[str]:
    """Return what stands between the outer brackets of a statement; the order in there says nothing."""
    clauses, depth = [""], 0
    for character in statement:
        depth += (character == "(") - (character == ")")
        if (character in "()" and depth == (character == "(")) or (character == "," and depth == 1):
            clauses.append("")
        else:
            clauses[-1] += character
    return [" ".join(clause.split()) for clause in clauses if clause.strip()]


def test_migrating_up_down_and_up_again_gives_the_same_tables(empty_database: Database) -> None:
    upgrade(empty_database)
    first = schema_of(empty_database)

    downgrade(empty_database, "base")
    nothing = schema_of(empty_database)
    upgrade(empty_database)

    assert nothing == {}
    assert schema_of(empty_database) == first
    assert set(metadata.tables) < set(first)


def test_migrated_tables_are_the_tables_in_code(database: Database, empty_database: Database) -> None:
    with empty_database.engine.begin() as connection:
        metadata.create_all(connection)

    assert schema_of(database) == schema_of(empty_database)


def test_alembic_finds_no_difference(database: Database) -> None:
    def work(connection: sa.Connection) -> list[object]:
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "version_table": migrations.VERSION_TABLE,
        }
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    assert database.read(work) == []


def test_upgrading_again_changes_nothing(database: Database) -> None:
    before = schema_of(database)

    upgrade(database)

    assert schema_of(database) == before
    assert current_revision(database) == head()


def test_the_newest_revision_is_the_one_alembic_finds(database: Database) -> None:
    with database.engine.begin() as connection:
        script = ScriptDirectory.from_config(alembic_config(connection))

    assert script.get_heads() == [head()]
    assert [revision.revision for revision in script.walk_revisions()] == list(
        reversed(migrations.revisions())
    )


def test_work_on_a_database_without_tables_is_refused(empty_database: Database) -> None:
    with pytest.raises(WrongSchemaRevision, match=r"no tables of Landfall yet. Run `landfall db upgrade`"):
        empty_database.transact(lambda connection: connection.execute(sa.select(run_events)))

    upgrade(empty_database)
    assert empty_database.read(lambda connection: connection.execute(sa.select(run_events)).all()) == []


def test_work_on_an_older_database_is_refused(database: Database, next_release: Path) -> None:
    before, newest = migrations.revisions()[-2:]
    with pytest.raises(
        WrongSchemaRevision, match=rf"at revision {before}, .* needs {newest}. Run `landfall db upgrade`"
    ):
        database.read(lambda connection: connection.execute(sa.select(run_events)))


def test_work_on_a_newer_database_is_refused(
    database: Database, next_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(database)
    monkeypatch.undo()
    migrations.revisions.cache_clear()

    with pytest.raises(WrongSchemaRevision, match=r"does not know. Install the version of Landfall"):
        database.read(lambda connection: connection.execute(sa.select(run_events)))


def test_an_upgrade_keeps_the_rows(database: Database, next_release: Path) -> None:
    def add(connection: sa.Connection) -> None:
        connection.exec_driver_sql("INSERT INTO ConfigurationCategory (CategoryName) VALUES ('alerts')")

    database.unguarded().transact(add)

    upgrade(database)

    rows = database.read(
        lambda connection: connection.exec_driver_sql(
            "SELECT CategoryName, Note FROM ConfigurationCategory"
        ).all()
    )
    assert [tuple(row) for row in rows] == [("alerts", None)]
    downgrade(database, migrations.revisions()[-2])
    assert current_revision(database) == migrations.revisions()[-2]


def test_runs_from_before_get_what_pages_are_read_by_since(empty_database: Database) -> None:
    upgrade(empty_database.unguarded(), "0016")
    silver, gold = '{"output":{"layer":"silver"}}', '{"output":{"layer":"gold"}}'
    with empty_database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO DataProducts VALUES (1, 'sales', 'orders', '', 't', 'e', 1, NULL)"
        )
        connection.exec_driver_sql(
            'INSERT INTO Runs (RunID, DataProductID, MetadataVersion, "Trigger", State, NodeCount, OpenNodes, '
            "ActiveNodes, MaxParallelNodes, Settings, CreatedAt) "
            "VALUES ('r1', 1, 1, 'landing', 'succeeded', 2, 0, 0, 8, '{}', '2026-01-01')"
        )
        for key, definition, at in (("a", silver, "00:01"), ("b", silver, "00:02"), ("c", gold, "00:03")):
            connection.exec_driver_sql(
                "INSERT INTO NodeRuns (RunID, NodeKey, Kind, State, WaitingFor, Priority, Attempt, RowsRead, "
                "RowsPublished, Definition, FinishedAt) "
                "VALUES ('r1', ?, 'transform', 'succeeded', 0, 1, 1, 5, 7, ?, '2026-01-01 ' || ?)",
                (key, definition, at),
            )
        connection.exec_driver_sql("INSERT INTO NodeRunEdges VALUES ('r1', 'a', 'c'), ('r1', 'b', 'c')")

    upgrade(empty_database)

    with empty_database.engine.begin() as connection:
        nodes = connection.exec_driver_sql(
            "SELECT NodeKey, DataProductID, Layer, Step, Band, WaitedFor FROM NodeRuns ORDER BY NodeKey"
        )
        assert [tuple(row) for row in nodes] == [
            ("a", 1, "silver", 0, 0, None),
            ("b", 1, "silver", 0, 0, None),
            ("c", 1, "gold", 0, 0, "b"),
        ]
        rows = connection.exec_driver_sql("SELECT RowsRead, RowsPublished, RowsQuarantined FROM Runs")
        assert tuple(rows.one()) == (15, 21, 0)


def test_a_failing_migration_leaves_the_database_as_it_was(database: Database, next_release: Path) -> None:
    (revision,) = next_release.glob(f"versions/{head()}*.py")
    revision.write_text(
        revision.read_text() + "\n\nnow = upgrade\n\n\ndef upgrade() -> None:\n    now()\n    1 / 0\n"
    )
    before = schema_of(database)

    with pytest.raises(ZeroDivisionError):
        upgrade(database)

    assert schema_of(database) == before
    assert current_revision(database) == migrations.revisions()[-2]


def test_an_unknown_revision_is_answered_with_those_there_are(database: Database) -> None:
    for call in (
        lambda: upgrade(database, "0999"),
        lambda: downgrade(database, "0999"),
        lambda: sql_script(to="0999"),
        lambda: sql_script(from_revision="0999"),
    ):
        with pytest.raises(UnknownSchemaRevision, match="'0999'; there are 0001"):
            call()


def test_a_new_revision_holds_what_the_tables_have_more(next_release: Path) -> None:
    file = write_revision("drop_the_note")

    assert file.name == f"{int(head()) + 1:04}_drop_the_note.py"
    text = file.read_text()
    compile(text, file, "exec")
    # The tables in code do not have the column that the stand-in release adds.
    assert "batch_op.drop_column('Note')" in text


def test_processes_that_upgrade_at_once_wait_for_each_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    code = (
        "import sys\n"
        "from landfall.metadata.engine import Database, create_engine\n"
        "from landfall.metadata.migrations import upgrade\n"
        "upgrade(Database(create_engine(sys.argv[1])))\n"
    )

    processes = [
        subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE) for _ in range(3)
    ]
    outcomes = [(process.communicate(timeout=PATIENCE_S)[1], process.returncode) for process in processes]

    assert [code for _, code in outcomes] == [0, 0, 0], outcomes
    assert current_revision(Database(create_engine(url))) == head()
