"""The SDK's half of a replay: runs an orchestrator's handle and reads its reply."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import azure.functions as func
from azure.durable_functions.orchestrator import Orchestrator

from landfall.local.functions_host.json_text import compact
from landfall.local.functions_host.observed_context import ObservedContext, TaskSight

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
        sights: What it takes each of these ids for.
        remarks: What the code does that works differently in Azure than its author may think.
        characters: Length of its JSON text.
    """

    actions: tuple[Action, ...] = ()
    is_done: bool = False
    output: str | None = None
    error: str | None = None
    custom_status: str | None = None
    crashed: str | None = None
    ids_taken: int | None = None
    sights: Mapping[int, TaskSight] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    characters: int = 0


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


def replay_code(handle: Handle, context: str) -> Reply:
    """Run the orchestrator behind ``handle`` over a context; whatever it raises is part of the reply."""
    observed: ObservedContext | None = None
    try:
        function = getattr(handle, "orchestrator_function", None)
        if function is None:
            return _parse(handle(func.OrchestrationContext(context)), None)
        observed = ObservedContext.from_json(context)
        observed._input_expected_type = getattr(handle, "_df_input_type", None)
        return _parse(Orchestrator(function).handle(observed), observed)
    except Exception as error:
        text, label, state = str(error).partition(_STATE_LABEL)
        if label:
            return _parse(state, observed)
        return Reply(crashed=text or str(type(error)))


def _parse(text: str, observed: ObservedContext | None) -> Reply:
    state = json.loads(text)
    lists = state.get("actions") or [[]]
    if len(lists) != 1:
        return Reply(crashed=f"The reply holds {len(lists)} lists of actions; this schema has one.")
    is_done = bool(state.get("isDone"))
    error = state.get("error")
    return Reply(
        actions=tuple(lists[0]),
        is_done=is_done,
        characters=len(text),
        output=compact(state["output"]) if state.get("output") is not None else None,
        error=error,
        custom_status=compact(state["customStatus"]) if state.get("customStatus") is not None else None,
        ids_taken=observed.ids_taken() if observed is not None else None,
        sights=observed.sights() if observed is not None else {},
        remarks=observed.remarks(ended=is_done or error is not None) if observed is not None else (),
    )
