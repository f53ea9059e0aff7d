"""A host in this process, and one in a process of its own that a test may kill."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import aiohttp

from landfall.local.functions_host.host import FunctionHost, HostOptions
from landfall.local.functions_host.keys import Keys
from tests.loopback import PATIENCE_S

GALLERY = Path(__file__).parent / "apps" / "gallery"
API = "/runtime/webhooks/durabletask"
ENDED = frozenset({"Completed", "Failed", "Terminated"})


@dataclass(frozen=True)
class Answer:
    """An HTTP response that has been read."""

    status: int
    text: str
    headers: Mapping[str, str]
    cookies: list[str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class HostUnderTest:
    """A host on the test's event loop, with a client for it."""

    host: FunctionHost
    session: aiohttp.ClientSession

    @classmethod
    async def start(
        cls, data: Path, app: Path = GALLERY, keys: Keys | None = None, redeliver: float = 0.0
    ) -> "HostUnderTest":
        options = HostOptions(app, data, 0, keys or Keys.unchecked(), redeliver)
        return cls(await FunctionHost.start(options, os.environ), aiohttp.ClientSession())

    async def stop(self) -> None:
        await self.session.close()
        await self.host.stop()

    async def call(self, method: str, path: str, **arguments: Any) -> Answer:
        url = f"http://127.0.0.1:{self.host.port}{path}"
        async with self.session.request(method, url, allow_redirects=False, **arguments) as response:
            return Answer(
                response.status,
                await response.text(),
                response.headers,
                response.headers.getall("Set-Cookie", []),
            )

    async def begin(self, name: str, body: Any = None, instance_id: str | None = None) -> str:
        """Start an instance over REST with JSON; return its id."""
        path = f"{API}/orchestrators/{name}" + (f"/{instance_id}" if instance_id else "")
        answer = await self.call("POST", path, json=body)
        assert answer.status == 202, answer.text
        started: str = answer.json["id"]
        return started

    async def status(self, instance_id: str, query: str = "") -> Any:
        return (await self.call("GET", f"{API}/instances/{instance_id}{query}")).json

    async def ended(self, instance_id: str) -> Any:
        """Wait for the end of an instance; return its status."""
        return await self.until(instance_id, lambda status: status["runtimeStatus"] in ENDED)

    async def until(self, instance_id: str, holds: Callable[[Any], bool]) -> Any:
        """Wait until something holds for the status of an instance; return the status."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds(status := await self.status(instance_id)):
                await asyncio.sleep(0.005)
        return status

    async def run(self, activity: str, argument: Any) -> Any:
        """Run an activity inside an orchestration; return the orchestration's final status."""
        # As the SDK's client does it, so that the argument arrives as it is.
        body = json.dumps({"activity": activity, "argument": argument})
        return await self.ended(await self.begin("one", body))


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.005)


@dataclass
class HostProcess:
    """A host in its own process."""

    folder: Path
    app: Path = GALLERY
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[str] | None" = None
    port: int = 0

    def start(self, within_s: float = PATIENCE_S) -> "HostProcess":
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        self.process = self.spawn("--port", "0", "--port-file", str(port_file))
        wait_for(lambda: port_file.exists() and port_file.read_text() != "", self.process, within_s)
        self.port = int(port_file.read_text())
        return self

    def spawn(self, *arguments: str) -> "subprocess.Popen[str]":
        log = (self.folder / "host.log").open("a")
        with log:
            return subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "landfall.local.functions_host",
                    *("--app", str(self.app), "--data", str(self.folder / "data"), "--no-keys"),
                    *self.arguments,
                    *arguments,
                ],
                stderr=log,
                env={**os.environ, **self.environment},
                text=True,
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def log(self) -> str:
        return (self.folder / "host.log").read_text()

    def get(self, path: str) -> Any:
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE_S) as response:
            return json.loads(response.read())

    def begin(self, name: str, value: Any, instance_id: str) -> None:
        import urllib.request

        url = f"http://127.0.0.1:{self.port}{API}/orchestrators/{name}/{instance_id}"
        body = json.dumps(json.dumps(value)).encode()
        with urlopen(urllib.request.Request(url, body, method="POST"), timeout=PATIENCE_S):
            pass

    def ended(self, instance_id: str) -> Any:
        wait_for(lambda: self.get(f"{API}/instances/{instance_id}")["runtimeStatus"] in ENDED, self.process)
        return self.get(f"{API}/instances/{instance_id}")


def wait_for(
    holds: Callable[[], bool], process: "subprocess.Popen[str] | None" = None, within_s: float = PATIENCE_S
) -> None:
    """Wait until something holds; fail at once if the process has ended."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert process is None or process.poll() is None, "the host has ended"
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
