"""The outbox of callbacks: an address is told of the end of its request until that is over, by one at a time."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from landfall.metadata.engine import Database
from landfall.metadata.tables import callbacks
from landfall.runs.callbacks import (
    CallbackAnswer,
    CallbackAttempt,
    CallbackID,
    CallbackState,
    begin_attempt,
    due_callbacks,
    end_attempt,
    list_callbacks,
    register_callback,
    request_with_callback,
)
from landfall.runs.ids import RequestID
from landfall.runs.requests import IdempotencyKeyReused, RunRequest, Trigger
from landfall.runs.states import RunState
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, finish, land

URI = "https://example.com/callback?token=secret"
REQUEST = RunRequest("sales/orders", Trigger.HTTP, "ada", idempotency_key="k")
ACKNOWLEDGED = CallbackAnswer(200)
BUSY = CallbackAnswer(503)


@pytest.mark.parametrize(("failing", "state"), [(frozenset(), "succeeded"), ({"build_orders"}, "failed")])
def test_the_end_of_a_run_is_told_once(database: Database, failing: frozenset[str], state: str) -> None:
    _ask(database, land_first=True)
    run_id = begin(database, "r1")
    assert run_id is not None
    before = _due(database)
    finish(database, run_id, failing=frozenset(failing))

    (callback_id,) = _due(database)
    attempt = _begin(database, callback_id)
    assert attempt is not None
    _end(database, attempt, ACKNOWLEDGED)

    assert before == ()
    assert (attempt.uri, attempt.result.run_state) == (URI, RunState(state))
    assert _due(database, NOW + timedelta(days=1)) == ()
    assert _begin(database, callback_id, NOW + timedelta(days=1)) is None
    assert _uri(database) is None


def test_nothing_to_run_is_told_too(database: Database) -> None:
    _ask(database)
    begin(database, "none")

    attempt = _begin(database, _due(database)[0])

    assert attempt is not None
    assert attempt.result.succeeded


def test_one_attempt_is_made_at_a_time_and_a_lost_one_again(database: Database) -> None:
    _ask(database)
    begin(database, "none")
    (callback_id,) = _due(database)

    first = _begin(database, callback_id)
    second = _begin(database, callback_id)
    later = _begin(database, callback_id, NOW + timedelta(minutes=3))
    assert first is not None
    _end(database, first, ACKNOWLEDGED)

    assert (first.number, second, later and later.number) == (1, None, 2)
    # The answer to an attempt that was given up for lost changes nothing.
    assert _uri(database) == URI


def test_who_is_busy_is_called_again_after_a_while(database: Database) -> None:
    _ask(database)
    begin(database, "none")
    (callback_id,) = _due(database)
    attempt = _begin(database, callback_id)
    assert attempt is not None

    _end(database, attempt, BUSY)

    assert (_due(database), _due(database, NOW + timedelta(minutes=1))) == ((), (callback_id,))
    shown = database.read(lambda c: list_callbacks(c, "q1"))[0]
    assert (shown.state, shown.last_status, shown.host) == (CallbackState.PENDING, 503, "example.com")


@pytest.mark.parametrize(
    ("attempts", "answer", "state"),
    [
        (1, CallbackAnswer(404, may_succeed_later=False), CallbackState.REFUSED),
        (300, BUSY, CallbackState.EXPIRED),
    ],
)
def test_it_ends_where_nobody_will_acknowledge(
    database: Database, attempts: int, answer: CallbackAnswer, state: CallbackState
) -> None:
    _ask(database)
    begin(database, "none")
    (callback_id,) = _due(database)
    database.transact(lambda c: c.execute(sa.update(callbacks).values(Attempts=attempts - 1)))
    attempt = _begin(database, callback_id)
    assert attempt is not None

    _end(database, attempt, answer)

    assert database.read(lambda c: list_callbacks(c, "q1"))[0].state is state
    assert _uri(database) is None


def test_one_address_is_told_once_and_each_address_by_itself(database: Database) -> None:
    _ask(database)
    _ask(database, request_id="q2")
    database.transact(lambda c: register_callback(c, RequestID("q1"), URI + "2", now=NOW))
    begin(database, "none")

    assert len(_due(database)) == 2


def test_a_key_sent_again_after_the_end_is_told_at_once(database: Database) -> None:
    _ask(database, uri=None)
    begin(database, "none")

    requested, due = database.transact(
        lambda c: request_with_callback(c, REQUEST, URI, request_id=RequestID("q2"), now=NOW)
    )

    assert (requested.request_id, len(due)) == ("q1", 1)


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, full=True),
        replace(REQUEST, datasets=("orders",)),
        replace(REQUEST, parameters={"day": 1}),
    ],
)
def test_a_key_that_stands_for_something_else_is_refused(database: Database, other: RunRequest) -> None:
    _ask(database)

    with pytest.raises(IdempotencyKeyReused, match="q1"):
        database.transact(
            lambda c: request_with_callback(c, other, None, request_id=RequestID("q2"), now=NOW)
        )


def _ask(
    database: Database, *, uri: str | None = URI, request_id: str = "q1", land_first: bool = False
) -> None:
    apply(database, a_product(a_transformation()))
    if land_first:
        land(database)
    database.transact(
        lambda c: request_with_callback(c, REQUEST, uri, request_id=RequestID(request_id), now=NOW)
    )


def _due(database: Database, now: datetime = NOW) -> tuple[CallbackID, ...]:
    return database.read(lambda c: due_callbacks(c, now=now))


def _begin(database: Database, callback_id: CallbackID, now: datetime = NOW) -> CallbackAttempt | None:
    return database.transact(lambda c: begin_attempt(c, callback_id, now=now))


def _end(database: Database, attempt: CallbackAttempt, answer: CallbackAnswer) -> None:
    database.transact(lambda c: end_attempt(c, attempt, answer, now=NOW))


def _uri(database: Database) -> str | None:
    return database.read(lambda c: c.execute(sa.select(callbacks.c.Uri)).scalar_one())
