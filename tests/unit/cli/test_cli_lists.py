"""Verbs that list: narrowed as the API and the console narrow, page by page, and wrong words are wrong usage."""

import json
import re

import pytest

from landfall.metadata.engine import Database
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from tests.builders import a_product, a_transformation
from tests.unit.cli.conftest import Command, apply, close, open_a_run, settle


@pytest.fixture
def two_runs(database: Database) -> Database:
    apply(database, a_product(a_transformation()))
    ended = open_a_run(database, "20260101-120000-aaaa")
    for key in ("ingest.orders_landed", "build_orders"):
        settle(database, ended, key, Verdict(NodeState.SUCCEEDED))
    close(database, ended)
    open_a_run(database, "20260101-130000-bbbb")
    return database


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (("--state", "open"), ["20260101-130000-bbbb"]),
        (("--state", "open", "--state", "cancelled", "--begins", "20260101-12"), []),
        (("--begins", "20260101-12"), ["20260101-120000-aaaa"]),
        (("--trigger", "schedule"), []),
        (("--since", "1m"), []),
    ],
)
def test_runs_are_narrowed(
    two_runs: Database, landfall: Command, options: tuple[str, ...], ids: list[str]
) -> None:
    rows = json.loads(landfall("runs", "list", *options, "-o", "json").out)

    assert [row["run_id"] for row in rows] == ids


def test_a_list_goes_on_at_the_cursor_that_it_told(two_runs: Database, landfall: Command) -> None:
    first = landfall("runs", "list", "--limit", "1", "-o", "json")
    told = re.search(r"--cursor (\S+) goes on", first.err)
    assert told is not None
    second = landfall("runs", "list", "--limit", "1", "--cursor", told[1], "-o", "json")

    ids = [row["run_id"] for answer in (first, second) for row in json.loads(answer.out)]
    assert sorted(ids) == ["20260101-120000-aaaa", "20260101-130000-bbbb"]
    assert "--cursor" not in second.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs", "list", "--state", "done"),
        ("runs", "list", "--order", "random"),
        ("runs", "list", "--since", "yesterday"),
        ("runs", "requests", "--state", "running"),
        ("runs", "requests", "--trigger", "magic"),
        ("files", "list", "--state", "lost"),
        ("files", "list", "--since", "7x"),
        ("backfills", "list", "--state", "lost"),
        ("dead-letters", "list", "--source", "post"),
        ("audit", "--since", "never"),
    ],
    ids=" ".join,
)
def test_a_word_that_means_nothing_is_wrong_usage(
    database: Database, landfall: Command, arguments: tuple[str, ...]
) -> None:
    answer = landfall(*arguments)

    assert (answer.code, answer.out) == (2, "")
    assert arguments[-2] in answer.err


def test_a_cursor_of_another_list_is_refused(two_runs: Database, landfall: Command) -> None:
    answer = landfall("runs", "requests", "--cursor", "nonsense")

    assert answer.code == 1
    assert "LF2301" in answer.err
