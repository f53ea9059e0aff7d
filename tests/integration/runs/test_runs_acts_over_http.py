"""Operators' acts over HTTP: what the answers are, for callers that are programs."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from landfall.api import files, products, run_reads, runs, why
from landfall.metadata.engine import Database
from landfall.runs.ids import RequestID, RunID
from landfall.runs.why.values import Cause
from tests.api_server import answered
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, finish, land

RUN = RunID("r1")


def test_a_replay_answers_with_what_moved_and_what_stayed(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database)
    land(database, "elsewhere/b.csv")
    begin(database, RUN)
    finish(database, RUN)
    begin(database, "none")

    done = answered(files.request_replay, database, b'{"file_ids": [1, 2]}', actor="grace", now=NOW)

    assert (done.reply.status, [product.key for product in done.start]) == (200, ["sales/orders"])
    assert (done.reply.body["replayed"], done.reply.body["following"]) == ([1], None)
    assert [file["file_id"] for file in done.reply.body["left"]] == [2]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"file_ids": []}, 400),
        ({"file_ids": [True]}, 400),
        ({"file_ids": [2**63]}, 400),
        ({"file_ids": [1], "state": "done"}, 400),
        ({"state": "claimed"}, 400),
        ({"states": "done"}, 400),
        ({"file_ids": [99]}, 404),
        ({"state": "done", "product": "sales/nothing"}, 404),
    ],
)
def test_a_replay_that_cannot_be_is_refused_whole(
    database: Database, body: Mapping[str, Any], status: int
) -> None:
    apply(database, a_product(a_transformation()))

    done = answered(files.request_replay, database, json.dumps(body).encode(), actor="grace", now=NOW)

    assert (done.reply.status, done.start) == (status, ())


def test_a_rerun_answers_as_a_start_does(database: Database) -> None:
    _ended_run(database)

    started = answered(
        runs.start_rerun,
        database,
        RUN,
        b"",
        at="https://app/api/x",
        actor="grace",
        request_id=RequestID("q1"),
        now=NOW,
    )

    assert (started.reply.status, started.reply.headers["Location"]) == (202, "https://app/api/requests/q1")
    assert [product.key for product in started.start] == ["sales/orders"]


@pytest.mark.parametrize(
    ("run", "body", "status"),
    [
        ("r9", {}, 404),
        (RUN, {"from_failed": True}, 409),
        (RUN, {"node": "ingest.orders_landed"}, 409),
        (RUN, {"node": "build_nothing"}, 400),
        (RUN, {"only": True}, 400),
        (RUN, {"from_failed": True, "node": "build_orders"}, 400),
        (RUN, {"newest": "yes"}, 400),
    ],
)
def test_a_rerun_that_cannot_be_is_refused(
    database: Database, run: str, body: Mapping[str, Any], status: int
) -> None:
    _ended_run(database)

    started = answered(
        runs.start_rerun,
        database,
        run,
        json.dumps(body).encode(),
        at="https://app/api/x",
        actor="grace",
        request_id=RequestID("q1"),
        now=NOW,
    )

    assert (started.reply.status, started.start) == (status, ())


def test_pauses_are_shown_with_the_runs_until_the_product_is_resumed(database: Database) -> None:
    apply(database, a_product(a_transformation()))

    paused = answered(
        products.request_pause, database, "sales/orders", b'{"reason": "doubles"}', actor="grace", now=NOW
    ).reply
    listed = answered(run_reads.show_runs, database).body["paused"]
    land(database)
    resumed = answered(products.request_resume, database, "sales/orders", actor="ada", now=NOW)

    assert paused.status == 200
    assert listed == [paused.body]
    assert (paused.body["paused_by"], paused.body["reason"]) == ("grace", "doubles")
    assert (resumed.reply.body["was_paused"], len(resumed.start)) == (True, 1)
    assert answered(run_reads.show_runs, database).body["paused"] == []
    assert answered(products.request_pause, database, "a/b", b"", actor="grace", now=NOW).reply.status == 404
    assert answered(products.request_resume, database, "a/b", actor="grace", now=NOW).reply.status == 404


def test_why_answers_with_findings(database: Database) -> None:
    _ended_run(database)

    replies = [
        answered(why.show_why_dataset, database, "sales/orders", "orders", now=NOW),
        answered(why.show_why_run, database, RUN, now=NOW),
        answered(why.show_why_file, database, "1", now=NOW),
    ]
    unknown = [
        answered(why.show_why_dataset, database, "sales/orders", "nothing", now=NOW),
        answered(why.show_why_dataset, database, "sales/nothing", "orders", now=NOW),
        answered(why.show_why_run, database, "r9", now=NOW),
        answered(why.show_why_file, database, "99", now=NOW),
    ]

    assert [json.loads(reply.text())["findings"][0]["cause"] for reply in replies] == [Cause.DONE] * 3
    assert [reply.status for reply in unknown] == [404] * 4


def _ended_run(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database)
    begin(database, RUN)
    finish(database, RUN)
    begin(database, "none")
