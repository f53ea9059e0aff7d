"""The SDK's orchestration context, watched: which tasks the code made and what each task id means to the SDK.

This is the one module that touches private parts of the SDK. What it learns is for diagnostics only; orchestrations run
the same without it.
"""

import importlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias

from azure.durable_functions.models import DurableOrchestrationContext
from azure.durable_functions.models.actions.ContinueAsNewAction import ContinueAsNewAction
from azure.durable_functions.models.actions.NoOpAction import NoOpAction
from azure.durable_functions.models.actions.SignalEntityAction import SignalEntityAction
from azure.durable_functions.models.Task import AtomicTask, TaskBase

from landfall.local.functions_host.clock import to_text
from landfall.local.functions_host.decisions import (
    HTTP_ACTIVITY,
    CreateChild,
    CreateTimer,
    ScheduleActivity,
    SendEvent,
)

_history_rows: Any = importlib.import_module("azure.durable_functions.models.history.HistoryEvent")
_parse_any: Any = _history_rows.dt_parse
_SDK_UTC = _parse_any("2026-01-01T00:00:00Z").tzinfo


@lru_cache(maxsize=5_000)
def _parse_instant(text: str) -> datetime:
    """Return what the SDK's parser, which guesses the format of each text, returns for the instant of a row."""
    if text.endswith("Z"):
        return datetime.fromisoformat(text).replace(tzinfo=_SDK_UTC)
    parsed: datetime = _parse_any(text)
    return parsed


# Each replay reads the instants of all rows again, which was a third of its time. A text stands for the same instant
# always, and the SDK changes none.
_history_rows.dt_parse = _parse_instant

SdkAction: TypeAlias = Any
_KINDS = {
    0: ScheduleActivity.kind,
    1: ScheduleActivity.kind,
    2: CreateChild.kind,
    3: CreateChild.kind,
    5: CreateTimer.kind,
    7: SendEvent.kind,
    8: ScheduleActivity.kind,
    9: SendEvent.kind,
}


@dataclass(frozen=True, slots=True)
class TaskSight:
    """What the SDK takes a task id for; ``input`` is JSON text, ``None`` where it cannot be compared."""

    kind: str
    name: str
    input: str | None


class ObservedContext(DurableOrchestrationContext):  # type: ignore[misc]
    """The context that an orchestrator gets; it behaves as the SDK's own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._made: list[tuple[TaskBase, SdkAction]] = []
        self._odd_timers: list[str] = []
        self._numbered: dict[int, TaskBase | SdkAction] = {}

    def create_timer(self, fire_at: datetime) -> TaskBase:
        """Create a timer, and remember if its instant is not the one that its author may mean."""
        if fire_at.tzinfo is None:
            self._odd_timers.append(f"timer at {fire_at.isoformat()} has no time zone and is taken for UTC")
        elif fire_at.utcoffset() != timedelta(0):
            self._odd_timers.append(
                f"timer at {fire_at.isoformat()} is not in UTC; the SDK drops the offset and waits until "
                f"{to_text(fire_at.replace(tzinfo=UTC))}"
            )
        return super().create_timer(fire_at)

    def ids_taken(self) -> int:
        """Return how many task ids the SDK has given out, counted as the host counts."""
        taken: int = self._sequence_number
        # Continuing as new takes a number in the SDK and none in the host.
        return taken - 1 if self.will_continue_as_new else taken

    def sights(self) -> dict[int, TaskSight]:
        """Return what each task id stands for in the eyes of the SDK."""
        return {task_id: _sight(numbered) for task_id, numbered in self._numbered.items()}

    def remarks(self, *, ended: bool) -> tuple[str, ...]:
        """Return what the code does that works differently than its author may think."""
        never_yielded = (
            [_unused(action) for task, action in self._made if not task._is_scheduled] if ended else []
        )
        return tuple(dict.fromkeys([*self._odd_timers, *never_yielded]))

    def _generate_task(self, action: SdkAction, *args: Any, **kwargs: Any) -> TaskBase:
        task = super()._generate_task(action, *args, **kwargs)
        if not isinstance(action, NoOpAction | SignalEntityAction):
            self._made.append((task, action))
        return task

    def _add_to_open_tasks(self, task: TaskBase) -> None:
        super()._add_to_open_tasks(task)
        if isinstance(task, AtomicTask) and isinstance(task.id, int):
            self._numbered[task.id] = task

    def _record_fire_and_forget_action(self, action: SdkAction) -> None:
        if not isinstance(action, ContinueAsNewAction):
            self._numbered[self._sequence_number] = action
        super()._record_fire_and_forget_action(action)


def _sight(numbered: TaskBase | SdkAction) -> TaskSight:
    action = numbered._get_action() if isinstance(numbered, AtomicTask) else numbered
    if isinstance(action, NoOpAction):
        # Inside a retry the SDK numbers tasks that stand for nothing: the wait, and the call made again.
        if "timer" in (action.metadata or ""):
            return TaskSight(CreateTimer.kind, "", None)
        action = numbered.parent.actions
    content = action.to_json()
    kind = _KINDS[int(content["actionType"])]
    if content["actionType"] == 8:
        return TaskSight(kind, HTTP_ACTIVITY, None)
    comparable = kind in (ScheduleActivity.kind, CreateChild.kind)
    return TaskSight(kind, content.get("functionName", ""), content["input"] if comparable else None)


def _unused(action: SdkAction) -> str:
    name = getattr(action, "function_name", None) or getattr(action, "external_event_name", "")
    what = f"{type(action).__name__.removesuffix('Action')} {name}".rstrip()
    return f"task {what} was created and never yielded, so it was never scheduled"
