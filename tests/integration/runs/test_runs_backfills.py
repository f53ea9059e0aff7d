"""Backfills: files of a range taken in again chunk by chunk, behind what lands, as an object that can be steered."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from landfall.metadata.acts import RecordedAct, acts_on_product
from landfall.metadata.engine import Database
from landfall.metadata.tables import run_files
from landfall.runs.backfill_acts import (
    Backfill,
    BackfillEnded,
    UnknownBackfill,
    cancel_backfill,
    get_backfill,
    pause_backfill,
    resume_backfill,
)
from landfall.runs.backfill_list import list_backfills
from landfall.runs.backfills import (
    BackfillID,
    Backfilling,
    BackfillState,
    ChunkState,
    NothingToBackfill,
    Selection,
    request_backfill,
)
from landfall.runs.closing import close_run
from landfall.runs.ids import RunID
from landfall.runs.requests import UnknownDataset
from landfall.runs.states import FileState
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, file_states, finish, land, lease_state

ID = BackfillID("b1")
ALL = Selection(1, 99)


def test_every_file_of_the_range_is_taken_in_again_chunk_by_chunk(database: Database) -> None:
    _landed(database, 5)

    asked = _ask(database, chunk_files=2)
    runs = _run_all(database)

    assert (asked.files, asked.chunks, asked.start is not None) == (5, 3, True)
    assert [_files_of(database, run) for run in runs] == [[1, 2], [3, 4], [5]]
    shown = _shown(database)
    assert (shown.state, shown.files_done) == (BackfillState.DONE, 5)
    assert [chunk.run_id for chunk in shown.chunks] == runs
    assert set(file_states(database).values()) == {FileState.DONE}
    assert lease_state(database) == "idle"


def test_what_lands_comes_before_the_next_chunk(database: Database) -> None:
    _landed(database, 2)
    _ask(database, chunk_files=1)
    first = begin(database, "r1")
    land(database, "orders_landed/live.csv", etag="0x9")
    assert first is not None
    finish(database, first)

    rest = _run_all(database)

    assert [_files_of(database, run) for run in (first, *rest)] == [[1], [3], [2]]


def test_a_range_of_instants_takes_what_landed_in_it(database: Database) -> None:
    _landed(database, 2)

    hit = _ask(database, Selection(NOW, NOW + timedelta(seconds=1)), dry_run=True)

    assert hit.files == 2
    with pytest.raises(NothingToBackfill):
        _ask(database, Selection(NOW - timedelta(days=1), NOW), dry_run=True)
    with pytest.raises(UnknownDataset):
        _ask(database, Selection(1, 2, ("orders",)))


def test_a_dry_run_writes_nothing(database: Database) -> None:
    _landed(database, 3)
    land(database, "orders_landed/0.csv", etag="0x99")
    begin(database, "r1")
    finish(database, RunID("r1"))

    asked = _ask(database, dry_run=True)

    assert (asked.files, dict(asked.left)) == (3, {1: "file 4 has replaced its content"})
    assert database.read(list_backfills).items == ()
    assert begin(database, "r2") is None


def test_asking_again_is_the_same_backfill(database: Database) -> None:
    _landed(database, 2)
    _ask(database, key="k")

    again = _ask(database, backfill_id=BackfillID("b2"), key="k")

    assert (again.backfill_id, again.start) == (ID, None)
    assert len(_run_all(database)) == 1


def test_a_paused_backfill_begins_no_chunk_until_it_is_resumed(database: Database) -> None:
    _landed(database, 3)
    _ask(database, chunk_files=1)
    first = begin(database, "r1")
    assert first is not None
    for _ in range(2):
        database.transact(lambda c: pause_backfill(c, ID, actor="grace", now=NOW))
    finish(database, first)
    nothing = begin(database, "r2")

    resumed = database.transact(lambda c: resume_backfill(c, ID, actor="ada", now=NOW))

    assert (nothing, resumed.start is not None) == (None, True)
    assert len(_run_all(database)) == 2
    assert _shown(database).state is BackfillState.DONE
    assert [(str(act.act), act.actor) for act in _acts(database)] == [
        ("backfill", "ada"),
        ("pause", "grace"),
        ("resume", "ada"),
    ]


def test_a_failed_chunk_pauses_it_and_resuming_tries_that_chunk_again(database: Database) -> None:
    _landed(database, 2)
    _ask(database, chunk_files=1)
    begin(database, "r1")
    finish(database, RunID("r1"), failing=frozenset({"ingest.orders_landed"}))
    stopped = begin(database, "r2")
    paused = _shown(database)

    database.transact(lambda c: resume_backfill(c, ID, actor="ada", now=NOW))
    runs = _run_all(database)

    assert (stopped, paused.state, paused.reason) == (None, BackfillState.PAUSED, "chunk 1: run r1 failed")
    assert [_files_of(database, run) for run in runs] == [[1], [2]]
    assert _shown(database).state is BackfillState.DONE


def test_a_cancelled_backfill_ends_its_run_and_begins_no_other(database: Database) -> None:
    _landed(database, 2)
    _ask(database, chunk_files=1)
    begin(database, "r1")

    cancelled = database.transact(lambda c: cancel_backfill(c, ID[:1], actor="grace", now=NOW))
    again = database.transact(lambda c: cancel_backfill(c, ID, actor="ada", now=NOW))
    database.transact(lambda c: close_run(c, RunID("r1"), now=NOW))

    assert cancelled.cancelled is not None
    assert again.backfill.reason == "cancelled by grace"
    assert {chunk.state for chunk in _shown(database).chunks} == {ChunkState.CANCELLED}
    assert begin(database, "r2") is None
    with pytest.raises(BackfillEnded):
        database.transact(lambda c: resume_backfill(c, ID, actor="ada", now=NOW))
    with pytest.raises(UnknownBackfill):
        database.transact(lambda c: pause_backfill(c, "nothing", actor="ada", now=NOW))


def test_a_chunk_whose_files_are_gone_is_passed_over(database: Database) -> None:
    _landed(database, 2)
    _ask(database, chunk_files=1)
    land(database, "orders_landed/0.csv", etag="0x99")

    runs = _run_all(database)

    assert [_files_of(database, run) for run in runs] == [[3], [2]]
    assert _shown(database).state is BackfillState.DONE


def _landed(database: Database, files: int) -> None:
    """Land files and take them in."""
    apply(database, a_product(a_transformation()))
    for number in range(files):
        land(database, f"orders_landed/{number}.csv", etag=f"0x{number + 1}")
    begin(database, "before")
    finish(database, RunID("before"))
    assert begin(database, "none") is None


def _ask(
    database: Database,
    selection: Selection = ALL,
    *,
    chunk_files: int = 100,
    backfill_id: BackfillID = ID,
    key: str | None = None,
    dry_run: bool = False,
) -> Backfilling:
    return database.transact(
        lambda c: request_backfill(
            c,
            "sales/orders",
            selection,
            chunk_files=chunk_files,
            backfill_id=backfill_id,
            actor="ada",
            now=NOW,
            idempotency_key=key,
            dry_run=dry_run,
        )
    )


def _run_all(database: Database) -> list[str]:
    """Let runs open and end until nothing is left to do; return them."""
    runs: list[str] = []
    while (run_id := begin(database, f"run-{len(runs)}")) is not None:
        runs.append(run_id)
        finish(database, run_id)
    return runs


def _files_of(database: Database, run_id: str) -> list[int]:
    query = sa.select(run_files.c.LandedFileID).where(run_files.c.RunID == run_id)
    return database.read(lambda c: sorted(c.execute(query).scalars()))


def _shown(database: Database) -> Backfill:
    return database.read(lambda c: get_backfill(c, ID))


def _acts(database: Database) -> tuple[RecordedAct, ...]:
    return database.read(lambda c: acts_on_product(c, 1))
