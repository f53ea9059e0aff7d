"""From the name of a file, as people write it, to what became of its rows, on the command line."""

import json
from dataclasses import replace

import pytest

from landfall.metadata.engine import Database
from landfall.runs.file_history import file_history
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from tests.builders import a_product, a_transformation
from tests.unit.cli.conftest import Command, apply, close, open_a_run, settle

RUN = "20260101-120000-aaaa"
NAME = "orders 2024 zoë.csv"
# As the event of the storage account has it.
ENCODED = "orders%202024%20zo%C3%AB.csv"


@pytest.fixture
def taken_in(database: Database) -> Database:
    """Return a store in which a run took in a file of ten rows, of which it refused two."""
    apply(database, a_product(a_transformation()))
    run = open_a_run(database, RUN, path=f"sales/orders/orders_landed/{ENCODED}")
    settle(
        database,
        run,
        "ingest.orders_landed",
        Verdict(NodeState.SUCCEEDED, rows_read=10, rows_published=8, rows_quarantined=2),
    )
    settle(database, run, "build_orders", Verdict(NodeState.SUCCEEDED))
    close(database, run)
    return database


@pytest.mark.parametrize("text", [NAME, f"orders_landed/{NAME}", ENCODED, f"orders_landed/{ENCODED}", "1"])
def test_a_file_is_shown_with_the_rows_that_were_refused_of_it(
    taken_in: Database, landfall: Command, text: str
) -> None:
    (row,) = json.loads(landfall("files", "show", text, "-o", "json").out)

    assert row["file"] == NAME
    assert (row["rows_read"], row["rows_published"], row["rows_quarantined"]) == (10, 8, 2)
    assert [intake["run_id"] for intake in row["intakes"]] == [RUN]


def test_a_file_tells_the_command_that_shows_its_refused_rows(taken_in: Database, landfall: Command) -> None:
    shown = landfall("files", "show", NAME)
    why = landfall("why", NAME)

    command = f"landfall quarantine show sales/orders.orders_landed --file 'orders_landed/{NAME}' --state all"
    assert f"file 1: 2 rows refused: {command}" in shown.err
    assert f"run {RUN} took it in for orders_landed: 10 rows read, 2 refused" in why.out
    assert f"-> `{command}`" in why.out


def test_files_are_listed_and_found_by_the_name_that_people_know(
    taken_in: Database, landfall: Command
) -> None:
    listed = landfall("files", "list", "--name", "orders 2024 z", "-o", "json").out
    found = landfall("find", "orders 2024 z", "-o", "json").out

    assert [row["file"] for row in json.loads(listed)] == [NAME]
    assert [row["name"] for row in json.loads(found)] == [NAME]


def test_a_list_for_people_says_in_which_folder_a_file_lies(taken_in: Database, landfall: Command) -> None:
    for verb in (("files", "list"), ("files", "show", "1")):
        assert f"orders_landed/{NAME}" in landfall(*verb).out


def test_what_is_one_is_told_as_one(taken_in: Database, landfall: Command) -> None:
    events = json.loads(landfall("runs", "events", RUN, "-o", "json").out)

    assert "2 nodes, 1 file" in [event["detail"] for event in events]


def test_a_node_has_its_instants_as_every_list_has_them(taken_in: Database, landfall: Command) -> None:
    node = json.loads(landfall("runs", "node", RUN, "ingest.orders_landed", "-o", "json").out)
    listed = json.loads(landfall("runs", "list", "-o", "json").out)

    assert [node["started_at"][-5:], listed[0]["created_at"][-5:]] == [".000Z", ".000Z"]


def test_a_file_keeps_its_counts_when_its_refused_rows_are_judged_again(taken_in: Database) -> None:
    (version,) = taken_in.read(lambda connection: file_history(connection, 1))
    (intake,) = version.intakes
    judging = replace(intake, run_id=RunID("20260101-130000-bbbb"), rows_read=2, rows_quarantined=0)

    assert replace(version, intakes=(judging, intake)).taken_in == intake
