"""Real processes on loopback: function hosts, jobs server and storage, with no-op nodes instead of Spark.

Every process can be killed and started again. Storage is reached through a proxy that announces results, as Event
Grid does, and can misbehave; the jobs server has fault rules of its own.
"""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from azure.storage.blob import BlobServiceClient

from landfall.addresses import CONTAINERS, CONTROL, LANDING, parse_result_path
from landfall.jobs.client import connect
from landfall.local import azurite
from landfall.local.storage_events.events import BlobVersion, blob_created
from landfall.metadata.apply import apply_products
from landfall.metadata.tables import landed_files, node_runs, run_events, runs
from landfall.runs.states import FINAL_RUN_STATES
from landfall.settings import Settings
from landfall.spec.model import Product
from tests import noop_node
from tests.chaos.books import nothing_left
from tests.chaos.event_grid import EventGrid
from tests.contract.functions_host.running import HostProcess
from tests.contract.jobs_server.serving import Server
from tests.databases import a_database
from tests.fakes.storage_proxy import StorageProxy, Written
from tests.loopback import PATIENCE_S, free_port, wait_for_port

ROOT = Path(__file__).parents[2]
# What the Jobs API asks for; nothing but this file and the environment of processes may hold it.
TOKEN = "dapi-of-the-chaos-tests-0b5e1f"
# A busy machine takes its time to import an app, and longer after a storm, whose histories the host reads first.
START_S = 600.0
# How often a wait for the end looks whether anything has moved.
_LOOK_S = 2.0


class Stack:
    """One installation in a folder, with the products given.

    Attributes:
        hosts: The function hosts, each with a task hub of its own; all work on one database.
        grid: Delivers events to whichever host is there.
        proxy: Stands before the storage.
        jobs: The jobs server.
        kills: How many processes were killed.
    """

    def __init__(
        self,
        folder: Path,
        products: Sequence[Product],
        *,
        hosts: int = 1,
        host_options: Sequence[str] = (),
        seed: int = 0,
        takes_s: float = 0.0,
        slots: int = 4,
        batch: int = 1,
    ) -> None:
        self.chance = random.Random(seed)  # noqa: S311  # decides what happens, guards nothing
        self.folder = folder
        self.kills = 0
        self._sequencer = itertools.count(1)
        self._takes_s = takes_s
        self._slots = slots
        self._jobs_port = free_port()
        self._azurite_port = free_port()
        self._azurite = self._start_azurite()
        self.proxy = StorageProxy(f"http://127.0.0.1:{self._azurite_port}").start()
        self.proxy.on_written = self._announce
        self.database = a_database(folder)
        apply_products(self.database, list(products), actor="ada", now=datetime.now(UTC))
        self._wheel = noop_node.install(folder / "wheel")
        (folder / "token").write_text(TOKEN)
        self.settings = self._settings(None)
        for container in CONTAINERS:
            BlobServiceClient(self.settings.blob_endpoint, credential=azurite.ACCOUNT_KEY).create_container(
                container
            )
        self.jobs = self.start_jobs()
        job_id = connect(self.settings, noop_node.PROFILE).ensure_job()
        self.settings = self._settings(job_id)
        self.hosts = []
        for number in range(hosts):
            home = folder / f"host{number}"
            home.mkdir()
            self.hosts.append(
                HostProcess(
                    home, app=ROOT, arguments=tuple(host_options), environment=self._environment(job_id)
                )
            )
        for number in range(hosts):
            self.start_host(number)
        self.grid = EventGrid(self._some_host, batch=batch)

    def close(self) -> None:
        """End every process."""
        self.grid.stop()
        for host in self.hosts:
            if host.process is not None and host.process.poll() is None:
                host.stop()
        self.jobs.stop()
        self.database.close()
        self.proxy.stop()
        self._azurite.terminate()
        self._azurite.wait(PATIENCE_S)

    # What a test does.

    def event(
        self, path: str, *, etag: str, container: str = LANDING, size_bytes: int = 100
    ) -> dict[str, Any]:
        """Return the event of a finished write; nothing reads the content, so there need not be any."""
        if container == LANDING:
            self.proxy.pretended[f"{container}/{path}"] = (etag, size_bytes)
        blob = BlobVersion(container, path, etag, size_bytes, "text/csv", "BlockBlob")
        return blob_created(
            blob,
            api="PutBlob",
            endpoint=self.settings.blob_endpoint,
            account=azurite.ACCOUNT,
            written_at=datetime.now(UTC),
            sequencer=next(self._sequencer),
        )

    def kill_host(self, number: int = 0) -> None:
        """Kill a function host, wherever it is."""
        self.hosts[number].kill()
        self.kills += 1

    def start_host(self, number: int = 0) -> None:
        """Start a function host on what its predecessor left."""
        self.hosts[number].start(within_s=START_S)

    def lose_hub(self, number: int = 0) -> None:
        """Delete the orchestration store of a host that does not run."""
        for file in (self.hosts[number].folder / "data").glob("taskhub.sqlite*"):
            file.unlink()

    def kill_jobs(self) -> None:
        """Kill the jobs server; its jobs die a moment later."""
        self.jobs.kill()
        self.kills += 1

    def start_jobs(self) -> Server:
        """Start the jobs server on the data of the one before."""
        data = self.folder / "jobs"
        command = [sys.executable, "-m", "landfall.local.jobs_server", "--port", str(self._jobs_port)]
        command += ["--data", str(data), "--token-file", str(self.folder / "token")]
        command += ["--slots", str(self._slots)]
        for name in noop_node.PRELOAD:
            command += ["--preload", name]
        environment = noop_node.environment(self.settings, self.tables_file, takes_s=self._takes_s)
        with (self.folder / "jobs.log").open("a") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, **environment, "PYTHONPATH": str(self._wheel)},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on "), (self.folder / "jobs.log").read_text()[-2000:]
        self.jobs = Server(command, process, line.split()[-1], data, TOKEN)
        return self.jobs

    def wait_until_done(self, stalled_s: float) -> None:
        """Wait until nothing is pending, open or on its way, however long that takes while things move.

        Args:
            stalled_s: For how long nothing at all may have moved: no event taken, no state changed, no row written.
        """
        moved_at, before = time.monotonic(), self._progress()
        while self.grid.open or not self.database.read(nothing_left):
            for host in self.hosts:
                assert host.process is None or host.process.poll() in {None, -signal.SIGKILL}, host.log()[
                    -3000:
                ]
            time.sleep(0.2)
            if time.monotonic() - moved_at < _LOOK_S:
                continue
            now = self._progress()
            if now != before:
                moved_at, before = time.monotonic(), now
            assert time.monotonic() - moved_at < stalled_s, f"stuck:\n{self.describe()}"

    # What a test looks at.

    @property
    def tables_file(self) -> Path:
        return self.folder / "tables.jsonl"

    def tables(self) -> noop_node.Tables:
        return noop_node.Tables.read(self.tables_file)

    def describe(self) -> str:
        """Return what is still open, for a failed test."""
        with self.database.engine.connect() as connection:
            files = connection.execute(
                sa.select(landed_files.c.State, sa.func.count()).group_by(landed_files.c.State)
            ).all()
            nodes = connection.execute(
                sa.select(node_runs.c.RunID, node_runs.c.NodeKey, node_runs.c.State, node_runs.c.Attempt)
                .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
                .where(runs.c.State.not_in(FINAL_RUN_STATES))
                .limit(20)
            ).all()
        lines = [f"{self.grid.open} events on their way, files {[tuple(row) for row in files]}"]
        lines += [f"  {tuple(row)}" for row in nodes]
        lines += [f"--- {host.folder.name}\n{host.log()[-1500:]}" for host in self.hosts]
        return "\n".join(lines)

    def _progress(self) -> tuple[int, ...]:
        """Return numbers of which one changes with whatever happens."""
        with self.database.engine.connect() as connection:
            events: int | None = connection.execute(
                sa.select(sa.func.max(run_events.c.RunEventID))
            ).scalar_one()
            files: int | None = connection.execute(
                sa.select(sa.func.max(landed_files.c.LandedFileID))
            ).scalar_one()
        written = self.tables_file.stat().st_size if self.tables_file.exists() else 0
        return (self.grid.taken, self.grid.open, events or 0, files or 0, written)

    # How it is put together.

    def _some_host(self) -> str | None:
        there = [
            host
            for host in self.hosts
            if host.process is not None and host.process.poll() is None and host.port
        ]
        return f"http://127.0.0.1:{self.chance.choice(there).port}" if there else None

    def _announce(self, written: Written) -> None:
        if written.container == CONTROL and parse_result_path(written.path) is not None:
            self.grid.send(
                [
                    self.event(
                        written.path, etag=written.etag, container=CONTROL, size_bytes=written.size_bytes
                    )
                ]
            )

    def _start_azurite(self) -> "subprocess.Popen[bytes]":
        command = azurite.command(ROOT, port=self._azurite_port, data=self.folder / "azurite")
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for_port(self._azurite_port)
        return process

    def _settings(self, job_id: int | None) -> Settings:
        return Settings.from_environment(self._environment(job_id))

    def _environment(self, job_id: int | None) -> dict[str, str]:
        return {
            "LANDFALL_DATABASE_URL": str(self.database.engine.url),
            "LANDFALL_STORAGE_ACCOUNT": azurite.ACCOUNT,
            "LANDFALL_BLOB_ENDPOINT": self.proxy.endpoint(azurite.ACCOUNT),
            "LANDFALL_STORAGE_KEY": azurite.ACCOUNT_KEY,
            "DATABRICKS_HOST": f"http://127.0.0.1:{self._jobs_port}",
            "DATABRICKS_TOKEN": TOKEN,
            "LANDFALL_JOB_ID": str(job_id or ""),
        }
