"""Notices when code and host drift apart, and other things that bite only in Azure.

Host and SDK count tasks independently. These checks compare the two after every episode and put into words what
will run late, twice, or never.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from landfall.local.functions_host.decisions import (
    CreateTimer,
    Decision,
    Ending,
    ScheduleActivity,
    SendEvent,
    Status,
)
from landfall.local.functions_host.observed_context import TaskSight
from landfall.local.functions_host.replay import Replay
from landfall.local.functions_host.sdk import Action, Reply

CONTEXT_WARNING_CHARACTERS = 1_000_000
REPLY_WARNING_CHARACTERS = 500_000
PAYLOAD_WARNING_CHARACTERS = 45_000

_ACTION_NAMES = {
    0: "activity",
    1: "activity",
    2: "sub-orchestration",
    3: "sub-orchestration",
    4: "continue_as_new",
    5: "timer",
    6: "external event",
    7: "entity call",
    8: "HTTP call",
    9: "entity signal",
    10: "entity signal",
    11: "task_any",
    12: "task_all",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the author of an orchestrator should know; logged once per instance and ``key``."""

    event: str
    level: int
    key: str
    fields: Mapping[str, Any]


def findings(
    reply: Reply, replay: Replay, ending: Ending | None, context_characters: int
) -> Iterator[Finding]:
    """Yield what is worth telling about one episode."""
    yield from _cross_wiring(reply, replay)
    if ending is None or ending.status is not Status.TERMINATED:
        yield from _counters(reply, replay)
        yield from _open_at_return(reply, replay)
    yield from _events(replay, ending)
    for decision in replay.pending.values():
        yield from _payload(decision)
    for remark in reply.remarks:
        yield _warning("orchestrator_remark", remark, remark=remark)
    if context_characters > CONTEXT_WARNING_CHARACTERS:
        yield _warning(
            "history_large",
            "context",
            characters=context_characters,
            remedy="every episode replays it; split the work into child orchestrations",
        )
    if reply.characters > REPLY_WARNING_CHARACTERS:
        yield _warning(
            "reply_large",
            "reply",
            characters=reply.characters,
            remedy="every reply repeats the inputs of all calls so far; pass references, not data",
        )


def _cross_wiring(reply: Reply, replay: Replay) -> Iterator[Finding]:
    for crossed in replay.cross_wired:
        yield _error(
            "task_cross_wired",
            str(crossed.task_id),
            task_id=crossed.task_id,
            now=f"{crossed.kind} {crossed.name}".rstrip(),
            meaning="an earlier episode gave this id other work (another input, say), and this one gets its result",
        )
    for task_id, sight in reply.sights.items():
        decision = replay.decided.get(task_id)
        if decision is not None and not _same(sight, decision):
            yield _error(
                "task_cross_wired",
                str(task_id),
                task_id=task_id,
                code=f"{sight.kind} {sight.name}".rstrip(),
                host=f"{decision.kind} {decision.name}".rstrip(),
                meaning="code and host take this id for different work, so the code gets the wrong result without "
                "any error; retries next to running siblings do this",
            )


def _same(sight: TaskSight, decision: Decision) -> bool:
    if sight.kind != decision.kind:
        return False
    if isinstance(decision, SendEvent | CreateTimer):
        return True
    if sight.name.lower() != decision.name.lower():
        return False
    if sight.input is None:
        return True
    as_stored = [sight.input] if isinstance(decision, ScheduleActivity) else sight.input
    return bool(json.loads(decision.input or "null") == as_stored)


def _counters(reply: Reply, replay: Replay) -> Iterator[Finding]:
    if replay.suspended:
        return
    blocked_at = replay.blocked_at
    if blocked_at is not None and blocked_at < len(reply.actions) - 1:
        yield _warning(
            "head_of_line_blocking",
            str(blocked_at),
            waiting_for=describe(reply.actions[blocked_at]),
            not_scheduled=len(reply.actions) - 1 - blocked_at,
            next_up=describe(reply.actions[blocked_at + 1]),
            meaning="the code has moved on, but nothing after this action is scheduled before all of it ends",
        )
    elif reply.ids_taken is not None and reply.ids_taken != replay.next_id:
        yield _error(
            "task_counters_differ",
            "counters",
            sdk=reply.ids_taken,
            host=replay.next_id,
            meaning="results from here on can reach the wrong task",
        )


def _open_at_return(reply: Reply, replay: Replay) -> Iterator[Finding]:
    ended = reply.is_done or reply.error is not None
    if ended and not replay.suspended and replay.open_tasks:
        yield _warning(
            "open_tasks_at_return",
            "open",
            open=[
                f"{task.kind} {task.name or task_id}" for task_id, task in sorted(replay.open_tasks.items())
            ],
            meaning="the instance stays Running until they end; cancel the timer that lost a race",
        )


def _events(replay: Replay, ending: Ending | None) -> Iterator[Finding]:
    for awaited, raised in replay.case_mismatches:
        yield _warning(
            "event_case_differs",
            f"{awaited}/{raised}",
            awaited=awaited,
            raised=raised,
            meaning="the host takes the event, the SDK does not see it, and the orchestration is stuck",
        )
    if ending is not None and ending.status is not Status.TERMINATED:
        unread = sorted({event["Name"] for early in replay.buffered.values() for event in early})
        if unread:
            yield _warning(
                "events_unread", "unread", names=unread, meaning="they are lost with this execution"
            )


def _payload(decision: Decision) -> Iterator[Finding]:
    size = len(getattr(decision, "input", None) or "")
    if size > PAYLOAD_WARNING_CHARACTERS:
        yield _warning(
            "payload_large",
            f"{decision.id}",
            kind=decision.kind,
            name=decision.name,
            characters=size,
            remedy="pass a reference, not the data",
        )


def describe(action: Action) -> str:
    """Return an action in a few words, for example ``external event 'go'``."""
    kind = action["actionType"]
    name = action.get("functionName") or action.get("externalEventName") or action.get("fireAt")
    head = _ACTION_NAMES.get(kind, f"action type {kind}")
    if "compoundActions" in action:
        children = [describe(child) for child in action["compoundActions"]]
        shown = ", ".join(children[:4]) + (f", … {len(children)} in all" if len(children) > 4 else "")
        return f"{head}({shown})"
    return f"{head} {name!r}" if name else head


def _warning(event: str, key: str, **fields: Any) -> Finding:
    return Finding(event, logging.WARNING, key, fields)


def _error(event: str, key: str, **fields: Any) -> Finding:
    return Finding(event, logging.ERROR, key, fields)
