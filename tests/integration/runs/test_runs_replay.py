"""Replaying landed files on a real database: who did it is on record, and nothing is read twice by accident."""

import pytest
import sqlalchemy as sa

from landfall.landing.queries import UnknownFile
from landfall.landing.replay import FileChoice, NothingChosen, Replayed, replay_files
from landfall.metadata.acts import Act, acts_on_files
from landfall.metadata.engine import Database
from landfall.metadata.tables import landed_files
from landfall.runs.states import FileState
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, file_states, finish, land, lease_state


def test_a_rejected_file_waits_again_and_its_author_is_on_record(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database)
    run = begin(database, "r1")
    assert run is not None
    finish(database, run, failing=frozenset({"ingest.orders_landed"}))
    begin(database, "r2")
    assert (file_states(database), lease_state(database)) == ({1: "rejected"}, "idle")

    done = _replay(database, FileChoice((1,)))

    assert (done.file_ids, done.left, [product.key for product in done.start]) == ((1,), (), ["sales/orders"])
    assert (file_states(database), lease_state(database)) == ({1: "pending"}, "active")
    (act,) = database.read(lambda c: acts_on_files(c, [1])[1])
    assert (act.act, act.actor, act.occurred_at, act.before) == (Act.REPLAY, "grace", NOW, "rejected")
    assert act.detail == "no such column"


def test_a_replayed_file_is_taken_in_by_the_next_run(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database)
    first = begin(database, "r1")
    assert first is not None
    finish(database, first)
    _replay(database, FileChoice(state=FileState.DONE, product="sales/orders"))

    second = begin(database, "r2")
    assert second is not None
    finish(database, second)

    row = database.read(lambda c: c.execute(sa.select(landed_files)).one())
    assert (row.State, row.RunID) == ("done", "r2")


def test_unmatched_files_are_matched_against_what_is_applied_now(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database, "returns/a.csv")
    land(database, "elsewhere/b.csv")
    apply(database, a_product(a_transformation(), landed=("orders_landed", "returns")))

    done = _replay(database, FileChoice(state=FileState.UNMATCHED, product="sales/orders"))

    assert done.file_ids == (1,)
    assert [(file.file_id, file.reason[:28]) for file in done.left] == [(2, "still no dataset of sales/or")]
    query = sa.select(landed_files.c.DataSetName).order_by(landed_files.c.LandedFileID)
    assert database.read(lambda c: c.execute(query).scalars().all()) == [
        "returns",
        None,
    ]


def test_files_that_came_before_their_product_are_found_by_their_folder(database: Database) -> None:
    land(database)
    apply(database, a_product(a_transformation()))

    done = _replay(database, FileChoice(state=FileState.UNMATCHED, product="sales/orders"))

    assert (done.file_ids, len(done.start)) == ((1,), 1)
    assert begin(database, "r1") == "r1"


def test_what_would_be_read_wrongly_stays_as_it_is(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database, etag="0x1")
    land(database, etag="0x2")
    land(database, "orders_landed/empty.csv", size=0)
    run = begin(database, "r1")

    done = _replay(database, FileChoice((1, 2, 3)))

    assert run == "r1"
    assert (done.file_ids, done.start) == ((), ())
    assert {file.file_id: file.reason for file in done.left} == {
        1: "its content was replaced by a newer version, file 2; replay that one",
        2: "run r1 takes it in at this moment",
        3: "it is empty (0 bytes)",
    }


def test_replaying_twice_changes_nothing_and_starts_nothing(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database)
    run = begin(database, "r1")
    assert run is not None
    finish(database, run)
    _replay(database, FileChoice((1,)))

    again = _replay(database, FileChoice((1,)))

    assert (again.file_ids, again.start) == ((), ())
    assert len(database.read(lambda c: acts_on_files(c, [1])[1])) == 1


def test_a_file_that_nobody_knows_stops_the_whole_replay(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database, "elsewhere/b.csv")

    with pytest.raises(UnknownFile):
        _replay(database, FileChoice((1, 99)))
    with pytest.raises(NothingChosen):
        _replay(database, FileChoice())


def _replay(database: Database, choice: FileChoice) -> Replayed:
    return database.transact(lambda c: replay_files(c, choice, actor="grace", now=NOW))
