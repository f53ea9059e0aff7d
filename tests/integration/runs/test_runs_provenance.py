"""Which run, which files and which refusals stand behind the current content of datasets."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from landfall.metadata.engine import Database
from landfall.metadata.lineage import Direction
from landfall.metadata.tables import landed_files
from landfall.planning.plan import NodeKey
from landfall.runs.files_behind import UnknownTableVersion, files_behind
from landfall.runs.provenance import provenance
from landfall.runs.run_lineage import RunEdge, find_run_lineage
from tests.builders import a_landed_dataset, a_product, a_transformation
from tests.integration.runs.acting import NOW, SUCCEEDED, apply, begin, finish, land, settle

REFUSED = {"name": "id_known", "severity": "quarantine", "rows_checked": 10, "rows_failed": 3}
KEPT = {"name": "id_valid", "severity": "quarantine", "rows_checked": 10, "rows_failed": 0}


def test_each_dataset_on_the_way_tells_its_run_its_files_and_its_refusals(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database, "orders_landed/a.csv", etag="0x1")
    land(database, "orders_landed/b.csv", etag="0x2")
    run_id = begin(database, "r1")
    assert run_id is not None
    verdict = replace(SUCCEEDED, rows_published=7, table_version=0, rules=(REFUSED, KEPT))
    settle(database, run_id, "ingest.orders_landed", verdict)
    finish(database, run_id)

    found = database.read(lambda c: provenance(c, "orders", Direction.UPSTREAM))

    built, landed = found.origins
    assert (landed.dataset, landed.run_id, landed.files) == ("sales/orders.orders_landed", "r1", 2)
    assert (landed.rows, landed.table_version, landed.refused) == (7, 0, {"id_known": 3})
    assert (built.dataset, built.files, built.refused) == ("sales/orders.orders", 0, {})
    assert landed.published_at == NOW + timedelta(seconds=1)


def test_what_was_never_published_has_no_origin(database: Database) -> None:
    apply(database, a_product(a_transformation()))

    found = database.read(lambda c: provenance(c, "orders", Direction.UPSTREAM))

    assert found.links
    assert found.origins == ()


def test_a_version_was_made_of_the_files_that_were_taken_in_until_its_run(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database, "orders_landed/a.csv", etag="0x1")
    run_id = begin(database, "r1")
    assert run_id is not None
    finish(database, run_id)
    land(database, "orders_landed/b.csv", etag="0x2")
    second = begin(database, "r2", now=NOW + timedelta(hours=1))
    assert second is not None
    finish(database, second, failing=frozenset({"build_orders"}), now=NOW + timedelta(hours=1))

    built = database.read(lambda c: files_behind(c, "orders"))
    landed = database.read(lambda c: files_behind(c, "orders_landed"))

    assert [(file.url.rpartition("/")[2], file.run_id) for file in built] == [("a.csv", "r1")]
    assert [file.url.rpartition("/")[2] for file in landed] == ["b.csv", "a.csv"]


def test_the_newest_files_of_all_datasets_upstream_are_found_by_one_query(database: Database) -> None:
    names = [f"landed_{number}" for number in range(4)]
    transformation = a_transformation("build_orders", inputs=names)
    apply(database, a_product(transformation, landed=[a_landed_dataset(name) for name in names]))
    for number, name in enumerate([*names, *names]):
        land(database, f"{name}/{number}.csv", etag=f"0x{number}")
    run_id = begin(database, "r1")
    assert run_id is not None
    finish(database, run_id)
    sent: list[str] = []
    sa.event.listen(
        database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: sent.append(statement),
    )

    found = database.read(lambda c: files_behind(c, "orders", limit=6))

    assert [(file.dataset, file.url.rpartition("/")[2]) for file in found] == [
        (f"sales/orders.landed_{number % 4}", f"{number}.csv") for number in reversed(range(2, 8))
    ]
    assert sum("LandedFiles" in statement for statement in sent) == 1


def test_a_former_version_was_made_of_fewer_files_even_if_they_were_taken_in_again(
    database: Database,
) -> None:
    apply(database, a_product(a_transformation()))

    def build(run_id: str, version: int, hours: int) -> None:
        now = NOW + timedelta(hours=hours)
        begun = begin(database, run_id, now=now)
        assert begun is not None
        for key in ("ingest.orders_landed", "build_orders"):
            written = {"output": {"version": version}}
            verdict = replace(SUCCEEDED, table_version=version, result=written)
            settle(database, begun, key, verdict, now=now)
        finish(database, begun, now=now)

    land(database, "orders_landed/a.csv", etag="0x1")
    build("r1", 0, hours=0)
    land(database, "orders_landed/b.csv", etag="0x2")
    build("r2", 1, hours=1)
    # A backfill takes the first file in once more, in vain.
    database.transact(
        lambda c: c.execute(
            sa.update(landed_files)
            .where(landed_files.c.Url.like("%a.csv"))
            .values(State="rejected", RunID="r2")
        )
    )

    former = database.read(lambda c: files_behind(c, "orders", version=0))
    current = database.read(lambda c: files_behind(c, "sales/orders.orders", version=1))

    assert [(file.url.rpartition("/")[2], file.run_id) for file in former] == [("a.csv", "r1")]
    assert [file.url.rpartition("/")[2] for file in current] == ["b.csv", "a.csv"]
    with pytest.raises(UnknownTableVersion, match="has no version 7"):
        database.read(lambda c: files_behind(c, "orders", version=7))


def test_a_run_tells_which_versions_it_read_and_wrote_once_it_has_ended(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database, "orders_landed/a.csv", etag="0x1")
    run_id = begin(database, "r1")
    assert run_id is not None
    settle(database, run_id, "ingest.orders_landed", replace(SUCCEEDED, table_version=4))
    assert database.read(lambda c: find_run_lineage(c, run_id)).items == ()
    settle(database, run_id, "build_orders", replace(SUCCEEDED, table_version=12))
    finish(database, run_id)

    first = database.read(lambda c: find_run_lineage(c, run_id, limit=1))
    (second,) = database.read(lambda c: find_run_lineage(c, run_id, cursor=first.following)).items

    table = "sales/orders.orders_landed"
    assert first.items == (RunEdge(NodeKey("ingest.orders_landed"), f"landing/{table}", None, table, 4),)
    assert second == RunEdge(NodeKey("build_orders"), table, 4, "sales/orders.orders", 12)


def test_what_a_failed_node_would_have_written_is_no_lineage(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database)
    run_id = begin(database, "r1")
    assert run_id is not None
    finish(database, run_id, failing=frozenset({"build_orders"}))

    (edge,) = database.read(lambda c: find_run_lineage(c, run_id)).items

    assert edge.node == "ingest.orders_landed"


def test_a_dataset_that_was_never_published_was_made_of_no_file(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database)

    assert database.read(lambda c: files_behind(c, "orders")) == ()
