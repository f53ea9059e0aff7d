"""Starting a jobs server on loopback and driving it with the unmodified SDK."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import Request, urlopen

from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.service.compute import Environment
from databricks.sdk.service.jobs import JobEnvironment, PythonWheelTask, SubmitTask, TaskDependency

from tests.loopback import PATIENCE_S

PACKAGE = "landfall_test_jobs"
ENTRY_POINTS = "[landfall.tests]\nok = landfall_test_jobs:ok\nrun = landfall_test_jobs:run\n"
ENVIRONMENTS = [JobEnvironment("default", Environment(environment_version="4"))]
# The SDK marks every field of its answers as optional; here they must be there, or the test fails.
Client = Any


def wheel_task(entry_point: str, key: str = "node", **fields: Any) -> SubmitTask:
    """Return a task that runs one of the test package's functions."""
    named = fields.pop("named", None)
    listed = fields.pop("listed", None)
    depends_on = [TaskDependency(task_key=parent) for parent in fields.pop("after", ())]
    return SubmitTask(
        task_key=key,
        depends_on=depends_on or None,
        environment_key=fields.pop("environment_key", "default"),
        python_wheel_task=PythonWheelTask(
            package_name=PACKAGE, entry_point=entry_point, named_parameters=named, parameters=listed
        ),
        **fields,
    )


T = TypeVar("T")


def wait_until(condition: Callable[[], T | None]) -> T:
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < give_up_at, "waited in vain"
        time.sleep(0.01)


@dataclass
class Server:
    """A jobs server in a process of its own."""

    command: list[str]
    process: subprocess.Popen[str]
    url: str
    data: Path
    token: str

    def client(self, **options: Any) -> Client:
        token = options.pop("token", self.token)
        return WorkspaceClient(config=Config(host=self.url, token=token, auth_type="pat", **options))

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = Request(  # noqa: S310  # a loopback address
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}"},
        )
        with urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
            return json.load(answer)

    def inject(self, path: str, **rule: Any) -> None:
        self.call("POST", "/__loopback/faults", {"path": path, **rule})

    def requests(self, path: str) -> list[dict[str, Any]]:
        return [
            entry for entry in self.call("GET", "/__loopback/requests")["requests"] if entry["path"] == path
        ]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=PATIENCE_S)


def start_server(
    folder: Path,
    wheel: Path,
    *,
    slots: int = 2,
    mode: str = "serverless",
    preload: Sequence[str] = (),
    **environ: str,
) -> Server:
    token_file = folder / "token"
    command = [
        sys.executable,
        "-m",
        "landfall.local.jobs_server",
        "--port",
        "0",
        "--data",
        str(folder / "data"),
    ]
    command += ["--token-file", str(token_file), "--slots", str(slots), "--failure-mode", mode]
    for name in (f"{PACKAGE}:ok", *preload):
        command += ["--preload", name]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(wheel), **environ},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening on "), line
    return Server(command, process, line.split()[-1], folder / "data", token_file.read_text())


def submit(client: Client, *tasks: SubmitTask, **options: Any) -> int:
    return int(client.jobs.submit(tasks=list(tasks), environments=ENVIRONMENTS, **options).run_id)


def ended(client: Client, run_id: int) -> Any:
    """Return the run once it has ended."""

    def look() -> Any:
        run = client.jobs.get_run(run_id)
        return run if state_of(run) == "TERMINATED" else None

    return wait_until(look)


def run_and_wait(client: Client, *tasks: SubmitTask, **options: Any) -> Any:
    return ended(client, submit(client, *tasks, **options))


def state_of(run: Any) -> str:
    return str(run.status.state.value)


def codes(run: Any) -> tuple[str, str, str]:
    """Return life cycle, result and termination code of a run or a task."""
    return (
        run.state.life_cycle_state.value,
        run.state.result_state.value,
        run.status.termination_details.code.value,
    )


def task_process(server: Server, run_id: int) -> int:
    """Return the id of the process that the one task of a run became."""
    folder = server.data / "runs" / str(run_id)
    # A run counts as running from the fork on; a moment later the process has written who it is.
    text = wait_until(lambda: next((path.read_text() for path in folder.glob("*/process.json")), None))
    return int(json.loads(text)["pid"])


def process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that its parent has not collected yet does nothing any more.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
