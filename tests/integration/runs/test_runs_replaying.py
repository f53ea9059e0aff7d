"""Replays: a run that repeats a former one with exactly its files, metadata and configuration."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from landfall.metadata.acts import acts_on_files
from landfall.metadata.engine import Database
from landfall.metadata.tables import run_plans, runs
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import read_attempt
from landfall.runs.former import RunGoesOn
from landfall.runs.ids import RequestID, RunID
from landfall.runs.replaying import FilesGone, request_replay
from landfall.runs.requests import request_status
from landfall.runs.rerunning import Rerun, request_rerun
from landfall.runs.states import FileState
from landfall.spec.model import RunSettings
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, file_states, finish, land

FIRST = RunID("r1")
URL = "https://contoso.blob.core.windows.net/landing/sales/orders/orders_landed/a.csv"


def test_a_replay_has_the_files_plan_and_settings_of_its_run(database: Database) -> None:
    _former_run(database)
    apply(database, a_product(a_transformation(), run=RunSettings(retries=9, max_parallel_nodes=1)))
    land(database, "orders_landed/later.csv", etag="0x2")

    _ask(database)
    replay = begin(database, "r2")

    assert replay is not None
    assert _pinned(database, replay) == _pinned(database, FIRST)
    assert file_states(database) == {1: FileState.CLAIMED, 2: FileState.PENDING}
    act = database.read(lambda c: acts_on_files(c, [1])[1])[0]
    assert (act.act, act.actor, act.before) == ("replay", "grace", "done")


def test_its_rows_take_the_place_of_those_of_before(database: Database) -> None:
    _former_run(database)
    _ask(database)
    replay = begin(database, "r2")
    assert replay is not None

    ingest = database.read(lambda c: read_attempt(c, replay, NodeKey("ingest.orders_landed")))
    build = database.read(lambda c: read_attempt(c, replay, NodeKey("build_orders")))
    first = database.read(lambda c: read_attempt(c, FIRST, NodeKey("build_orders")))

    assert ingest.replaces == {FIRST: (URL,)}
    assert build.replaces == {FIRST: ()}
    assert first.replaces == {}


def test_every_repeat_of_a_run_takes_the_place_of_all_others(database: Database) -> None:
    _former_run(database)
    for run_id, former in (("r2", FIRST), ("r3", FIRST), ("r4", RunID("r3"))):
        _replay(database, run_id, former)

    assert _replaced(database, "r4") == {"r1", "r2", "r3"}


def test_a_rerun_goes_on_with_what_a_replay_stands_for(database: Database) -> None:
    _former_run(database)
    _replay(database, "r2", FIRST, failing=frozenset({"build_orders"}))
    _rerun(database, "r3", RunID("r2"))

    assert _replaced(database, "r3") == {"r1", "r2"}

    _replay(database, "r4", FIRST)
    assert _replaced(database, "r4") == {"r1", "r2", "r3"}


def test_a_rerun_of_a_run_that_repeats_none_adds_to_what_is_there(database: Database) -> None:
    _former_run(database)
    _rerun(database, "r2", FIRST)

    assert _replaced(database, "r2") == set()


def test_a_file_replayed_by_itself_replaces_its_rows_too(database: Database) -> None:
    _former_run(database)
    for run_id in ("r2", "r3"):
        _ask(database, request_id=f"q-{run_id}", former=FIRST)
        again = begin(database, run_id)
        assert again is not None
        finish(database, again)

    replaces = database.read(lambda c: read_attempt(c, RunID("r3"), NodeKey("ingest.orders_landed"))).replaces

    assert replaces == {FIRST: (URL,), "r2": (URL,)}


def test_asking_twice_repeats_once(database: Database) -> None:
    _former_run(database)

    _ask(database)
    _ask(database)

    assert begin(database, "r2") is not None
    finish(database, RunID("r2"))
    assert begin(database, "r3") is None


def test_what_cannot_be_repeated_as_it_was_is_refused(database: Database) -> None:
    _former_run(database)
    land(database, etag="0x9")

    with pytest.raises(FilesGone, match="file 2 has replaced its content"):
        _ask(database)


def test_a_file_replaced_after_the_asking_ends_the_request_with_the_reason(database: Database) -> None:
    _former_run(database)
    _ask(database)
    land(database, etag="0x9")

    begin(database, "r2")

    status = database.read(lambda c: request_status(c, "q1"))
    assert (status.ended, status.run_id) == (True, None)
    assert "has replaced its content" in str(status.reason)
    assert file_states(database)[1] is not FileState.CLAIMED


def test_a_run_that_goes_on_is_not_repeated(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database)
    begin(database, FIRST)

    with pytest.raises(RunGoesOn):
        _ask(database)


def _former_run(database: Database) -> None:
    apply(database, a_product(a_transformation(), run=RunSettings(retries=1, max_parallel_nodes=3)))
    land(database)
    begin(database, FIRST)
    finish(database, FIRST)
    assert begin(database, "none") is None


def _ask(database: Database, *, request_id: str = "q1", former: RunID = FIRST) -> None:
    later = NOW + timedelta(hours=1)
    database.transact(
        lambda c: request_replay(c, former, request_id=RequestID(request_id), actor="grace", now=later)
    )


def _replay(database: Database, run_id: str, former: RunID, *, failing: frozenset[str] = frozenset()) -> None:
    _ask(database, request_id=f"q-{run_id}", former=former)
    assert begin(database, run_id) == run_id
    finish(database, RunID(run_id), failing=failing)


def _rerun(database: Database, run_id: str, former: RunID) -> None:
    rerun = Rerun(former)
    database.transact(
        lambda c: request_rerun(c, rerun, request_id=RequestID(f"q-{run_id}"), actor="grace", now=NOW)
    )
    assert begin(database, run_id) == run_id
    finish(database, RunID(run_id))


def _replaced(database: Database, run_id: str) -> set[str]:
    """Return the runs whose rows a transformation that appends replaces."""
    attempt = database.read(lambda c: read_attempt(c, RunID(run_id), NodeKey("build_orders")))
    assert set(attempt.replaces.values()) <= {()}
    return set(attempt.replaces)


def _pinned(database: Database, run_id: str) -> Mapping[str, Any]:
    query = (
        sa.select(runs.c.MetadataVersion, runs.c.Settings, runs.c.MaxParallelNodes, run_plans.c.PlanHash)
        .join_from(runs, run_plans, run_plans.c.RunID == runs.c.RunID)
        .where(runs.c.RunID == run_id)
    )
    return database.read(lambda c: c.execute(query).one()._asdict())
