"""Acts on all that meet a filter, as somebody types them: shown, asked for, done, and told one by one."""

import json
import sys

import pytest

from landfall.landing.dead_letters import LetterSource, keep_dead_letter
from landfall.landing.intake import take_in
from landfall.metadata.engine import Database
from landfall.runs.requests import request_status
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from tests.api_server import NOW
from tests.builders import a_blob_event, a_product, a_transformation
from tests.unit.cli.conftest import Command, apply, close, open_a_run, settle

pytestmark = pytest.mark.usefixtures("app")
RUN = "20260101-120000-aaaa"


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs", "cancel"),
        ("runs", "cancel", RUN, "--all"),
        ("runs", "cancel", "--state", "failed", "--yes"),
        ("runs", "cancel", RUN, "--dry-run"),
        ("runs", "cancel", "--all"),
        ("runs", "rerun", "--all", "--node", "build_orders", "--yes"),
        ("runs", "rerun", "--all", "--on-failure", "stop", "--yes"),
        ("run", "sales/orders", "--on-failure", "stop"),
        ("files", "replay", "--dataset", "orders"),
        ("dead-letters", "replay"),
        ("dead-letters", "discard", "1", "--all"),
    ],
    ids=" ".join,
)
def test_what_is_meant_must_be_clear_and_meant(
    database: Database, landfall: Command, arguments: tuple[str, ...]
) -> None:
    apply(database, a_product(a_transformation()))
    open_a_run(database, RUN)

    assert landfall(*arguments).code == 2
    assert _runs(landfall) == {RUN: "running"}


def test_a_dry_run_shows_the_runs_and_a_yes_cancels_them(database: Database, landfall: Command) -> None:
    apply(database, a_product(a_transformation()))
    open_a_run(database, RUN)

    dry = landfall("runs", "cancel", "--product", "sales/orders", "--dry-run", "-o", "json")
    done = landfall("runs", "cancel", "--product", "sales/orders", "--yes", "-o", "json")
    again = landfall("runs", "cancel", "--product", "sales/orders", "--yes", "-o", "json")

    assert "nothing was done: without --dry-run this would cancel 1 run" in dry.err
    assert json.loads(dry.out) == json.loads(done.out)
    assert [run["outcome"] for run in json.loads(done.out)] == ["done"]
    assert (again.code, json.loads(again.out)[0]["outcome"]) == (0, "left")


def test_on_a_terminal_it_is_shown_and_asked_for(
    database: Database, landfall: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(database, a_product(a_transformation()))
    run = open_a_run(database, RUN)
    settle(database, run, "ingest.orders_landed", Verdict(NodeState.FAILED, reason="unreadable"))
    close(database, run)
    asked: list[str] = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    answers = iter([False, True])

    def confirm(text: str, **_: object) -> bool:
        asked.append(text)
        return next(answers)

    monkeypatch.setattr("landfall.cli.bulk.typer.confirm", confirm)

    no = landfall("runs", "rerun", "--all", "--from-failed", "-o", "json")
    yes = landfall("runs", "rerun", "--all", "--from-failed", "-o", "json")
    (row,) = json.loads(yes.out)

    assert asked == ["rerun 1 run?"] * 2
    assert (no.code, no.out) == (1, "")
    assert RUN in no.err
    assert (yes.code, row["outcome"]) == (0, "done")
    assert database.read(lambda c: request_status(c, row["request_id"])).product == "sales/orders"


def test_files_of_a_product_are_replayed_after_a_yes(database: Database, landfall: Command) -> None:
    for path in ("sales/orders/orders_landed/a.csv", "sales/orders/elsewhere/b.csv"):
        database.transact(lambda c, path=path: take_in(c, a_blob_event(path), now=NOW))  # type: ignore[misc]
    apply(database, a_product(a_transformation()))

    dry = landfall("files", "replay", "--product", "sales/orders", "--dry-run", "-o", "json")
    done = landfall("files", "replay", "--product", "sales/orders", "--yes", "-o", "json")

    assert json.loads(dry.out) == json.loads(done.out)
    assert {row["file_id"]: row["state"] for row in json.loads(done.out)} == {1: "pending", 2: "left"}
    assert "would replay 1 file" in dry.err
    assert done.code == 0


def test_dead_letters_are_listed_replayed_and_discarded_by_filter(
    database: Database, landfall: Command
) -> None:
    apply(database, a_product(a_transformation()))
    for text, code in (("not json", "LF3120"), ('{"data": {}}', "LF3120"), ("[]", "LF9999")):
        database.transact(
            lambda c, text=text, code=code: keep_dead_letter(  # type: ignore[misc]
                c, text, source=LetterSource.QUEUE, reason="wrong", error_code=code, now=NOW
            )
        )

    listed = json.loads(landfall("dead-letters", "list", "-o", "json").out)
    shown = json.loads(landfall("dead-letters", "show", "1", "-o", "json").out)
    dry = landfall("dead-letters", "replay", "--all", "--dry-run", "-o", "json")
    replayed = landfall("dead-letters", "replay", "--source", "queue", "--yes", "-o", "json")
    discarded = landfall("dead-letters", "discard", "--code", "LF3120", "--yes", "-o", "json")
    left = landfall("dead-letters", "discard", "1", "3", "-o", "json")
    ended = json.loads(landfall("dead-letters", "list", "--state", "discarded", "-o", "json").out)

    assert [letter["letter_id"] for letter in listed] == [3, 2, 1]
    assert shown[0]["payload"] == "not json"
    assert [letter["state"] for letter in json.loads(dry.out)] == ["dead"] * 3
    # What is still no event stays dead; an empty list of events is handled.
    assert [letter["state"] for letter in json.loads(replayed.out)] == ["dead", "dead", "replayed"]
    assert replayed.code == 1
    assert [letter["letter_id"] for letter in json.loads(discarded.out)] == [1, 2]
    assert [letter["state"] for letter in json.loads(left.out)] == ["discarded", "replayed"]
    assert "it was replayed by" in json.loads(left.out)[1]["reason"]
    assert [letter["ended_by"] is not None for letter in ended] == [True, True]
    assert "LF3121" in landfall("dead-letters", "discard", "99").err


def test_one_key_is_one_request_and_another_body_under_it_is_refused(
    database: Database, landfall: Command
) -> None:
    apply(database, a_product(a_transformation()))

    key = ("--idempotency-key", "2026-01-01", "--no-wait", "-o", "json")
    first = landfall("run", "sales/orders", "--on-failure", "fail_fast", *key)
    again = landfall("run", "sales/orders", "--on-failure", "fail_fast", *key)
    other = landfall("run", "sales/orders", "--full", *key)

    assert json.loads(first.out)["request_id"] == json.loads(again.out)["request_id"]
    assert (other.code, "LF3212" in other.err) == (1, True)


def _runs(landfall: Command) -> dict[str, str]:
    return {run["run_id"]: run["state"] for run in json.loads(landfall("runs", "list", "-o", "json").out)}
