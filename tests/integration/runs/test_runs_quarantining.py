"""Acts on rows in quarantine, on a real database: a run of their own, on record, once, and never run again blindly."""

from typing import Any

import pytest
import sqlalchemy as sa

from landfall.landing.run_files import former_runs_of_files
from landfall.metadata.acts import Act, acts_on_product
from landfall.metadata.catalog import get_current_product
from landfall.metadata.engine import Database
from landfall.metadata.tables import node_runs, published_data_sets, run_files
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import read_attempt
from landfall.runs.former import ActedOnQuarantine
from landfall.runs.ids import RequestID, RunID
from landfall.runs.quarantining import (
    BuiltAsAWhole,
    HeldAct,
    HeldOrder,
    HeldRows,
    ReasonNeeded,
    acts_in_vain,
    request_held,
    rows_read,
)
from landfall.runs.replaying import request_replay
from landfall.runs.requests import UnknownDataset, request_status
from landfall.runs.rerunning import Rerun, TakenInAlready, check_rerun
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.spec.model import Write, WriteMode
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import NOW, SUCCEEDED, apply, begin, finish, land, node_states, settle

PRODUCT = "sales/orders"
RELEASE = HeldOrder(HeldAct.REPLAY, HeldRows("orders_landed", rules=("positive",)))


@pytest.fixture
def product(database: Database) -> Database:
    """A product with one file taken in and one table built from it."""
    apply(database, a_product(a_transformation()))
    land(database)
    run = begin(database, "r1")
    assert run is not None
    finish(database, run)
    begin(database, "none")
    return database


def test_a_replay_is_a_run_that_judges_again_and_builds_what_reads_the_rows(product: Database) -> None:
    ask(product, RELEASE)

    assert begin(product, "r2") == "r2"

    definitions = definitions_of(product, "r2")
    assert list(definitions) == ["ingest.orders_landed", "build_orders"]
    assert definitions["ingest.orders_landed"]["quarantine"] == {
        "act": "release",
        "rules": ["positive"],
        "runs": [],
        "files": [],
        "by": "grace",
        "reason": None,
    }
    assert "quarantine" not in definitions["build_orders"]
    finish(product, RunID("r2"))
    assert status(product).succeeded
    (act,) = product.read(lambda c: acts_on_product(c, product_id(product)))
    assert (act.act, act.actor) == (Act.REPLAY, "grace")
    assert act.detail == "quarantined rows of orders_landed; rule positive (run r2)"


def test_rows_given_up_concern_nobody_downstream_and_publish_nothing(product: Database) -> None:
    before = published(product)
    ask(product, HeldOrder(HeldAct.DISCARD, HeldRows("orders_landed"), "test data"))
    begin(product, "r2")

    finish(product, RunID("r2"))

    assert node_states(product, RunID("r2")) == {"ingest.orders_landed": "succeeded"}
    assert published(product) == before
    (act,) = product.read(lambda c: acts_on_product(c, product_id(product)))
    assert (act.act, act.detail) == (Act.DISCARD, "quarantined rows of orders_landed; test data (run r2)")


def test_a_table_that_is_more_than_added_rows_is_built_again(product: Database) -> None:
    ask(product, HeldOrder(HeldAct.REPLAY, HeldRows("orders")))
    begin(product, "r2")

    (definition,) = definitions_of(product, "r2").values()

    assert definition["quarantine"]["act"] == "rebuild"
    assert definition["steps"] != []


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        (HeldOrder(HeldAct.REPLAY, HeldRows("orders", rules=("positive",))), BuiltAsAWhole),
        (HeldOrder(HeldAct.DISCARD, HeldRows("orders_landed"), " "), ReasonNeeded),
        (HeldOrder(HeldAct.REPLAY, HeldRows("order_landed")), UnknownDataset),
    ],
    ids=["filter", "reason", "dataset"],
)
def test_what_cannot_be_done_is_refused_at_once(
    product: Database, order: HeldOrder, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        ask(product, order)


def test_an_appending_transformation_releases_rows_one_by_one(database: Database) -> None:
    apply(database, a_product(a_transformation(write=Write(WriteMode.APPEND))))
    land(database)
    first = begin(database, "r1")
    assert first is not None
    finish(database, first)
    begin(database, "none")
    ask(database, HeldOrder(HeldAct.REPLAY, HeldRows("orders", files=("a.csv",))))
    begin(database, "r2")

    (definition,) = definitions_of(database, "r2").values()

    assert (definition["quarantine"]["act"], definition["steps"], definition["load"]) == ("release", [], None)


def test_a_file_that_gave_released_rows_replaces_them_when_it_is_taken_in_again(product: Database) -> None:
    ask(product, RELEASE)
    begin(product, "r2")
    uri = "abfss://landing@landfall.dfs.core.windows.net/sales/orders/orders_landed/a.csv"
    released = [{"run_id": "r1", "file": file_uri(product)}, {"run_id": "r1", "file": f"{uri}.gone"}]

    settle(product, RunID("r2"), "ingest.orders_landed", Verdict(NodeState.SUCCEEDED, released=released))

    rows = product.read(lambda c: [tuple(row) for row in c.execute(sa.select(run_files))])
    assert rows == [("r1", 1), ("r2", 1)]
    former = product.read(lambda c: former_runs_of_files(c, RunID("r3"), "orders_landed"))
    assert former == {}


def test_what_was_released_is_no_delivery_to_measure_others_by(product: Database) -> None:
    ask(product, RELEASE)
    begin(product, "r2")
    settle(
        product,
        RunID("r2"),
        "ingest.orders_landed",
        Verdict(NodeState.SUCCEEDED, rows_published=1, rows_read=2),
    )
    finish(product, RunID("r2"))

    attempt = product.read(lambda c: read_attempt(c, RunID("r1"), NodeKey("ingest.orders_landed")))

    assert attempt.former_rows == ()
    assert product.read(lambda c: rows_read(c, {("r2", "ingest.orders_landed"), ("r9", "x")})) == 2


def test_an_act_counts_when_its_node_has_succeeded(product: Database) -> None:
    ask(product, RELEASE)
    begin(product, "r2")
    assert in_vain(product) == ("r2",)

    settle(product, RunID("r2"), "ingest.orders_landed", SUCCEEDED)
    assert in_vain(product) == ()
    finish(product, RunID("r2"), failing=frozenset({"build_orders"}))
    assert in_vain(product) == ()

    begin(product, "none")
    ask(product, RELEASE, request_id="q2")
    begin(product, "r3")
    finish(product, RunID("r3"), failing=frozenset({"ingest.orders_landed"}))
    assert in_vain(product) == ("r3",)


def test_what_acted_on_the_quarantine_is_asked_for_again_and_not_repeated(product: Database) -> None:
    ask(product, RELEASE)
    begin(product, "r2")
    finish(product, RunID("r2"), failing=frozenset({"build_orders"}))

    with pytest.raises(ActedOnQuarantine):
        product.transact(
            lambda c: request_replay(c, RunID("r2"), request_id=RequestID("q2"), actor="ada", now=NOW)
        )
    with pytest.raises(TakenInAlready):
        product.read(lambda c: check_rerun(c, Rerun(RunID("r2"), node=NodeKey("ingest.orders_landed"))))
    # What is downstream of the released rows may be built again.
    product.read(lambda c: check_rerun(c, Rerun(RunID("r2"), from_failed=True)))

    begin(product, "none")
    ask(product, RELEASE, request_id="q3")
    begin(product, "r3")
    finish(product, RunID("r3"), failing=frozenset({"ingest.orders_landed"}))
    with pytest.raises(ActedOnQuarantine):
        product.read(lambda c: check_rerun(c, Rerun(RunID("r3"), from_failed=True)))


def ask(database: Database, order: HeldOrder, *, request_id: str = "q1") -> None:
    database.transact(
        lambda c: request_held(c, PRODUCT, order, request_id=RequestID(request_id), actor="grace", now=NOW)
    )


def status(database: Database) -> Any:
    return database.read(lambda c: request_status(c, "q1"))


def definitions_of(database: Database, run_id: str) -> dict[str, Any]:
    query = sa.select(node_runs).where(node_runs.c.RunID == run_id).order_by(node_runs.c.NodeRunID)
    return database.read(lambda c: {row.NodeKey: row.Definition for row in c.execute(query)})


def published(database: Database) -> list[tuple[Any, ...]]:
    return database.read(lambda c: [tuple(row) for row in c.execute(sa.select(published_data_sets))])


def in_vain(database: Database) -> tuple[str, ...]:
    return database.read(lambda c: acts_in_vain(c, product_id(database)))


def product_id(database: Database) -> int:
    return database.read(lambda c: get_current_product(c, PRODUCT)).product_id


def file_uri(database: Database) -> str:
    from landfall.addresses import parse_blob_url
    from landfall.metadata.tables import landed_files

    url = database.read(lambda c: str(c.execute(sa.select(landed_files.c.Url)).scalar_one()))
    return parse_blob_url(url).abfss()
