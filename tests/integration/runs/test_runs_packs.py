"""Packs on a real database: what is settled while the job run goes on, and what is left for its end."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
import sqlalchemy as sa

from landfall.metadata.engine import Database
from landfall.metadata.tables import node_attempts, packs, run_events, runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.pack_settling import settle_finished, settle_pack
from landfall.runs.pack_verdicts import Blame, PackEnd
from landfall.runs.run_evidence import run_evidence
from landfall.runs.run_nodes import get_node
from landfall.runs.settling import Settled
from landfall.runs.verdict import Verdict
from landfall.runs.why.explaining import explain
from tests.api_server import Api, ServerBackend
from tests.integration.runs.acting import FAILED, FIRST, NOW, SECOND, SUCCEEDED, begin_packed, node_states

LATER = NOW + timedelta(seconds=10)


@pytest.fixture
def run_id(database: Database) -> RunID:
    return begin_packed(database)


def note(database: Database, run_id: RunID, results: Mapping[str, Verdict]) -> Settled:
    found = {NodeKey(key): verdict for key, verdict in results.items()}
    times = dict.fromkeys(found, (NOW, LATER))
    return database.transact(lambda c: settle_finished(c, run_id, FIRST, found, times=times, now=LATER))


def end(database: Database, run_id: RunID, results: Mapping[str, Verdict], blame: Blame) -> Settled:
    found = {NodeKey(key): verdict for key, verdict in results.items()}
    pack_end = PackEnd(found, FAILED, blame)
    return database.transact(lambda c: settle_pack(c, run_id, FIRST, pack_end, tokens={}, now=LATER))


def test_the_first_look_says_which_node_is_at_work(database: Database, run_id: RunID) -> None:
    assert note(database, run_id, {}) == Settled()

    assert node_states(database, run_id)["ingest.orders_landed"] == "running"


def test_what_has_succeeded_is_settled_and_starts_what_waited_for_nothing_else(
    database: Database, run_id: RunID
) -> None:
    built = dict.fromkeys(("ingest.orders_landed", "build_a", "build_b", "build_c"), SUCCEEDED)

    settled = note(database, run_id, built)

    assert settled.start == (SECOND,)
    assert not settled.run_ended
    assert node_states(database, run_id) == {
        "ingest.orders_landed": "succeeded",
        "build_a": "succeeded",
        "build_b": "succeeded",
        "build_c": "succeeded",
        "build_d": "running",
        "build_e": "ready",
    }
    # A look whose answer was lost: the same, as long as nobody has started it.
    assert note(database, run_id, built).start == (SECOND,)
    assert _open(database, run_id) == (2, 2)


def test_a_failure_waits_for_the_end_of_the_job_run(database: Database, run_id: RunID) -> None:
    results = {"ingest.orders_landed": SUCCEEDED, "build_a": FAILED}
    note(database, run_id, results)
    assert node_states(database, run_id)["build_a"] == "submitted"

    settled = end(database, run_id, results, Blame.NOBODY)

    assert settled.run_ended
    assert node_states(database, run_id) == {
        "ingest.orders_landed": "succeeded",
        "build_a": "failed",
        "build_b": "skipped",
        "build_c": "skipped",
        "build_d": "skipped",
        "build_e": "skipped",
    }
    assert _open(database, run_id) == (0, 0)


def test_each_change_of_a_node_is_told_once(database: Database, run_id: RunID) -> None:
    note(database, run_id, {})
    note(database, run_id, {"ingest.orders_landed": SUCCEEDED, "build_a": SUCCEEDED})
    built = dict.fromkeys(("ingest.orders_landed", "build_a", "build_b", "build_c", "build_d"), SUCCEEDED)
    end(database, run_id, built, Blame.NOBODY)

    columns = run_events.c
    told: Sequence[str] = database.read(
        lambda c: (
            c.execute(
                sa.select(columns.ToState)
                .where(columns.RunID == run_id, columns.NodeKey == "build_b")
                .order_by(columns.RunEventID)
            )
            .scalars()
            .all()
        )
    )
    assert told == ["ready", "submitted", "running", "succeeded"]
    attempts = database.read(
        lambda c: c.execute(sa.select(node_attempts.c.NodeKey, node_attempts.c.State)).all()
    )
    assert {row.NodeKey: row.State for row in attempts} == dict.fromkeys(built, "succeeded")


def test_a_pack_whose_nodes_have_all_ended_gives_its_place_back(database: Database, run_id: RunID) -> None:
    built = dict.fromkeys(("ingest.orders_landed", "build_a", "build_b", "build_c", "build_d"), SUCCEEDED)
    note(database, run_id, built)
    assert _open(database, run_id) == (1, 2)

    end(database, run_id, built, Blame.NOBODY)

    assert _open(database, run_id) == (1, 1)
    state = sa.select(packs.c.State).where(packs.c.RunID == run_id, packs.c.PackKey == FIRST)
    assert database.read(lambda c: c.execute(state).scalar_one()) == "ended"


def test_nothing_is_settled_of_a_pack_that_has_ended(database: Database, run_id: RunID) -> None:
    end(database, run_id, {}, Blame.FIRST)
    before = node_states(database, run_id)

    note(database, run_id, {"ingest.orders_landed": SUCCEEDED})

    assert node_states(database, run_id) == before


def test_a_node_says_with_which_others_it_shares_its_job_run(database: Database, run_id: RunID) -> None:
    note(database, run_id, {"ingest.orders_landed": SUCCEEDED, "build_a": SUCCEEDED})

    found = database.read(lambda c: get_node(c, run_id, NodeKey("build_b")))

    assert (found.summary.pack, found.summary.job_run_id) == (FIRST, 7)
    ingest, first, *_ = found.shares_job_run_with
    assert [one.key for one in found.shares_job_run_with] == [
        "ingest.orders_landed",
        "build_a",
        "build_c",
        "build_d",
    ]
    assert (first.state, first.started_at, first.finished_at) == ("succeeded", NOW, LATER)
    says = {
        finding.about: finding.says
        for finding in explain(database.read(lambda c: run_evidence(c, run_id, now=LATER)), now=LATER)
    }
    share = f"job run 7, which the 5 nodes of pack.1 share ({ingest.key}, build_a, build_b, build_c, build_d)"
    assert says["node build_b"] == f"running at attempt 1, {share}"
    assert says["node build_c"] == f"waits for build_b (running), in {share}"


def test_api_and_console_show_with_which_others_it_shares_its_job_run(
    database: Database, run_id: RunID
) -> None:
    note(database, run_id, {"ingest.orders_landed": SUCCEEDED, "build_a": SUCCEEDED})
    api = Api(ServerBackend(database))

    answer = json.loads(api.get(f"/api/runs/{run_id}/nodes/build_b").text)
    page = api.get(f"/console/runs/{run_id}?node=build_b").text

    assert answer["pack"] == FIRST
    shared = {one["key"]: one["state"] for one in answer["shares_job_run_with"]}
    assert shared == {
        "ingest.orders_landed": "succeeded",
        "build_a": "succeeded",
        "build_c": "waiting",
        "build_d": "waiting",
    }
    section = page.partition("Shares its job run")[2].partition("</section>")[0]
    assert "pack.1 has 5 nodes" in section
    assert re.findall(r'data-move="drawer">([^<]+)</a>', section) == list(shared)
    assert "10 s" in section


def _open(database: Database, run_id: RunID) -> tuple[int, int]:
    """Return how many nodes of a run are open, and how many places it has."""
    query = sa.select(runs.c.OpenNodes, runs.c.ActiveNodes).where(runs.c.RunID == run_id)
    row = database.read(lambda c: c.execute(query).one())
    return row.OpenNodes, row.ActiveNodes
