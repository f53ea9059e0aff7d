"""A project of its own with its own laptop stack, driven through the command line as people drive it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from landfall.lake import Lake
from landfall.local.laptop_env import read_environment
from landfall.local.layout import Layout, Ports
from landfall.preview import open_table
from landfall.settings import Settings

LANDFALL_YML = "name: acceptance\ndefault_target: laptop\ntargets:\n  laptop: {}\n"


@dataclass(frozen=True)
class Laptop:
    """One project folder and the stack that runs for it."""

    project: Path
    ports: Ports

    @classmethod
    def start(cls, project: Path, product: str, spec: str) -> "Laptop":
        """Write a project with one product, start its stack and apply the product."""
        (project / "landfall.yml").write_text(LANDFALL_YML)
        file = project / "data_products" / product / "product.yml"
        file.parent.mkdir(parents=True)
        file.write_text(spec)
        laptop = cls(project, Ports.free())
        laptop.succeed("up", *laptop.port_options())
        laptop.succeed("apply")
        return laptop

    def stop(self) -> None:
        self.run("down")

    def port_options(self) -> list[str]:
        return [text for name, port in self.ports.named() for text in (f"--{name}-port", str(port))]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        program = "from landfall.cli.main import run; run()"
        command = [sys.executable, "-c", program, "--project", str(self.project), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)

    def succeed(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def read(self, *arguments: str) -> Any:
        """Return what a reading verb answers as JSON."""
        return json.loads(self.succeed(*arguments, "--output", "json"))

    def upload(self, path: str, content: bytes) -> None:
        """Put a file into the landing zone past Landfall, as any other program would."""
        domain, product, rest = path.split("/", 2)
        lake = Lake.connect(self.settings)
        lake.upload_landing(domain, product, rest, content)
        lake.close()

    def file(self, name: str) -> dict[str, Any]:
        """Return the newest ledger row of a file, once it has reached a state that lasts."""
        return self.wait_for(lambda: self._settled_file(name), f"{name} in the ledger")

    def last_run(self) -> dict[str, Any]:
        run: dict[str, Any] = self.read("runs", "show", "@last")
        return run

    def ended_run(self, *, after: int) -> dict[str, Any]:
        """Return the newest run, once there are more than ``after`` of them and it has ended."""

        def ended() -> dict[str, Any] | None:
            if len(self.read("runs", "list")) <= after:
                return None
            run = self.last_run()
            return run if run["finished_at"] else None

        return self.wait_for(ended, "the end of the run")

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Return the rows of a Delta table in the lake."""
        uri = f"abfss://lake@{self.settings.storage_account}.dfs.core.windows.net/{path}"
        rows: list[dict[str, Any]] = open_table(self.settings, uri).to_pyarrow_table().to_pylist()
        return rows

    def kill(self, service: str) -> int:
        """Kill a service of the stack as a crash would, and return its former process id."""
        pid = self.pid(service)
        psutil.Process(pid).send_signal(signal.SIGKILL)
        return pid

    def pid(self, service: str) -> int:
        return next(row["pid"] for row in self.read("status") if row["name"] == service)

    def wait_for(self, look: Callable[[], Any], what: str, *, timeout_s: float = 90) -> Any:
        give_up_at = time.monotonic() + timeout_s
        while not (found := look()):
            assert time.monotonic() < give_up_at, f"waited in vain for {what}"
            time.sleep(0.1)
        return found

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(read_environment(Layout(self.project).env_file))

    def _settled_file(self, name: str) -> dict[str, Any] | None:
        rows: list[dict[str, Any]] = self.read("files", "list", "--limit", "500")
        found = [row for row in rows if row["file"] == name or row["url"].endswith("/" + name)]
        return found[0] if found and found[0]["state"] not in {"pending", "claimed"} else None
