"""Running runs: the queue, the slots, the clocks, and what becomes of a task's process."""

import asyncio
import contextlib
import json
import os
import signal
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from landfall.local.jobs_server.child import (
    ERROR_FILE,
    EXIT_FAILED,
    EXIT_STOPPED,
    OUTPUT_FILE,
    PROCESS_FILE,
    TaskOrder,
    identify_process,
)
from landfall.local.jobs_server.engine import Engine
from landfall.local.jobs_server.launcher import Child, Ended, Launcher, LaunchFailed
from landfall.local.jobs_server.requests import arguments_of
from landfall.local.jobs_server.runs import (
    CANCELLED,
    SKIPPED_BY_LIMIT,
    SUCCEEDED,
    TIMED_OUT,
    UPSTREAM_FAILED,
    USER_FAILED,
    Ending,
    FailureMode,
    Phase,
    QueueReason,
    Run,
    TaskRun,
    driver_lost,
    run_ending,
)
from landfall.local.jobs_server.store import Store

GRACE_S = 3.0  # for a task to close its Spark session after SIGTERM
LOGS_BYTES = 5 * 1024 * 1024  # what get-output returns of them


def now_ms() -> int:
    """Return the time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


class ActiveRun:
    """A run that has left the queue, and what may be asked of it meanwhile."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.child: Child | None = None
        self.stopped_as: Ending | None = None
        self.stop_asked = asyncio.Event()
        self.ended = asyncio.Event()

    def stop(self, ending: Ending) -> None:
        """Ask the run to end, as cancelled or timed out; the first reason stays."""
        if self.stopped_as is None:
            self.stopped_as = ending
            self.stop_asked.set()


class Dispatcher:
    """Takes runs in, starts them as slots become free and follows each to its end.

    Used by one event loop. What it decides is in the store before anybody can see it.
    """

    def __init__(
        self,
        store: Store,
        launcher: Launcher,
        *,
        folder: Path,
        slots: int,
        mode: FailureMode,
        environ: Mapping[str, str],
        engine: Engine | None = None,
    ) -> None:
        """Prepare, without starting anything.

        Args:
            store: Remembers the runs.
            launcher: Starts the processes of tasks.
            folder: Holds a folder for each task.
            slots: How many runs go on at a time.
            mode: How failed runs look.
            environ: What tasks find around them.
            engine: The Spark engine that tasks use, if it is to be started anew when it holds too much memory.
        """
        self._store = store
        self._launcher = launcher
        self._folder = folder
        self._slots = slots
        self._mode = mode
        self._environ = environ
        self._engine = engine
        self._renewing: asyncio.Task[None] | None = None
        self._queue: dict[int, Run] = {}
        self._active: dict[int, ActiveRun] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._closing = False

    def recover(self) -> None:
        """Take up after a restart: what was running is lost, what was queued is queued again."""
        for run in self._store.active_runs():
            if run.phase is Phase.QUEUED:
                self._queue[run.run_id] = run
            else:
                self._lose(run)
        self._start_ready()

    def accept(self, run: Run, *, queue: bool) -> None:
        """Take a new run in: it starts, waits, or is skipped because its job allows no more and does not queue."""
        if (not queue and self._job_is_full(run)) or run.max_concurrent_runs == 0:
            for task in run.tasks:
                self._end_task(run, task, SKIPPED_BY_LIMIT)
            self._end_run(run, SKIPPED_BY_LIMIT)
            return
        self._queue[run.run_id] = run
        self._start_ready()
        if run.phase is Phase.QUEUED:
            full = self._job_is_full(run)
            run.queue_reason = (
                QueueReason.MAX_CONCURRENT_RUNS_REACHED if full else QueueReason.ACTIVE_RUNS_LIMIT_REACHED
            )
            self._store.save_run(run)

    def find(self, run_id: int) -> Run | None:
        """Return a run that has not ended, as it stands now."""
        queued = self._queue.get(run_id)
        if queued is not None:
            return queued
        active = self._active.get(run_id)
        return active.run if active is not None else None

    async def wait_for_end(self, run_id: int, *, within_s: float) -> None:
        """Return when a run that has left the queue has ended, or after so many seconds."""
        active = self._active.get(run_id)
        if active is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(active.ended.wait(), within_s)

    def cancel(self, run_id: int) -> None:
        """Ask a run to end; one that has ended already stays as it is."""
        queued = self._queue.pop(run_id, None)
        if queued is not None:
            for task in queued.tasks:
                self._end_task(queued, task, CANCELLED)
            self._end_run(queued, CANCELLED)
            self._start_ready()
        elif run_id in self._active:
            self._active[run_id].stop(CANCELLED)

    def unfinished(self) -> Iterable[Run]:
        """Return the queued and the active runs."""
        return [*self._queue.values(), *(active.run for active in self._active.values())]

    def output(self, run: Run, task: TaskRun) -> tuple[str, bool]:
        """Return the last 5 MB of what a task printed, and whether there was more."""
        path = self._task_folder(run, task) / OUTPUT_FILE
        if not path.exists():
            return "", False
        with path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(size - LOGS_BYTES, 0))
            return log.read().decode("utf-8", errors="replace"), size > LOGS_BYTES

    async def close(self) -> None:
        """Stop what runs, with a moment to do so in good order; queued runs wait for the next start."""
        self._closing = True
        for active in self._active.values():
            active.stop(driver_lost("The server that ran it was stopped."))
        if self._renewing is not None:
            self._renewing.cancel()
        if self._background:
            await asyncio.wait(self._background)

    # The queue

    def _start_ready(self) -> None:
        while len(self._active) < self._slots and not self._closing and not self._waits_for_engine():
            run = next((run for run in self._queue.values() if not self._job_is_full(run)), None)
            if run is None:
                return
            del self._queue[run.run_id]
            self._activate(run)

    def _waits_for_engine(self) -> bool:
        """Return whether no run may start for the memory that the engine holds; without runs, have it started anew."""
        if self._engine is None or self._renewing is not None:
            return self._renewing is not None
        held = self._engine.memory_bytes()
        if self._active:
            return held >= self._engine.full_at
        if held >= self._engine.worn_at:
            self._renewing = asyncio.create_task(self._renew(self._engine))
        return self._renewing is not None

    async def _renew(self, engine: Engine) -> None:
        try:
            await engine.renew()
        finally:
            self._renewing = None
        self._start_ready()

    def _job_is_full(self, run: Run) -> bool:
        most = run.max_concurrent_runs
        return most is not None and most <= sum(
            active.run.job_id == run.job_id for active in self._active.values()
        )

    def _activate(self, run: Run) -> None:
        active = ActiveRun(run)
        self._active[run.run_id] = active
        run.phase, run.queue_reason, run.started_at_ms = Phase.PENDING, None, now_ms()
        for task in run.tasks:
            task.phase = Phase.PENDING
        self._store.save_run(run)
        following = asyncio.create_task(self._execute(active))
        self._background.add(following)
        following.add_done_callback(self._background.discard)

    # One run

    async def _execute(self, active: ActiveRun) -> None:
        run = active.run
        clock = None
        if run.timeout_s:
            clock = asyncio.get_running_loop().call_later(run.timeout_s, active.stop, TIMED_OUT)
        try:
            # Tasks stand in an order in which each follows its parents; they share the run's one slot.
            for task in run.tasks:
                await self._execute_task(active, task)
        finally:
            if clock is not None:
                clock.cancel()
            del self._active[run.run_id]
            self._end_run(run, run_ending(run.tasks, self._mode))
            active.ended.set()
            self._start_ready()

    async def _execute_task(self, active: ActiveRun, task: TaskRun) -> None:
        run = active.run
        ended_well = {
            other.task_key for other in run.tasks if other.ending is not None and other.ending.succeeded
        }
        if active.stopped_as is not None:
            self._end_task(run, task, active.stopped_as)
        elif not ended_well.issuperset(task.parents):
            self._end_task(run, task, UPSTREAM_FAILED)
        else:
            self._end_task(run, task, await self._run_process(active, task))

    async def _run_process(self, active: ActiveRun, task: TaskRun) -> Ending:
        """Run a task's process and return how it ended, once nothing of it is left."""
        run = active.run
        folder = self._task_folder(run, task)
        folder.mkdir(parents=True, exist_ok=True)
        wheel = task.definition["python_wheel_task"]
        environ = self._session_of_its_own()
        try:
            child = await self._launcher.launch(
                TaskOrder(
                    folder=str(folder),
                    package_name=wheel["package_name"],
                    entry_point=wheel["entry_point"],
                    arguments=arguments_of(wheel),
                    environ=environ,
                )
            )
        except LaunchFailed as error:
            return driver_lost(str(error))
        run.phase = task.phase = Phase.RUNNING
        task.started_at_ms = now_ms()
        self._store.save_run(run)
        ended = await self._follow(active, task, child)
        if ended.status not in (0, EXIT_FAILED, EXIT_STOPPED):
            # It could not close its Spark session itself, and a query without its client would go on.
            await self._clear_away(folder)
        if active.stopped_as is not None and ended.status != 0:
            return active.stopped_as
        return _ending_of(task, folder, ended)

    async def _follow(self, active: ActiveRun, task: TaskRun, child: Child) -> Ended:
        """Wait for the child's end; when the run is to stop, see to it that it does."""
        clock = None
        if task.timeout_s:
            clock = asyncio.get_running_loop().call_later(task.timeout_s, active.stop, TIMED_OUT)
        stop_asked = asyncio.create_task(active.stop_asked.wait())
        try:
            first: list[asyncio.Future[Any]] = [child.ended, stop_asked]
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if not child.ended.done():
                active.run.phase = task.phase = Phase.TERMINATING
                self._store.save_run(active.run)
                child.signal(signal.SIGTERM)
                await asyncio.wait([child.ended], timeout=GRACE_S)
                child.signal(signal.SIGKILL)
            return await child.ended
        finally:
            stop_asked.cancel()
            if clock is not None:
                clock.cancel()

    def _session_of_its_own(self) -> dict[str, str]:
        """Return the address of the Spark engine with a session id that only this task has.

        With the id known here, the session can be closed even if the task's process was killed.
        """
        remote = self._environ.get("SPARK_REMOTE")
        if not remote:
            return {}
        # sc://host:port/;key=value;key=value
        host, _, options = remote.partition("/;")
        given = [option for option in options.split(";") if option]
        return {"SPARK_REMOTE": f"{host.rstrip('/')}/;{';'.join([*given, f'session_id={uuid.uuid4()}'])}"}

    async def _clear_away(self, folder: Path) -> None:
        """End what is left of a task whose end was not orderly: its process group and its Spark session."""
        remote = _kill_process(folder)
        if remote:
            await self._launcher.close_session(remote)

    # Ends

    def _lose(self, run: Run) -> None:
        """End a run that was active when the server went away."""
        ending = driver_lost("The server that ran it was stopped.")
        for task in run.tasks:
            if task.ending is None:
                self._end_task(run, task, ending)
                clearing = asyncio.create_task(self._clear_away(self._task_folder(run, task)))
                self._background.add(clearing)
                clearing.add_done_callback(self._background.discard)
        self._end_run(run, run_ending(run.tasks, self._mode))

    def _end_task(self, run: Run, task: TaskRun, ending: Ending) -> None:
        task.phase, task.ending, task.ended_at_ms = Phase.ENDED, ending, now_ms()
        if run.active and len(run.tasks) > 1:
            self._store.save_run(run)  # With one task, the run ends in the same breath.

    def _end_run(self, run: Run, ending: Ending) -> None:
        run.phase, run.ending, run.queue_reason, run.ended_at_ms = Phase.ENDED, ending, None, now_ms()
        self._store.save_run(run)

    def _task_folder(self, run: Run, task: TaskRun) -> Path:
        return self._folder / str(run.run_id) / str(task.run_id)


def _ending_of(task: TaskRun, folder: Path, ended: Ended) -> Ending:
    if ended.status == 0:
        return SUCCEEDED
    if ended.status == EXIT_FAILED:
        task.error, task.error_trace = _reported_error(folder)
        return USER_FAILED
    if ended.status is None:
        return driver_lost("The process that starts tasks ended, and its tasks with it.")
    if ended.status < 0:
        name = signal.Signals(-ended.status).name
        return driver_lost(
            f"The task's process was killed by {name}; on a full machine that is a lack of memory."
        )
    return driver_lost(
        f"The task's process left with exit status {ended.status} without reporting an outcome."
    )


def _reported_error(folder: Path) -> tuple[str, str | None]:
    try:
        report = json.loads((folder / ERROR_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"The task left with exit status {EXIT_FAILED} by itself, without an exception.", None
    return report["error"], report["error_trace"]


def _kill_process(folder: Path) -> str | None:
    """Kill the process group of the task in ``folder`` if it still runs; return its Spark session's address."""
    try:
        left = json.loads((folder / PROCESS_FILE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None  # It never got as far as to be a process of its own.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        if identify_process(left["pid"])["started_ticks"] == left["started_ticks"]:
            os.killpg(left["pid"], signal.SIGKILL)
    remote: str | None = left["spark_remote"]
    return remote
