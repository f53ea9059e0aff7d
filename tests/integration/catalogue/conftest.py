"""A real metadata database in a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from landfall.metadata.engine import Database
from tests.databases import a_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = a_database(tmp_path)
    yield database
    database.close()
