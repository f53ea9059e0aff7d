"""One running program of the stack: started, fed, logged and ended by the supervisor."""

import asyncio
import contextlib
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping
from typing import Final, Self

from landfall.local.layout import LOOPBACK
from landfall.local.process_log import ProcessLog
from landfall.local.processes import die_with_parent, kill_process_group
from landfall.local.services import Service

_READ_BYTES: Final = 65_536
_PROBE_EVERY_S: Final = 0.05
_PROBE_TIMEOUT_S: Final = 2.0
# What the reader of another service's output may be behind before it counts as hung.
_MOST_UNREAD_BYTES: Final = 16 * 1024 * 1024


class Child:
    """A process of a service.

    Attributes:
        pid: Its number, which is also that of its process group.
        started_at: Seconds since the epoch.
    """

    def __init__(
        self, service: Service, process: Process, log: ProcessLog, on_output: Callable[[bytes], None]
    ) -> None:
        self.pid = process.pid
        self.started_at = time.time()
        self._service = service
        self._process = process
        self._said_ready = asyncio.Event()
        self._pump = asyncio.create_task(self._read_output(log, on_output))

    @classmethod
    async def start(
        cls,
        service: Service,
        environment: Mapping[str, str],
        log: ProcessLog,
        on_output: Callable[[bytes], None],
    ) -> Self:
        """Start the program of a service in a process group of its own.

        Args:
            service: What to start.
            environment: Its whole environment.
            log: Where its output goes.
            on_output: Called with every piece of its output.

        Raises:
            OSError: The program cannot be started.
        """
        process = await asyncio.create_subprocess_exec(
            *service.command,
            stdin=PIPE if service.follows else DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env=dict(environment),
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        return cls(service, process, log, on_output)

    async def wait_ready(self) -> None:
        """Return when the service is ready; waits for ever if it never is."""
        if self._service.port is None:
            await self._said_ready.wait()
            return
        while not await self.answers():
            await asyncio.sleep(_PROBE_EVERY_S)

    async def answers(self) -> bool:
        """Return whether the service takes connections; one without a port always does."""
        if self._service.port is None:
            return True
        try:
            connection = asyncio.open_connection(LOOPBACK, self._service.port)
            _, writer = await asyncio.wait_for(connection, _PROBE_TIMEOUT_S)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    async def wait_ended(self) -> int:
        """Return the exit code (negative: the signal) when the process has ended and its output was read."""
        code = await self._process.wait()
        # A child of the child may keep the pipe open.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._pump), 1.0)
        return code

    def feed(self, chunk: bytes) -> None:
        """Write to the standard input of a service that follows another; one that stopped reading is killed."""
        stdin = self._process.stdin
        if stdin is None or stdin.is_closing() or self._process.returncode is not None:
            return
        if stdin.transport.get_write_buffer_size() > _MOST_UNREAD_BYTES:
            self.kill()
            return
        stdin.write(chunk)

    async def stop(self) -> None:
        """End the process, gently for as long as the service may take, and everything in its group."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), self._service.grace_s)
        self.kill()
        await self.wait_ended()

    def kill(self) -> None:
        """Kill everything in the process group, also what outlived the process itself."""
        kill_process_group(self.pid)

    async def _read_output(self, log: ProcessLog, on_output: Callable[[bytes], None]) -> None:
        stream = self._process.stdout
        assert stream is not None  # noqa: S101 it was asked for
        tail = b""
        while chunk := await stream.read(_READ_BYTES):
            log.write(chunk)
            on_output(chunk)
            if self._service.ready_line is not None and not self._said_ready.is_set():
                tail = (tail + chunk)[-_READ_BYTES:]
                if self._service.ready_line in tail:
                    self._said_ready.set()
