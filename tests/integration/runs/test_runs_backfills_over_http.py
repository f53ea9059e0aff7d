"""Backfills and replays over HTTP: what the answers are, for callers that are programs."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from landfall.api import backfills, runs
from landfall.api.reply import Acted
from landfall.metadata.engine import Database
from landfall.runs.ids import RequestID, RunID
from tests.api_server import answered
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import NOW, apply, begin, finish, land


def test_a_backfill_is_asked_for_shown_and_steered(database: Database) -> None:
    _ended_run(database)

    asked = _ask(database, {"from": 1, "to": "9"})
    shown = answered(backfills.show_backfill, database, "q1")
    paused = answered(backfills.change_backfill, database, "q1", "pause", actor="grace", now=NOW)
    resumed = answered(backfills.change_backfill, database, "q1", "resume", actor="grace", now=NOW)
    begin(database, "r2")
    cancelled = answered(backfills.change_backfill, database, "q1", "cancel", actor="grace", now=NOW)

    assert (asked.reply.status, asked.reply.body["files"], len(asked.start)) == (202, 1, 1)
    assert json.loads(shown.text())["state"] == "running"
    assert (paused.reply.body["state"], resumed.reply.body["state"]) == ("paused", "running")
    assert (cancelled.reply.body["state"], len(cancelled.cancelled)) == ("cancelled", 1)
    assert json.loads(answered(backfills.show_backfills, database, "sales/orders").text())["backfills"]
    assert (
        answered(backfills.change_backfill, database, "q1", "resume", actor="x", now=NOW).reply.status == 409
    )
    assert (
        answered(backfills.change_backfill, database, "q9", "pause", actor="x", now=NOW).reply.status == 404
    )
    assert (
        answered(backfills.change_backfill, database, "q1", "forget", actor="x", now=NOW).reply.status == 404
    )
    assert answered(backfills.show_backfill, database, "q9").status == 404


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "'from' is missing. 'to' is missing."),
        ({"from": 1, "to": "2026-01-01"}, 400, "both be file ids"),
        ({"from": 9, "to": 1}, 400, "lies behind"),
        ({"from": "soon", "to": 0, "chunk_files": 0}, 400, "'chunk_files' must be"),
        ({"from": 1, "to": 2, "datasets": ["orders"]}, 400, "no dataset 'orders'"),
        ({"from": 50, "to": 60}, 409, "no landed file in that range"),
        ({"from": "2026-01-01", "to": "2026-01-02T00:00:00+01:00", "dry_run": True}, 200, ""),
    ],
)
def test_a_range_that_is_not_sound_is_refused(
    database: Database, body: Mapping[str, Any], status: int, said: str
) -> None:
    _ended_run(database)

    asked = _ask(database, body)

    assert asked.reply.status == status
    assert said in asked.reply.text()
    assert answered(backfills.show_backfills, database, None).body["backfills"] == []


def test_a_replay_answers_as_a_start_does(database: Database) -> None:
    _ended_run(database)

    started = _replay(database, "r1", b"")
    unknown = _replay(database, "r9", b"")
    invalid = _replay(database, "r1", b'{"files": 1}')
    land(database, etag="0x9")

    assert (started.reply.status, len(started.start)) == (202, 1)
    assert (unknown.reply.status, invalid.reply.status) == (404, 400)
    assert _replay(database, "r1", b"").reply.status == 409


def _ask(database: Database, body: Mapping[str, Any]) -> Acted:
    text = json.dumps(body).encode()
    acted: Acted = answered(
        backfills.start_backfill,
        database,
        "sales/orders",
        text,
        actor="ada",
        request_id=RequestID("q1"),
        now=NOW,
    )
    return acted


def _replay(database: Database, run_id: str, body: bytes) -> Acted:
    acted: Acted = answered(
        runs.start_replay,
        database,
        run_id,
        body,
        at="https://app/x",
        actor="ada",
        request_id=RequestID("q2"),
        now=NOW,
    )
    return acted


def _ended_run(database: Database) -> None:
    apply(database, a_product(a_transformation()))
    land(database)
    begin(database, "r1")
    finish(database, RunID("r1"))
    begin(database, "none")
