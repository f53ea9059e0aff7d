"""The server's end of the warm process: starts it, orders children from it and waits for their ends."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from landfall.local.jobs_server.child import TaskOrder
from landfall.local.processes import process_runs

LOG_FILE = "zygote.log"
# A query in the middle of building a hash table notices an interrupt only when it is done with that.
SESSION_CLOSES_WITHIN_S = 30.0
GIVE_UP_CLOSING_AFTER_S = 600.0
# Only a process stuck in the kernel outlives its SIGKILL that long.
KILLED_IS_GONE_WITHIN_S = 10.0
# UTC and UTF-8 as on Databricks. gRPC's own fork support would stop its threads at every fork; there are none,
# the checks only cost time. One thread per numeric library: a thread started by an import would not survive.
_OWN_VARIABLES = {
    "GRPC_ENABLE_FORK_SUPPORT": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONUTF8": "1",
    "TZ": "UTC",
}
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})


class LaunchFailed(Exception):
    """The warm process does not start, so no task can."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended.

    Attributes:
        status: Exit status; negative for the signal that killed it; ``None`` if the warm process died before
            it, which leaves the status unknown.
    """

    status: int | None


@dataclass(slots=True)
class Child:
    """A running child and the promise of its end."""

    ended: asyncio.Future[Ended]
    pid: int = 0
    started: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the child's process group; nothing happens if it has ended."""
        if self.pid and not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


class Launcher:
    """Starts tasks as forks of one warm process, which is started again when it has died."""

    def __init__(self, folder: Path, preload: tuple[str, ...], environ: Mapping[str, str]) -> None:
        """Prepare, without starting anything.

        Args:
            folder: Receives the warm process' log.
            preload: What the warm process imports: modules, and entry points as ``package:entry_point``.
            environ: Environment of the tasks.
        """
        self._folder = folder
        self._preload = preload
        self._environ = {name: value for name, value in environ.items() if name.lower() not in _PROXIES}
        self._environ |= _OWN_VARIABLES
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._children: dict[int, Child] = {}
        self._last_number = 0

    @property
    def pid(self) -> int | None:
        """Process id of the warm process, ``None`` while there is none."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Have the warm process running and ready; returns at once if it is.

        Raises:
            LaunchFailed: It ended before it was ready.
        """
        async with self._starting:
            if self._writer is None:
                await self._start_process()

    async def launch(self, order: TaskOrder) -> Child:
        """Start a task and return it once its process exists.

        Raises:
            LaunchFailed: The warm process does not start.
        """
        return await self._order({"task": asdict(order)})

    async def close_session(self, remote: str) -> None:
        """End the Spark session behind ``remote`` and all it has running.

        Returns once that is done, or when the engine takes so long that it is left to finish by itself.
        """
        with contextlib.suppress(LaunchFailed):
            child = await self._order({"close_session": remote})
            loop = asyncio.get_running_loop()
            patience = loop.call_later(GIVE_UP_CLOSING_AFTER_S, child.signal, signal.SIGKILL)
            child.ended.add_done_callback(lambda _: patience.cancel())
            await asyncio.wait([child.ended], timeout=SESSION_CLOSES_WITHIN_S)

    async def stop(self) -> None:
        """End the warm process and with it every child."""
        if self._process is None:
            return
        if self._writer is None:
            self._process.kill()  # Still importing: it has no children yet.
        else:
            self._writer.close()
        await self._process.wait()
        if self._listening is not None:
            await self._listening

    async def _order(self, message: dict[str, Any]) -> Child:
        await self.start()
        if self._writer is None:
            raise LaunchFailed("The warm process ended while the task waited for it.")
        self._last_number += 1
        child = Child(ended=asyncio.get_running_loop().create_future())
        self._children[self._last_number] = child
        self._writer.write(json.dumps({"number": self._last_number, **message}).encode() + b"\n")
        await child.started
        return child

    async def _start_process(self) -> None:
        ours, theirs = socket.socketpair()
        command = [
            sys.executable,
            "-m",
            "landfall.local.jobs_server.zygote",
            "--channel",
            str(theirs.fileno()),
        ]
        for package in self._preload:
            command += ["--preload", package]
        with theirs, (self._folder / LOG_FILE).open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                env=self._environ,
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in a terminal is for the server, which ends its children itself.
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        if not await reader.readline():
            status = await self._process.wait()
            self._process = None
            writer.close()
            raise LaunchFailed(
                f"The process that runs tasks ended with status {status} while starting; see {self._folder / LOG_FILE}."
            )
        self._writer = writer
        self._listening = asyncio.create_task(self._listen(reader, writer))

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self._hear(json.loads(line))
        # The warm process is gone. Its children may still run, but nobody could tell how they end.
        self._writer = None
        self._process = None
        writer.close()
        orphans, self._children = self._children, {}
        for child in orphans.values():
            child.signal(signal.SIGKILL)
        for child in orphans.values():
            await _wait_until_gone(child.pid)
            if not child.started.done():
                child.started.set_result(None)
            if not child.ended.done():
                child.ended.set_result(Ended(status=None))

    def _hear(self, message: dict[str, int]) -> None:
        if "started" in message:
            child = self._children[message["started"]]
            child.pid = message["pid"]
            child.started.set_result(None)
        elif "exited" in message:
            child = self._children.pop(message["exited"])
            child.ended.set_result(Ended(status=message["status"]))


async def _wait_until_gone(pid: int) -> None:
    """Return when a killed process that is not ours to collect does nothing any more.

    A kill is delivered later than it is sent: a task reported as lost could still write, while its retry runs.
    """
    killed_at = time.time()
    while pid and process_runs(pid, started_by=killed_at):
        if time.time() - killed_at > KILLED_IS_GONE_WITHIN_S:
            return
        await asyncio.sleep(0.01)
