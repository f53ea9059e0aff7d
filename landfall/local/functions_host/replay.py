"""The host's half of a replay: walks the SDK's action list over the history and collects decisions.

The SDK numbers tasks as Python yields them; this side numbers them as it walks the list of actions and awaits
each before it invokes the next. Completions are matched by these numbers, so both sides must count alike. The walk
is kept exactly as the Durable extension does it, with all its consequences: what runs late or goes wrong in Azure
does so here.
"""

import json
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

from landfall.local.functions_host.clock import from_text, to_text
from landfall.local.functions_host.decisions import (
    HTTP_ACTIVITY,
    CreateChild,
    CreateTimer,
    Decision,
    Ending,
    ScheduleActivity,
    SendEvent,
    Status,
    fingerprint,
)
from landfall.local.functions_host.history import COMPLETIONS, SCHEDULING, Event, EventType
from landfall.local.functions_host.promises import (
    OrchestrationRefused,
    Promise,
    Steps,
    TaskFailed,
    all_of,
    any_of,
    drive,
    settled_with,
)
from landfall.local.functions_host.retries import RetryPolicy, retried
from landfall.local.functions_host.sdk import Action, Reply

REQUEST_NAMESPACE = uuid.UUID("6f1b7a52-3a0f-5e0c-9a53-0a2c2d1f5c11")
_ROW_NAMES = {
    EventType.TASK_SCHEDULED: "an activity task",
    EventType.SUB_ORCHESTRATION_CREATED: "a sub-orchestration",
    EventType.TIMER_CREATED: "a timer",
    EventType.EVENT_SENT: "an event",
}


class Catalogue(Protocol):
    """The names that an orchestrator may call."""

    def has_activity(self, name: str) -> bool:
        """Return whether an activity of that name exists, ignoring case."""

    def has_orchestrator(self, name: str) -> bool:
        """Return whether an orchestrator of that name exists, ignoring case."""

    def orchestrator_names(self) -> Sequence[str]:
        """Return the names of all orchestrators."""


class NonDeterministic(Exception):
    """The code no longer decides what the history says it decided."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which execution is replayed."""

    name: str
    instance_id: str
    execution_id: str
    max_actions: int = 100_000


@dataclass(frozen=True, slots=True)
class CrossWired:
    """A task id that stood for other work in an earlier episode: its result may go to the wrong place."""

    task_id: int
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A task that has been scheduled and not ended."""

    kind: str
    name: str
    promise: Promise = field(compare=False)


HistoryRow: TypeAlias = tuple[Event, str | None]


class Replay:
    """One walk of the action list of a reply over the events of one execution.

    Feed every event in order with :meth:`process`, then read what was decided.

    Attributes:
        now: Timestamp of the last ``OrchestratorStarted``.
        pending: Decisions that no history row records yet, by task id.
        decided: All decisions of this execution, by task id.
        open_tasks: Scheduled tasks that have not ended, by task id.
        next_id: The id that the next task would get.
        suspended: Whether the last control event suspended the instance.
        carried_events: External events that came after the decision to continue as new.
        cross_wired: Task ids whose work differs from what the history was written for.
        buffered: External events that nobody has waited for, by lower-case name.
        waits: Names of the external events that are awaited, oldest first.
        case_mismatches: (awaited name, raised name) pairs that differ in case only.
    """

    def __init__(self, identity: Identity, reply: Reply, catalogue: Catalogue) -> None:
        self.now = datetime.min.replace(tzinfo=UTC)
        self.pending: dict[int, Decision] = {}
        self.decided: dict[int, Decision] = {}
        self.open_tasks: dict[int, OpenTask] = {}
        self.next_id = 0
        self.suspended = False
        self.carried_events: list[Event] = []
        self.cross_wired: list[CrossWired] = []
        self.buffered: defaultdict[str, deque[Event]] = defaultdict(deque)
        self.waits: list[str] = []
        self.case_mismatches: list[tuple[str, str]] = []
        self._identity = identity
        self._reply = reply
        self._catalogue = catalogue
        self._waiters: defaultdict[str, list[tuple[str, Promise]]] = defaultdict(list)
        self._position = -1
        self._result: Promise | None = None
        self._terminated: Ending | None = None
        self._continue_input: str | None = None
        self._continues = False
        self._stashed: dict[int, Decision] = {}
        self._queued: deque[HistoryRow] = deque()
        self._requests = 0

    @property
    def blocked_at(self) -> int | None:
        """Index of the action that is awaited, ``None`` if the list has been walked to its end."""
        if self._result is None or self._result.settled or self._position >= len(self._reply.actions):
            return None
        return self._position

    @property
    def ending(self) -> Ending | None:
        """How the execution ended, ``None`` while it goes on."""
        if self._terminated is not None:
            return self._terminated
        if self.suspended or self.open_tasks or self._result is None or not self._result.settled:
            return None
        if self._result.error is not None:
            return Ending(
                Status.FAILED, f"Orchestrator function '{self._identity.name}' failed: {self._result.error}"
            )
        if self._continues:
            return Ending(Status.CONTINUED_AS_NEW, self._continue_input)
        return Ending(Status.COMPLETED, self._result.value)

    @property
    def returned(self) -> bool:
        """Whether the action list has been walked to the end of a finished orchestrator."""
        return self._result is not None and self._result.settled

    def process(self, event: Event, recorded_fingerprint: str | None = None) -> None:
        """Apply one history row.

        Raises:
            NonDeterministic: The row records a decision that this replay has not made.
        """
        kind = EventType(event["EventType"])
        overrides_suspension = kind in (EventType.EXECUTION_RESUMED, EventType.EXECUTION_TERMINATED)
        if self.suspended and not overrides_suspension:
            self._queued.append((event, recorded_fingerprint))
        elif kind in SCHEDULING:
            self._confirm(event, kind, recorded_fingerprint)
        elif kind in COMPLETIONS:
            self._complete(event, kind)
        elif kind in _HANDLERS:
            _HANDLERS[kind](self, event)

    # --- events -----------------------------------------------------------------------------------------------

    def _on_orchestrator_started(self, event: Event) -> None:
        self.now = from_text(event["Timestamp"])

    def _on_execution_started(self, _: Event) -> None:
        if self._result is None:
            self._result = drive(self._walk())

    def _on_event_raised(self, event: Event) -> None:
        name = event["Name"].lower()
        waiters = self._waiters[name]
        if self._continues:
            self.carried_events.append(event)
        elif waiters:
            # The newest wait gets the event, as in the extension.
            awaited, promise = waiters.pop()
            self.waits.remove(awaited)
            self._note_case(awaited, event["Name"])
            promise.resolve(event.get("Input"))
        else:
            self.buffered[name].append(event)

    def _on_terminated(self, event: Event) -> None:
        if self._terminated is None:
            self._terminated = Ending(Status.TERMINATED, event.get("Input"))

    def _on_suspended(self, _: Event) -> None:
        self.suspended = True
        self._stashed.update(self.pending)
        self.pending.clear()

    def _on_resumed(self, _: Event) -> None:
        self.suspended = False
        self.pending.update(self._stashed)
        self._stashed.clear()
        while self._queued and not self.suspended:
            self.process(*self._queued.popleft())

    def _confirm(self, event: Event, kind: EventType, recorded_fingerprint: str | None) -> None:
        task_id = event["EventId"]
        decision = self.pending.pop(task_id, None)
        recorded_name = event.get("Name") or ""
        if (
            decision is None
            or decision.row_type is not kind
            or decision.name.lower() != recorded_name.lower()
        ):
            raise NonDeterministic(_contradiction(task_id, kind, recorded_name, decision))
        if recorded_fingerprint is not None and fingerprint(decision) != recorded_fingerprint:
            self.cross_wired.append(CrossWired(task_id, decision.kind, decision.name))

    def _complete(self, event: Event, kind: EventType) -> None:
        task_id = event["TimerId"] if kind is EventType.TIMER_FIRED else event["TaskScheduledId"]
        task = self.open_tasks.pop(task_id, None)
        if task is None:
            return  # a duplicate, or the timer was cancelled
        if kind in (EventType.TASK_FAILED, EventType.SUB_ORCHESTRATION_FAILED):
            task.promise.reject(TaskFailed(event.get("Reason") or ""))
        else:
            task.promise.resolve(event.get("Result"))

    # --- the walk ---------------------------------------------------------------------------------------------

    def _walk(self) -> Steps:
        if len(self._reply.actions) > self._identity.max_actions:
            raise OrchestrationRefused(
                f"It asked for {len(self._reply.actions)} actions; host.json allows {self._identity.max_actions} "
                "(maxOrchestrationActions)."
            )
        for position, action in enumerate(self._reply.actions):
            self._position = position
            awaited = self._invoke(action)
            # Nothing after this action is scheduled before it ends, even if the Python code has moved on. That it
            # failed, the SDK has raised in the orchestrator already.
            with suppress(TaskFailed):
                yield awaited
        self._position = len(self._reply.actions)
        if self._reply.error is not None:
            raise OrchestrationRefused(self._reply.error)
        if not self._reply.is_done:
            yield Promise()
        return self._reply.output

    def _invoke(self, action: Action) -> Promise:
        kind = action["actionType"]
        invoke = _INVOCATIONS.get(kind)
        if invoke is None:
            raise OrchestrationRefused(f"The reply holds an action of unknown type {kind}.")
        return invoke(self, action)

    def _call_activity(self, action: Action) -> Promise:
        name = action["functionName"]
        if not self._catalogue.has_activity(name):
            raise OrchestrationRefused(unknown_function(name, "activity"))
        stored_input = json.dumps([action.get("input")], ensure_ascii=False)
        return self._schedule(ScheduleActivity(self._take_id(), name, stored_input))

    def _call_child(self, action: Action) -> Promise:
        name = action["functionName"]
        if not self._catalogue.has_orchestrator(name):
            raise OrchestrationRefused(unknown_function(name, "orchestrator"))
        wanted_id = action.get("instanceId")
        if wanted_id and wanted_id.startswith("@"):
            raise OrchestrationRefused(f"The instance id {wanted_id!r} starts with '@', which entities use.")
        if wanted_id == self._identity.instance_id:
            raise OrchestrationRefused(f"A child cannot have its parent's instance id {wanted_id!r}.")
        task_id = self._take_id()
        raw_input = action.get("input")
        return self._schedule(
            CreateChild(
                task_id,
                name,
                wanted_id or f"{self._identity.execution_id}:{task_id}",
                None if raw_input is None else json.dumps(raw_input, ensure_ascii=False),
                action.get("version"),
            )
        )

    def _with_retry(self, call: Callable[[Action], Promise], action: Action) -> Promise:
        policy = RetryPolicy.from_options(action["retryOptions"])
        # The first call is made here, so that an unknown name fails the instance and not just this task.
        first = call(action)
        attempts = iter([first])
        return drive(
            retried(lambda: next(attempts, None) or call(action), self._sleep_until, lambda: self.now, policy)
        )

    def _call_activity_with_retry(self, action: Action) -> Promise:
        return self._with_retry(self._call_activity, action)

    def _call_child_with_retry(self, action: Action) -> Promise:
        return self._with_retry(self._call_child, action)

    def _continue_as_new(self, action: Action) -> Promise:
        self._continues = True
        self._continue_input = json.dumps(action.get("input"), ensure_ascii=False)
        return settled_with()

    def _sleep_until(self, fire_at: datetime) -> Promise:
        return self._schedule(CreateTimer(self._take_id(), to_text(fire_at)))

    def _create_timer(self, action: Action) -> Promise:
        task_id = self._take_id()
        promise = self._schedule(CreateTimer(task_id, action["fireAt"]))
        if action.get("isCanceled"):
            # The decision, or its row, stays; only the wait for it ends.
            del self.open_tasks[task_id]
            promise.reject(TaskFailed("The timer was cancelled."))
        return promise

    def _wait_for_event(self, action: Action) -> Promise:
        return self._wait_for(action["externalEventName"])

    def _wait_for(self, name: str) -> Promise:
        early = self.buffered[name.lower()]
        if early:
            event = early.popleft()
            self._note_case(name, event["Name"])
            return settled_with(event.get("Input"))
        promise = Promise()
        self._waiters[name.lower()].append((name, promise))
        self.waits.append(name)
        return promise

    def _call_entity(self, action: Action) -> Promise:
        request_id = self._send_request(action, signal=False)
        return self._wait_for(request_id)

    def _signal_entity(self, action: Action) -> Promise:
        self._send_request(action, signal=True)
        return settled_with()

    def _send_request(self, action: Action, *, signal: bool) -> str:
        # The same on every replay, or the SDK would wait for a reply that never comes.
        request_id = str(
            uuid.uuid5(
                REQUEST_NAMESPACE,
                f"{self._identity.instance_id}\n{self._identity.execution_id}\n{self._requests}",
            )
        )
        self._requests += 1
        due = action.get("fireAt")
        request: dict[str, Any] = {"op": action["operation"], "id": request_id}
        if signal:
            request["signal"] = True
        else:
            request["parent"] = self._identity.instance_id
            request["parentExecution"] = self._identity.execution_id
        if action.get("input") is not None:
            # The SDK's entity side decodes twice.
            request["input"] = json.dumps(action["input"])
        if due is not None:
            request["due"] = due
        self.pending_send(action["instanceId"], f"op@{due}" if due else "op", json.dumps(request))
        return request_id

    def pending_send(self, target: str, name: str, raw_input: str) -> None:
        """Record the decision to send a request; nothing waits for a send itself."""
        task_id = self._take_id()
        self.pending[task_id] = self.decided[task_id] = SendEvent(task_id, target, name, raw_input)

    def _call_http(self, action: Action) -> Promise:
        stored_input = json.dumps([action["httpRequest"]], ensure_ascii=False)
        return self._schedule(ScheduleActivity(self._take_id(), HTTP_ACTIVITY, stored_input))

    def _when_any(self, action: Action) -> Promise:
        return any_of([self._invoke(child) for child in action["compoundActions"]])

    def _when_all(self, action: Action) -> Promise:
        return all_of([self._invoke(child) for child in action["compoundActions"]])

    def _take_id(self) -> int:
        task_id = self.next_id
        self.next_id += 1
        return task_id

    def _schedule(self, decision: ScheduleActivity | CreateChild | CreateTimer) -> Promise:
        promise = Promise()
        self.pending[decision.id] = self.decided[decision.id] = decision
        self.open_tasks[decision.id] = OpenTask(decision.kind, decision.name, promise)
        return promise

    def _note_case(self, awaited: str, raised: str) -> None:
        if awaited != raised:
            self.case_mismatches.append((awaited, raised))


def unknown_function(name: str, kind: str, known: Sequence[str] = ()) -> str:
    """Return the extension's text for a call to a function that the app does not have."""
    article = "an"
    listed = (
        f" The known {kind} functions are: {', '.join(f'{n!r}' for n in sorted(known))}." if known else ""
    )
    return (
        f"The function '{name}' doesn't exist, is disabled, or is not {article} {kind} function. "
        f"Additional info: No {kind} function of that name is registered in this app.{listed}"
    )


def _contradiction(task_id: int, kind: EventType, recorded: str, decision: Decision | None) -> str:
    named = f" and name '{recorded}'" if recorded else ""
    work = f"{_ROW_NAMES[kind]} with sequence ID {task_id}{named}"
    head = f"A previous execution of this orchestration scheduled {work}"
    if decision is None:
        now = "but the current replay has not scheduled it"
    else:
        also = f" with name '{decision.name}'" if decision.name else ""
        now = f"but the current replay scheduled {_ROW_NAMES[decision.row_type]}{also} with that ID instead"
    return f"{head}, {now}. Was the orchestrator's code changed while this instance was running?"


_HANDLERS: dict[EventType, Callable[[Replay, Event], None]] = {
    EventType.ORCHESTRATOR_STARTED: Replay._on_orchestrator_started,
    EventType.EXECUTION_STARTED: Replay._on_execution_started,
    EventType.EVENT_RAISED: Replay._on_event_raised,
    EventType.EXECUTION_TERMINATED: Replay._on_terminated,
    EventType.EXECUTION_SUSPENDED: Replay._on_suspended,
    EventType.EXECUTION_RESUMED: Replay._on_resumed,
}
_INVOCATIONS: dict[int, Callable[[Replay, Action], Promise]] = {
    0: Replay._call_activity,
    1: Replay._call_activity_with_retry,
    2: Replay._call_child,
    3: Replay._call_child_with_retry,
    4: Replay._continue_as_new,
    5: Replay._create_timer,
    6: Replay._wait_for_event,
    7: Replay._call_entity,
    8: Replay._call_http,
    9: Replay._signal_entity,
    10: Replay._signal_entity,
    11: Replay._when_any,
    12: Replay._when_all,
}
