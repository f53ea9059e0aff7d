"""The activities with a trace around them: the work is done elsewhere, here it is told.

Every call becomes a span of its run or node; the end of a node and of a run is told with the times that SQL
has. What lands is counted. Used only where telemetry goes somewhere.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from activities.events import EventActivities
from activities.instances import Instances
from activities.nodes import NodeActivities
from activities.runs import RunActivities
from activities.services import Services
from landfall import telemetry
from landfall.errors import LandfallError
from landfall.landing.dead_letters import LetterSource
from landfall.landing.events import BlobEvent
from landfall.landing.intake import Intake
from landfall.metrics import Metrics
from landfall.planning.plan import NodeKey
from landfall.runs.costs import estimate
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState, RunState
from landfall.runs.timeline import (
    AttemptTimes,
    FileTimes,
    NodeTimes,
    RunTimes,
    node_times,
    nodes_settled_by,
    run_times,
)
from landfall.runs.work import NodeWork


class CountedEventActivities(EventActivities):
    """Taking in files with a count of what became of them; their spans are told with the run that takes them."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        super().__init__(services)
        self._metrics = metrics

    def _record(self, event: BlobEvent, names: Sequence[str] | None = None) -> Intake:
        intake = super()._record(event, names)
        if not intake.reads_content and intake.passed_over is None:
            fate = str(intake.state) if intake.state is not None else "duplicate"
            product = {"landfall.product": intake.product} if intake.product is not None else {}
            self._metrics.files.add(1, {"landfall.file.fate": fate, **product})
        return intake

    async def _keep(self, text: str, source: LetterSource, error: LandfallError | None) -> None:
        await super()._keep(text, source, error)
        self._metrics.dead_letters.add(1, {"landfall.letter.source": str(source)})


class TracedRunActivities(RunActivities):
    """Opening, starting and closing runs, each a span; closing tells the run itself and its files."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        super().__init__(services)
        self._metrics = metrics

    async def open_run(self, message: dict[str, Any], instances: Instances) -> dict[str, Any]:
        # A coordinator asks until there is nothing left to run; only what opened this run belongs to its trace.
        parent = telemetry.coordinator_span(message["run_id"])
        with telemetry.undecided() as told:
            with telemetry.span("open_run", parent, {"landfall.product": message["product"]}):
                opened = await super().open_run(message, instances)
            told.keep = opened["run_id"] == message["run_id"]
        return opened

    async def start_run(self, message: dict[str, Any], instances: Instances) -> dict[str, Any]:
        with telemetry.span("start_run", telemetry.run_span(message["run_id"]), _of_run(message)):
            return await super().start_run(message, instances)

    async def close_run(self, message: dict[str, Any], instances: Instances) -> dict[str, Any]:
        run_id = RunID(message["run_id"])
        with telemetry.span("close_run", telemetry.run_span(run_id), _of_run(message)):
            closed = await super().close_run(message, instances)
        if closed["state"] is not None:
            times = await asyncio.to_thread(
                self._services.database.read, lambda connection: run_times(connection, run_id)
            )
            if times is not None:
                tell_run(times, self._metrics)
        return closed


class TracedNodeActivities(NodeActivities):
    """Submitting, looking at and settling nodes, each a span; settling tells the node, its attempts and phases."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        super().__init__(services)
        self._metrics = metrics

    def submit_job(self, message: dict[str, Any]) -> dict[str, Any]:
        with telemetry.span("submit_job", _node(message), _of_node(message)):
            return super().submit_job(message)

    async def check_job(self, message: dict[str, Any], instances: Instances) -> dict[str, Any]:
        with telemetry.span("check_job", _node(message), _of_node(message)):
            looked = await super().check_job(message, instances)
        if "finished" in looked:
            await self._tell(message, looked["finished"])
        return looked

    def _trace_context(self, work: NodeWork) -> dict[str, str]:
        return {"traceparent": telemetry.attempt_span(work.run_id, work.key, work.attempt).traceparent()}

    async def finish_node(self, message: dict[str, Any], instances: Instances) -> dict[str, Any]:
        work = message["work"]
        with telemetry.span("finish_node", _node(work), _of_node(work)):
            finished = await super().finish_node(message, instances)
        await self._tell(work, finished)
        return finished

    async def _tell(self, of: Mapping[str, Any], finished: Mapping[str, Any]) -> None:
        """Record the nodes that were settled, unless there is another attempt."""
        if finished["retry"]:
            return
        run_id, key = RunID(of["run_id"]), NodeKey(of["key"])
        found = await asyncio.to_thread(
            self._services.database.read,
            lambda connection: [
                node_times(connection, run_id, one) for one in nodes_settled_by(connection, run_id, key)
            ],
        )
        for times in found:
            if times is not None:
                tell_node(run_id, times, self._metrics)


def tell_run(times: RunTimes, metrics: Metrics) -> None:
    """Record a run that has ended, the files it took in, and its metrics."""
    root = telemetry.run_span(times.run_id)
    attributes: dict[str, str | int] = {
        "landfall.run.id": times.run_id,
        "landfall.product": times.product,
        "landfall.run.trigger": times.trigger,
        "landfall.run.state": str(times.state),
        "landfall.run.nodes": times.nodes,
    }
    first = min([times.asked_at, *(file.event_at for file in times.files if file.is_first)])
    telemetry.record(
        f"run {times.product}",
        root,
        None,
        started_at=first,
        ended_at=times.finished_at,
        attributes=attributes,
        error=None if times.state is RunState.SUCCEEDED else f"the run {times.state}",
    )
    labels = {"landfall.product": times.product}
    telemetry.record(
        "coordinator",
        telemetry.coordinator_span(times.run_id),
        root,
        started_at=times.asked_at,
        ended_at=times.started_at or times.finished_at,
        attributes=labels,
    )
    for number, file in enumerate(times.files):
        _tell_file(file, root, root.below("file", str(number)), labels)
        if file.is_first:
            metrics.start_latency.record(_seconds(file.event_at, times.created_at), labels)
            metrics.publish_latency.record(_seconds(file.event_at, times.finished_at), labels)
    metrics.runs.add(1, {"landfall.run.state": str(times.state), **labels})
    metrics.run_duration.record(_seconds(times.created_at, times.finished_at), labels)


def _tell_file(
    file: FileTimes, root: telemetry.SpanKey, own: telemetry.SpanKey, labels: Mapping[str, str]
) -> None:
    attributes = {"landfall.dataset": file.dataset, "url.full": file.url, **labels}
    # What was claimed before lay there all the while; only its way into this run belongs to it.
    began = file.event_at if file.is_first else file.claimed_at
    telemetry.record(
        f"land {file.dataset}", own, root, started_at=began, ended_at=file.claimed_at, attributes=attributes
    )
    if file.is_first:
        telemetry.record(
            f"event {file.dataset}",
            own.below("event"),
            own,
            started_at=file.event_at,
            ended_at=file.landed_at,
            attributes=attributes,
        )


def tell_node(run_id: RunID, times: NodeTimes, metrics: Metrics) -> None:
    """Record a node that has ended with its attempts and the phases of its job, and its metrics."""
    own = telemetry.node_span(run_id, times.key)
    labels = {"landfall.product": times.product, "landfall.node.key": times.key}
    started_at = times.claimed_at or times.finished_at
    telemetry.record(
        f"node {times.key}",
        own,
        telemetry.run_span(run_id),
        started_at=started_at,
        ended_at=times.finished_at,
        attributes={
            "landfall.run.id": run_id,
            "landfall.dataset": times.output,
            "landfall.node.kind": times.kind,
            "landfall.node.state": str(times.state),
            **{f"landfall.rows.{name}": rows for name, rows in times.rows.items()},
            **labels,
        },
        error=None if times.state is NodeState.SUCCEEDED else _failure(times.state, times.error_code),
    )
    for before, attempt in zip((None, *times.attempts), times.attempts, strict=False):
        _tell_attempt(run_id, times, attempt.number == times.attempts[-1].number, attempt, labels)
        if before is not None:
            metrics.retries.add(1, {"landfall.failure": before.failure or "unknown", **labels})
        _count_seconds(attempt, times, metrics, labels)
    metrics.nodes.add(1, {"landfall.node.state": str(times.state), **labels})
    for name, rows in times.rows.items():
        metrics.rows.add(rows, {"landfall.rows.kind": name, **labels})
    for rule, rows in times.refused.items():
        metrics.refused.add(rows, {"landfall.rule": rule, **labels})
    if "total" in times.phases_s:
        metrics.job_duration.record(times.phases_s["total"], labels)


def _count_seconds(
    attempt: AttemptTimes, times: NodeTimes, metrics: Metrics, labels: Mapping[str, str]
) -> None:
    if attempt.job_run_id is None:
        return
    seconds = max(0.0, _seconds(attempt.submitted_at, attempt.finished_at))
    metrics.job_seconds.add(seconds, labels)
    cost = estimate(seconds, times.price_per_hour)
    if cost is not None:
        metrics.job_cost.add(cost, labels)
    if attempt.number == 1 and times.claimed_at is not None:
        metrics.turn_wait.record(max(0.0, _seconds(times.claimed_at, attempt.submitted_at)), labels)


def _tell_attempt(
    run_id: RunID, times: NodeTimes, is_last: bool, attempt: AttemptTimes, labels: Mapping[str, str]
) -> None:
    own = telemetry.attempt_span(run_id, times.key, attempt.number)
    failed = attempt.state is not NodeState.SUCCEEDED
    job = {"databricks.job.run_id": attempt.job_run_id} if attempt.job_run_id is not None else {}
    telemetry.record(
        f"job {times.key}",
        own,
        telemetry.node_span(run_id, times.key),
        started_at=attempt.submitted_at,
        ended_at=attempt.finished_at,
        attributes={"landfall.node.attempt": attempt.number, **job, **labels},
        error=_failure(attempt.state, attempt.error_code) if failed else None,
    )
    # The result that is on record is that of the last attempt.
    phases = {name: seconds for name, seconds in times.phases_s.items() if name != "total"} if is_last else {}
    # The job says how long each phase took, not when it began: they are set behind one another from the end.
    begins = attempt.finished_at - timedelta(seconds=sum(phases.values()))
    for name, seconds in phases.items():
        ends = begins + timedelta(seconds=seconds)
        telemetry.record(
            name, own.below(name), own, started_at=begins, ended_at=ends, attributes=dict(labels)
        )
        begins = ends


def _failure(state: NodeState, code: str | None) -> str:
    # The code alone: a reason may quote a value of a row.
    return f"{state}: {code}" if code else str(state)


def _node(message: Mapping[str, Any]) -> telemetry.SpanKey:
    return telemetry.node_span(message["run_id"], message["key"])


def _of_run(message: Mapping[str, Any]) -> dict[str, str]:
    return {"landfall.run.id": message["run_id"]}


def _of_node(message: Mapping[str, Any]) -> dict[str, str]:
    return {"landfall.run.id": message["run_id"], "landfall.node.key": message["key"]}


def _seconds(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds()
