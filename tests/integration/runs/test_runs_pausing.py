"""Pausing a product on a real database: nothing new is opened, nothing is lost, and who did it is on record."""

from datetime import timedelta

from landfall.metadata.acts import Act, acts_on_product
from landfall.metadata.catalog import get_current_product
from landfall.metadata.engine import Database
from landfall.runs.ids import RequestID, RunID
from landfall.runs.leases import Pause
from landfall.runs.pausing import Resumed, find_pauses, pause_product, resume_product
from landfall.runs.recovery import open_runs, products_at_work, take_waiting_lease, waiting_products
from landfall.runs.requests import Requested, RunRequest, Trigger, request_run
from landfall.runs.states import RunState
from landfall.spec.model import RunSettings
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, file_states, finish, land, lease_state

LATER = NOW + timedelta(hours=1)


def test_files_and_requests_wait_until_the_product_is_resumed(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    _pause(database)

    landed = land(database)
    asked = _ask(database)

    assert (landed.new, landed.start) == (True, None)
    assert (asked.start_coordinator, asked.waits) == (False, True)
    assert begin(database, "r1") is None
    assert (file_states(database), lease_state(database)) == ({1: "pending"}, "idle")

    resumed = _resume(database)

    assert resumed.start is not None
    assert lease_state(database) == "active"
    assert begin(database, "r1") == "r1"
    assert file_states(database) == {1: "claimed"}


def test_a_run_that_was_open_goes_on_to_its_end(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database)
    begin(database, "r1")
    _pause(database)
    land(database, "orders_landed/b.csv")

    assert begin(database, "r1") == "r1"
    assert finish(database, RunID("r1")) is RunState.SUCCEEDED
    assert begin(database, "r2") is None
    assert file_states(database) == {1: "done", 2: "pending"}


def test_the_timer_starts_nothing_of_a_paused_product_but_the_run_it_had(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    _pause(database)
    land(database)
    waiting = _coordinators(database)
    _resume(database)
    begin(database, "r1")
    _pause(database)

    working = _coordinators(database)

    assert waiting == ()
    assert working == ("sales/orders",)
    assert [run.run_id for run in database.read(lambda c: open_runs(c, now=LATER))] == ["r1"]


def test_the_timer_leaves_files_alone_where_landing_starts_no_run(database: Database) -> None:
    apply(database, a_product(a_transformation(), run=RunSettings(on_landing=False)))
    land(database)

    landed = _coordinators(database)
    _ask(database)
    asked = _coordinators(database)

    assert landed == ()
    assert asked == ("sales/orders",)


def test_a_request_whose_answer_was_lost_is_stored_once(database: Database) -> None:
    apply(database, a_product(a_transformation()))

    first, again = _ask(database), _ask(database)

    assert (first.request_id, first.start_coordinator) == ("q1", True)
    assert (again.request_id, again.start_coordinator) == ("q1", False)


def test_both_acts_are_on_record_and_repeating_them_changes_nothing(database: Database) -> None:
    apply(database, a_product(a_transformation()))

    first = _pause(database)
    second = database.transact(
        lambda c: pause_product(c, "sales/orders", actor="linus", reason="other", now=LATER)
    )
    assert first == second == Pause(NOW, "grace", "doubles")
    assert database.read(find_pauses) == {"sales/orders": first}
    resumed, again = _resume(database), _resume(database)

    assert (resumed.pause, again.pause) == (first, None)
    assert database.read(find_pauses) == {}
    product_id = database.read(lambda c: get_current_product(c, "sales/orders").product_id)
    acts = database.read(lambda c: acts_on_product(c, product_id))
    assert [(act.act, act.actor, act.occurred_at) for act in acts] == [
        (Act.PAUSE, "grace", NOW),
        (Act.RESUME, "ada", LATER),
    ]
    assert acts[0].detail == "doubles"


def test_resuming_starts_no_coordinator_where_nothing_waits_for_one(database: Database) -> None:
    apply(database, a_product(a_transformation(), run=RunSettings(on_landing=False)))
    land(database)
    _pause(database)

    assert _resume(database).start is None
    assert lease_state(database) == "idle"


def _coordinators(database: Database) -> tuple[str, ...]:
    """Let the timer take the leases that it should; return the products that have a coordinator then."""
    for waiting in database.read(waiting_products):
        database.transact(lambda c, waiting=waiting: take_waiting_lease(c, waiting, now=LATER))  # type: ignore[misc]
    return database.read(products_at_work)


def _pause(database: Database) -> Pause:
    return database.transact(
        lambda c: pause_product(c, "sales/orders", actor="grace", reason="doubles", now=NOW)
    )


def _resume(database: Database) -> Resumed:
    return database.transact(lambda c: resume_product(c, "sales/orders", actor="ada", now=LATER))


def _ask(database: Database) -> Requested:
    request = RunRequest(product="sales/orders", trigger=Trigger.HTTP, requested_by="ada")
    return database.transact(lambda c: request_run(c, request, request_id=RequestID("q1"), now=NOW))
