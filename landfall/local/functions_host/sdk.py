"""The SDK's half of a replay: runs an orchestrator's handle and reads its reply.

Only this module touches private parts of the SDK, to learn how many task ids its side has given out and which tasks
the orchestrator created but never yielded. Without them the host still works; it just notices less.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import azure.functions as func
from azure.durable_functions.models import DurableOrchestrationContext
from azure.durable_functions.models.actions.NoOpAction import NoOpAction
from azure.durable_functions.models.actions.SignalEntityAction import SignalEntityAction
from azure.durable_functions.models.Task import TaskBase
from azure.durable_functions.orchestrator import Orchestrator

from landfall.local.functions_host.clock import to_text
from landfall.local.functions_host.history import Event

Action: TypeAlias = Mapping[str, Any]
Handle: TypeAlias = Callable[[Any], str]

_STATE_LABEL = "\n\n$OutOfProcData$:"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the SDK answered to one context.

    Attributes:
        actions: Everything the code has asked for since the start of the execution.
        is_done: Whether the orchestrator has come to its end.
        output: Its return value as compact JSON text, ``None`` if it returned nothing.
        error: Text of the exception that it raised.
        custom_status: JSON text, ``None`` if it set none.
        crashed: Text of an error outside the orchestrator's generator; then nothing else is known.
        ids_taken: How many task ids the SDK has given out, ``None`` if it does not say.
        remarks: What the code does that works differently in Azure than its author may think.
    """

    actions: tuple[Action, ...] = ()
    is_done: bool = False
    output: str | None = None
    error: str | None = None
    custom_status: str | None = None
    crashed: str | None = None
    ids_taken: int | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContextFields:
    """What a context tells besides its history."""

    instance_id: str
    parent_instance_id: str | None
    raw_input: str | None


def context_text(fields: ContextFields, rows: Iterable[str]) -> str:
    """Return the context JSON for a history given as one JSON text per row.

    The timer limits are null, as back ends without a limit send them, so the SDK never splits a long timer.
    """
    tail = {
        "input": None if fields.raw_input is None else json.loads(fields.raw_input),
        "instanceId": fields.instance_id,
        "isReplaying": False,
        "parentInstanceId": fields.parent_instance_id,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "longRunningTimerIntervalDuration": None,
        "maximumShortTimerDuration": None,
        "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
    }
    return f'{{"history":[{",".join(rows)}],{json.dumps(tail)[1:]}'


def row_text(event: Event) -> str:
    """Return a history row as compact JSON."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False)


def replay_code(handle: Handle, context: str) -> Reply:
    """Run the orchestrator behind ``handle`` over a context; whatever it raises is part of the reply."""
    observed: _ObservedContext | None = None
    try:
        function = getattr(handle, "orchestrator_function", None)
        if function is None:
            return _parse(handle(func.OrchestrationContext(context)), None)
        observed = _ObservedContext.from_json(context)
        observed._input_expected_type = getattr(handle, "_df_input_type", None)
        return _parse(Orchestrator(function).handle(observed), observed)
    except Exception as error:
        text, label, state = str(error).partition(_STATE_LABEL)
        if label:
            return _parse(state, observed)
        return Reply(crashed=text or str(type(error)))


class _ObservedContext(DurableOrchestrationContext):  # type: ignore[misc]
    """The SDK's context, which also remembers the tasks it made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made: list[tuple[TaskBase, Any]] = []
        self.odd_timers: list[str] = []

    def _generate_task(self, action: Any, *args: Any, **kwargs: Any) -> TaskBase:
        task = super()._generate_task(action, *args, **kwargs)
        if not isinstance(action, NoOpAction | SignalEntityAction):
            self.made.append((task, action))
        return task

    def create_timer(self, fire_at: datetime) -> TaskBase:
        if fire_at.tzinfo is None:
            self.odd_timers.append(f"timer at {fire_at.isoformat()} has no time zone and is taken for UTC")
        elif fire_at.utcoffset() != timedelta(0):
            self.odd_timers.append(
                f"timer at {fire_at.isoformat()} is not in UTC; the SDK drops the offset and waits until "
                f"{to_text(fire_at.replace(tzinfo=UTC))}"
            )
        return super().create_timer(fire_at)


def _parse(text: str, observed: _ObservedContext | None) -> Reply:
    state = json.loads(text)
    lists = state.get("actions") or [[]]
    if len(lists) != 1:
        return Reply(crashed=f"The reply holds {len(lists)} lists of actions; this schema has one.")
    is_done = bool(state.get("isDone"))
    error = state.get("error")
    return Reply(
        actions=tuple(lists[0]),
        is_done=is_done,
        output=compact(state["output"]) if state.get("output") is not None else None,
        error=error,
        custom_status=compact(state["customStatus"]) if state.get("customStatus") is not None else None,
        ids_taken=_ids_taken(observed),
        remarks=_remarks(observed, ended=is_done or error is not None),
    )


def compact(value: Any) -> str:
    """Return ``value`` as JSON text without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _ids_taken(observed: _ObservedContext | None) -> int | None:
    if observed is None:
        return None
    taken: int = observed._sequence_number
    # Continuing as new takes a number in the SDK and none in the host.
    return taken - 1 if observed.will_continue_as_new else taken


def _remarks(observed: _ObservedContext | None, *, ended: bool) -> tuple[str, ...]:
    if observed is None:
        return ()
    remarks = list(dict.fromkeys(observed.odd_timers))
    if ended:
        for task, action in observed.made:
            if not task._is_scheduled:
                name = getattr(action, "function_name", None) or getattr(action, "external_event_name", "")
                remarks.append(
                    f"task {type(action).__name__.removesuffix('Action')} {name} was created and never yielded, "
                    "so it was never scheduled"
                )
    return tuple(remarks)
