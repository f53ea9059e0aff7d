"""Migrations on SQLite: there and back, equal to the tables in code, and refused where they do not fit."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
from landfall.metadata.stored_specs import read_spec
from landfall.metadata.tables import metadata, metadata_versions, run_events
from landfall.runs.ids import RunID
from landfall.runs.plans import read_plan
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


def test_plans_and_specs_are_taken_apart_and_put_together_again(empty_database: Database) -> None:
    upgrade(empty_database.unguarded(), "0023")
    port = {
        "name": "airport",
        "dataset": "airport",
        "layer": "gold",
        "product": "mobility/airports",
        "version": 7,
    }
    own = {"name": "z", "dataset": "z", "layer": "silver", "product": "sales/orders", "version": None}
    nodes = [
        _planned("build_z", ["mobility/airports.airport@3"], [], [port]),
        _planned("build_b", ["z"], ["build_z"], [own]),
        _planned("build_a", ["z", "mobility/airports.airport@12"], ["build_z", "build_b"], [own, port]),
    ]
    head = {"product": "sales/orders", "metadata_version": 1, "changed": ["z"]}
    plan = {**head, "nodes": nodes, "left_out": {"build_l": 'reads "x"; \u00fc'}}
    spec = {
        "payload_version": 1,
        "domain": "sales",
        "sources": [],
        "datasets": [
            {"name": f"d{number}", "share": 0.5, "keys": {"z": 1, "a": [2]}} for number in range(120)
        ],
        "transformations": [{"name": "\u00fc"}],
        "ports": [],
    }
    with empty_database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO DataProducts VALUES (1, 'sales', 'orders', '', 't', 'e', 1, NULL)"
        )
        connection.exec_driver_sql(
            "INSERT INTO MetadataVersions (MetadataVersionID, DataProductID, VersionNumber, Spec, SpecHash, AppliedAt, "
            "AppliedBy) VALUES (5, 1, 1, ?, 'h', '2026-01-01', 'ada')",
            (_compact(spec),),
        )
        connection.exec_driver_sql(
            'INSERT INTO Runs (RunID, DataProductID, MetadataVersion, "Trigger", State, NodeCount, OpenNodes, '
            "ActiveNodes, MaxParallelNodes, Settings, CreatedAt) "
            "VALUES ('r1', 1, 1, 'landing', 'succeeded', 3, 0, 0, 8, '{}', '2026-01-01')"
        )
        for node in nodes:
            connection.exec_driver_sql(
                "INSERT INTO NodeRuns (RunID, NodeKey, Kind, State, WaitingFor, Priority, Attempt, Definition, Layer) "
                "VALUES ('r1', ?, 'transform', 'succeeded', 0, 1, 1, ?, 'silver')",
                (node["key"], _compact(node["definition"])),
            )
            for upstream in node["depends_on"]:
                connection.exec_driver_sql(
                    "INSERT INTO NodeRunEdges VALUES ('r1', ?, ?)", (upstream, node["key"])
                )
        connection.exec_driver_sql("INSERT INTO RunPlans VALUES ('r1', ?, 'h')", (_compact(plan),))

    upgrade(empty_database)
    with empty_database.engine.begin() as connection:
        read = read_plan(connection, RunID("r1"))
        found = [(node.key, list(node.inputs), list(node.depends_on), node.definition) for node in read.nodes]
        whole = read_spec(connection, 5, connection.execute(sa.select(metadata_versions.c.Spec)).scalar_one())
        parts: int = connection.exec_driver_sql("SELECT count(*) FROM MetadataVersionParts").scalar_one()
        left: str = connection.exec_driver_sql("SELECT Plan FROM RunPlans").scalar_one()
    downgrade(empty_database, "0023")

    assert found == [(node["key"], node["inputs"], node["depends_on"], node["definition"]) for node in nodes]
    assert read.left_out == plan["left_out"]
    assert json.loads(left) == head
    assert _compact(whole) == _compact(spec)
    assert parts == 4
    with empty_database.engine.begin() as connection:
        assert json.loads(connection.exec_driver_sql("SELECT Plan FROM RunPlans").scalar_one()) == plan
        assert connection.exec_driver_sql("SELECT Spec FROM MetadataVersions").scalar_one() == _compact(spec)


def _planned(
    key: str, inputs: list[str], depends_on: list[str], reads: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return a node as plans had it."""
    output = key.removeprefix("build_")
    return {
        "key": key,
        "kind": "transform",
        "output": output,
        "inputs": inputs,
        "depends_on": depends_on,
        "priority": 1,
        "definition": {"inputs": reads, "output": {"dataset": output, "layer": "silver"}},
    }


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


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
