"""Source databases with the same rows: a SQLite file, and a PostgreSQL server of its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from landfall.copying.source import SourceDatabase

_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A server without network, reached through a socket in a folder of its own; gives its URL."""
    initdb = next((str(folder / "initdb") for folder in _FOLDERS), None) or shutil.which("initdb")
    if initdb is None:
        pytest.skip("PostgreSQL is not on this machine: run `make postgresql` to copy from it")
    # It refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="landfall-pg-"))
    try:
        if user is not None:
            shutil.chown(folder, user, user)
        data = folder / "data"
        subprocess.run(
            [initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=user,
            check=True,
            capture_output=True,
        )
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [
                    Path(initdb).with_name("postgres"),
                    "-D",
                    data,
                    "-k",
                    folder,
                    "-c",
                    "listen_addresses=",
                    "-F",
                ],
                user=user,
                stdout=log,
                stderr=log,
            )
        try:
            url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
            _wait_for(url, server, folder / "log")
            yield url
        finally:
            server.terminate()
            server.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    while True:
        try:
            with engine.connect():
                return
        except sa.exc.OperationalError:
            assert server.poll() is None, log.read_text()


@pytest.fixture(params=["sqlite", "postgresql"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SourceDatabase]:
    """An empty source database of either kind."""
    if request.param == "sqlite":
        yield SourceDatabase.connect("fleet_db", f"sqlite:///{tmp_path / 'fleet.db'}")
        return
    database = SourceDatabase.connect("fleet_db", request.getfixturevalue("postgresql"))
    run(database, "DROP SCHEMA IF EXISTS public CASCADE", "CREATE SCHEMA public")
    yield database


def run(database: SourceDatabase, *statements: str) -> None:
    with database.engine.begin() as connection:
        for statement in statements:
            # Percent signs and colons stand for themselves.
            connection.execute(sa.text(statement.replace(":", r"\:")))


@dataclass
class Landed:
    """Stands for the landing container: the files by path, kept as tables."""

    folder: Path
    files: dict[str, Path] = field(default_factory=dict)

    def upload(self, path: str, file: Path) -> str:
        kept = self.folder / f"{len(self.files)}.parquet"
        shutil.copyfile(file, kept)
        self.files[path] = kept
        return f"0x{len(self.files)}"

    def rows(self, path: str) -> list[dict[str, object]]:
        return [dict(row) for row in pq.read_table(self.files[path]).to_pylist()]


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    folder = tmp_path / "landed"
    folder.mkdir()
    return Landed(folder)
