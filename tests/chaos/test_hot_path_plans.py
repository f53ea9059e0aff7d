"""The statements of files and nodes find their rows by an index, so that they cost the same at a million node runs."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from landfall.spec.model import ExecutionMode
from tests.chaos.hot_path import STORIES, tell, wide_steps
from tests.databases import a_database


@pytest.mark.parametrize("execution", ExecutionMode)
@pytest.mark.parametrize("story", STORIES)
def test_no_statement_of_a_file_or_a_node_reads_a_table_that_grows(
    tmp_path: Path, execution: ExecutionMode, story: str
) -> None:
    sent = tell(story, execution, tmp_path)

    # An empty database makes the plans that a full one makes; `benchmarks/hot_path.py` holds them against one.
    a_database(tmp_path, "empty.db").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "empty.db")) as connection:
        wide = wide_steps(connection, sent)
    assert not wide, "\n".join(wide)
