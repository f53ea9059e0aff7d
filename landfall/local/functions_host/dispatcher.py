"""Runs a task hub in real time: every commit wakes what it concerns, and one timer wakes what is due later.

Nothing is polled. The queues here are only hints about what is in the store; after a restart they are rebuilt from it.
"""

import asyncio
import json
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from landfall.local.functions_host import log
from landfall.local.functions_host.activity_queue import ActivityOutcome, ActivityWork, failure_of
from landfall.local.functions_host.clock import from_text, to_text
from landfall.local.functions_host.decisions import HTTP_ACTIVITY, Status
from landfall.local.functions_host.divergence import Finding
from landfall.local.functions_host.entities import EntityTicket, run_batch
from landfall.local.functions_host.episode import EpisodeResult, run_episode
from landfall.local.functions_host.episodes import Ticket
from landfall.local.functions_host.http_activity import call_http
from landfall.local.functions_host.hub import TaskHub
from landfall.local.functions_host.json_text import compact
from landfall.local.functions_host.loading import AppFunction, FunctionTable
from landfall.local.functions_host.store import Transaction
from landfall.local.functions_host.worker import Worker, decode, encode_activity_result

# The loop's clock stands still while a laptop sleeps; a timer is looked at again after this long at the latest.
_LONGEST_SLEEP_S = 30.0
_RETRY_AFTER_DEFECT_S = 5.0
_REMEMBERED_FINDINGS = 10_000
_COMMITS_PER_CHECKPOINT = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """How much runs at once, and how often activities are delivered twice.

    Attributes:
        orchestrations: Episodes at a time.
        activities: Activities at a time.
        redeliver: Probability in [0, 1] that an activity is delivered a second time.
    """

    orchestrations: int
    activities: int
    redeliver: float = 0.0


class _SecondDelivery(Enum):
    BEFORE_REPORT = "before_report"
    AFTER_REPORT = "after_report"


class _Mailroom:
    """Runs one job per addressee at a time, up to a limit in all, again if mail came in while it ran."""

    def __init__(
        self, limit: int, job: Callable[[str], Coroutine[Any, Any, None]], spawn: Callable[[Any], None]
    ) -> None:
        self._limit = limit
        self._job = job
        self._spawn = spawn
        self._queue: deque[str] = deque()
        self._queued: set[str] = set()
        self._running: set[str] = set()
        self._again: set[str] = set()
        self.stopped = False

    @property
    def running(self) -> int:
        return len(self._running)

    def deliver(self, addressee: str) -> None:
        if addressee in self._running:
            self._again.add(addressee)
        elif addressee not in self._queued:
            self._queued.add(addressee)
            self._queue.append(addressee)
            self._fill()

    def _fill(self) -> None:
        while self._queue and len(self._running) < self._limit and not self.stopped:
            addressee = self._queue.popleft()
            self._queued.discard(addressee)
            self._running.add(addressee)
            self._spawn(self._run(addressee))

    async def _run(self, addressee: str) -> None:
        try:
            await self._job(addressee)
        finally:
            self._running.discard(addressee)
            if addressee in self._again:
                self._again.discard(addressee)
                self.deliver(addressee)
            self._fill()


class Dispatcher:
    """Drives one task hub; create and use it on the host's event loop."""

    def __init__(
        self,
        hub: TaskHub,
        functions: FunctionTable,
        worker: Worker,
        limits: Limits,
        chance: random.Random | None = None,
    ) -> None:
        self._hub = hub
        self._functions = functions
        self._worker = worker
        self._limits = limits
        self._chance = chance or random.Random()  # noqa: S311 - decides about test deliveries only
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._orchestrations = _Mailroom(limits.orchestrations, self._episode, self._spawn)
        self._entities = _Mailroom(limits.orchestrations, self._entity_batch, self._spawn)
        self._waiting_activities = 0
        self._running_activities = 0
        self._activity_fill_planned = False
        self._wake_up: asyncio.TimerHandle | None = None
        self._wake_at: datetime | None = None
        self._told: dict[tuple[str, str, str], None] = {}
        self._stopping = False
        self._commits = 0
        self._checkpoint: asyncio.Future[None] | None = None

    @property
    def busy(self) -> dict[str, int]:
        """How many episodes, entity batches and activities run now, and how many activities wait."""
        return {
            "orchestrations": self._orchestrations.running,
            "entities": self._entities.running,
            "activities": self._running_activities,
            "activities_waiting": self._waiting_activities,
        }

    def start(self) -> None:
        """Take up whatever the store holds, also what a killed host left in the middle."""
        released = self._hub.activities.release_all()
        if released:
            log.event("activities_run_again", count=released, reason="the host stopped while they ran")
        self._waiting_activities = self._hub.activities.count_waiting()
        self._hub.store.on_commit = self._on_commit
        self._plan_activities()
        self._deliver_due()

    async def stop(self, grace_s: float) -> None:
        """Take no new work, let what runs finish for ``grace_s`` seconds, and leave the rest to the next host."""
        self._stopping = self._orchestrations.stopped = self._entities.stopped = True
        if self._wake_up is not None:
            self._wake_up.cancel()
        running = set(self._tasks)
        if running:
            _, late = await asyncio.wait(running, timeout=grace_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1)
                log.event("left_running", level=logging.WARNING, count=len(late), after_s=grace_s)
        if self._checkpoint is not None:
            await asyncio.wait({self._checkpoint})

    # --- waking up --------------------------------------------------------------------------------------------

    def _on_commit(self, committed: Transaction) -> None:
        self._commits += 1
        if self._commits % _COMMITS_PER_CHECKPOINT == 0 and (
            self._checkpoint is None or self._checkpoint.done()
        ):
            self._checkpoint = self._loop.run_in_executor(None, self._hub.store.checkpoint)
        now = to_text(self._hub.clock.now())
        for mail, mailroom in (
            (committed.mail, self._orchestrations),
            (committed.entity_mail, self._entities),
        ):
            for addressee, visible_at in mail:
                if visible_at <= now:
                    mailroom.deliver(addressee)
                else:
                    self._wake_by(from_text(visible_at))
        if committed.new_activities:
            self._waiting_activities += committed.new_activities
            self._plan_activities()

    def _wake_by(self, at: datetime) -> None:
        if self._stopping or (self._wake_at is not None and self._wake_at <= at):
            return
        if self._wake_up is not None:
            self._wake_up.cancel()
        self._wake_at = at
        delay_s = (at - self._hub.clock.now()).total_seconds()
        self._wake_up = self._loop.call_later(min(max(delay_s, 0.0), _LONGEST_SLEEP_S), self._deliver_due)

    def _deliver_due(self) -> None:
        self._wake_up = self._wake_at = None
        for instance_id in self._hub.episodes.waiting():
            self._orchestrations.deliver(instance_id)
        for entity_id in self._hub.entities.waiting():
            self._entities.deliver(entity_id)
        self._plan_wake_up()

    def _plan_wake_up(self) -> None:
        for at in (self._hub.episodes.next_visible_at(), self._hub.entities.next_visible_at()):
            if at is not None:
                self._wake_by(at)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- orchestrations ---------------------------------------------------------------------------------------

    async def _episode(self, instance_id: str) -> None:
        try:
            ticket = self._hub.episodes.take(instance_id)
            if ticket is None:
                # Usually it was dropped. If the clock stepped back since it was posted, it is due later again.
                self._plan_wake_up()
                return
            name = ticket.instance.name
            function = self._functions.find_orchestrator(name)
            handle = function.call if function is not None else None
            result = await self._worker.run(
                run_episode, ticket.given, handle, self._functions, function=name, instance=instance_id
            )
            if self._hub.episodes.commit(ticket, result):
                self._tell(ticket, result)
        except Exception as error:
            # A defect of the host. Its messages stay in the store, so nothing is lost.
            log.failure(
                "episode_not_committed", error, instance=instance_id, retry_in_s=_RETRY_AFTER_DEFECT_S
            )
            self._loop.call_later(_RETRY_AFTER_DEFECT_S, self._orchestrations.deliver, instance_id)

    def _tell(self, ticket: Ticket, result: EpisodeResult) -> None:
        instance = ticket.instance
        for finding in result.found:
            self._tell_once(instance.instance_id, instance.name, finding)
        if instance.history_length == 0 and instance.generation == 0:
            log.event("orchestration_started", function=instance.name, instance=instance.instance_id)
        ending = result.ending
        if ending is not None and ending.status is not Status.CONTINUED_AS_NEW:
            failed = ending.status is Status.FAILED
            log.event(
                f"orchestration_{ending.status.lower()}",
                level=logging.ERROR if failed else logging.INFO,
                function=instance.name,
                instance=instance.instance_id,
                reason=None if ending.status is Status.COMPLETED else ending.result,
            )

    def _tell_once(self, instance_id: str, function: str, finding: Finding) -> None:
        key = (instance_id, finding.event, finding.key)
        if key not in self._told:
            self._told[key] = None
            if len(self._told) > _REMEMBERED_FINDINGS:
                del self._told[next(iter(self._told))]
            log.event(
                finding.event, level=finding.level, function=function, instance=instance_id, **finding.fields
            )

    # --- entities ---------------------------------------------------------------------------------------------

    async def _entity_batch(self, entity_id: str) -> None:
        try:
            ticket: EntityTicket | None = self._hub.entities.take(entity_id)
            if ticket is None:
                return
            function = self._functions.find_entity(ticket.name)
            handle = function.call if function is not None else None
            if handle is None:
                log.event(
                    "entity_unknown", level=logging.ERROR, instance=entity_id, operations=len(ticket.seqs)
                )
            result = await self._worker.run(
                run_batch, ticket, handle, function=ticket.name, instance=entity_id
            )
            self._hub.entities.commit(ticket, result)
        except Exception as error:
            log.failure(
                "entity_batch_not_committed", error, instance=entity_id, retry_in_s=_RETRY_AFTER_DEFECT_S
            )
            self._loop.call_later(_RETRY_AFTER_DEFECT_S, self._entities.deliver, entity_id)

    # --- activities -------------------------------------------------------------------------------------------

    def _plan_activities(self) -> None:
        if not self._activity_fill_planned:
            self._activity_fill_planned = True
            self._loop.call_soon(self._start_activities)

    def _start_activities(self) -> None:
        self._activity_fill_planned = False
        free = self._limits.activities - self._running_activities
        if self._stopping or free <= 0 or self._waiting_activities <= 0:
            return
        leased = self._hub.activities.lease(free)
        self._waiting_activities = self._waiting_activities - len(leased) if leased else 0
        for work in leased:
            self._running_activities += 1
            self._spawn(self._activity(work))

    async def _activity(self, work: ActivityWork) -> None:
        try:
            second = self._second_delivery()
            if second is _SecondDelivery.BEFORE_REPORT:
                log.event(
                    "activity_delivered_twice",
                    function=work.name,
                    instance=work.instance_id,
                    first="unreported",
                )
                await self._perform(work)
            started = time.perf_counter()
            outcome = await self._perform(work)
            self._hub.activities.complete(work, outcome)
            log.event(
                "activity_completed" if outcome.failure is None else "activity_failed",
                level=logging.INFO if outcome.failure is None else logging.WARNING,
                function=work.name,
                instance=work.instance_id,
                task=work.task_id,
                attempt=work.attempt if work.attempt > 1 else None,
                ms=round((time.perf_counter() - started) * 1000, 1),
                reason=outcome.failure,
            )
            if second is _SecondDelivery.AFTER_REPORT:
                log.event(
                    "activity_delivered_twice",
                    function=work.name,
                    instance=work.instance_id,
                    first="reported",
                )
                self._hub.activities.complete(work, await self._perform(work))
        except Exception as error:
            log.failure("activity_not_reported", error, function=work.name, instance=work.instance_id)
            self._loop.call_later(_RETRY_AFTER_DEFECT_S, self._hub.activities.abandon, work)
        finally:
            self._running_activities -= 1
            self._plan_activities()

    def _second_delivery(self) -> _SecondDelivery | None:
        if not self._limits.redeliver or self._chance.random() >= self._limits.redeliver:
            return None
        return self._chance.choice(list(_SecondDelivery))

    async def _perform(self, work: ActivityWork) -> ActivityOutcome:
        if work.name == HTTP_ACTIVITY:
            return await call_http(work.stored_input)
        function = self._functions.find_activity(work.name)
        if function is None:
            return failure_of(work.name, LookupError("the app no longer has this activity"))
        return await perform(self._worker, function, work)


async def perform(worker: Worker, function: AppFunction, work: ActivityWork) -> ActivityOutcome:
    """Call an activity and return its outcome; what it raises is an outcome too."""
    (inner,) = json.loads(work.stored_input)
    try:
        argument = decode("activityTrigger", inner if inner is not None else "null", "string")
        value = await worker.call(function, argument, work.instance_id)
        return ActivityOutcome(result=compact(json.loads(encode_activity_result(value))))
    except asyncio.CancelledError:
        raise
    except Exception as error:
        log.failure("activity_raised", error, function=function.name, instance=work.instance_id)
        return failure_of(work.name, error)
