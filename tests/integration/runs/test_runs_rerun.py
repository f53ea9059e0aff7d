"""Reruns on a real database: what succeeded is reused, what did not is done again, on known metadata."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.metadata.acts import Act, acts_on_files
from landfall.metadata.engine import Database
from landfall.metadata.tables import run_requests, runs
from landfall.planning.plan import NodeKey
from landfall.runs.former import RunGoesOn
from landfall.runs.ids import RequestID, RunID
from landfall.runs.requests import Requested, RequestState
from landfall.runs.rerunning import (
    NothingFailed,
    Rerun,
    TakenInAlready,
    UnknownNode,
    request_rerun,
)
from landfall.runs.states import RunState
from landfall.spec.model import Product
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import (
    NOW,
    apply,
    begin,
    claimed,
    file_states,
    finish,
    land,
    lease_state,
    node_states,
)

LATER = NOW + timedelta(hours=1)
INGEST = "ingest.orders_landed"
FIRST = RunID("r1")


def _product() -> Product:
    return a_product(
        a_transformation("build_orders"),
        a_transformation("build_daily", inputs=["orders"]),
        a_transformation("build_other"),
    )


def test_from_failed_builds_what_did_not_succeed_and_nothing_else(database: Database) -> None:
    _first_run(database, failing={"build_orders"})

    asked = _ask(database, Rerun(FIRST, from_failed=True))
    run = _begin(database, "r2")

    assert asked.start_coordinator
    assert node_states(database, run) == {"build_orders": "ready", "build_daily": "waiting"}
    assert claimed(database, run) == ["build_orders"]
    assert finish(database, run, now=LATER) is RunState.SUCCEEDED
    row = database.read(lambda c: c.execute(sa.select(runs).where(runs.c.RunID == run)).one())
    assert (row.RerunOf, row.Trigger, row.MetadataVersion) == ("r1", "rerun", 1)
    assert file_states(database) == {1: "done"}


def test_files_of_a_failed_ingest_are_taken_along_with_the_author_on_record(database: Database) -> None:
    _first_run(database, failing={INGEST})
    assert file_states(database) == {1: "rejected"}

    _ask(database, Rerun(FIRST, from_failed=True))
    run = _begin(database, "r2")

    assert file_states(database) == {1: "claimed"}
    assert len(node_states(database, run)) == 4
    (act,) = database.read(lambda c: acts_on_files(c, [1])[1])
    assert (act.act, act.actor, act.before) == (Act.RERUN, "grace", "rejected")
    finish(database, run, now=LATER)
    assert file_states(database) == {1: "done"}


def test_without_its_files_an_ingest_is_left_out_and_nothing_is_built_on_the_state_of_before(
    database: Database,
) -> None:
    _first_run(database, failing={INGEST})
    land(database, etag="0x2")
    _ask(database, Rerun(FIRST, from_failed=True))

    run = _begin(database, "r2")

    # The rerun had nothing to run, so the newer version of the file is next.
    assert (
        database.read(lambda c: c.execute(sa.select(runs.c.RerunOf).where(runs.c.RunID == run)).scalar())
        is None
    )
    request = database.read(lambda c: c.execute(sa.select(run_requests)).one())
    assert request.State == RequestState.DONE
    assert "none of the files that run r1 had for it is left" in request.Reason
    assert "needs orders_landed, which the former run did not build" in request.Reason


def test_a_whole_rerun_builds_every_transformation_and_takes_nothing_in_twice(database: Database) -> None:
    _first_run(database)

    _ask(database, Rerun(FIRST))
    run = _begin(database, "r2")

    assert sorted(node_states(database, run)) == ["build_daily", "build_orders", "build_other"]
    assert file_states(database) == {1: "done"}


@pytest.mark.parametrize(
    ("only", "nodes"), [(False, {"build_orders", "build_daily"}), (True, {"build_orders"})]
)
def test_one_node_runs_with_or_without_its_descendants(
    database: Database, *, only: bool, nodes: set[str]
) -> None:
    _first_run(database)

    _ask(database, Rerun(FIRST, node=NodeKey("build_orders"), only=only))
    run = _begin(database, "r2")

    assert node_states(database, run).keys() == nodes


def test_a_node_is_not_built_upon_an_input_that_failed(database: Database) -> None:
    _first_run(database, failing={"build_orders"})

    _ask(database, Rerun(FIRST, node=NodeKey("build_daily")))

    assert begin(database, "r2", now=LATER) is None
    reason: str = database.read(lambda c: c.execute(sa.select(run_requests.c.Reason)).scalar_one())
    assert "build_daily: needs orders, which the former run did not build" in reason
    assert lease_state(database) == "idle"


def test_an_input_that_another_run_has_built_since_may_be_built_upon(database: Database) -> None:
    _first_run(database, failing={"build_orders"})
    _ask(database, Rerun(FIRST, node=NodeKey("build_orders"), only=True))
    finish(database, _begin(database, "r2"), now=LATER)

    _ask(database, Rerun(FIRST, node=NodeKey("build_daily")), request_id="q2")

    assert node_states(database, _begin(database, "r3")).keys() == {"build_daily"}


def test_the_metadata_of_before_is_kept_unless_the_newest_is_asked_for(database: Database) -> None:
    _first_run(database, failing={"build_orders"})
    more = a_transformation("build_more", inputs=["orders"])
    product = _product()
    apply(database, replace(_with(product, more), description="Orders, and more."), now=LATER)

    _ask(database, Rerun(FIRST, from_failed=True))
    former = _begin(database, "r2")
    finish(database, former, failing=frozenset({"build_orders"}), now=LATER)
    _ask(database, Rerun(FIRST, from_failed=True, newest=True), request_id="q2")
    newest = _begin(database, "r3")

    versions = dict(
        database.read(lambda c: [(r.RunID, r.MetadataVersion) for r in c.execute(sa.select(runs))])
    )
    assert versions == {"r1": 1, "r2": 1, "r3": 2}
    assert node_states(database, former).keys() == {"build_orders", "build_daily"}
    assert node_states(database, newest).keys() == {"build_orders", "build_daily", "build_more"}


def test_what_landed_meanwhile_waits_for_the_run_after_the_rerun(database: Database) -> None:
    _first_run(database, failing={"build_orders"})
    land(database, "orders_landed/b.csv")
    _ask(database, Rerun(FIRST, from_failed=True))

    rerun = _begin(database, "r2")
    assert file_states(database) == {1: "done", 2: "pending"}
    finish(database, rerun, now=LATER)

    assert INGEST in node_states(database, _begin(database, "r3"))
    assert file_states(database) == {1: "done", 2: "claimed"}


def test_the_same_rerun_asked_for_twice_is_one_request(database: Database) -> None:
    _first_run(database, failing={"build_orders"})

    first = _ask(database, Rerun(FIRST, from_failed=True), key="k")
    second = _ask(database, Rerun(FIRST, from_failed=True), request_id="q2", key="k")

    assert (second.request_id, second.start_coordinator) == (first.request_id, False)


@pytest.mark.parametrize(
    ("rerun", "error"),
    [
        (Rerun(FIRST, from_failed=True), NothingFailed),
        (Rerun(FIRST, node=NodeKey("build_nothing")), UnknownNode),
        (Rerun(FIRST, node=NodeKey(INGEST)), TakenInAlready),
    ],
)
def test_what_cannot_be_rerun_is_refused_at_once(
    database: Database, rerun: Rerun, error: type[LandfallError]
) -> None:
    _first_run(database)

    with pytest.raises(error):
        _ask(database, rerun)


def test_a_run_that_goes_on_is_not_rerun(database: Database) -> None:
    apply(database, _product())
    land(database)
    begin(database, "r1")

    with pytest.raises(RunGoesOn):
        _ask(database, Rerun(FIRST))


def _first_run(database: Database, *, failing: set[str] | None = None) -> None:
    """Run r1 over one file to its end, and give the lease back."""
    apply(database, _product())
    land(database)
    begin(database, "r1")
    finish(database, FIRST, failing=frozenset(failing or ()))
    assert begin(database, "none") is None


def _with(product: Product, *more: object) -> Product:
    return a_product(*product.transformations, *more)  # type: ignore[arg-type]


def _ask(database: Database, rerun: Rerun, *, request_id: str = "q1", key: str | None = None) -> Requested:
    return database.transact(
        lambda c: request_rerun(
            c, rerun, request_id=RequestID(request_id), actor="grace", now=LATER, idempotency_key=key
        )
    )


def _begin(database: Database, run_id: str) -> RunID:
    run = begin(database, run_id, now=LATER)
    assert run is not None
    return run
