"""No list of operators reads a large table from end to end, whatever it is narrowed to."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from landfall.landing.dead_letters import LetterFilter, LetterSource, list_dead_letters
from landfall.landing.queries import (
    FileFilter,
    UnknownFile,
    count_files,
    get_file,
    list_files,
    versions_of_file,
)
from landfall.metadata.engine import Database
from landfall.metadata.scope import EVERYTHING, Scope
from landfall.planning.plan import NodeKey
from landfall.runs.attention import attention
from landfall.runs.dataset_history import build_history, quality_history
from landfall.runs.dataset_list import DatasetFilter, list_datasets
from landfall.runs.file_history import file_history
from landfall.runs.files_behind import files_behind
from landfall.runs.product_detail import rows_by_run
from landfall.runs.product_list import ProductFilter, ProductOrder, find_products
from landfall.runs.provenance import origins
from landfall.runs.refused_list import list_refused
from landfall.runs.states import FileState, RunState
from tests.builders import a_product, a_transformation
from tests.integration.runs.acting import apply, begin, finish, land

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
LARGE = "Runs|NodeRuns|NodeAttempts|RunEvents|RunFiles|LandedFiles|DataQualityResults|DeadLetters"
LISTS: dict[str, Callable[..., Any]] = {
    "needs me": partial(attention, now=NOW),
    "products": find_products,
    "products, stalest": partial(find_products, order=ProductOrder.STALEST),
    "products, failed": partial(find_products, wanted=ProductFilter(last_state=RunState.FAILED)),
    "files": list_files,
    "files, oldest": partial(list_files, oldest_first=True),
    "files of a product": partial(list_files, wanted=FileFilter(product="sales/orders")),
    "files of a product in a state": partial(
        list_files, wanted=FileFilter(product="sales/orders", state=FileState.DONE)
    ),
    "files of a dataset": partial(list_files, wanted=FileFilter(product="sales/orders", dataset="landed")),
    "files in a state": partial(list_files, wanted=FileFilter(state=FileState.DONE)),
    "files since": partial(list_files, wanted=FileFilter(since=NOW)),
    "files of a run": partial(list_files, wanted=FileFilter(run_id="r1")),
    "files by name": partial(list_files, wanted=FileFilter(name="orders-2026")),
    "datasets": list_datasets,
    "datasets, broken": partial(list_datasets, wanted=DatasetFilter(broken=True)),
    "refused rows": partial(list_refused, since=NOW),
    "refused rows of a product": partial(list_refused, product="sales/orders"),
}
OF_EVERYTHING: dict[str, Callable[..., Any]] = {
    "a file by its path": partial(get_file, text="in/orders.csv"),
    "versions of a file": partial(versions_of_file, file_id=1),
    "a file's history": partial(file_history, file_id=1),
    "files by state": partial(count_files, states=(FileState.REJECTED,), since=NOW),
    "quality": partial(quality_history, product_id=1, dataset="landed"),
    "builds": partial(build_history, product_id=1, node=NodeKey("build")),
    "rows by run": partial(rows_by_run, product_id=1),
    "letters": list_dead_letters,
    "letters of a source": partial(list_dead_letters, wanted=LetterFilter(source=LetterSource.QUEUE)),
}
CASES = [
    *(pytest.param(partial(read, scope=EVERYTHING), id=name) for name, read in LISTS.items()),
    *(
        pytest.param(partial(read, scope=Scope(frozenset({"sales"}))), id=f"{name}, one domain")
        for name, read in LISTS.items()
    ),
    *(pytest.param(read, id=name) for name, read in OF_EVERYTHING.items()),
]


def plans_of(database: Database, read: Callable[[sa.Connection], Any]) -> list[str]:
    """Return the plan of every statement of a read, a line for each of its steps."""
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        statements.append((statement, parameters))

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        # An empty database has no such file; its statement is run all the same.
        with suppress(UnknownFile):
            database.read(read)
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)
    with database.engine.begin() as connection:
        return [
            row.detail
            for statement, parameters in statements
            if statement.startswith(("SELECT", "WITH"))
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]


@pytest.mark.parametrize("read", CASES)
def test_no_large_table_is_read_from_end_to_end(
    database: Database, read: Callable[[sa.Connection], Any]
) -> None:
    steps = plans_of(database, read)

    # Along an index is no harm: the page ends the walk, as the next test makes sure.
    assert steps
    assert [step for step in steps if re.match(rf"SCAN ({LARGE})\b(?! USING)", step)] == []


@pytest.mark.parametrize("name", [name for name in LISTS if name.startswith("files")])
def test_no_list_of_files_is_sorted_before_its_page_is_cut(database: Database, name: str) -> None:
    steps = plans_of(database, partial(LISTS[name], scope=EVERYTHING))

    # The last key only tells rows of one instant apart; files of a run are as many as a run takes in.
    sorted_whole = [step for step in steps if step == "USE TEMP B-TREE FOR ORDER BY"]
    assert sorted_whole == [] or name == "files of a run"


def test_what_made_a_dataset_is_found_by_its_run_however_many_files_have_landed(database: Database) -> None:
    apply(database, a_product(a_transformation("build_orders", output="orders")))
    land(database, "orders_landed/1.csv", etag="0x1")
    run_id = begin(database, "r1", now=NOW)
    assert run_id is not None
    finish(database, run_id, now=NOW)

    steps = plans_of(database, partial(origins, datasets=["sales/orders.orders_landed"]))

    assert [step for step in steps if step.startswith("SCAN")] == []
    of_files = [step for step in steps if "LandedFiles" in step]
    assert of_files == [
        "SEARCH LandedFiles USING COVERING INDEX IX_LandedFiles_RunID_State (RunID=? AND State=?)"
    ]


def test_refused_rows_are_summed_for_the_datasets_of_the_page_alone(database: Database) -> None:
    steps = plans_of(database, partial(list_refused, since=NOW))

    # The page ends the walk from the newest refusal on; what is grouped or sorted has to be read first.
    assert [step for step in steps if step.startswith(("MATERIALIZE", "USE TEMP B-TREE"))] == []
    walked, *others = [step for step in steps if re.search("NodeRuns", step)]
    assert walked == "SEARCH NodeRuns USING INDEX IX_NodeRuns_Refusing (RunID>?)"
    assert len(others) == 3
    assert all(
        step.endswith("INDEX IX_NodeRuns_RefusingOfNode (DataProductID=? AND NodeKey=? AND RunID>?)")
        for step in others
    )


def test_the_files_behind_a_version_are_read_newest_first_until_enough_are_found(database: Database) -> None:
    apply(database, a_product(a_transformation("build_orders", output="orders")))
    land(database, "orders_landed/a.csv")
    run_id = begin(database, "r1")
    assert run_id is not None
    finish(database, run_id)

    steps = plans_of(database, partial(files_behind, text="orders"))

    assert "SEARCH LandedFiles USING INDEX IX_LandedFiles_DataProductID_DataSetName_LandedAt" in " ".join(
        steps
    )
    of_a_file = [step for step in steps if "RunFiles" in step or "NodeRuns" in step]
    assert of_a_file
    assert all(re.search(r"\((LandedFileID=\?|RunID=\? AND NodeKey=\?)\)", step) for step in of_a_file)
    # Sorted is only what was found for each dataset, which is no more than is shown.
    assert [step for step in steps if "TEMP B-TREE" in step and "LAST" not in step] == [
        "USE TEMP B-TREE FOR ORDER BY"
    ]
