"""The rows of an orchestration's history, as JSON objects in the extension's shape."""

from datetime import datetime
from enum import IntEnum
from typing import Any, TypeAlias

from landfall.local.functions_host.clock import to_text

Event: TypeAlias = dict[str, Any]


class EventType(IntEnum):
    """Kinds of history rows by the number that the protocol gives them."""

    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    EXECUTION_FAILED = 2
    EXECUTION_TERMINATED = 3
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    SUB_ORCHESTRATION_CREATED = 7
    SUB_ORCHESTRATION_COMPLETED = 8
    SUB_ORCHESTRATION_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_SENT = 14
    EVENT_RAISED = 15
    CONTINUE_AS_NEW = 16
    GENERIC_EVENT = 17
    HISTORY_STATE = 18
    EXECUTION_SUSPENDED = 19
    EXECUTION_RESUMED = 20


SCHEDULING = frozenset(
    {
        EventType.TASK_SCHEDULED,
        EventType.SUB_ORCHESTRATION_CREATED,
        EventType.TIMER_CREATED,
        EventType.EVENT_SENT,
    }
)
COMPLETIONS = frozenset(
    {
        EventType.TASK_COMPLETED,
        EventType.TASK_FAILED,
        EventType.SUB_ORCHESTRATION_COMPLETED,
        EventType.SUB_ORCHESTRATION_FAILED,
        EventType.TIMER_FIRED,
    }
)
# Rows whose IsPlayed turns true once their episode is over; all others stay false.
PLAYED = COMPLETIONS | {EventType.EXECUTION_STARTED, EventType.EVENT_RAISED}


def row(kind: EventType, at: datetime, event_id: int = -1, **fields: Any) -> Event:
    """Return a history row that has not been played yet."""
    return {
        "EventType": int(kind),
        "EventId": event_id,
        "IsPlayed": False,
        "Timestamp": to_text(at),
        **fields,
    }


def execution_started(
    at: datetime,
    *,
    name: str,
    instance_id: str,
    execution_id: str,
    raw_input: str | None,
    version: str | None = None,
    parent: Event | None = None,
    generation: int = 0,
    tags: dict[str, str] | None = None,
) -> Event:
    """Return the row that starts an execution; ``raw_input`` is JSON text and ``parent`` a ``ParentInstance``."""
    return row(
        EventType.EXECUTION_STARTED,
        at,
        Name=name,
        # The SDK reads the version without asking whether it is there.
        Version=version or "",
        Input=raw_input,
        OrchestrationInstance={"InstanceId": instance_id, "ExecutionId": execution_id},
        ParentInstance=parent,
        Tags=tags,
        ScheduledStartTime=None,
        Generation=generation,
        ParentTraceContext=None,
    )


def parent_instance(name: str, instance_id: str, execution_id: str, task_id: int) -> Event:
    """Return the ``ParentInstance`` of a child that was created by task ``task_id`` of an execution."""
    return {
        "Name": name,
        "TaskScheduleId": task_id,
        "Version": "",
        "OrchestrationInstance": {"InstanceId": instance_id, "ExecutionId": execution_id},
    }


def task_completed(at: datetime, task_id: int, result: str | None) -> Event:
    """Return the completion of an activity; ``result`` is JSON text."""
    return row(EventType.TASK_COMPLETED, at, TaskScheduledId=task_id, Result=result)


def task_failed(at: datetime, task_id: int, reason: str, details: str | None) -> Event:
    """Return the failure of an activity."""
    return row(
        EventType.TASK_FAILED,
        at,
        TaskScheduledId=task_id,
        Reason=reason,
        Details=details,
        FailureDetails=None,
    )


def timer_fired(at: datetime, timer_id: int, fire_at: str) -> Event:
    """Return the firing of a timer."""
    return row(EventType.TIMER_FIRED, at, TimerId=timer_id, FireAt=fire_at)


def child_completed(at: datetime, task_id: int, result: str | None) -> Event:
    """Return the completion of a child orchestration; ``result`` is JSON text."""
    return row(EventType.SUB_ORCHESTRATION_COMPLETED, at, TaskScheduledId=task_id, Result=result)


def child_failed(at: datetime, task_id: int, reason: str | None, details: str | None) -> Event:
    """Return the failure of a child orchestration."""
    return row(
        EventType.SUB_ORCHESTRATION_FAILED,
        at,
        TaskScheduledId=task_id,
        Reason=reason,
        Details=details,
        FailureDetails=None,
    )


def event_raised(at: datetime, name: str, raw_input: str | None) -> Event:
    """Return an external event; ``raw_input`` is JSON text."""
    return row(EventType.EVENT_RAISED, at, Name=name, Input=raw_input)
