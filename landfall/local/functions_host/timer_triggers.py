"""Fires the app's timer triggers: one call at a time each, with the memory of the last one in the store."""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landfall.local.functions_host import log
from landfall.local.functions_host.clock import Clock, from_text, to_text
from landfall.local.functions_host.errors import ScheduleInvalid
from landfall.local.functions_host.loading import AppFunction
from landfall.local.functions_host.schedules import Schedule, parse_schedule
from landfall.local.functions_host.store import Store
from landfall.local.functions_host.worker import Worker, decode

_LONGEST_SLEEP_S = 30.0


@dataclass(frozen=True, slots=True)
class Occurrence:
    """The next call of a timer."""

    at: datetime
    past_due: bool


class TimerTrigger:
    """One timer function: decides when it is due and calls it."""

    def __init__(
        self, function: AppFunction, schedule: Schedule, store: Store, clock: Clock, worker: Worker
    ) -> None:
        self._function = function
        self._schedule = schedule
        self._store = store
        self._clock = clock
        self._worker = worker
        # The extension does not remember timers that fire more than once a minute.
        self._monitored = bool(function.trigger.get("useMonitor", True)) and not schedule.is_frequent
        self._runs_on_startup = bool(function.trigger.get("runOnStartup", False))

    def first(self) -> Occurrence:
        """Return the first call after a start of the host: missed ones count once."""
        now = self._clock.now()
        row = self._store.read(
            "select last_at, next_at from timer_schedules where name = ?", (self._function.name,)
        ).fetchone()
        if self._monitored and row is not None:
            planned = from_text(row["next_at"])
            expected = self._schedule.next_after(from_text(row["last_at"])) if row["last_at"] else planned
            if expected != planned:
                # The schedule was changed while the host was down; that alone makes nothing overdue.
                planned = expected if expected > now else self._schedule.next_after(now)
            if planned <= now:
                return Occurrence(now, past_due=True)
        if self._runs_on_startup:
            return Occurrence(now, past_due=False)
        return self.after(now)

    def after(self, instant: datetime) -> Occurrence:
        """Return the next planned call after an instant and remember it."""
        planned = self._schedule.next_after(instant)
        if self._monitored:
            with self._store.transaction() as transaction:
                transaction.execute(
                    "insert into timer_schedules (name, next_at, updated_at) values (?, ?, ?) "
                    "on conflict (name) do update set next_at = excluded.next_at, updated_at = excluded.updated_at",
                    (self._function.name, to_text(planned), to_text(self._clock.now())),
                )
        return Occurrence(planned, past_due=False)

    async def fire(self, occurrence: Occurrence) -> Occurrence:
        """Call the function and return its next occurrence; what it raises is logged and stops nothing."""
        called_at = self._clock.now()
        info = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": self._status(occurrence) if self._monitored else None,
            "IsPastDue": occurrence.past_due,
        }
        await call_timer(self._worker, self._function, info)
        # Counted from the end of the call, so calls never overlap; a call that outlasts its successors skips them.
        following = self.after(max(self._clock.now(), occurrence.at))
        if self._monitored:
            with self._store.transaction() as transaction:
                transaction.execute(
                    "update timer_schedules set last_at = ? where name = ?",
                    (to_text(max(called_at, occurrence.at)), self._function.name),
                )
        return following

    async def run(self) -> None:
        """Wait and fire for ever."""
        occurrence = self.first()
        while True:
            while (left_s := (occurrence.at - self._clock.now()).total_seconds()) > 0:
                await asyncio.sleep(min(left_s, _LONGEST_SLEEP_S))
            occurrence = await self.fire(occurrence)

    def _status(self, occurrence: Occurrence) -> dict[str, str]:
        row = self._store.read(
            "select last_at, updated_at from timer_schedules where name = ?", (self._function.name,)
        ).fetchone()
        return {
            "Last": (row and row["last_at"]) or "0001-01-01T00:00:00Z",
            "Next": to_text(self._schedule.next_after(max(occurrence.at, self._clock.now()))),
            "LastUpdated": (row and row["updated_at"]) or "0001-01-01T00:00:00Z",
        }


async def call_timer(worker: Worker, function: AppFunction, info: Mapping[str, Any]) -> None:
    """Call a timer function with its trigger information; what it raises is logged."""
    try:
        await worker.call(function, decode("timerTrigger", json.dumps(info), "json"))
        log.event("timer_fired", function=function.name, past_due=info["IsPastDue"] or None)
    except Exception as error:
        log.failure("function_raised", error, function=function.name)


def timer_triggers(
    functions: Iterable[AppFunction], settings: Mapping[str, str], store: Store, clock: Clock, worker: Worker
) -> list[TimerTrigger]:
    """Return the timers of an app; one whose schedule is not understood is logged and left out, as on Azure."""
    triggers = []
    for function in functions:
        try:
            schedule = parse_schedule(str(function.trigger["schedule"]), settings)
        except ScheduleInvalid as error:
            log.event(
                "timer_not_started",
                level=logging.ERROR,
                function=function.name,
                code=error.code,
                reason=str(error),
            )
            continue
        triggers.append(TimerTrigger(function, schedule, store, clock, worker))
    return triggers
