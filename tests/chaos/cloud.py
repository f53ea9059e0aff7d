"""What surrounds the function app in a simulated world: storage, the Jobs API, the Durable client, the database.

They outlive the app's process. What they do at its request is a lasting effect, so each says when it is done.
"""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

import sqlalchemy as sa

from landfall.addresses import abfss_uri, parse_abfss
from landfall.errors import LandfallError
from landfall.jobs.errors import JobRefused
from landfall.jobs.protocol import (
    Failure,
    IdempotencyToken,
    JobOutput,
    JobRunID,
    JobRunStatus,
    JobState,
)
from landfall.lake import StoredBlob
from landfall.local.functions_host.hub import Conflict, Refused, TaskHub
from landfall.local.functions_host.instances import Filter, StartRequest
from landfall.metadata.engine import Database
from spark_runtime.errors import FaultKind
from spark_runtime.failures import Failure as NodeFailure
from spark_runtime.input_spec import FilesInput
from spark_runtime.pack import PackSpec, parse_pack_spec, run_pack
from spark_runtime.result import FileResult, FileStatus, NodeResult, NodeStatus, OutputResult
from spark_runtime.spec import NodeSpec, parse_node_spec
from tests.chaos.moments import Moments

ACCOUNT = "chaos"

# Says whether the next call of that name fails, and how; ``None`` lets it pass.
Trouble = Callable[[str], LandfallError | None]


class ChaosDatabase(Database):
    """The real database; each commit is a moment, and a statement may meet a passing fault.

    Attributes:
        trouble: Asked before each transaction, before its commit and after it; an error it returns is raised there.
    """

    def __init__(self, engine: sa.Engine, moments: Moments) -> None:
        super().__init__(engine, sleep=lambda _: None)
        self._moments = moments
        self.trouble: Callable[[str], sa.exc.DBAPIError | None] = lambda _: None

    def _run_in(self, engine: sa.Engine, work: Callable[[sa.Connection], Any]) -> Any:
        self._meet("begin")

        def then_commit(connection: sa.Connection) -> Any:
            answer = work(connection)
            self._meet("commit")
            return answer

        answer = super()._run_in(engine, then_commit)
        if engine is not self._reader:
            self._moments.reach("sql")
        # The answer of a commit can be lost as well; the whole transaction then runs again.
        self._meet("answer")
        return answer

    def _meet(self, where: str) -> None:
        error = self.trouble(where)
        if error is not None:
            raise error


def database_is_locked() -> sa.exc.DBAPIError:
    original = sqlite3.OperationalError("database is locked")
    original.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return sa.exc.OperationalError("statement", {}, original)


def unreachable() -> sa.exc.DBAPIError:
    """Return an error that outlasts every patience, such as that of a file system that is away."""
    original = sqlite3.OperationalError("unable to open database file")
    original.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    return sa.exc.OperationalError("statement", {}, original)


def deadlock() -> sa.exc.DBAPIError:
    """Return what pyodbc raises for the victim of a deadlock on SQL Server."""
    text = (
        "[40001] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Transaction (Process ID 52) was deadlocked "
        "on lock resources with another process and has been chosen as the deadlock victim. (1205) (SQLExecDirectW)"
    )
    return sa.exc.DBAPIError("statement", {}, Exception("40001", text))


class SimulatedLake:
    """The containers of a storage account, in memory."""

    def __init__(self, moments: Moments) -> None:
        self.control: dict[str, str] = {}
        self.landed: dict[str, StoredBlob] = {}
        self.calls: Counter[str] = Counter()
        self.parts_read = 0
        self.trouble: Trouble = lambda _: None
        self._moments = moments

    def abfss_uri(self, container: str, path: str = "") -> str:
        return abfss_uri(ACCOUNT, container, path)

    def write_control(self, path: str, text: str) -> None:
        self._call("write_control")
        self.control[path] = text
        self._moments.reach("blob")

    def read_control(self, path: str) -> str:
        self._call("read_control")
        return self.control[path]

    def note_result(self, path: str) -> None:
        """Forget it: here a result is found without looking."""

    def read_control_result(self, folder: str) -> str | None:
        self._call("read_control_result")
        return self.control.get(f"{folder}/part-00000.txt")

    def read_control_results(self, folder: str, *, but: Collection[str] = ()) -> dict[str, str]:
        self._call("read_control_results")
        prefix = f"{folder}/"
        versions = {
            f"{path} {etag_of(path + text)}": text
            for path, text in self.control.items()
            if path.startswith(prefix)
        }
        new = {version: text for version, text in versions.items() if version not in but}
        self.parts_read += len(new)
        return new

    def list_control_runs(self, domain: str, product: str) -> tuple[str, ...]:
        self._call("list_control_runs")
        prefix = f"{domain}/{product}/"
        return tuple(
            sorted({path[len(prefix) :].split("/")[0] for path in self.control if path.startswith(prefix)})
        )

    def delete_control_run(self, domain: str, product: str, run_id: str) -> None:
        self._call("delete_control_run")
        prefix = f"{domain}/{product}/{run_id}/"
        for path in [path for path in self.control if path.startswith(prefix)]:
            del self.control[path]
        self._moments.reach("blob")

    def find_landed(self, path: str) -> StoredBlob | None:
        self._call("find_landed")
        return self.landed.get(path)

    def list_landed(self, folder: str) -> Iterator[StoredBlob]:
        self._call("list_landed")
        for path, blob in sorted(self.landed.items()):
            if path.startswith(f"{folder}/") and blob.size_bytes:
                yield blob

    def _call(self, name: str) -> None:
        self.calls[name] += 1
        _fail_if_told(self.trouble, name)


class _Lost(Exception):
    """The platform loses the process that executes a node."""


class _NotYet(Exception):
    """The time of a node of a pack has not come."""


@dataclass
class JobRun:
    """One job run and how it ended.

    Attributes:
        ends_at: When it does its work, unless it is cancelled before; those of a pack share the time until then.
        built: Results of the nodes of a pack that had their turn.
    """

    job_run_id: JobRunID
    specs: tuple[NodeSpec, ...]
    pack: PackSpec | None
    started_at: datetime
    ends_at: datetime
    status: JobRunStatus | None = None
    built: dict[str, NodeResult] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What jobs do: how long they take and how they end.

    Attributes:
        takes_s: Seconds of one attempt.
        failing: Nodes with an error in their data, in every attempt.
        lost: Nodes whose first attempt is lost by the platform before it wrote anything.
        poisonous: Nodes that end the process in every attempt.
    """

    takes_s: float = 1.0
    failing: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    poisonous: frozenset[str] = frozenset()


@dataclass
class SimulatedJobs:
    """A workspace with no-op nodes on a virtual clock: a token gives one job run, whatever becomes of the caller.

    Attributes:
        slices: Landed files behind the rows of each table that a run wrote; an append replaces the run's own.
        executed: How often each attempt did its work.
        on_start: Called with each new job run.
        on_result: Called with the path of each result file.
    """

    lake: SimulatedLake
    now: Callable[[], datetime]
    moments: Moments
    plan: Plan = field(default_factory=Plan)
    runs: dict[JobRunID, JobRun] = field(default_factory=dict)
    tokens: dict[IdempotencyToken, JobRunID] = field(default_factory=dict)
    slices: dict[tuple[str, str], tuple[tuple[str, str], ...]] = field(default_factory=dict)
    executed: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    trouble: Trouble = lambda _: None
    on_start: Callable[[NodeSpec, set[str]], None] = lambda _spec, _together: None
    on_result: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self._lock = RLock()

    def submit(self, spec_uri: str, *, token: IdempotencyToken, run_name: str, timeout_s: int) -> JobRunID:
        self._call("submit")
        with self._lock:
            if token in self.tokens:
                return self.tokens[token]
            document = json.loads(self.lake.control[parse_abfss(spec_uri).path])
            pack = parse_pack_spec(document) if "pack" in document else None
            specs = (
                tuple(node.spec for node in pack.nodes) if pack else (parse_node_spec(json.dumps(document)),)
            )
            for spec in specs:
                self.on_start(spec, {one.node for one in specs})
            job_run_id = JobRunID(len(self.runs) + 1)
            now = self.now()
            ends_at = now + timedelta(seconds=self.plan.takes_s)
            self.runs[job_run_id] = JobRun(job_run_id, specs, pack, now, ends_at)
            self.tokens[token] = job_run_id
        self.moments.reach("job")
        # The answer of a call can be lost after it has had its effect.
        _fail_if_told(self.trouble, "submit answer")
        return job_run_id

    def status(self, job_run_id: JobRunID) -> JobRunStatus:
        self._call("status")
        self.work()
        return self.runs[job_run_id].status or JobRunStatus(JobState.RUNNING)

    def cancel(self, job_run_id: JobRunID) -> None:
        self._call("cancel")
        run = self.runs.get(job_run_id)
        if run is None:
            raise JobRefused(f"job run {job_run_id}", "INVALID_PARAMETER_VALUE", "does not exist")
        if run.status is None:
            run.status = JobRunStatus(JobState.CANCELLED, Failure.CANCELLED, code="USER_CANCELED")
        self.moments.reach("cancel")

    def output(self, job_run_id: JobRunID) -> JobOutput:
        self._call("output")
        return JobOutput(error=None, error_trace=None, logs="")

    def work(self) -> None:
        """Let every job run do the work whose time has come, first come first served."""
        with self._lock:
            going = [run for run in self.runs.values() if run.status is None]
            for run in sorted(going, key=lambda run: run.ends_at):
                if run.pack is not None or run.ends_at <= self.now():
                    self._execute(run)

    def _execute(self, run: JobRun) -> None:
        try:
            results = self._execute_nodes(run)
        except _NotYet:
            return
        except _Lost:
            run.status = JobRunStatus(JobState.FAILED, Failure.INFRASTRUCTURE, code="CLUSTER_ERROR")
            return
        if any(result.error is not None for result in results):
            run.status = JobRunStatus(JobState.FAILED, Failure.USER, code="RUN_EXECUTION_ERROR")
        else:
            run.status = JobRunStatus(JobState.SUCCEEDED, code="SUCCESS")

    def _execute_nodes(self, run: JobRun) -> list[NodeResult]:
        if run.pack is None:
            results = [self._execute_node(run.specs[0])]
            self._write(results[0].spec.result_uri, results[0].to_json())
            return results
        # The job does not know that it is interrupted: it is played again from its start, with what it has built.
        turns = _Turns(run, self.now(), self._execute_node)
        executed = run_pack(run.pack, turns.execute, self._write, turns.now)
        return [item.result for item in executed]

    def _execute_node(self, spec: NodeSpec) -> NodeResult:
        if (spec.attempt == 1 and spec.node in self.plan.lost) or spec.node in self.plan.poisonous:
            raise _Lost
        self.executed[spec.run_id, spec.node, spec.attempt] += 1
        files = [file for item in spec.inputs if isinstance(item, FilesInput) for file in item.files]
        if spec.node in self.plan.failing:
            error = NodeFailure("LF4571", FaultKind.DATA, "told to fail")
            return NodeResult(spec, NodeStatus.FAILED, error=error)
        self.slices[spec.output.uri, spec.run_id] = tuple((file.uri, file.etag) for file in files)
        return NodeResult(
            spec,
            NodeStatus.SUCCEEDED,
            rows_read=len(files),
            rows_published=len(files),
            files=tuple(FileResult(file.uri, FileStatus.DONE) for file in files),
            output=OutputResult(spec.output.name, spec.output.uri, 1, ()),
        )

    def _write(self, folder: str, text: str) -> None:
        path = f"{parse_abfss(folder).path}/part-00000.txt"
        if self.lake.control.get(path) != text:
            self.lake.control[path] = text
            self.on_result(path)

    def _call(self, name: str) -> None:
        self.calls[name] += 1
        _fail_if_told(self.trouble, name)


@dataclass
class _Turns:
    """The nodes of a pack, each of which takes the same time.

    Attributes:
        taken: How many have been executed, as far as the job knows.
    """

    run: JobRun
    reached: datetime
    build: Callable[[NodeSpec], NodeResult]
    taken: int = 0

    def execute(self, spec: NodeSpec) -> NodeResult:
        if spec.node not in self.run.built:
            if self._after(self.taken + 1) > self.reached:
                raise _NotYet
            self.run.built[spec.node] = self.build(spec)
        self.taken += 1
        return self.run.built[spec.node]

    def now(self) -> datetime:
        return self._after(self.taken)

    def _after(self, nodes: int) -> datetime:
        return self.run.started_at + (self.run.ends_at - self.run.started_at) * nodes / len(self.run.specs)


class HubClient:
    """The Durable client over a hub in this process, as the SDK's client behaves towards its caller."""

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub

    async def start_new(self, orchestrator: str, instance_id: str, client_input: Mapping[str, Any]) -> str:
        raw = json.dumps(json.dumps(client_input))
        try:
            self._hub.start(StartRequest(orchestrator, instance_id, raw))
        except Conflict as error:
            raise Exception(str(error)) from error  # as bare as the client's
        return instance_id

    async def raise_event(self, instance_id: str, event_name: str, event_data: Any) -> None:
        try:
            self._hub.raise_event(instance_id, event_name, json.dumps(event_data))
        except Refused as error:
            raise Exception(str(error)) from error

    async def get_status(self, instance_id: str) -> Any:
        found = self._hub.find(instance_id)
        return None if found is None else _Status(found.status.value)

    async def purge_instance_history_by(
        self, *, created_time_from: datetime, created_time_to: datetime, runtime_status: list[Any]
    ) -> Any:
        # The hub purges what has ended and nothing else, which is what every caller asks for.
        deleted = self._hub.purge_all(Filter(created_from=created_time_from, created_to=created_time_to))
        return _Purged(deleted)

    async def terminate(self, instance_id: str, reason: str) -> None:
        try:
            self._hub.terminate(instance_id, reason)
        except Refused as error:
            raise Exception(str(error)) from error


@dataclass(frozen=True)
class _Purged:
    instances_deleted: int


@dataclass(frozen=True)
class _Status:
    runtime_status: str


def etag_of(path: str, version: int = 1) -> str:
    """Return an ETag that belongs to one version of one path."""
    return "0x" + hashlib.sha256(f"{path} {version}".encode()).hexdigest()[:16].upper()


def _fail_if_told(trouble: Trouble, name: str) -> None:
    error = trouble(name)
    if error is not None:
        raise error
