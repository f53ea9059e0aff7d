"""Timer triggers on a virtual clock."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from landfall.local.functions_host.loading import AppFunction, FunctionTable
from landfall.local.functions_host.schedules import parse_schedule
from landfall.local.functions_host.store import Store
from landfall.local.functions_host.timer_triggers import TimerTrigger, timer_triggers
from landfall.local.functions_host.worker import Worker
from tests.contract.functions_host.simulation import START, VirtualClock

UTC_ZONE = {"WEBSITE_TIME_ZONE": "UTC"}
HOURLY = "0 0 * * * *"


class Timers:
    """Makes the trigger of one timer function, as often as a host would be started."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock()
        self.seen: list[Any] = []
        self.store = Store(folder)
        self.worker = Worker(folder, lambda _: "", threads=1)
        self.takes = timedelta(0)

    def called(self, timer: func.TimerRequest) -> None:
        self.seen.append(timer)
        self.clock.at += self.takes

    def trigger(
        self, schedule: str = HOURLY, call: Callable[[Any], Any] | None = None, **more: Any
    ) -> TimerTrigger:
        function = a_timer(call or self.called, schedule=schedule, **more)
        return TimerTrigger(function, parse_schedule(schedule, UTC_ZONE), self.store, self.clock, self.worker)


def a_timer(call: Callable[[Any], Any], **trigger: Any) -> AppFunction:
    binding = {"type": "timerTrigger", "name": "timer", **trigger}
    return AppFunction(
        "tick", "tick", "timerTrigger", "timer", binding, [binding], call, False, False, (), False
    )


@pytest.fixture
async def timers(tmp_path: Path) -> AsyncIterator[Timers]:
    made = Timers(tmp_path)
    yield made
    await made.worker.close()
    made.store.close()


def hours(count: float) -> datetime:
    return START + timedelta(hours=count)


async def test_timer_fire(timers: Timers) -> None:
    trigger = timers.trigger()
    due = trigger.first()
    timers.clock.at = due.at

    following = await trigger.fire(due)

    (seen,) = timers.seen
    assert due.at == hours(1)
    assert following.at == hours(2)
    assert not seen.past_due
    assert seen.schedule_status["Next"] == "2026-01-01T02:00:00.000000Z"


async def test_timer_past_due(timers: Timers) -> None:
    trigger = timers.trigger()
    due = trigger.first()
    timers.clock.at = due.at
    await trigger.fire(due)
    timers.clock.at = hours(4.5)

    restarted = timers.trigger()
    missed = restarted.first()
    following = await restarted.fire(missed)

    assert (missed.past_due, missed.at) == (True, hours(4.5))
    assert [seen.past_due for seen in timers.seen] == [False, True]
    assert (following.past_due, following.at) == (False, hours(5))


async def test_timer_without_a_monitor_forgets_what_it_missed(timers: Timers) -> None:
    timers.trigger(useMonitor=False).first()
    timers.clock.at = hours(4.5)

    assert timers.trigger(useMonitor=False).first().at == hours(5)


async def test_timer_that_fires_often_has_no_memory(timers: Timers) -> None:
    trigger = timers.trigger("*/10 * * * * *")
    due = trigger.first()
    timers.clock.at = due.at
    await trigger.fire(due)
    timers.clock.at = hours(1)

    assert timers.seen[0].schedule_status == {}
    assert not timers.trigger("*/10 * * * * *").first().past_due


async def test_timer_whose_schedule_changed_is_not_past_due(timers: Timers) -> None:
    trigger = timers.trigger()
    due = trigger.first()
    timers.clock.at = due.at
    await trigger.fire(due)
    timers.clock.at = hours(1.5)

    changed = timers.trigger("0 15 * * * *").first()

    assert (changed.past_due, changed.at) == (False, hours(2.25))


async def test_timer_run_on_startup(timers: Timers) -> None:
    first = timers.trigger(runOnStartup=True).first()

    assert (first.at, first.past_due) == (START, False)


async def test_timer_no_overlap(timers: Timers) -> None:
    timers.takes = timedelta(hours=2.5)
    trigger = timers.trigger()
    due = trigger.first()
    timers.clock.at = due.at

    following = await trigger.fire(due)

    assert following.at == hours(4)


async def test_timer_that_raises_goes_on(timers: Timers) -> None:
    def broken(_: func.TimerRequest) -> None:
        raise ValueError("not today")

    trigger = timers.trigger(call=broken)
    due = trigger.first()
    timers.clock.at = due.at

    assert (await trigger.fire(due)).at == hours(2)


async def test_timer_with_a_wrong_schedule_is_left_out(
    timers: Timers, caplog: pytest.LogCaptureFixture
) -> None:
    table = FunctionTable([a_timer(timers.called, schedule="every now and then")])

    assert timer_triggers(table, UTC_ZONE, timers.store, timers.clock, timers.worker) == []
    assert [record.getMessage() for record in caplog.records] == ["timer_not_started"]
