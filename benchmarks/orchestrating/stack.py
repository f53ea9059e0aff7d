"""The laptop stack without Spark: storage, its events, jobs server and function host, with nodes that do nothing."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from azure.storage.blob import BlobServiceClient

from landfall.addresses import CONTAINERS, LANDING, BlobAddress
from landfall.jobs.client import connect
from landfall.local import azurite, storage_events
from landfall.metadata.apply import apply_products
from landfall.metadata.tables import data_products, runs
from landfall.runs.states import FINAL_RUN_STATES
from landfall.settings import Settings
from landfall.spec.model import Product
from tests import noop_node
from tests.contract.functions_host.running import HostProcess
from tests.contract.jobs_server.serving import Server
from tests.databases import a_database
from tests.loopback import free_port, wait_for_port

ROOT = Path(__file__).parents[2]
START_S = 300.0
STALLED_S = 300.0
SLOTS = 4


class BenchStack:
    """One installation in a folder; every process runs as `landfall up` starts it, but for the nodes.

    Attributes:
        storage_calls: Requests that the storage has answered, by method and container.
    """

    def __init__(self, folder: Path, products: Sequence[Product]) -> None:
        self.folder = folder
        self.storage_calls: Counter[str] = Counter()
        self._jobs_port, self._blob_port = free_port(), free_port()
        self.database = a_database(folder)
        apply_products(self.database, list(products), actor="bench", now=datetime.now(UTC))
        self._azurite = self._start_azurite()
        for container in CONTAINERS:
            self._blobs().create_container(container)
        self._jobs = self._start_jobs()
        self._job_id = connect(self._settings(None), noop_node.PROFILE).ensure_job()
        self._host = self._start_host()
        self._events = self._start_events()
        threading.Thread(target=self._follow, daemon=True).start()
        wait_until(lambda: storage_events.READY in self._log("events").read_text(), START_S)

    def close(self) -> None:
        self._host.stop()
        self._jobs.stop()
        for process in (self._azurite, self._events):
            process.terminate()
            process.wait(START_S)
        self.database.close()

    def processes(self) -> dict[str, int]:
        """Return the process ids by what they are."""
        host = self._host.process
        assert host is not None
        return {
            "functions": host.pid,
            "jobs": self._jobs.process.pid,
            "storage": self._azurite.pid,
            "events": self._events.pid,
        }

    @property
    def endpoint(self) -> str:
        """Of the Blob service."""
        return f"http://127.0.0.1:{self._blob_port}/{azurite.ACCOUNT}"

    @property
    def webhook(self) -> str:
        """Where the function host takes events."""
        return f"http://127.0.0.1:{self._host.port}/runtime/webhooks/eventgrid?functionName=on_blob_created"

    @property
    def tables(self) -> Path:
        """What the nodes wrote, for :class:`noop_node.Tables`."""
        return self.folder / "tables.jsonl"

    def signature(self) -> str:
        """Return a shared access signature for reading and writing blobs."""
        return noop_node.environment(self._settings(None), self.tables)[noop_node.SIGNATURE]

    def landing_blob(self, product: str, dataset: str, name: str) -> BlobAddress:
        return BlobAddress(azurite.ACCOUNT, LANDING, f"sales/{product}/{dataset}/{name}")

    def land(self, product: str, name: str = "a.csv") -> None:
        self._blobs().get_blob_client(LANDING, f"sales/{product}/orders_landed/{name}").upload_blob(
            b"id\n1\n"
        )

    def wait_for_run(self, product: str) -> str:
        """Return the id of the product's run once it has succeeded."""
        query = (
            sa.select(runs.c.RunID, runs.c.State, runs.c.OpenNodes, runs.c.Reason)
            .join(data_products, data_products.c.DataProductID == runs.c.DataProductID)
            .where(data_products.c.Name == product)
        )
        moved_at, left = time.monotonic(), -1
        while True:
            row = self.database.read(lambda connection: connection.execute(query).one_or_none())
            if row is not None and row.State in FINAL_RUN_STATES:
                assert row.State == "succeeded", f"{row.State}: {row.Reason}"
                return str(row.RunID)
            if row is not None and row.OpenNodes != left:
                moved_at, left = time.monotonic(), row.OpenNodes
            assert time.monotonic() - moved_at < STALLED_S, f"{left} nodes are left; see {self.folder}"
            time.sleep(0.1)

    def sql_round_trips(self) -> int:
        """Return the SQL round trips of the function host so far."""
        file = self.folder / "counts.json"
        file.unlink(missing_ok=True)
        os.kill(self.processes()["functions"], signal.SIGUSR1)
        wait_until(file.exists, START_S)
        counts = json.loads(file.read_text())
        return int(sum(counts["statements"].values()) + counts["commits"])

    def jobs_calls(self) -> int:
        """Return the requests that the Jobs API has answered so far; the journal itself keeps only the last ones."""
        return int(self._jobs.call("GET", "/__loopback/requests")["recorded"])

    def histories(self) -> list[list[int]]:
        """Return the types of the rows of each orchestration's history, as far as the task hub keeps them."""
        file = self.folder / "host" / "data" / "taskhub.sqlite"
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            rows = connection.execute("select instance_id, event from history order by instance_id, seq")
            found: dict[str, list[int]] = {}
            for instance_id, event in rows:
                found.setdefault(instance_id, []).append(json.loads(event)["EventType"])
        return list(found.values())

    # How it is put together.

    def _blobs(self) -> BlobServiceClient:
        return BlobServiceClient(self.endpoint, credential=azurite.ACCOUNT_KEY)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _start_azurite(self) -> "subprocess.Popen[bytes]":
        command = azurite.command(ROOT, port=self._blob_port, data=self.folder / "azurite")
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        wait_for_port(self._blob_port)
        return process

    def _start_jobs(self) -> Server:
        (self.folder / "token").write_text("bench")
        command = [sys.executable, "-m", "landfall.local.jobs_server", "--port", str(self._jobs_port)]
        command += ["--data", str(self.folder / "jobs"), "--token-file", str(self.folder / "token")]
        command += ["--slots", str(SLOTS)]
        for name in noop_node.PRELOAD:
            command += ["--preload", name]
        wheel = noop_node.install(self.folder / "wheel")
        environment = noop_node.environment(self._settings(None), self.tables)
        with self._log("jobs").open("a") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, **environment, "PYTHONPATH": str(wheel)},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on "), self._log("jobs").read_text()[-2000:]
        return Server(command, process, line.split()[-1], self.folder / "jobs", "bench")

    def _start_host(self) -> HostProcess:
        home = self.folder / "host"
        home.mkdir()
        counting = {
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).with_name("in_host")), str(ROOT)]),
            "LANDFALL_BENCH_COUNTS": str(self.folder / "counts.json"),
        }
        environment = {**self._environment(self._job_id), **counting}
        return HostProcess(home, app=ROOT, environment=environment).start(within_s=START_S)

    def _start_events(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "landfall.local.storage_events", "--endpoint", self.endpoint]
        command += ["--webhook", self.webhook, "--outbox", str(self.folder / "outbox.db")]
        with self._log("events").open("a") as log:
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)

    def _follow(self) -> None:
        """Hand the storage's access log on to whoever makes events of it, and count its lines."""
        assert self._azurite.stdout is not None
        assert self._events.stdin is not None
        target: IO[bytes] = self._events.stdin
        with contextlib.suppress(BrokenPipeError, ValueError):
            for line in self._azurite.stdout:
                method, _, rest = line.partition(b'"')[2].partition(b" ")
                if rest:
                    container = rest.split(b"/")[2].partition(b"?")[0].decode(errors="replace")
                    self.storage_calls[f"{method.decode(errors='replace')} {container}"] += 1
                target.write(line)
                target.flush()

    def _settings(self, job_id: int | None) -> Settings:
        return Settings.from_environment(self._environment(job_id))

    def _environment(self, job_id: int | None) -> dict[str, str]:
        return {
            "LANDFALL_DATABASE_URL": str(self.database.engine.url),
            "LANDFALL_STORAGE_ACCOUNT": azurite.ACCOUNT,
            "LANDFALL_BLOB_ENDPOINT": self.endpoint,
            "LANDFALL_STORAGE_KEY": azurite.ACCOUNT_KEY,
            "DATABRICKS_HOST": f"http://127.0.0.1:{self._jobs_port}",
            "DATABRICKS_TOKEN": "bench",
            "LANDFALL_JOB_ID": str(job_id or ""),
        }


@contextmanager
def bench_stack(folder: Path, products: Sequence[Product]) -> Iterator[BenchStack]:
    stack = BenchStack(folder, products)
    try:
        yield stack
    finally:
        stack.close()


def wait_until(holds: Callable[[], bool], timeout_s: float) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.02)
