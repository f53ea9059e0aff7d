"""Watermarks of copies: they move with what was published, and no row is taken in twice whatever repeats."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from landfall.copying.plan import CopyItem
from landfall.landing.copy_plans import current_copy_plan
from landfall.landing.replay import FileChoice, replay_files
from landfall.metadata.engine import Database
from landfall.metadata.tables import landed_files, watermarks
from landfall.runs.ids import RequestID, RunID
from landfall.runs.rerunning import Rerun, request_rerun
from landfall.spec.copying import Copy, Engine, Watermark
from landfall.spec.model import Column, FileFormat, Product, Source, SourceType
from tests.builders import a_landed_dataset, a_product, a_transformation
from tests.integration.landing.conftest import Zone
from tests.integration.runs.acting import apply, begin, file_states, finish, land, node_states

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
FIRST = "orders_landed/00000001_2026-01-01T00~00~00.parquet"
SECOND = "orders_landed/00000002_2026-01-02T00~00~00.parquet"
INGEST = frozenset({"ingest.orders_landed"})


@pytest.fixture
def database(zone: Zone) -> Database:
    return zone.database


def a_copied_product(watermark: str | None = "changed") -> Product:
    dataset = replace(
        a_landed_dataset(
            landing="orders_landed/*.parquet",
            columns=[Column("id", "bigint"), Column("changed", "timestamp"), Column("seen", "timestamp")],
        ),
        source="shop",
        copy=Copy("Orders", watermark=None if watermark is None else Watermark(watermark)),
    )
    source = Source(
        "shop", SourceType.DATABASE, FileFormat.PARQUET, connection="keyvault:s", engine=Engine.SQLSERVER
    )
    return replace(a_product(a_transformation(), landed=[dataset]), sources=(source,))


def due(database: Database) -> CopyItem | str:
    """Return what is to be copied next, or why nothing is."""
    plan = database.read(lambda c: current_copy_plan(c, "sales/orders", key="k", now=NOW))
    return plan.items[0] if plan.items else plan.waiting[0].reason


def watermark(database: Database) -> tuple[str, int] | None:
    row = database.read(lambda c: c.execute(sa.select(watermarks)).one_or_none())
    return None if row is None else (row.WatermarkValue, row.CopyNumber)


def take_in(database: Database, run_id: str, *, failing: frozenset[str] = frozenset()) -> None:
    opened = begin(database, run_id)
    assert opened is not None
    finish(database, opened, failing=failing)


def states(database: Database) -> dict[str, str]:
    query = sa.select(landed_files).order_by(landed_files.c.LandedFileID)
    rows = database.read(lambda c: c.execute(query).all())
    return {f"{row.Url.rpartition('/')[2][:8]} {row.ETag}": row.State for row in rows}


def test_a_watermark_moves_once_its_file_was_published(database: Database) -> None:
    apply(database, a_copied_product())
    land(database, FIRST)
    landed = due(database)
    run = begin(database, "r1")
    running = due(database)
    before = watermark(database)
    assert run is not None
    finish(database, run)

    following = due(database)

    assert "has landed and was not published yet" in str(landed)
    assert "has landed and was not published yet" in str(running)
    assert before is None
    assert watermark(database) == ("2026-01-01T00:00:00", 1)
    assert isinstance(following, CopyItem)
    assert following.watermark_from == "2026-01-01T00:00:00"
    assert following.file.startswith("00000002_")


def test_a_watermark_is_read_from_an_address_as_events_have_it(database: Database) -> None:
    """A blank and an offset: their names are percent-encoded in addresses."""
    apply(database, a_copied_product())

    land(database, "orders_landed/00000001_2026-01-01_00~00~00.5%2B00.parquet")
    take_in(database, "r1")

    assert watermark(database) == ("2026-01-01 00:00:00.5+00", 1)


def test_what_a_failed_run_took_in_is_copied_again(database: Database) -> None:
    apply(database, a_copied_product())
    land(database, FIRST)
    take_in(database, "r1", failing=INGEST)

    again = due(database)

    assert watermark(database) is None
    assert isinstance(again, CopyItem)
    assert (again.watermark_from, again.file[:9]) == ("", "00000001_")


def test_a_run_whose_later_node_fails_has_taken_the_file_in(database: Database) -> None:
    apply(database, a_copied_product())
    land(database, FIRST)
    take_in(database, "r1", failing=frozenset({"build_orders"}))

    assert watermark(database) == ("2026-01-01T00:00:00", 1)


def test_of_two_files_of_one_copy_the_first_is_taken_in(database: Database) -> None:
    """The pipeline died after it wrote the file, and was started again before the event came."""
    apply(database, a_copied_product())
    land(database, FIRST)
    land(database, "orders_landed/00000001_2026-01-01T09~00~00.parquet", etag="0x2")
    take_in(database, "r1")
    land(database, "orders_landed/00000001_2026-01-01T10~00~00.parquet", etag="0x3")
    land(database, SECOND, etag="0x4")
    take_in(database, "r2")

    assert list(states(database).values()) == ["done", "rejected", "rejected", "done"]
    assert watermark(database) == ("2026-01-02T00:00:00", 2)


def test_a_copy_written_again_while_its_file_is_taken_in_is_not_taken_in_again(database: Database) -> None:
    apply(database, a_copied_product())
    land(database, FIRST)
    run = begin(database, "r1")
    land(database, FIRST, etag="0x2")
    assert run is not None
    finish(database, run)
    land(database, FIRST, etag="0x3")

    assert list(states(database).values()) == ["done", "rejected", "rejected"]
    assert begin(database, "r2") is None


def test_a_file_of_a_later_copy_does_not_skip_one(database: Database) -> None:
    apply(database, a_copied_product())

    land(database, SECOND)

    assert list(states(database).values()) == ["rejected"]


def test_rows_that_were_copied_again_are_not_replayed(database: Database) -> None:
    apply(database, a_copied_product())
    land(database, FIRST)
    take_in(database, "r1", failing=INGEST)
    land(database, "orders_landed/00000001_2026-01-01T09~00~00.parquet", etag="0x2")
    take_in(database, "r2")

    replayed = database.transact(
        lambda c: replay_files(c, FileChoice(product="sales/orders"), actor="ada", now=NOW)
    )

    assert replayed.file_ids == ()
    assert [left.reason for left in replayed.left] == ["its rows were copied again, as copy 1"]


def test_of_two_rejected_files_of_one_copy_the_newest_is_replayed(database: Database) -> None:
    apply(database, a_copied_product())
    land(database, FIRST)
    take_in(database, "r1", failing=INGEST)
    land(database, "orders_landed/00000001_2026-01-01T09~00~00.parquet", etag="0x2")
    take_in(database, "r2", failing=INGEST)

    database.transact(lambda c: replay_files(c, FileChoice(product="sales/orders"), actor="ada", now=NOW))
    take_in(database, "r3")

    assert file_states(database) == {1: "rejected", 2: "done"}
    assert watermark(database) == ("2026-01-01T09:00:00", 1)


def test_a_rerun_takes_no_rows_that_were_copied_again(database: Database) -> None:
    apply(database, a_copied_product())
    land(database, FIRST)
    take_in(database, "r1", failing=INGEST)
    land(database, "orders_landed/00000001_2026-01-01T09~00~00.parquet", etag="0x2")
    take_in(database, "r2")

    former = Rerun(RunID("r1"), from_failed=True)
    database.transact(lambda c: request_rerun(c, former, request_id=RequestID("q1"), actor="ada", now=NOW))

    again = begin(database, "r3")

    assert again is not None
    assert list(node_states(database, again)) == ["build_orders"]
    assert file_states(database) == {1: "rejected", 2: "done"}


def test_another_column_begins_anew_and_the_numbers_go_on(database: Database) -> None:
    apply(database, a_copied_product())
    land(database, FIRST)
    take_in(database, "r1")

    apply(database, a_copied_product("seen"))

    item = due(database)
    assert isinstance(item, CopyItem)
    assert (item.watermark_from, item.file[:9]) == ("", "00000002_")


def test_a_whole_copy_that_is_written_again_is_taken_in_once(database: Database) -> None:
    apply(database, a_copied_product(None))
    land(database, "orders_landed/run-1.parquet")
    take_in(database, "r1")

    land(database, "orders_landed/run-1.parquet", etag="0x2")
    land(database, "orders_landed/run-2.parquet", etag="0x3")

    assert list(states(database).values()) == ["done", "rejected", "pending"]
    assert watermark(database) is None


def test_a_file_somebody_lands_by_hand_is_taken_in_and_moves_nothing(database: Database) -> None:
    apply(database, a_copied_product())
    land(database, "orders_landed/history.parquet")
    take_in(database, "r1")

    assert file_states(database) == {1: "done"}
    assert watermark(database) is None
