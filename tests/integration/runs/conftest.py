"""A real metadata database in a file, with one product applied."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from landfall.metadata.engine import Database, create_engine
from landfall.metadata.tables import metadata


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(create_engine(f"sqlite:///{tmp_path}/landfall.db"))
    metadata.create_all(database.engine)
    yield database
    database.close()
