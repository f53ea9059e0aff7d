"""Verbs that act on one run, product or file over HTTP, and what they refuse."""

import json

import pytest

from landfall.landing.intake import take_in
from landfall.metadata.engine import Database
from landfall.runs.ids import RunID
from landfall.runs.opening import open_run
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from tests.api_server import LATER, NOW
from tests.builders import a_blob_event, a_product, a_transformation
from tests.unit.cli.conftest import Command, apply, close, open_a_run, settle

pytestmark = pytest.mark.usefixtures("app")


def test_replay_puts_unmatched_files_back_and_files_show_tells_who(
    database: Database, landfall: Command
) -> None:
    _land(database, "sales/orders/orders_landed/a.csv")
    apply(database, a_product(a_transformation()))

    answer = landfall("files", "replay", "--state", "unmatched", "--yes", "-o", "json")
    (shown,) = json.loads(landfall("files", "show", "1", "-o", "json").out)

    assert (answer.code, json.loads(answer.out)) == (0, [{"file_id": 1, "state": "pending", "reason": None}])
    assert (shown["state"], shown["dataset"]) == ("pending", "orders_landed")
    assert [(act["act"], act["before"]) for act in shown["acts"]] == [("replay", "unmatched")]
    assert shown["acts"][0]["actor"]
    assert "replay by" in landfall("files", "show", "1").err


def test_a_named_file_that_stays_as_it_is_ends_the_command_with_1(
    database: Database, landfall: Command
) -> None:
    apply(database, a_product(a_transformation()))
    _land(database, "sales/orders/elsewhere/a.csv")

    answer = landfall("files", "replay", "1")

    assert answer.code == 1
    assert "still no dataset of sales/orders expects it" in answer.out
    assert "LF3102" in landfall("files", "replay", "99").err


@pytest.mark.parametrize(
    "arguments", [(), ("1", "--state", "done"), ("--state", "claimed"), ("1", "--product", "sales/orders")]
)
def test_a_replay_of_nothing_or_of_two_things_is_wrong_usage(
    landfall: Command, arguments: tuple[str, ...]
) -> None:
    assert landfall("files", "replay", *arguments).code == 2


def test_rerun_asks_for_a_new_run_of_what_failed(database: Database, landfall: Command) -> None:
    apply(database, a_product(a_transformation()))
    run = open_a_run(database, "20260101-120000-aaaa")
    settle(database, run, "ingest.orders_landed", Verdict(NodeState.FAILED, reason="unreadable"))
    close(database, run)

    answer = landfall("runs", "rerun", "@last", "--from-failed", "--no-wait", "-o", "json")
    opened = database.transact(
        lambda c: open_run(c, "sales/orders", RunID("20260101-130000-bbbb"), now=LATER)
    )
    shown = json.loads(landfall("runs", "show", "20260101-13", "-o", "json").out)

    assert (answer.code, json.loads(answer.out)["request_id"]) == (0, "q1")
    assert opened.run_id == "20260101-130000-bbbb"
    assert (shown["rerun_of"], shown["trigger"], shown["nodes"]) == (run, "rerun", 2)


def test_a_rerun_that_makes_no_sense_is_refused_with_the_reason(
    database: Database, landfall: Command
) -> None:
    apply(database, a_product(a_transformation()))
    open_a_run(database, "20260101-120000-aaaa")

    assert "LF3206" in landfall("runs", "rerun", "@last").err
    assert landfall("runs", "rerun", "@last", "--only").code == 2
    assert landfall("runs", "rerun", "@last", "--from-failed", "--node", "build_orders").code == 2
    assert landfall("runs", "rerun", "2030").code == 1


def test_a_paused_product_says_so_wherever_runs_are_shown(database: Database, landfall: Command) -> None:
    apply(database, a_product(a_transformation()))
    open_a_run(database, "20260101-120000-aaaa")

    paused = landfall("pause", "sales/orders", "--reason", "source sends doubles", "-o", "json")
    listed = landfall("runs", "list", "-o", "json")
    asked = landfall("run", "sales/orders", "--no-wait")
    resumed = landfall("resume", "sales/orders", "-o", "json")

    assert json.loads(paused.out)["reason"] == "source sends doubles"
    assert json.loads(listed.out)[0]["product_paused"] is True
    assert "sales/orders is paused since 2026-01-01 12:01:00Z by" in listed.err
    assert "waits for `landfall resume`" in asked.err
    assert json.loads(resumed.out) == {"product": "sales/orders", "was_paused": True, "started": False}
    assert "paused" not in landfall("runs", "list").err
    assert "LF2101" in landfall("pause", "sales/nothing").err


def test_why_tells_people_in_sentences_and_programs_in_findings(
    database: Database, landfall: Command
) -> None:
    apply(database, a_product(a_transformation()))
    _land(database, "sales/orders/orders_landed/a.csv")
    landfall("pause", "sales/orders", "--reason", "source sends doubles")

    told = landfall("why", "orders_landed/a.csv").out.splitlines()
    (finding,) = json.loads(landfall("why", "1", "-o", "json").out)

    assert told[0].startswith("file 1 (a.csv): waits, because sales/orders is paused by ")
    assert told[0].endswith(": source sends doubles (since 2026-01-01 12:01:00Z)")
    assert told[1] == "    -> `landfall resume sales/orders`"
    assert (finding["cause"], finding["since"]) == ("paused", "2026-01-01T12:01:00.000Z")
    assert landfall("why", "nothing").err.startswith("LF3211 ")


def _land(database: Database, path: str) -> None:
    database.transact(lambda c: take_in(c, a_blob_event(path), now=NOW))
