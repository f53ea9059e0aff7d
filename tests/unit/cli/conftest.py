"""A project on disk with a real, migrated metadata database, and the command run in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from landfall.cli.main import main
from landfall.landing.intake import take_in
from landfall.metadata.apply import apply_products
from landfall.metadata.engine import Database, create_engine
from landfall.metadata.migrations import upgrade
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import record_submission
from landfall.runs.closing import close_run, start_run
from landfall.runs.ids import RunID
from landfall.runs.opening import open_run
from landfall.runs.settling import end_node
from landfall.runs.verdict import Verdict
from landfall.spec.model import Product
from tests.api_server import NOW, serving
from tests.builders import a_blob_event


@dataclass(frozen=True)
class Answer:
    """What the command said and how it ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


def write_project(folder: Path) -> Path:
    """Make a folder a project whose database is a file, and whose services answer nowhere."""
    (folder / ".landfall").mkdir(parents=True)
    (folder / "landfall.yml").write_text("name: shop\n")
    (folder / ".landfall" / "laptop.env").write_text(
        "\n".join(
            [
                f"LANDFALL_DATABASE_URL=sqlite:///{folder}/.landfall/landfall.db",
                "LANDFALL_STORAGE_ACCOUNT=devstoreaccount1",
                "LANDFALL_BLOB_ENDPOINT=http://127.0.0.1:9/devstoreaccount1",
                "LANDFALL_STORAGE_KEY=a2V5",
                "DATABRICKS_HOST=http://127.0.0.1:9",
                "LANDFALL_FUNCTIONS_URL=http://127.0.0.1:9",
            ]
        )
    )
    return folder


@pytest.fixture
def database(project: Path) -> Iterator[Database]:
    database = Database(create_engine(f"sqlite:///{project}/.landfall/landfall.db"))
    upgrade(database)
    yield database
    database.close()


@pytest.fixture
def app(project: Path, database: Database) -> Iterator[None]:
    """Serve the API over the project's database, as the function app does."""
    with serving(database) as url:
        file = project / ".landfall" / "laptop.env"
        lines = [line for line in file.read_text().splitlines() if "LANDFALL_FUNCTIONS_URL" not in line]
        file.write_text("\n".join([*lines, f"LANDFALL_FUNCTIONS_URL={url}"]))
        yield


@pytest.fixture
def landfall(project: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs the command in the project."""

    def command(*arguments: str) -> Answer:
        capsys.readouterr()
        code = main(["--project", str(project), *arguments])
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return command


def apply(database: Database, *products: Product) -> None:
    apply_products(database, products, actor="tester", now=NOW)


def open_a_run(database: Database, run_id: str, *, path: str = "sales/orders/orders_landed/a.csv") -> RunID:
    """Land a file and start a run that takes it in; the file's version is the run's id."""
    database.transact(lambda c: take_in(c, a_blob_event(path, etag=run_id), now=NOW))
    database.transact(lambda c: open_run(c, "sales/orders", RunID(run_id), now=NOW))
    database.transact(lambda c: start_run(c, RunID(run_id), now=NOW))
    return RunID(run_id)


def settle(database: Database, run: RunID, key: str, verdict: Verdict) -> None:
    """Let a node's first attempt be submitted and end."""
    database.transact(
        lambda c: record_submission(
            c, run, NodeKey(key), 1, job_run_id=7, job_run_url=None, token=f"{run}/{key}", now=NOW
        )
    )
    database.transact(
        lambda c: end_node(
            c, run, NodeKey(key), 1, verdict, token=f"{run}/{key}", now=NOW + timedelta(seconds=2)
        )
    )


def close(database: Database, run: RunID) -> None:
    database.transact(lambda c: close_run(c, run, now=NOW + timedelta(seconds=3)))
