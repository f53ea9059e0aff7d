"""Data Factory starts runs, waits for them and is called back: its protocol, on the whole stack."""

import json
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from landfall.local.layout import Layout
from tests.acceptance.laptop import Laptop
from tests.acceptance.test_operating import PRODUCT
from tests.fakes.data_factory import DataFactory
from tests.integration.copying.conftest import postgresql  # noqa: F401 - a fixture

pytestmark = pytest.mark.stack

# Landing starts nothing, so that each run is one that was asked for.
FLEET = Path(__file__).parents[2] / "data_products/mobility/fleet"
BY_REQUEST = PRODUCT.replace("run: {", "run: {on: [], ")


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    laptop = Laptop.start(tmp_path_factory.mktemp("factory"), "sales/orders", BY_REQUEST)
    yield laptop
    laptop.stop()


@pytest.fixture
def factory(laptop: Laptop) -> Iterator[DataFactory]:
    factory = DataFactory({}).start()
    yield factory
    factory.stop()


def test_a_web_activity_waits_for_the_end_and_fails_with_the_run(
    laptop: Laptop, factory: DataFactory
) -> None:
    _land(laptop, "good.csv", b"id\n1\n")
    good = factory.web_activity("POST", _starter(laptop), {"idempotency_key": "pipeline-1", "trigger": "adf"})
    _land(laptop, "bad.csv", b"id\n500\n")
    bad = factory.web_activity("POST", _starter(laptop), {"idempotency_key": "pipeline-2"})
    again = factory.web_activity("POST", _starter(laptop), {"idempotency_key": "pipeline-2"})

    assert (good.status, good.output["state"]) == ("Succeeded", "succeeded")
    assert laptop.runs()[-1].trigger == "adf"
    assert bad.status == again.status == "Failed"
    assert "LF6103" in str(bad.error)
    assert len(laptop.runs()) == 2


def test_a_webhook_activity_is_called_back_until_it_acknowledges(
    laptop: Laptop, factory: DataFactory
) -> None:
    factory.refusals = [503]

    nothing = factory.webhook_activity(_starter(laptop), {})
    _land(laptop, "worse.csv", b"id\n501\n")
    failed = factory.webhook_activity(_starter(laptop), {})

    assert (nothing.status, nothing.output["state"]) == ("Succeeded", "done")
    assert (failed.status, failed.output["state"]) == ("Failed", "failed")
    assert failed.output["run_id"] in str(failed.error)
    assert len(factory.calls) == 3
    assert _secrets_in(laptop, factory) == []


def test_one_key_is_one_run_however_many_ask_at_once(laptop: Laptop, factory: DataFactory) -> None:
    before = len(laptop.runs())
    _land(laptop, "once.csv", b"id\n2\n")
    body = {"idempotency_key": "pipeline-3", "full": True}

    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: factory.webhook_activity(_starter(laptop), body), range(8)))
    status, _, text = factory.send("POST", _starter(laptop), {**body, "full": False})

    assert len({answer.output["request_id"] for answer in answers}) == 1
    assert len(laptop.runs()) == before + 1
    # Each caller waits at an address of its own, and each is told once.
    assert len(factory.calls) == len(set(factory.calls)) == 8
    assert (status, "LF3212" in text) == (409, True)


def test_a_callback_survives_the_host(laptop: Laptop, factory: DataFactory) -> None:
    factory.refusals = [503]
    uri = factory.new_callback_uri()
    factory.send("POST", _starter(laptop), {"callback_uri": uri})
    laptop.wait_for(lambda: factory.calls, "the first attempt")

    killed = laptop.kill("functions", signal.SIGKILL)
    laptop.wait_for(lambda: laptop.pid("functions") not in {None, killed}, "the host to come back")

    assert factory.called_back(uri).status == "Succeeded"


def test_what_is_wrong_is_said_at_once(laptop: Laptop, factory: DataFactory) -> None:
    body = {
        "dataset": [],
        "datasets": ["nothing"],
        "full": 1,
        "callback_uri": "https://169.254.169.254/token",
    }

    status, _, text = factory.send("POST", _starter(laptop), body)
    unknown, _, _ = factory.send("POST", _starter(laptop).replace("orders", "nothing"), {})
    stranger, _, _ = DataFactory({"Origin": "https://elsewhere.example"}).send("POST", _starter(laptop), {})

    assert (status, unknown, stranger) == (400, 404, 403)
    for fault in (
        "'dataset' is not known",
        "no dataset 'nothing'",
        "'full' must be",
        "address of the network",
    ):
        assert fault in text


def _starter(laptop: Laptop) -> str:
    return f"{laptop.settings.functions_url}/api/products/sales/orders/runs"


def _land(laptop: Laptop, name: str, content: bytes) -> None:
    laptop.upload(f"sales/orders/orders/{name}", content)
    laptop.wait_for(
        lambda: name in laptop.succeed("files", "list", "--state", "pending"), f"{name} in the ledger"
    )


def _secrets_in(laptop: Laptop, factory: DataFactory) -> list[Path]:
    """Return the files of the stack in which an address of a waiting activity stands; ended ones are forgotten."""
    tokens = [call.partition("callBackToken=")[2].encode() for call in factory.calls]
    own = Layout(laptop.project)
    files = [path for path in own.home.rglob("*") if path.is_file() and not path.match(f"{own.database}*")]
    return [path for path in files if any(token in path.read_bytes() for token in tokens)]


def test_tables_are_copied_by_the_plan_and_watermarks_follow_what_is_published(
    laptop: Laptop, factory: DataFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(FLEET, laptop.project / "data_products/mobility/fleet")
    workshops = sqlite3.connect(laptop.project / "fleet.db", isolation_level=None)
    workshops.executescript((FLEET / "samples/fleet.sql").read_text())
    monkeypatch.setenv("LANDFALL_CONNECTION_FLEET_DB", f"sqlite:///{laptop.project / 'fleet.db'}")
    laptop.succeed("apply")

    due = _copy_plan(laptop, factory)
    laptop.succeed("copy", "mobility/fleet", "--wait", "--timeout", "90")
    first = laptop.rows("mobility/fleet/silver/aircraft")
    workshops.execute(
        "UPDATE Aircraft SET Seats = 174, ModifiedAt = '2025-02-01 08:00:00' WHERE AircraftID = 1"
    )
    following = _copy_plan(laptop, factory)
    laptop.succeed("copy", "mobility/fleet", "aircraft_landed", "--wait", "--timeout", "90")
    again = json.loads(laptop.succeed("copy", "mobility/fleet", "aircraft_landed", "--output", "json"))
    workshops.close()

    assert [(item["dataset"], item["watermark_from"], item["file"][:9]) for item in due["items"]] == [
        ("aircraft_landed", "", "00000001_"),
        ("models_landed", "", "factory-1"),
    ]
    # One is no aircraft, one has no seats, and one says not when it was changed, so that no merge could order it.
    assert sorted(row["aircraft_id"] for row in first) == [1, 2, 3]
    assert following["items"][0]["watermark_from"] == "2025-01-02 10:00:00"
    seats = {row["aircraft_id"]: row["seats"] for row in laptop.rows("mobility/fleet/silver/aircraft")}
    assert seats == {1: 174, 2: 180, 3: 189}
    assert len(laptop.rows("mobility/fleet/bronze/aircraft_landed")) == 5
    assert [(row["state"], row["rows"]) for row in again] == [("unchanged", None)]


def _copy_plan(laptop: Laptop, factory: DataFactory) -> dict[str, Any]:
    url = f"{laptop.settings.functions_url}/api/products/mobility/fleet/copy-plan?key=factory-1"
    answer = factory.web_activity("GET", url, None)
    assert answer.status == "Succeeded"
    return dict(answer.output)


HANGARS = """
CREATE TABLE hangar (hangar_id integer primary key, name varchar(20), size numeric(8,2), modified_at timestamptz);
INSERT INTO hangar VALUES (1, 'North', 1200.50, '2025-01-01 10:00:00.123456+00');
INSERT INTO hangar VALUES (2, 'South', 80, '2025-01-02 10:00:00+01');
"""
LATEST = """
transformations:
  - name: latest_hangars
    inputs: [hangar_landed]
    steps:
      - dedupe: {keys: [hangar_id], order_by: [modified_at desc]}
      - select: [hangar_id, name, size, modified_at]
    output: {dataset: hangars, layer: silver, write: {mode: merge, keys: [hangar_id], order_by: modified_at}}
"""


def test_an_existing_database_is_ingested_and_its_watermark_follows_what_was_published(
    laptop: Laptop,
    factory: DataFactory,
    postgresql: str,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From tables that are there to tables of the lake that equal them, by a product file that names a watermark."""
    monkeypatch.setenv("LANDFALL_CONNECTION_HANGAR_DB", postgresql)
    engine = sa.create_engine(postgresql, poolclass=sa.NullPool)

    def at_source(*statements: str) -> list[tuple[Any, ...]]:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement.replace(":", r"\:")))
            found = connection.execute(sa.text("SELECT hangar_id, name, size, modified_at FROM hangar"))
            return sorted(tuple(row) for row in found)

    def in_the_lake() -> list[tuple[Any, ...]]:
        rows = laptop.rows("mobility/hangars/silver/hangars")
        return sorted(
            tuple(row[name] for name in ("hangar_id", "name", "size", "modified_at")) for row in rows
        )

    def mark() -> str:
        url = f"{laptop.settings.functions_url}/api/products/mobility/hangars/copy-plan?key=k"
        (item,) = factory.web_activity("GET", url, None).output["items"]
        return str(item["watermark_from"])

    expected = at_source(*HANGARS.strip().split("\n"))
    laptop.succeed("import", "database", "mobility/hangars", "hangar_db", "--table", "hangar")
    folder = laptop.project / "data_products/mobility/hangars"
    datasets = folder / "datasets/hangar_db.yml"
    datasets.write_text(
        datasets.read_text().replace("{table: hangar}", "{table: hangar, watermark: modified_at}")
    )
    product = folder / "product.yml"
    product.write_text(product.read_text() + LATEST)
    laptop.succeed("validate")
    laptop.succeed("apply")

    laptop.succeed("copy", "mobility/hangars", "--wait", "--timeout", "90")
    first, marked = in_the_lake(), mark()
    changed = at_source(
        "UPDATE hangar SET size = 81, modified_at = '2025-02-01 08:00:00+00' WHERE hangar_id = 2"
    )
    before_the_run = mark()
    copied = json.loads(
        laptop.succeed("copy", "mobility/hangars", "--wait", "--timeout", "90", "--output", "json")
    )

    assert first == expected
    assert marked == before_the_run
    assert marked.startswith("2025-01-02")
    assert [row["rows"] for row in copied if "rows" in row] == [1]
    assert in_the_lake() == changed
    assert mark().startswith("2025-02-01")
