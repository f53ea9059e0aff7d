"""A project of its own with its own laptop stack, driven through the command line as people drive it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import psutil

from landfall.lake import Lake
from landfall.landing.queries import LandedFile, list_files
from landfall.local import stack
from landfall.local.laptop_env import read_environment
from landfall.local.layout import Layout, Ports
from landfall.metadata.engine import Database
from landfall.preview import open_table
from landfall.runs.queries import RunDetail, RunSummary, get_run
from landfall.runs.run_list import RunFilter, find_runs
from landfall.runs.states import FileState
from landfall.settings import Settings
from tests.loopback import PATIENCE_S

LANDFALL_YML = "name: acceptance\ndefault_target: laptop\ntargets:\n  laptop: {}\n"


@dataclass
class Laptop:
    """One project folder and the stack that runs for it."""

    project: Path
    ports: Ports

    @classmethod
    def start(
        cls, project: Path, product: str, spec: str, *options: str, files: Mapping[str, str] | None = None
    ) -> "Laptop":
        """Write a project with one product and its files, start its stack with the options of `up`, and apply it."""
        (project / "landfall.yml").write_text(LANDFALL_YML)
        file = project / "data_products" / product / "product.yml"
        file.parent.mkdir(parents=True)
        file.write_text(spec)
        for name, text in (files or {}).items():
            (file.parent / name).write_text(text)
        laptop = cls(project, Ports.free())
        laptop.up(*options)
        laptop.succeed("apply")
        return laptop

    def up(self, *options: str) -> None:
        self.succeed("up", *self.port_options(), *options)

    def stop(self) -> None:
        self.database.close()
        self.run("down")

    def port_options(self) -> list[str]:
        return [text for name, port in self.ports.named() for text in (f"--{name}-port", str(port))]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        program = "from landfall.cli.main import run; run()"
        command = [sys.executable, "-c", program, "--project", str(self.project), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def succeed(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def upload(self, path: str, content: bytes) -> None:
        """Put a file into the landing zone past Landfall, as any other program would."""
        domain, product, rest = path.split("/", 2)
        lake = Lake.connect(self.settings)
        lake.upload_landing(domain, product, rest, content)
        lake.close()

    def file(self, name: str) -> LandedFile:
        """Return the newest version of a file in the ledger, once it has reached a state that lasts."""
        return cast(LandedFile, self.wait_for(lambda: self._settled_file(name), f"{name} in the ledger"))

    def runs(self) -> tuple[RunSummary, ...]:
        return self.database.read(lambda connection: find_runs(connection, RunFilter())).items

    def last_run(self) -> RunDetail:
        run_id = self.runs()[0].run_id
        return self.database.read(lambda connection: get_run(connection, run_id))

    def ended_run(self, *, after: int) -> RunDetail:
        """Return the newest run, once there are more than ``after`` of them and it has ended."""
        self.wait_for(lambda: len(self.runs()) > after and self.runs()[0].finished_at, "the end of the run")
        return self.last_run()

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Return the rows of a Delta table in the lake."""
        uri = f"abfss://lake@{self.settings.storage_account}.dfs.core.windows.net/{path}"
        rows: list[dict[str, Any]] = open_table(self.settings, uri).to_pyarrow_table().to_pylist()
        return rows

    def kill(self, service: str, how: signal.Signals) -> int:
        """End a service of the stack behind the supervisor's back, and return its former process id."""
        pid = self.pid(service)
        assert pid is not None, f"{service} does not run"
        psutil.Process(pid).send_signal(how)
        return pid

    def pid(self, service: str) -> int | None:
        running = stack.status(self.project)
        return next(info.pid for info in running.services if info.name == service) if running else None

    def wait_for(self, look: Callable[[], Any], what: str, *, timeout_s: float = PATIENCE_S) -> Any:
        give_up_at = time.monotonic() + timeout_s
        while not (found := look()):
            assert time.monotonic() < give_up_at, f"waited in vain for {what}"
            time.sleep(0.1)
        return found

    @property
    def url(self) -> str:
        """Where the function app answers."""
        return f"http://127.0.0.1:{self.ports.functions}"

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(read_environment(Layout(self.project).env_file))

    @cached_property
    def database(self) -> Database:
        return Database.connect(self.settings)

    def _settled_file(self, name: str) -> LandedFile | None:
        found = [
            file
            for file in self.database.read(lambda connection: list_files(connection, limit=500)).items
            if file.url.endswith("/" + name)
        ]
        return found[0] if found and found[0].state not in {FileState.PENDING, FileState.CLAIMED} else None
