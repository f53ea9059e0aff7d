"""Nothing is lost or done twice, whenever the host dies and however often a message comes."""

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from landfall.local.functions_host.decisions import Status
from landfall.local.functions_host.episode import run_episode
from landfall.local.functions_host.errors import StoreInUse, StoreNotReadable
from landfall.local.functions_host.store import Store
from tests.contract.functions_host.conftest import MakeSimulation
from tests.contract.functions_host.running import HostProcess, HostUnderTest, wait_for
from tests.contract.functions_host.simulation import START, Steps
from tests.loopback import PATIENCE_S

pytestmark = [
    pytest.mark.filterwarnings("ignore:azure.functions df_loads:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion"),
]


def two_steps(context: Any) -> Steps:
    first = yield context.call_activity("echo", 1)
    yield context.create_timer(context.current_utc_datetime + timedelta(seconds=60))
    return [first, (yield context.call_activity("echo", 2))]


def test_kill_before_commit(simulate: MakeSimulation) -> None:
    run = simulate(two_steps)
    run.start("main")
    ticket = run.hub.episodes.take("i")
    assert ticket is not None
    run_episode(ticket.given, run._handles["main"], run)

    run.reopen()
    assert run.history() == []
    run.run()

    assert run.output() == [1, 2]
    assert [started.input for started in run.started] == [1, 2]


def test_kill_after_commit(simulate: MakeSimulation) -> None:
    run = simulate(two_steps)
    run.start("main")
    run.step()

    run.reopen()
    run.run(until_s=30)
    run.reopen()
    run.run()

    assert run.output() == [1, 2]
    assert run.ended_s() == 62


def test_kill_during_activity(simulate: MakeSimulation) -> None:
    run = simulate(two_steps)
    run.start("main")
    run.run(until_s=0.5)

    run.reopen()
    (again,) = run.lease()
    assert again.attempt == 2
    run.finish(again)
    run.run()

    assert run.output() == [1, 2]
    assert len([row for row in run.rows(5) if row["TaskScheduledId"] == 0]) == 1


def test_late_result(simulate: MakeSimulation) -> None:
    run = simulate(two_steps)
    run.start("main")
    run.step()
    (first,) = run.lease()
    run.hub.activities.release_all()
    (second,) = run.lease()

    assert run.finish(second)
    assert not run.finish(first)


def test_a_transaction_that_fails_leaves_nothing(simulate: MakeSimulation) -> None:
    run = simulate(two_steps)
    run.start("main")
    ticket = run.hub.episodes.take("i")
    assert ticket is not None
    result = run_episode(ticket.given, run._handles["main"], run)
    run.hub.store.read(
        "create temp trigger t before update on instances begin select raise(abort, 'disk full'); end"
    )

    with pytest.raises(Exception, match="disk full"):
        run.hub.episodes.commit(ticket, result)
    run.hub.store.read("drop trigger t")

    assert run.history() == []
    assert run.lease() == []
    run.run()
    assert run.output() == [1, 2]


@pytest.mark.parametrize("seed", range(20))
def test_killed_at_random_moments_an_orchestration_still_ends_right(
    simulate: MakeSimulation, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - decides when to kill

    def child(context: Any) -> Steps:
        value = yield context.call_activity("echo", context.get_input())
        yield context.create_timer(context.current_utc_datetime + timedelta(seconds=3))
        return value

    def main(context: Any) -> Steps:
        values = yield context.task_all(
            [context.call_sub_orchestrator("child", n, f"c{n}") for n in range(4)]
        )
        event = yield context.wait_for_external_event("go")
        total = yield context.call_activity("echo", sum(values))
        if context.get_input() is None:
            context.continue_as_new("again")
            return None
        return [total, event]

    run = simulate(main, others={"child": child})
    run.start("main")
    for second in range(60):
        run.run(until_s=second / 2)
        if second in (20, 45):
            run.hub.raise_event("i", "go", str(second))
        if chance.random() < 0.3:
            run.reopen()
    run.run()

    assert run.output() == [6, 45]


def test_restart_timers(simulate: MakeSimulation) -> None:
    run = simulate(two_steps)
    run.start("main")
    run.run(until_s=10)
    run.hub.store.close()

    run.clock.at = START + timedelta(days=3)
    run.hub.__init__(Store(run.folder), run.clock, run, run.settings)  # type: ignore[misc]
    run.run()

    assert run.output() == [1, 2]


async def test_concurrent_messages(tmp_path: Path) -> None:
    host = await HostUnderTest.start(tmp_path)
    try:
        ids = [await host.begin("waits", None, f"w{n}") for n in range(50)]
        with ThreadPoolExecutor(10) as threads:

            def raise_event(instance_id: str) -> int:
                url = f"http://127.0.0.1:{host.host.port}/durabletask/instances/{instance_id}/raiseEvent/go"
                request = Request(url, b"1", {"Content-Type": "application/json"})
                with urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
                    return int(answer.status)

            loop = asyncio.get_running_loop()
            codes = await asyncio.gather(*(loop.run_in_executor(threads, raise_event, one) for one in ids))
        outputs = [(await host.ended(one))["output"] for one in ids]
    finally:
        await host.stop()

    assert set(codes) == {202}
    assert outputs == [1] * 50


def test_clock_monotonic(simulate: MakeSimulation) -> None:
    times: list[Any] = []

    def main(context: Any) -> Steps:
        for n in range(3):
            if not context.is_replaying:
                times.append(context.current_utc_datetime)
            yield context.call_activity("echo", n)

    run = simulate(main)
    run.start("main")
    run.run(until_s=0.5)
    (work,) = [entry[2] for entry in run._running]
    run._running.clear()
    run.clock.at = START - timedelta(hours=1)
    run.finish(work)
    run.run()

    assert times == sorted(times)
    assert run.status() is Status.COMPLETED


def test_big_history(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        return sum((yield context.task_all([context.call_activity("echo", n) for n in range(2000)])))

    run = simulate(main)
    run.start("main")
    run.step()
    works = run.lease()
    for work in works[:-1]:
        run.finish(work)
    run.step()
    run.finish(works[-1])
    started = time.perf_counter()
    run.step()
    took_s = time.perf_counter() - started

    assert run.output() == 1999000
    assert took_s < 2 * slowness()


def slowness() -> float:
    """Return how much slower this machine is right now than one that is idle, at least 1."""
    started = time.perf_counter()
    sum(n * n for n in range(1_000_000))
    return max(1.0, (time.perf_counter() - started) / 0.06)


def test_crash_handle(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield [context.call_activity("echo", 1)]

    run = simulate(main)
    run.start("main")
    run.start("main", instance_id="j")
    run.run()

    assert (run.status(), run.status("j")) == (Status.FAILED, Status.FAILED)


def test_replies_and_contexts_that_are_too_large_are_told(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.task_all([context.call_activity("echo", "x" * 6000) for _ in range(100)])
        yield context.task_all([context.call_activity("echo", "x" * 6000) for _ in range(100)])

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.told("reply_large")
    assert run.told("history_large")


def test_payloads_that_are_too_large_are_told(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.call_activity("echo", "x" * 50_000)

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.told("payload_large")[0].fields["name"] == "echo"


# --- ownership and files ---------------------------------------------------------------------------------------


def test_two_hosts(tmp_path: Path) -> None:
    first = Store(tmp_path)

    with pytest.raises(StoreInUse, match="--data"):
        Store(tmp_path)

    first.close()
    Store(tmp_path).close()


def test_a_file_that_is_no_store_is_said(tmp_path: Path) -> None:
    (tmp_path / "taskhub.sqlite").write_text("no database " * 1000)

    with pytest.raises(StoreNotReadable, match=r"taskhub\.sqlite"):
        Store(tmp_path)


def test_a_store_of_another_version_is_said(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.read("pragma user_version = 99")
    store.close()

    with pytest.raises(StoreNotReadable, match="layout 99"):
        Store(tmp_path)


# --- delivered twice -------------------------------------------------------------------------------------------


async def test_redelivered_activities_run_twice_and_report_once(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    host = await HostUnderTest.start(tmp_path / "data", redeliver=1.0)
    try:
        status = await host.run("marks", str(marks))
        wait_until = time.monotonic() + 10
        while marks.read_text().count("called") < 2:
            assert time.monotonic() < wait_until
            await asyncio.sleep(0.005)
        events = (await host.status(status["instanceId"], "?showHistory=true"))["historyEvents"]
    finally:
        await host.stop()

    assert status["output"] == "marked"
    assert [event["EventType"] for event in events].count("TaskCompleted") == 1


# --- processes -------------------------------------------------------------------------------------------------


@pytest.mark.stack
def test_a_killed_process_continues(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    host = HostProcess(tmp_path, environment={"GALLERY_MARKS_S": "0.3"}).start()
    try:
        host.begin("one", {"activity": "marks", "argument": str(marks)}, "in-activity")
        host.begin("sleeps", 400, "in-timer")
        wait_for(lambda: marks.exists(), host.process)
        host.kill()

        host.start()
        in_activity, in_timer = host.ended("in-activity"), host.ended("in-timer")
        code = host.stop()
    finally:
        host.kill()

    assert (in_activity["output"], in_timer["output"]) == ("marked", "woken")
    assert marks.read_text().count("called") == 2
    assert "attempt=2" in host.log()
    assert code == 0


@pytest.mark.stack
def test_killed_again_and_again_a_chain_gets_to_its_end(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - decides when to kill
    host = HostProcess(tmp_path).start()
    try:
        host.begin("chain", 150, "c")
        for _ in range(3):
            time.sleep(chance.random() * 0.15)
            host.kill()
            host.start()
        status = host.ended("c")
    finally:
        host.kill()

    assert status["output"] == 2**150


@pytest.mark.stack
def test_a_second_process_on_the_same_folder_or_port_refuses(tmp_path: Path) -> None:
    host = HostProcess(tmp_path).start()
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    try:
        same_folder = host.spawn("--port", "0").wait(PATIENCE_S)
        same_port = HostProcess(other_folder).spawn("--port", str(host.port)).wait(PATIENCE_S)
    finally:
        host.stop()

    assert (same_folder, same_port) == (1, 4)
    assert "LF5303" in host.log()
    log = (other_folder / "host.log").read_text()
    assert "LF5302" in log
    assert f"127.0.0.1:{host.port}" in log


@pytest.mark.stack
def test_sigterm_lets_a_running_activity_finish(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    host = HostProcess(tmp_path, environment={"GALLERY_MARKS_S": "0.4"}).start()
    try:
        host.begin("one", {"activity": "marks", "argument": str(marks)}, "i")
        wait_for(lambda: marks.exists(), host.process)
        assert host.stop() == 0

        host.start()
        status = host.ended("i")
    finally:
        host.kill()

    assert status["output"] == "marked"
    assert marks.read_text().count("called") == 1
