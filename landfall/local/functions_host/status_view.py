"""How the management API shows an instance and its history."""

import json
from collections.abc import Iterable
from typing import Any

from landfall.local.functions_host.clock import to_seconds_text
from landfall.local.functions_host.decisions import STATUS_NAMES
from landfall.local.functions_host.history import Event, EventType
from landfall.local.functions_host.instances import Instance
from landfall.local.functions_host.store import Store

_NAMES = {
    EventType.EXECUTION_STARTED: "ExecutionStarted",
    EventType.EXECUTION_COMPLETED: "ExecutionCompleted",
    EventType.EXECUTION_TERMINATED: "ExecutionTerminated",
    EventType.TASK_SCHEDULED: "TaskScheduled",
    EventType.TASK_COMPLETED: "TaskCompleted",
    EventType.TASK_FAILED: "TaskFailed",
    EventType.SUB_ORCHESTRATION_CREATED: "SubOrchestrationInstanceCreated",
    EventType.SUB_ORCHESTRATION_COMPLETED: "SubOrchestrationInstanceCompleted",
    EventType.SUB_ORCHESTRATION_FAILED: "SubOrchestrationInstanceFailed",
    EventType.TIMER_CREATED: "TimerCreated",
    EventType.TIMER_FIRED: "TimerFired",
    EventType.EVENT_SENT: "EventSent",
    EventType.EVENT_RAISED: "EventRaised",
    EventType.CONTINUE_AS_NEW: "ContinueAsNew",
    EventType.GENERIC_EVENT: "GenericEvent",
    EventType.EXECUTION_SUSPENDED: "ExecutionSuspended",
    EventType.EXECUTION_RESUMED: "ExecutionResumed",
}
_HIDDEN = frozenset({EventType.ORCHESTRATOR_STARTED, EventType.ORCHESTRATOR_COMPLETED})
_SCHEDULED_BEFORE = frozenset({EventType.TASK_SCHEDULED, EventType.SUB_ORCHESTRATION_CREATED})
_REMOVED = ("EventType", "EventId", "IsPlayed", "TaskScheduledId", "TimerId", "Version")
_REMOVED_FROM_START = ("OrchestrationInstance", "ParentInstance", "Tags", "Generation", "ParentTraceContext")


def status_of(instance: Instance, *, show_input: bool = True) -> dict[str, Any]:
    """Return the status object of an instance."""
    return {
        "name": instance.name,
        "instanceId": instance.instance_id,
        "runtimeStatus": str(instance.status),
        "input": parsed(instance.input) if show_input else None,
        "customStatus": parsed(instance.custom_status),
        "output": parsed(instance.output),
        "createdTime": to_seconds_text(instance.created_at),
        "lastUpdatedTime": to_seconds_text(instance.updated_at),
    }


def history_of(
    store: Store, instance: Instance, *, show_input: bool, show_output: bool
) -> list[dict[str, Any]]:
    """Return the compacted history of an instance, oldest first."""
    rows = store.read("select event from history where instance_id = ? order by seq", (instance.instance_id,))
    return compacted(
        (json.loads(row["event"]) for row in rows), show_input=show_input, show_output=show_output
    )


def compacted(events: Iterable[Event], *, show_input: bool, show_output: bool) -> list[dict[str, Any]]:
    """Return history rows as the extension shows them: what was scheduled is folded into how it ended."""
    shown: list[tuple[int | None, dict[str, Any]]] = []
    scheduled: dict[int, Event] = {}
    for event in events:
        kind = EventType(event["EventType"])
        if kind in _HIDDEN:
            continue
        view = _view(kind, event, show_input=show_input, show_output=show_output)
        if kind in _SCHEDULED_BEFORE:
            scheduled[event["EventId"]] = event
            shown.append((event["EventId"], view))
            continue
        origin = scheduled.pop(event.get("TaskScheduledId", -1), None)
        if origin is not None:
            shown = [entry for entry in shown if entry[0] != origin["EventId"]]
            view["ScheduledTime"] = origin["Timestamp"]
            view["FunctionName"] = origin["Name"]
            if show_input:
                view["Input"] = parsed(origin.get("Input"))
        shown.append((None, view))
    return [view for _, view in shown]


def parsed(text: str | None) -> Any:
    """Return the value of JSON text, or the text itself if it is not JSON."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _view(kind: EventType, event: Event, *, show_input: bool, show_output: bool) -> dict[str, Any]:
    view = {"EventType": _NAMES.get(kind, kind.name), **{k: v for k, v in event.items() if k not in _REMOVED}}
    if kind is EventType.EXECUTION_STARTED:
        for name in _REMOVED_FROM_START:
            view.pop(name, None)
        view["FunctionName"] = view.pop("Name")
    if kind is EventType.EXECUTION_COMPLETED:
        view["OrchestrationStatus"] = str(STATUS_NAMES[event["OrchestrationStatus"]])
    if "Result" in view:
        result = view.pop("Result")
        if show_output:
            view["Result"] = parsed(result)
    if "Input" in view:
        raw_input = view.pop("Input")
        if show_input:
            view["Input"] = parsed(raw_input)
    return view
