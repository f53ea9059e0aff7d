"""`python -m landfall.local.supervisor`: the process that owns the laptop stack of one project.

It starts the services, restarts what dies, keeps their logs and says in `stack.json` how they stand. Whoever
ends it ends them all. `landfall.local.stack` starts it and talks to it.
"""

import argparse
import asyncio
import fcntl
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, TextIO

from landfall.errors import LandfallError
from landfall.local.child import Child
from landfall.local.laptop_env import laptop_environment, write_environment
from landfall.local.layout import Layout, Ports
from landfall.local.process_log import ProcessLog
from landfall.local.processes import die_with_parent
from landfall.local.saved_job import ensure_saved_job
from landfall.local.services import JOBS, EventsBy, Service, laptop_services
from landfall.local.stack_state import ServiceInfo, ServiceState, StackInfo, StackPhase, write_state

logger = logging.getLogger(__name__)

FIRST_READY_WITHIN_S: Final = 60.0
_FIRST_DELAY_S: Final = 0.1
_LONGEST_DELAY_S: Final = 10.0
# A service that ran this long had recovered: its next fault starts at the first delay again.
_STEADY_AFTER_S: Final = 60.0
_STARTS_BEFORE_GIVING_UP: Final = 3
_PROBE_EVERY_S: Final = 10.0
_FAILED_PROBES: Final = 3
_LOCK_ATTEMPTS: Final = 25
_LOCK_RETRY_S: Final = 0.02


class StartFailed(Exception):
    """The stack cannot become ready; the text says which part, why, and the end of its log."""


class RunningService:
    """Keeps one service running from the start of the stack to its end.

    Attributes:
        info: How it stands now.
        ready: Set while it is ready.
    """

    def __init__(
        self,
        service: Service,
        log: ProcessLog,
        environment: Callable[[], Mapping[str, str]],
        on_output: Callable[[bytes], None],
        on_change: Callable[[], None],
    ) -> None:
        self.service = service
        self.info = ServiceInfo(service.name, service.title, port=service.port)
        self.ready = asyncio.Event()
        self._log = log
        self._environment = environment
        self._on_output = on_output
        self._on_change = on_change
        self._child: Child | None = None
        self._was_ready = False

    async def keep_running(self) -> None:
        """Start the service, and start it again whenever it ends, until cancelled.

        Raises:
            StartFailed: It ended several times before it was ready for the first time.
        """
        delay_s = _FIRST_DELAY_S
        starts = 0
        while True:
            starts += 1
            code = await self._run_once()
            fault = f"ended with {code}" if code >= 0 else f"ended by {signal.Signals(-code).name}"
            logger.warning("%s %s", self.service.name, fault)
            if not self._was_ready and starts >= _STARTS_BEFORE_GIVING_UP:
                self._change(state=ServiceState.FAILED, pid=None, fault=fault)
                raise StartFailed(self._explain(fault))
            if self.info.since is not None and time.time() - self.info.since > _STEADY_AFTER_S:
                delay_s = _FIRST_DELAY_S
            self._change(
                state=ServiceState.RESTARTING, pid=None, fault=fault, restarts=self.info.restarts + 1
            )
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    async def stop(self) -> None:
        """End the process; to be called after `keep_running` was cancelled."""
        if self._child is not None:
            await self._child.stop()
        self._log.close()
        self._change(state=ServiceState.STOPPED, pid=None)

    def feed(self, chunk: bytes) -> None:
        """Hand the output of another service to this one."""
        if self._child is not None:
            self._child.feed(chunk)

    async def _run_once(self) -> int:
        """Start the process and return its exit code when it has ended, or was ended because it hung."""
        try:
            child = await Child.start(self.service, self._environment(), self._log, self._on_output)
        except OSError as error:
            raise StartFailed(f"{self.service.title} cannot be started: {error}") from error
        self._child = child
        self._change(state=ServiceState.STARTING, pid=child.pid, since=child.started_at)
        watching = asyncio.create_task(self._watch(child))
        try:
            # Cancelled when the stack stops: `stop` then ends the process gently.
            code = await child.wait_ended()
        finally:
            watching.cancel()
            self.ready.clear()
        # What it started must not outlive it: the next one needs its port and its files.
        child.kill()
        return code

    async def _watch(self, child: Child) -> None:
        await child.wait_ready()
        self._was_ready = True
        self.ready.set()
        self._change(state=ServiceState.READY, fault=None)
        failed = 0
        while failed < _FAILED_PROBES:
            await asyncio.sleep(_PROBE_EVERY_S)
            failed = 0 if await child.answers() else failed + 1
        logger.warning("%s does not answer, ending it", self.service.name)
        child.kill()

    def _change(self, **changes: object) -> None:
        self.info = replace(self.info, **changes)  # type: ignore[arg-type]  # the fields of ServiceInfo
        self._on_change()

    def _explain(self, fault: str) -> str:
        log = f"{self._log.tail()}\n\nThe whole log is {self._log.path}."
        return f"{self.service.title} {fault} before it was ready. The end of its log:\n{log}"


class Supervisor:
    """The services of one project, from start to end."""

    def __init__(
        self, layout: Layout, ports: Ports, *, with_host: bool, events: EventsBy = EventsBy.WEBHOOK
    ) -> None:
        self._layout = layout
        self._ports = ports
        self._phase = StackPhase.STARTING
        self._fault: str | None = None
        self._variables = laptop_environment(layout, ports)
        services = laptop_services(layout, ports, with_host=with_host, events=events)
        self._running = [self._prepare(service) for service in services]

    async def run(self) -> None:
        """Start everything, keep it running until a signal, then stop it.

        Raises:
            StartFailed: The stack did not become ready; what was started has been stopped.
        """
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, stopping.set)
        self._publish()
        tasks = [asyncio.create_task(self._start_and_keep()), asyncio.create_task(stopping.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except* StartFailed as group:
            self._phase = StackPhase.FAILED
            self._fault = "\n\n".join(str(error) for error in group.exceptions)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._stop()
        if self._fault is not None:
            raise StartFailed(self._fault)

    async def _start_and_keep(self) -> None:
        load_early = self._may_load_before_stores()
        async with asyncio.TaskGroup() as group:
            for one in self._running:
                if not one.service.needs_provisioned:
                    group.create_task(one.keep_running())
            making_stores = group.create_task(self._make_stores())
            await self._make_saved_job()
            if not load_early:
                await making_stores
            for one in self._running:
                if one.service.needs_provisioned:
                    group.create_task(one.keep_running())
            await making_stores
            await self._wait_until_ready()
            write_environment(self._layout.env_file, self._variables)
            self._phase = StackPhase.READY
            self._publish()

    def _may_load_before_stores(self) -> bool:
        """Return whether the function app may load while the database is being looked after.

        It takes longest of all to load, so it should begin early. But runs may be in flight from before an
        upgrade: they go on as soon as it is loaded, and must find the tables of their code.
        """
        return not self._layout.database.exists() or self._has_newest_tables()

    def _has_newest_tables(self) -> bool:
        provisioned = self._layout.provisioned
        return (
            self._layout.database.exists()
            and provisioned.is_file()
            and provisioned.read_text() == _tables_version()
        )

    async def _make_saved_job(self) -> None:
        await next(one for one in self._running if one.service.name == JOBS).ready.wait()
        token = self._variables["DATABRICKS_TOKEN"]
        try:
            job_id = await asyncio.to_thread(ensure_saved_job, self._ports.jobs, token)
        except LandfallError as error:
            raise StartFailed(str(error)) from error
        self._variables["LANDFALL_JOB_ID"] = str(job_id)

    async def _wait_until_ready(self) -> None:
        try:
            async with asyncio.timeout(FIRST_READY_WITHIN_S):
                for one in self._running:
                    await one.ready.wait()
        except TimeoutError as error:
            late = [one.service.title for one in self._running if not one.ready.is_set()]
            raise StartFailed(
                f"Not ready after {FIRST_READY_WITHIN_S:.0f} s: {', '.join(late)}. Logs: {self._layout.logs}"
            ) from error

    async def _make_stores(self) -> None:
        """Have the database and the containers made.

        Raises:
            StartFailed: They could not be made; the text says why.
        """
        parts = ("containers",) if self._has_newest_tables() else ("containers", "database")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "landfall.local.provision", *parts),
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | self._variables,
            preexec_fn=die_with_parent(),
        )
        try:
            _, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode != 0:
            reason = errors.decode(errors="replace").strip()
            raise StartFailed(f"The database or the containers could not be made: {reason}")
        self._layout.provisioned.write_text(_tables_version())

    async def _stop(self) -> None:
        if self._phase is not StackPhase.FAILED:
            self._phase = StackPhase.STOPPING
        self._publish()
        # Last started, first stopped: who uses a server is gone before the server.
        for one in reversed(self._running):
            await one.stop()
        if self._phase is StackPhase.STOPPING:
            self._layout.state_file.unlink(missing_ok=True)

    def _prepare(self, service: Service) -> RunningService:
        def on_output(chunk: bytes) -> None:
            for other in self._running:
                if other.service.follows == service.name:
                    other.feed(chunk)

        return RunningService(
            service,
            ProcessLog(self._layout.log(service.name)),
            environment=lambda: os.environ | self._variables | dict(service.environment),
            on_output=on_output,
            on_change=self._publish,
        )

    def _publish(self) -> None:
        info = StackInfo(
            root=self._layout.root,
            phase=self._phase,
            supervisor_pid=os.getpid(),
            services=tuple(one.info for one in self._running),
            env_file=self._layout.env_file,
            fault=self._fault,
        )
        write_state(self._layout.state_file, info)


def take_lock(file: Path) -> TextIO | None:
    """Return the open lock file of a project, held until this process ends, or ``None`` if another holds it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    stream = file.open("a+")
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            # Who only looks whether we run holds the lock for a moment.
            time.sleep(_LOCK_RETRY_S)
    else:
        stream.close()
        return None
    stream.truncate(0)
    stream.write(f"{os.getpid()} {time.time()}\n")
    stream.flush()
    return stream


def _tables_version() -> str:
    """Return the name of the newest revision of the database, without importing what reads it."""
    revisions = Path(__file__).resolve().parents[1] / "metadata" / "migrations" / "versions"
    return max((file.stem for file in revisions.glob("[0-9]*.py")), default="")


def main() -> None:
    """Read the command line and supervise."""
    parser = argparse.ArgumentParser(prog="python -m landfall.local.supervisor", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of the project")
    for name, port in Ports().named():
        parser.add_argument(f"--{name}-port", type=int, default=port)
    parser.add_argument("--no-host", action="store_true", help="leave the function host to `func start`")
    parser.add_argument("--events", type=EventsBy, choices=list(EventsBy), default=EventsBy.WEBHOOK)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    layout = Layout(options.root.resolve())
    lock = take_lock(layout.lock_file)
    if lock is None:
        logger.info("another supervisor runs for %s", layout.root)
        return
    ports = Ports(*(getattr(options, f"{name}_port") for name, _ in Ports().named()))
    try:
        supervisor = Supervisor(layout, ports, with_host=not options.no_host, events=options.events)
        asyncio.run(supervisor.run())
    except (StartFailed, LandfallError) as error:
        logger.error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
