"""Acts on all runs or files that meet a filter: what they touch, what they leave, and that repeating is harmless."""

import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from landfall.api import bulk, files
from landfall.landing import replay
from landfall.landing.intake import take_in
from landfall.landing.replay import FileChoice, replay_files
from landfall.metadata.engine import Database
from landfall.metadata.tables import operator_acts, run_events, run_requests, runs
from landfall.runs import bulk as bulk_acts
from landfall.runs.bulk import BulkActed, RunChoice, cancel_runs, rerun_runs
from landfall.runs.closing import cancel_run, start_run
from landfall.runs.ids import RequestID, RunID
from landfall.runs.opening import open_run
from landfall.runs.requests import RunRequest, Trigger, request_run
from landfall.runs.states import FileState, RunState
from tests.api_server import answered
from tests.builders import a_blob_event, a_product, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, file_states, finish, land

INGEST = "ingest.orders_landed"


def test_a_cancel_by_product_reaches_its_runs_and_no_others(database: Database) -> None:
    _open_runs(database, "orders", "returns", "stock")

    done = _cancel(database, RunChoice(product="sales/returns"))

    assert _outcomes(done) == {"run-returns": ("done", None)}
    assert [run.run_id for run in done.cancelled] == ["run-returns"]
    assert _asked_to_stop(database) == {"run-returns": "grace"}


def test_a_cancel_of_all_leaves_what_is_being_cancelled_and_says_so(database: Database) -> None:
    _open_runs(database, "orders", "returns")
    _cancel(database, RunChoice(product="sales/orders"), actor="ada")

    done = _cancel(database, RunChoice())
    again = _cancel(database, RunChoice())

    assert _outcomes(done) == {
        "run-orders": ("left", "ada asked for its end before"),
        "run-returns": ("done", None),
    }
    assert {outcome for outcome, _ in _outcomes(again).values()} == {"left"}
    assert again.cancelled == ()
    assert _asked_to_stop(database) == {"run-orders": "ada", "run-returns": "grace"}


def test_a_dry_run_says_the_same_and_does_nothing(database: Database) -> None:
    _open_runs(database, "orders", "returns")

    dry = cancel_runs(database, RunChoice(), actor="grace", now=NOW, dry_run=True)

    assert _outcomes(dry) == {"run-orders": ("done", None), "run-returns": ("done", None)}
    assert (dry.cancelled, _asked_to_stop(database)) == ((), {})


def test_an_act_takes_so_many_and_says_where_it_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_acts, "MOST_RUNS", 2)
    _open_runs(database, "orders", "returns", "stock")

    first = _cancel(database, RunChoice())
    second = _cancel(database, RunChoice(after=first.following))

    assert (list(_outcomes(first)), first.following) == (["run-orders", "run-returns"], "run-returns")
    assert (list(_outcomes(second)), second.following) == (["run-stock"], None)


def test_a_run_that_ends_in_between_is_left_and_the_others_are_cancelled(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _open_runs(database, "orders", "returns")
    real = cancel_run

    def slow(connection: sa.Connection, run_id: RunID, *, actor: str, now: datetime) -> Any:
        if run_id == "run-orders":
            connection.execute(sa.update(runs).where(runs.c.RunID == run_id).values(State=RunState.SUCCEEDED))
        return real(connection, run_id, actor=actor, now=now)

    monkeypatch.setattr(bulk_acts, "cancel_run", slow)

    done = _cancel(database, RunChoice())

    assert {run_id: outcome for run_id, (outcome, _) in _outcomes(done).items()} == {
        "run-orders": "left",
        "run-returns": "done",
    }
    assert "nothing is left to cancel" in (_outcomes(done)["run-orders"][1] or "")


def test_every_failed_run_is_run_again_once_however_often_it_is_asked(database: Database) -> None:
    _failed_runs(database, 2)

    dry = _rerun(database, RunChoice(state=RunState.FAILED), dry_run=True)
    nothing_yet = _requests(database)
    first = _rerun(database, RunChoice(state=RunState.FAILED))
    asked = _requests(database)
    second = _rerun(database, RunChoice(state=RunState.FAILED))
    begin(database, "again-1")
    third = _rerun(database, RunChoice(state=RunState.FAILED))

    assert _outcomes(dry) == _outcomes(first) == {"r1": ("done", None), "r2": ("done", None)}
    assert (nothing_yet, len(asked), set(asked.values())) == ({}, 2, {"grace"})
    assert [product.key for product in first.start] == ["sales/orders"]
    assert [run.outcome for run in second.runs] == ["left", "left"]
    assert _requests(database) == asked
    assert _outcomes(third)["r1"] == ("left", "run again-1 has taken it up again")


def test_a_run_that_cannot_be_rerun_is_left_with_the_reason_and_the_others_go_on(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    for number in (1, 2):
        land(database, f"orders_landed/{number}.csv", etag=f"0x{number}")
        begin(database, f"r{number}", now=NOW + timedelta(hours=number))
        finish(database, RunID(f"r{number}"), failing=frozenset({INGEST} if number == 2 else ()))
    begin(database, "none")

    default = _rerun(
        database, RunChoice(product="sales/orders", since=NOW + timedelta(hours=2)), dry_run=True
    )
    succeeded = _rerun(database, RunChoice(product="sales/orders", state=RunState.SUCCEEDED))

    assert list(_outcomes(default)) == ["r2"]
    assert _outcomes(succeeded)["r1"][0] == "left"
    assert "succeeded" in (_outcomes(succeeded)["r1"][1] or "")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"state": "succeeded"}, 400),
        ({"since": "yesterday"}, 400),
        ({"all": True, "product": "sales/nothing"}, 404),
        ({"all": False}, 400),
        ({"all": True, "from_failed": True}, 400),
    ],
)
def test_a_filter_that_says_nothing_or_something_wrong_is_refused(
    database: Database, body: dict[str, Any], status: int
) -> None:
    _open_runs(database, "orders")

    done = answered(bulk.request_cancels, database, json.dumps(body).encode(), actor="grace", now=NOW)

    assert (done.reply.status, done.cancelled) == (status, ())
    assert _asked_to_stop(database) == {}


def test_the_api_answers_for_each_run_and_hands_on_what_is_to_be_set_going(database: Database) -> None:
    _failed_runs(database, 1)
    _open_runs(database, "returns")

    cancelled = answered(bulk.request_cancels, database, b'{"since": "1h"}', actor="grace", now=NOW)
    rerun = answered(
        bulk.request_reruns,
        database,
        b'{"all": true, "from_failed": true, "on_failure": "fail_fast"}',
        actor="grace",
        now=NOW,
    )
    begin(database, "again")

    assert [(run["run_id"], run["outcome"]) for run in cancelled.reply.body["runs"]] == [
        ("run-returns", "done")
    ]
    assert len(cancelled.cancelled) == 1
    (asked,) = rerun.reply.body["runs"]
    assert (asked["run_id"], asked["request_id"] in _requests(database)) == ("r1", True)
    assert [product.key for product in rerun.start] == ["sales/orders"]
    assert _pinned(database, "again")["on_failure"] == "fail_fast"


def test_files_are_replayed_by_dataset_and_instant_and_in_batches(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MOST_FILES", 1)
    apply(database, a_product(a_transformation(), landed=("orders_landed", "returns")))
    land(database, "orders_landed/a.csv")
    land(database, "orders_landed/b.csv")
    land(database, "returns/c.csv")
    begin(database, "r1")
    finish(database, RunID("r1"), failing=frozenset({INGEST, "ingest.returns"}))
    before = file_states(database)
    choice = FileChoice(product="sales/orders", dataset="orders_landed", since=NOW)

    dry = database.read(lambda c: replay_files(c, choice, actor="grace", now=NOW, dry_run=True))
    untouched = file_states(database)
    first = database.transact(lambda c: replay_files(c, choice, actor="grace", now=NOW))
    rest = FileChoice(product="sales/orders", dataset="orders_landed", after=first.following)
    second = database.transact(lambda c: replay_files(c, rest, actor="grace", now=NOW))
    later = FileChoice(state=FileState.REJECTED, since=NOW + timedelta(hours=1))
    none = database.transact(lambda c: replay_files(c, later, actor="grace", now=NOW))

    assert set(before.values()) == {"rejected"}
    assert (dry.file_ids, dry.start, untouched) == ((1,), (), before)
    assert (first.file_ids, first.following, second.file_ids, second.following) == ((1,), 1, (2,), None)
    assert none.file_ids == ()
    assert file_states(database) == {1: "pending", 2: "pending", 3: "rejected"}
    acts = database.read(
        lambda c: c.execute(sa.select(operator_acts.c.LandedFileID, operator_acts.c.Actor)).all()
    )
    assert [tuple(act) for act in acts] == [(1, "grace"), (2, "grace")]


def test_a_dry_replay_over_http_lists_what_would_move(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database, "orders_landed/a.csv")
    begin(database, "r1")
    finish(database, RunID("r1"))

    done = answered(
        files.request_replay, database, b'{"state": "done", "dry_run": true}', actor="grace", now=NOW
    )

    assert (done.reply.status, done.start) == (200, ())
    assert (done.reply.body["dry_run"], done.reply.body["replayed"]) == (True, [1])
    assert file_states(database) == {1: "done"}


@pytest.mark.parametrize(
    ("asked", "pinned"),
    [
        ((), "continue"),
        (("fail_fast",), "fail_fast"),
        (("continue", "fail_fast"), "fail_fast"),
        ((None, "fail_fast"), "fail_fast"),
    ],
)
def test_requests_say_what_follows_a_failure_and_the_careful_one_counts(
    database: Database, asked: tuple[Any, ...], pinned: str
) -> None:
    apply(database, a_product(a_transformation()))
    land(database)
    for number, on_failure in enumerate(asked):
        request = RunRequest("sales/orders", Trigger.HTTP, "ada", on_failure=on_failure)
        database.transact(partial(request_run, request=request, request_id=RequestID(f"q{number}"), now=NOW))

    begin(database, "r1")

    assert _pinned(database, "r1")["on_failure"] == pinned


def _open_runs(database: Database, *names: str) -> None:
    """Let a run of each product go on."""
    for name in names:
        apply(database, a_product(a_transformation(), name=name))
        event = a_blob_event(f"sales/{name}/orders_landed/a.csv", etag=name)
        run_id = RunID(f"run-{name}")
        database.transact(partial(take_in, event=event, now=NOW))
        database.transact(partial(open_run, product_key=f"sales/{name}", run_id=run_id, now=NOW))
        database.transact(partial(start_run, run_id=run_id, now=NOW))


def _failed_runs(database: Database, count: int) -> None:
    apply(database, a_product(a_transformation()))
    for number in range(1, count + 1):
        land(database, f"orders_landed/{number}.csv", etag=f"0x{number}")
        begin(database, f"r{number}")
        finish(database, RunID(f"r{number}"), failing=frozenset({INGEST}))
    begin(database, "none")


def _cancel(database: Database, choice: RunChoice, *, actor: str = "grace") -> BulkActed:
    return cancel_runs(database, choice, actor=actor, now=NOW)


def _rerun(database: Database, choice: RunChoice, *, dry_run: bool = False) -> BulkActed:
    return rerun_runs(
        database, choice, from_failed=True, newest=False, actor="grace", now=NOW, dry_run=dry_run
    )


def _outcomes(done: BulkActed) -> dict[str, tuple[str, str | None]]:
    return {run.run_id: (str(run.outcome), run.reason) for run in done.runs}


def _asked_to_stop(database: Database) -> dict[str, str]:
    query = sa.select(run_events.c.RunID, run_events.c.Actor).where(run_events.c.Detail == "cancel requested")
    return database.read(lambda c: {row.RunID: row.Actor for row in c.execute(query)})


def _requests(database: Database) -> dict[str, str]:
    query = sa.select(run_requests.c.RequestID, run_requests.c.RequestedBy)
    return database.read(lambda c: {row.RequestID: row.RequestedBy for row in c.execute(query)})


def _pinned(database: Database, run_id: str) -> dict[str, Any]:
    query = sa.select(runs.c.Settings).where(runs.c.RunID == run_id)
    return database.read(lambda c: dict(c.execute(query).scalar_one()))
