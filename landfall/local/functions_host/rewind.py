"""Rewinding: turns the failed rows of a history into fillers, so that a replay schedules that work again."""

import json
from datetime import datetime
from typing import Any

from landfall.local.functions_host.clock import to_text
from landfall.local.functions_host.decisions import STATUS_NUMBERS, Status
from landfall.local.functions_host.history import Event, EventType, row
from landfall.local.functions_host.json_text import compact
from landfall.local.functions_host.store import Transaction


def rewind(transaction: Transaction, instance_id: str, reason: str | None, at: datetime) -> None:
    """Make a failed instance, and its failed children, ready to run their failed tasks again."""
    stored = transaction.execute(
        "select seq, event from history where instance_id = ? order by seq", (instance_id,)
    ).fetchall()
    events: list[tuple[int, Event]] = [(found["seq"], json.loads(found["event"])) for found in stored]
    failed_tasks = {e["TaskScheduledId"] for _, e in events if e["EventType"] == EventType.TASK_FAILED}
    failed_children = {
        e["TaskScheduledId"] for _, e in events if e["EventType"] == EventType.SUB_ORCHESTRATION_FAILED
    }
    for seq, event in events:
        if _is_to_be_forgotten(event, failed_tasks):
            filler = row(EventType.GENERIC_EVENT, at, event["EventId"], Data=f"Rewound: {reason or ''}")
            filler["Timestamp"] = event["Timestamp"]
            transaction.execute(
                "update history set event = ?, fingerprint = null where instance_id = ? and seq = ?",
                (compact(filler), instance_id, seq),
            )
        elif (
            event["EventType"] == EventType.SUB_ORCHESTRATION_CREATED and event["EventId"] in failed_children
        ):
            _rewind_child(transaction, event["InstanceId"], reason, at)
    transaction.execute(
        "update instances set status = ?, output = null, updated_at = ? where id = ?",
        (Status.RUNNING, to_text(at), instance_id),
    )
    transaction.post(instance_id, row(EventType.GENERIC_EVENT, at, Data=reason), at)


def _rewind_child(transaction: Transaction, child_id: str, reason: str | None, at: datetime) -> None:
    child: Any = transaction.execute("select status from instances where id = ?", (child_id,)).fetchone()
    if child is not None and child["status"] == Status.FAILED:
        rewind(transaction, child_id, reason, at)


def _is_to_be_forgotten(event: Event, failed_tasks: set[int]) -> bool:
    kind = EventType(event["EventType"])
    if kind in (EventType.TASK_FAILED, EventType.SUB_ORCHESTRATION_FAILED):
        return True
    if kind is EventType.TASK_SCHEDULED:
        return event["EventId"] in failed_tasks
    return (
        kind is EventType.EXECUTION_COMPLETED
        and event["OrchestrationStatus"] == STATUS_NUMBERS[Status.FAILED]
    )
