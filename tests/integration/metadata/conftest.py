import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from landfall.metadata.engine import Database, create_engine
from landfall.metadata.migrations import upgrade


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database file at the newest revision, to be copied: a copy costs less than a migration."""
    file = tmp_path_factory.mktemp("migrated") / "landfall.db"
    database = Database(create_engine(f"sqlite:///{file}"))
    upgrade(database)
    database.close()
    return file


@pytest.fixture
def database_file(migrated_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated_file, tmp_path / "landfall.db"))


@pytest.fixture
def database(database_file: Path) -> Iterator[Database]:
    opened = Database(create_engine(f"sqlite:///{database_file}"))
    yield opened
    opened.close()


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(create_engine(f"sqlite:///{tmp_path / 'empty.db'}"))
    yield opened
    opened.close()
