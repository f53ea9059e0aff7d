"""Patterns in which code and host drift apart: the host is as late as Azure, never faster, and says so."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from landfall.local.functions_host.decisions import Status
from tests.contract.functions_host.conftest import MakeSimulation
from tests.contract.functions_host.simulation import Activity, FailsFirst, Simulation, Steps

pytestmark = [
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion"),
    pytest.mark.filterwarnings("ignore:azure.functions df_loads:DeprecationWarning"),
]

RETRY = df.RetryOptions(5000, 3)
# A small graph: node to what it depends on, and seconds per node.
DIAMOND: Mapping[int, Sequence[int]] = {0: (), 1: (), 2: (0,), 3: (1,)}
SECONDS: Mapping[int, float] = {0: 5, 1: 1, 2: 1, 3: 100}


def window(size: int, count: int, with_cancelled_timer: bool = False) -> Any:
    """Keep ``size`` of ``count`` tasks going with task_any."""

    def main(context: Any) -> Steps:
        running = [context.call_activity("work", n) for n in range(size)]
        following, values = size, []
        while running:
            extra = []
            if with_cancelled_timer:
                timer = context.create_timer(context.current_utc_datetime + timedelta(days=5))
                timer.cancel()
                extra = [timer]
            winner = yield context.task_any([*extra, *running])
            values.append(winner.result)
            running.remove(winner)
            if following < count:
                running.append(context.call_activity("work", following))
                following += 1
        return sorted(values)

    return main


def ready_set(call: Any) -> Any:
    """Run DIAMOND by starting whatever is ready after each end."""

    def main(context: Any) -> Steps:
        values: dict[str, Any] = {}
        running: dict[int, Any] = {}
        while len(values) < len(DIAMOND):
            for node, needs in DIAMOND.items():
                ready = all(str(need) in values for need in needs)
                if ready and str(node) not in values and node not in running:
                    running[node] = call(context, node)
            winner = yield context.task_any(list(running.values()))
            node = next(n for n, task in running.items() if task is winner)
            values[str(node)] = winner.result
            del running[node]
        return values

    return main


def starts(run: Simulation) -> dict[Any, float]:
    return {started.input: started.at_s for started in reversed(run.started)}


def test_divergence_window(simulate: MakeSimulation) -> None:
    run = simulate(window(10, 30), activities={"work": Activity(lambda n: n, 10)})
    run.start("main")
    run.run()

    assert run.output() == list(range(30))
    assert run.ended_s() == 210
    assert run.told("head_of_line_blocking")


def test_divergence_cancelled_timer(simulate: MakeSimulation) -> None:
    run = simulate(window(10, 30, with_cancelled_timer=True), activities={"work": Activity(lambda n: n, 10)})
    run.start("main")
    run.run()

    assert run.output() == list(range(30))
    assert run.ended_s() == 30
    assert not run.findings


def test_divergence_ready_set(simulate: MakeSimulation) -> None:
    run = simulate(
        ready_set(lambda context, node: context.call_activity("work", node)),
        activities={"work": Activity(lambda n: n, lambda n: SECONDS[n])},
    )
    run.start("main")
    run.run()

    assert run.output() == {str(n): n for n in DIAMOND}
    assert starts(run)[2] == 101, "node 2 is ready after 5 s"
    assert run.told("head_of_line_blocking")


@pytest.mark.parametrize("failing", DIAMOND)
def test_divergence_retry(simulate: MakeSimulation, failing: int) -> None:
    run = simulate(
        ready_set(lambda context, node: context.call_activity_with_retry("work", RETRY, node)),
        activities={"work": Activity(FailsFirst(only=lambda n: n == failing), lambda n: SECONDS[n])},
    )
    run.start("main")
    run.run()

    is_right = run.status() is Status.COMPLETED and run.output() == {str(n): n for n in DIAMOND}
    assert is_right == (failing != 3), "as in Azure: node 3 fails while node 2 waits for its turn"
    assert bool(run.told("task_cross_wired")) == (not is_right), "a wrong result is reported as what it is"


@pytest.mark.parametrize("failing", [None, *DIAMOND])
def test_divergence_event_driven_dag(simulate: MakeSimulation, failing: int | None) -> None:
    successors = {node: [n for n, needs in DIAMOND.items() if node in needs] for node in DIAMOND}

    def main(context: Any) -> Steps:
        values = yield context.task_all(
            [context.call_sub_orchestrator("node", node, f"run:{node}") for node in DIAMOND]
        )
        return values

    def node(context: Any) -> Steps:
        me = context.get_input()
        if DIAMOND[me]:
            yield context.task_all([context.wait_for_external_event(f"done:{need}") for need in DIAMOND[me]])
        value = yield context.call_activity_with_retry("work", RETRY, me)
        yield context.call_activity("notify", me)
        return value

    def notify(me: int) -> None:
        for successor in successors[me]:
            run.hub.raise_event(f"run:{successor}", f"done:{me}", "null")

    run = simulate(
        main,
        others={"node": node},
        activities={
            "work": Activity(FailsFirst(only=lambda n: n == failing), lambda n: SECONDS[n]),
            "notify": Activity(notify, 0),
        },
    )
    run.start("main")
    run.run()

    assert run.output() == list(DIAMOND)
    for name, needs in DIAMOND.items():
        expected = max((last_end(run, need) for need in needs), default=0)
        first_start = min(s.at_s for s in run.started if s.name == "work" and s.input == name)
        assert first_start == expected
    assert not run.findings


def last_end(run: Simulation, node: int) -> float:
    return max(s.at_s for s in run.started if s.name == "work" and s.input == node) + SECONDS[node]


def test_divergence_event_loop(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        work = context.call_activity("work", "long")
        heard = 0
        while True:
            event = context.wait_for_external_event(f"event_{heard}")
            winner = yield context.task_any([work, event])
            if winner is work:
                break
            heard += 1
        return (yield context.call_activity("echo", "after"))

    run = simulate(main, activities={"work": Activity(lambda v: v, 50)})
    run.start("main")
    run.run(until_s=10)
    run.hub.raise_event("i", "event_0", "1")
    run.run()
    assert run.status() is Status.RUNNING
    assert "after" not in starts(run)
    (blocked,) = run.told("head_of_line_blocking")
    assert "event_1" in blocked.fields["waiting_for"]

    run.clock.at += timedelta(seconds=50)
    run.hub.raise_event("i", "event_1", "1")
    run.run()

    assert starts(run)["after"] == 100
    assert run.output() == "after"


def test_fail_fast_join(simulate: MakeSimulation) -> None:
    def work(seconds: int) -> int:
        if seconds == 1:
            raise ValueError("first")
        return seconds

    def main(context: Any) -> Steps:
        try:
            yield context.task_all([context.call_activity("work", n) for n in (1, 5, 7)])
        except Exception:
            return (yield context.call_activity("echo", "after"))

    run = simulate(main, activities={"work": Activity(work, lambda n: n)})
    run.start("main")
    run.run()

    assert run.output() == "after"
    assert starts(run)["after"] == 7
    assert run.told("head_of_line_blocking")


def test_barriers_are_safe(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        first = yield context.task_all([context.call_activity_with_retry("work", RETRY, n) for n in range(3)])
        second = yield context.task_all([context.call_activity("echo", n) for n in first])
        return second

    run = simulate(main, activities={"work": Activity(FailsFirst(2), lambda n: n + 1)})
    run.start("main")
    run.run()

    assert run.output() == [0, 1, 2]
    assert not run.findings
