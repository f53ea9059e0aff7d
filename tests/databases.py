"""Metadata databases for tests: real SQLite files at the newest revision, copied from one that was migrated once."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from landfall.metadata.engine import Database, create_engine
from landfall.metadata.migrations import upgrade


def a_database(folder: Path, name: str = "landfall.db") -> Database:
    """Return a new database in ``folder`` that has every table and no row."""
    file = shutil.copyfile(_migrated(), folder / name)
    return Database(create_engine(f"sqlite:///{file}"))


@cache
def _migrated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="landfall-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = Database(create_engine(f"sqlite:///{folder / 'landfall.db'}"))
    upgrade(database)
    # Closing the last connection brings what is in the write-ahead log into the file.
    database.close()
    return folder / "landfall.db"
