from collections.abc import Iterator
from pathlib import Path

import pytest

from landfall.metadata.engine import Database, create_engine
from tests.databases import a_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = a_database(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(create_engine(f"sqlite:///{tmp_path / 'empty.db'}"))
    yield opened
    opened.close()
