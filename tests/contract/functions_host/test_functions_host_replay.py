"""The replay protocol: what the engine and the real SDK make of an orchestrator together."""

import json
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from landfall.local.functions_host.decisions import HTTP_ACTIVITY, Status
from landfall.local.functions_host.hub import Gone, HubSettings
from landfall.local.functions_host.sdk import ContextFields, context_text
from tests.contract.functions_host.conftest import MakeSimulation
from tests.contract.functions_host.simulation import START, Activity, FailsFirst, Steps

# Both are normal: an event that comes before its wait, and the SDK's advice about typed payloads.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Potential duplicate Task completion"),
    pytest.mark.filterwarnings("ignore:azure.functions:DeprecationWarning"),
]
SCHEDULED, COMPLETED, FAILED, TIMER, FIRED = 4, 5, 6, 10, 11
CHILD, ENDED, RAISED = 7, 1, 15


def retry(attempts: int, delay_s: float = 5) -> df.RetryOptions:
    return df.RetryOptions(int(delay_s * 1000), attempts)


# --- contexts and inputs ---------------------------------------------------------------------------------------


def test_ctx_minimum(simulate: MakeSimulation) -> None:
    seen: list[Any] = []

    def main(context: Any) -> Steps:
        seen.extend([[event.event_type for event in context.histories], context.histories[1].Version])
        yield context.call_activity("echo", 1)

    run = simulate(main)
    run.start("main")
    run.step()

    assert seen == [[12, 0], ""]
    context = json.loads(context_text(ContextFields("i", None, None), ['{"EventType":12}']))
    assert (context["upperSchemaVersion"], context["upperSchemaVersionNew"]) == (1, 2)
    assert context["maximumShortTimerDuration"] is None
    assert context["longRunningTimerIntervalDuration"] is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (json.dumps(json.dumps({"a": 1})), {"a": 1}),
        ('{"a":1}', {"a": 1}),
        (json.dumps(json.dumps("txt")), "txt"),
        (None, None),
        ("null", None),
    ],
)
def test_ctx_input_forms(simulate: MakeSimulation, raw: str | None, expected: Any) -> None:
    run = simulate(lambda context: {"got": context.get_input()})

    run.start("main", raw=raw) if raw is not None else run.start("main")
    run.run()

    assert run.output() == {"got": expected}


@pytest.mark.parametrize("raw", ['"txt"', "[1]", "5", "true"])
def test_ctx_input_forms_that_a_rest_caller_must_not_send(simulate: MakeSimulation, raw: str) -> None:
    run = simulate(lambda context: context.get_input())

    run.start("main", raw=raw)
    run.run()

    assert run.status() is Status.FAILED


# --- activities ------------------------------------------------------------------------------------------------


def test_chain(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        first = yield context.call_activity("echo", 1)
        second = yield context.call_activity("echo", first + 1)
        return [first, second]

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.output() == [1, 2]
    assert run.ids(SCHEDULED) == [0, 1]
    assert run.episodes == 3
    assert run.ids(ENDED) == [2]


def test_fan_out_in(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        values = yield context.task_all([context.call_activity("echo", n) for n in (3, 2, 1)])
        last = yield context.call_activity("echo", "last")
        return [values, last]

    run = simulate(main, activities={"echo": Activity(lambda v: v, lambda v: v if isinstance(v, int) else 1)})
    run.start("main")
    run.run()

    assert run.output() == [[3, 2, 1], "last"]
    assert run.ids(SCHEDULED) == [0, 1, 2, 3]


def test_fan_in_batched(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        return sum((yield context.task_all([context.call_activity("echo", n) for n in range(100)])))

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.output() == 4950
    assert run.episodes == 2


def test_lazy_task(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        context.call_activity("echo", "never")
        return (yield context.call_activity("echo", "once"))

    run = simulate(main)
    run.start("main")
    run.run()

    assert [started.input for started in run.started] == ["once"]
    (remark,) = run.told("orchestrator_remark")
    assert "never yielded" in remark.fields["remark"]


def test_sequential_not_parallel(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        a, b = context.call_activity("echo", "a"), context.call_activity("echo", "b")
        yield a
        yield b

    run = simulate(main)
    run.start("main")
    run.run()

    assert [(started.at_s, started.input) for started in run.started] == [(0, "a"), (1, "b")]


def test_same_task_twice(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        task = context.call_activity("echo", 7)
        return [(yield task), (yield task)]

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.output() == [7, 7]
    assert run.ids(SCHEDULED) == [0]


def test_empty_join(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        value = yield context.task_all([])
        return {"value": value}

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.output() == {"value": None}
    assert run.episodes == 1


def test_nested_join(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        either = context.task_any([context.call_activity("echo", "a"), context.wait_for_external_event("go")])
        winner, b = yield context.task_all([either, context.call_activity("echo", "b")])
        return [winner.result, b]

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.output() == ["a", "b"]
    assert run.ids(SCHEDULED) == [0, 1]


def test_activity_failure_caught(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        try:
            yield context.call_activity("boom", 1)
        except Exception as error:
            return str(error)

    run = simulate(main)
    run.start("main")
    run.run()

    text = run.output()
    assert text.startswith("Activity function 'boom' failed:  ValueError: no good: 1 \n {")
    assert "Microsoft.Azure.WebJobs" in text


def test_activity_failure_uncaught(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.call_activity("boom", 1)

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.status() is Status.FAILED
    assert str(run.output()).startswith(
        "Orchestrator function 'main' failed: Activity function 'boom' failed:"
    )


def test_orchestrator_raises(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        context.set_custom_status({"at": "start"})
        raise RuntimeError("cannot go on")
        yield

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.output() == "Orchestrator function 'main' failed: cannot go on"
    assert run.instance().custom_status == '{"at":"start"}'


def test_orchestrator_raises_empty(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        raise ValueError
        yield

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.output() == "Orchestrator function 'main' failed: <class 'ValueError'>"


def test_output_not_serialisable(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.call_activity("echo", 1)
        return {1, 2}

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.status() is Status.FAILED
    assert "not JSON serializable" in run.output()


def test_yields_non_task(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield 5

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.status() is Status.FAILED
    assert "'_is_scheduled'" in run.output()


def test_non_generator(simulate: MakeSimulation) -> None:
    run = simulate(lambda _: "done")
    run.start("main")
    run.run()

    assert (run.output(), run.episodes) == ("done", 1)


class Money:
    """A value with the codec that the SDK looks for."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    @staticmethod
    def to_json(money: "Money") -> str:
        return str(money.cents)

    @staticmethod
    def from_json(text: str) -> "Money":
        return Money(int(text))


def test_act_custom_object(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        doubled = yield context.call_activity("double", Money(7))
        return doubled.cents

    run = simulate(main, activities={"double": Activity(lambda money: Money(money.cents * 2))})
    run.start("main")
    run.run()

    assert run.output() == 14


def test_act_custom_object_of_an_unknown_module(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.call_activity(
            "echo", {"__class__": "C", "__module__": "never_imported", "__data__": "{}"}
        )

    run = simulate(main)
    run.start("main")
    run.run()

    assert "Activity function 'echo' failed:  ValueError" in run.output()


def test_unknown_activity(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.call_activity("Nope", 1)

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.status() is Status.FAILED
    assert "doesn't exist, is disabled, or is not an activity function" in run.output()


def test_is_replaying(simulate: MakeSimulation) -> None:
    lines: list[str] = []

    def main(context: Any) -> Steps:
        for step in ("one", "two"):
            if not context.is_replaying:
                lines.append(step)
            yield context.call_activity("echo", step)
        if not context.is_replaying:
            lines.append("end")

    run = simulate(main)
    run.start("main")
    run.run()

    assert lines == ["one", "two", "end"]


# --- retries ---------------------------------------------------------------------------------------------------


def test_retry_success(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        first = yield context.call_activity_with_retry("flaky", retry(3), "x")
        return [first, (yield context.call_activity("echo", "next"))]

    run = simulate(main, activities={"flaky": Activity(FailsFirst())})
    run.start("main")
    run.run()

    assert run.output() == ["x", "next"]
    assert run.ids(SCHEDULED, TIMER) == [0, 1, 2, 3]
    assert [row["TimerId"] for row in run.rows(FIRED)] == [1]
    assert run.started[1].at_s == 6


def test_retry_exhausted(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        try:
            yield context.call_activity_with_retry("boom", retry(3), "x")
        except Exception as error:
            text = str(error)
        return [text, (yield context.call_activity("echo", context.current_utc_datetime.second))]

    run = simulate(main)
    run.start("main")
    run.run()

    text, surfaced_s = run.output()
    assert text.startswith("Activity function 'boom' failed:")
    assert run.ids(SCHEDULED, TIMER) == [0, 1, 2, 3, 4, 5, 6]
    assert surfaced_s == 13, "the dummy timer fires at once"


def test_retry_n1(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.call_activity_with_retry("boom", retry(1), "x")

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.status() is Status.FAILED
    assert run.ids(SCHEDULED, TIMER) == [0, 1]


def test_retry_in_join(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        values = yield context.task_all(
            [context.call_activity_with_retry("flaky", retry(3, n), n) for n in (1, 2, 3)]
        )
        return [values, (yield context.call_activity("echo", "next"))]

    run = simulate(main, activities={"flaky": Activity(FailsFirst(), lambda n: 4 - n / 2)})
    run.start("main")
    run.run()

    assert run.output() == [[1, 2, 3], "next"]
    assert not run.findings


def test_retry_wrapped_action(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        return (yield context.call_activity_with_retry("echo", retry(2), "x"))

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.output() == "x"


def test_retry_options_without_an_attempt_fail_the_instance(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.call_activity_with_retry("echo", df.RetryOptions(5000, 0), "x")

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.status() is Status.FAILED


# --- timers ----------------------------------------------------------------------------------------------------


def test_timer(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.create_timer(context.current_utc_datetime + timedelta(seconds=30))
        return context.current_utc_datetime.isoformat()

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.ids(TIMER) == [0]
    assert len(run.rows(FIRED)) == 1
    assert run.output() >= (START + timedelta(seconds=30)).isoformat()


def test_timer_past(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.create_timer(context.current_utc_datetime - timedelta(days=1))

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.ended_s() == 0


def test_timer_long_unsplit(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.create_timer(context.current_utc_datetime + timedelta(days=10))

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.ids(TIMER) == [0]
    assert run.ended_s() == timedelta(days=10).total_seconds()


def race(cancel: bool) -> Any:
    def main(context: Any) -> Steps:
        timer = context.create_timer(context.current_utc_datetime + timedelta(seconds=60))
        work = context.call_activity("echo", "fast")
        winner = yield context.task_any([timer, work])
        if winner == work and cancel:
            timer.cancel()
        return (yield context.call_activity("echo", "after"))

    return main


def test_timer_cancel(simulate: MakeSimulation) -> None:
    run = simulate(race(cancel=True))
    run.start("main")
    run.run()

    assert run.ended_s() == 2
    assert run.ids(SCHEDULED, TIMER, ENDED) == [0, 1, 2, 3]
    assert not run.findings


def test_timer_not_cancelled(simulate: MakeSimulation) -> None:
    run = simulate(race(cancel=False))
    run.start("main")
    run.run(until_s=30)
    assert run.status() is Status.RUNNING
    (finding,) = run.told("open_tasks_at_return")

    run.run()

    assert run.ended_s() == 60
    assert "timer" in finding.fields["open"][0]


def test_timer_without_a_zone_or_in_another_is_remarked(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.create_timer(context.current_utc_datetime.replace(tzinfo=None))

    run = simulate(main)
    run.start("main")
    run.run()

    (remark,) = run.told("orchestrator_remark")
    assert "no time zone" in remark.fields["remark"]


# --- external events -------------------------------------------------------------------------------------------


def waits_for(*names: str) -> Any:
    def main(context: Any) -> Steps:
        got: list[Any] = []
        for name in names:
            got += [(yield context.wait_for_external_event(name))]
        return got

    return main


def test_event_wait_then_raise(simulate: MakeSimulation) -> None:
    run = simulate(waits_for("go"))
    run.start("main")
    run.run()

    run.hub.raise_event("i", "go", '{"p":1}')
    run.run()

    assert run.output() == [{"p": 1}]


def test_event_raise_then_wait(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.call_activity("echo", 1)
        return (yield context.wait_for_external_event("go"))

    run = simulate(main)
    run.start("main")
    run.run(until_s=0.5)
    run.hub.raise_event("i", "go", "5")
    run.run()

    assert run.output() == 5


def test_event_case(simulate: MakeSimulation) -> None:
    run = simulate(waits_for("Go"))
    run.start("main")
    run.run()

    run.hub.raise_event("i", "go", "1")
    run.run()

    assert run.status() is Status.RUNNING
    assert run.told("event_case_differs")[0].fields["awaited"] == "Go"


def test_event_repeat(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.call_activity("echo", 0)
        return [(yield context.wait_for_external_event("e")), (yield context.wait_for_external_event("e"))]

    run = simulate(main)
    run.start("main")
    run.run(until_s=0.5)
    run.hub.raise_event("i", "e", "1")
    run.run()
    assert run.status() is Status.RUNNING

    run.hub.raise_event("i", "e", "2")
    run.run()

    assert run.output() == [1, 1]


def test_event_two_early(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.call_activity("echo", 0)
        return [(yield context.wait_for_external_event("e")), (yield context.wait_for_external_event("e"))]

    run = simulate(main)
    run.start("main")
    run.run(until_s=0.5)
    run.hub.raise_event("i", "e", "1")
    run.hub.raise_event("i", "e", "2")
    run.run()

    assert run.output() == [2, 2]


@pytest.mark.parametrize(
    ("raw", "seen"), [('"{\\"p\\": 1}"', '{"p": 1}'), ('{"p": 1}', {"p": 1}), (None, None)]
)
def test_event_double_encoding_and_null(simulate: MakeSimulation, raw: str | None, seen: Any) -> None:
    run = simulate(waits_for("go"))
    run.start("main")
    run.run()

    run.hub.raise_event("i", "go", raw)
    run.run()

    assert run.output() == [seen]


def test_event_unread_at_the_end_is_told(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        yield context.call_activity("echo", 1)

    run = simulate(main)
    run.start("main")
    run.run(until_s=0.5)
    run.hub.raise_event("i", "nobody", "1")
    run.run()

    assert run.told("events_unread")[0].fields["names"] == ["nobody"]


# --- children --------------------------------------------------------------------------------------------------


def calls_child(**arguments: Any) -> Any:
    def main(context: Any) -> Steps:
        return (yield context.call_sub_orchestrator("child", {"n": 1}, **arguments))

    return main


def child_of_echo(context: Any) -> Steps:
    value = yield context.call_activity("echo", context.get_input())
    return {"got": value, "parent": context.parent_instance_id, "me": context.instance_id}


def test_sub_default_id(simulate: MakeSimulation) -> None:
    run = simulate(calls_child(), others={"child": child_of_echo})
    run.start("main")
    run.run()

    child_id = f"{run.instance().execution_id}:0"
    assert run.output() == {"got": {"n": 1}, "parent": "i", "me": child_id}


def test_sub_explicit_id(simulate: MakeSimulation) -> None:
    run = simulate(calls_child(instance_id="x"), others={"child": child_of_echo})
    run.start("main")
    run.run()

    assert run.output()["me"] == "x"


@pytest.mark.parametrize("child_id", ["i", "@x"])
def test_sub_explicit_id_that_is_not_allowed(simulate: MakeSimulation, child_id: str) -> None:
    run = simulate(calls_child(instance_id=child_id), others={"child": child_of_echo})
    run.start("main")
    run.run()

    assert run.status() is Status.FAILED


def test_sub_unknown(simulate: MakeSimulation) -> None:
    run = simulate(calls_child())
    run.start("main")
    run.run()

    assert "is not an orchestrator function" in run.output()


def test_sub_failure(simulate: MakeSimulation) -> None:
    def child(context: Any) -> Steps:
        yield context.call_activity("boom", 1)

    def main(context: Any) -> Steps:
        try:
            yield context.call_sub_orchestrator("child")
        except Exception as error:
            return str(error)

    run = simulate(main, others={"child": child})
    run.start("main")
    run.run()

    assert str(run.output()).startswith(
        "Orchestrator function 'child' failed: Activity function 'boom' failed:  ValueError: no good: 1"
    )


def test_sub_retry(simulate: MakeSimulation) -> None:
    def child(context: Any) -> Steps:
        yield context.call_activity("boom", 1)

    def main(context: Any) -> Steps:
        yield context.call_sub_orchestrator_with_retry("child", retry(2))

    run = simulate(main, others={"child": child})
    run.start("main")
    run.run()

    assert run.status() is Status.FAILED
    assert run.ids(CHILD) == [0, 2]
    assert run.ids(TIMER) == [1, 3]
    assert len({row["InstanceId"] for row in run.rows(CHILD)}) == 2


def test_sub_terminated(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        try:
            yield context.call_sub_orchestrator("child", None, "x")
        except Exception as error:
            return str(error)

    run = simulate(main, others={"child": waits_for("never")})
    run.start("main")
    run.run()
    run.hub.terminate("x", "enough")
    run.run()

    assert run.status("x") is Status.TERMINATED
    assert "enough" in run.output()


def test_terminating_a_parent_leaves_its_children_alone(simulate: MakeSimulation) -> None:
    run = simulate(calls_child(instance_id="x"), others={"child": waits_for("never")})
    run.start("main")
    run.run()

    run.hub.terminate("i", "enough")
    run.run()

    assert (run.status(), run.status("x")) == (Status.TERMINATED, Status.RUNNING)
    assert run.output() == "enough"


# --- continue as new, control, status --------------------------------------------------------------------------


def test_can_basic(simulate: MakeSimulation) -> None:
    executions: set[str] = set()

    def main(context: Any) -> Steps:
        n = context.get_input()["n"]
        yield context.call_activity("echo", n)
        if n < 3:
            context.continue_as_new({"n": n + 1})
            return None
        return n

    run = simulate(main)
    run.start("main", {"n": 1})
    while not run.status().is_terminal:
        executions.add(run.instance().execution_id)
        run.run(until_s=run.now_s + 0.5)

    assert run.output() == 3
    assert len(executions) == 3
    assert run.ids(SCHEDULED) == [0]
    assert not run.findings


def test_can_no_yield(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Any:
        n = context.get_input()
        if n < 3:
            context.continue_as_new(n + 1)
            return "ignored"
        return n

    run = simulate(main)
    run.start("main", 1)
    run.run()

    assert run.output() == 3


def test_can_open_timer(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        if context.get_input():
            return "second"
        timer = context.create_timer(context.current_utc_datetime + timedelta(seconds=60))
        yield context.task_any([timer, context.call_activity("echo", 1)])
        context.continue_as_new("again")

    run = simulate(main)
    run.start("main")
    run.run()

    assert (run.output(), run.ended_s()) == ("second", 60)


def test_can_late_completion(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        if context.get_input():
            return (yield context.call_activity("echo", "new"))
        yield context.call_activity("echo", "old")
        context.continue_as_new("again")

    run = simulate(main)
    run.start("main")
    run.step()
    (old,) = run.lease()
    first = run.instance().execution_id
    run.finish(old)
    run.step()
    with run.hub.store.transaction() as transaction:
        late = {"EventType": 5, "EventId": -1, "IsPlayed": False, "Timestamp": "2026-01-01T00:00:01Z"}
        transaction.post("i", {**late, "TaskScheduledId": 0, "Result": '"old"'}, run.clock.now(), first)
    run.run()

    assert run.output() == "new"


def test_can_events(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        if context.get_input():
            return (yield context.wait_for_external_event("e"))
        yield context.wait_for_external_event("go")
        context.continue_as_new("again")

    run = simulate(main)
    run.start("main")
    run.run()
    run.hub.raise_event("i", "e", "1")
    run.run()
    run.hub.raise_event("i", "go", "null")
    run.hub.raise_event("i", "e", "2")
    run.run()

    assert run.output() == 2, "the buffered event is lost, the one after the decision carries over"


def test_suspend_and_resume(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        for n in range(2):
            yield context.call_activity("echo", n)

    run = simulate(main)
    run.start("main")
    run.run(until_s=0.5)
    run.hub.suspend("i", "wait")
    run.run()
    assert (run.status(), len(run.started)) == (Status.SUSPENDED, 1)

    run.hub.resume("i", "go on")
    run.run()

    assert (run.status(), len(run.started)) == (Status.COMPLETED, 2)


def test_suspended_instances_do_not_end(simulate: MakeSimulation) -> None:
    run = simulate(lambda _: "done")
    run.start("main")
    run.hub.suspend("i", "wait")
    run.run()
    assert run.status() is Status.SUSPENDED

    run.hub.resume("i", "go on")
    run.run()

    assert run.output() == "done"


def test_suspended_instances_can_be_terminated(simulate: MakeSimulation) -> None:
    run = simulate(waits_for("never"))
    run.start("main")
    run.run()
    run.hub.suspend("i", "wait")
    run.run()

    run.hub.terminate("i", "enough")
    run.run()

    assert run.status() is Status.TERMINATED


def test_rewind_runs_failed_tasks_again_and_no_others(simulate: MakeSimulation) -> None:
    def child(context: Any) -> Steps:
        return (yield context.call_activity("flaky", "in child"))

    def main(context: Any) -> Steps:
        good = yield context.call_activity("echo", "good")
        return [good, (yield context.call_sub_orchestrator("child", None, "c"))]

    run = simulate(main, others={"child": child}, activities={"flaky": Activity(FailsFirst())})
    run.start("main")
    run.run()
    assert (run.status(), run.status("c")) == (Status.FAILED, Status.FAILED)

    run.hub.rewind("i", "mended")
    run.run()

    assert run.output() == ["good", "in child"]
    assert [started.input for started in run.started] == ["good", "in child", "in child"]


@pytest.mark.parametrize(
    ("value", "stored"), [({"a": 1}, '{"a":1}'), ("x", '"x"'), (0, None), ("", None), (None, None)]
)
def test_custom_status(simulate: MakeSimulation, value: Any, stored: str | None) -> None:
    def main(context: Any) -> Steps:
        context.set_custom_status("before")
        yield context.call_activity("echo", 1)
        context.set_custom_status(value)

    run = simulate(main)
    run.start("main")
    run.run(until_s=0.5)
    assert run.instance().custom_status == '"before"'

    run.run()

    assert run.instance().custom_status == stored


def test_custom_status_limit(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        context.set_custom_status("x" * 9000)
        yield context.call_activity("echo", 1)

    run = simulate(main)
    run.start("main")
    run.run()

    assert run.status() is Status.FAILED
    assert "must not exceed 16 KB" in run.output()


def test_max_orchestration_actions(simulate: MakeSimulation) -> None:
    def main(context: Any) -> Steps:
        for _ in range(3):
            yield context.call_activity("echo", 1)

    run = simulate(main, settings=HubSettings(max_actions=2))
    run.start("main")
    run.run()

    assert run.status() is Status.FAILED


# --- entities and HTTP -----------------------------------------------------------------------------------------


def counter(context: Any) -> None:
    value = context.get_state(lambda: 0)
    if context.operation_name == "add":
        context.set_state(value + context.get_input())
    elif context.operation_name == "add_and_raise":
        context.set_state(value + context.get_input())
        raise ValueError("half done")
    context.set_result(context.get_state(lambda: 0))


def test_entity_call_and_signal(simulate: MakeSimulation) -> None:
    entity = df.EntityId("Counter", "k1")

    def main(context: Any) -> Steps:
        yield context.call_entity(entity, "add", 5)
        context.signal_entity(entity, "add", 2)
        value = yield context.call_entity(entity, "get")
        return [value, (yield context.call_activity("echo", "next"))]

    run = simulate(main, entities={"Counter": counter})
    run.start("main")
    run.run()

    assert run.output() == [7, "next"]
    assert run.ids(14) == [0, 1, 2]
    assert run.ids(SCHEDULED) == [3]
    assert not run.findings


def test_entity_error(simulate: MakeSimulation) -> None:
    entity = df.EntityId("counter", "k1")

    def main(context: Any) -> Steps:
        try:
            yield context.call_entity(entity, "add_and_raise", 5)
        except Exception as error:
            return [str(error), (yield context.call_entity(entity, "get"))]

    run = simulate(main, entities={"counter": counter})
    run.start("main")
    run.run()

    assert run.output() == ["half done", 5]


def test_entity_batch(simulate: MakeSimulation) -> None:
    run = simulate(lambda _: None, entities={"counter": counter})

    for _ in range(5):
        run.hub.entities.signal("@counter@k", "add", '"1"')
    ticket = run.hub.entities.take("@counter@k")
    run.run()

    assert ticket is not None
    assert len(ticket.requests) == 5
    entity = run.hub.entities.find("@counter@k")
    assert entity is not None
    assert entity.state == "5"


@pytest.mark.parametrize(("raw", "state"), [("5", None), ('"5"', "5")])
def test_entity_raw_input(simulate: MakeSimulation, raw: str, state: str | None) -> None:
    run = simulate(lambda _: None, entities={"counter": counter})

    run.hub.entities.signal("@counter@k", "add", raw)
    run.run()

    entity = run.hub.entities.find("@counter@k")
    assert (entity.state if entity is not None else None) == state


def test_http_is_one_activity_and_does_not_poll(simulate: MakeSimulation) -> None:
    answer = {"statusCode": 202, "headers": {"Location": "http://x/later"}, "content": ""}

    def main(context: Any) -> Steps:
        response = yield context.call_http("GET", "http://x/now")
        return [response["statusCode"], (yield context.call_activity("echo", "next"))]

    run = simulate(main, activities={HTTP_ACTIVITY: Activity(lambda _: answer)})
    run.start("main")
    run.run()

    assert run.output() == [202, "next"]
    assert [row["Name"] for row in run.rows(SCHEDULED)] == [HTTP_ACTIVITY, "echo"]
    assert run.ids(SCHEDULED) == [0, 1]


# --- non-determinism and duplicates ----------------------------------------------------------------------------


def calls(*names: str) -> Any:
    def main(context: Any) -> Steps:
        for name in names:
            if name == "timer":
                yield context.create_timer(context.current_utc_datetime + timedelta(seconds=1))
            else:
                yield context.call_activity(name, name)

    return main


@pytest.mark.parametrize(
    ("later", "text"),
    [
        ((), "but the current replay has not scheduled it"),
        (("timer",), "scheduled a timer with that ID instead"),
        (("boom",), "scheduled an activity task with name 'boom' with that ID instead"),
    ],
    ids=["nondet-missing", "nondet-kind", "nondet-name"],
)
def test_nondet(simulate: MakeSimulation, later: tuple[str, ...], text: str) -> None:
    run = simulate(calls("echo", "echo"))
    run.start("main")
    run.run(until_s=0.5)

    run.replace_code("main", calls(*later))
    run.run()

    assert run.status() is Status.FAILED
    assert str(run.output()).startswith(
        "A previous execution of this orchestration scheduled an activity task with sequence ID 0 and name 'echo'"
    )
    assert text in run.output()


def test_nondet_input_changed(simulate: MakeSimulation) -> None:
    def version(value: int) -> Any:
        def main(context: Any) -> Steps:
            return (yield context.call_activity("echo", value))

        return main

    run = simulate(version(1))
    run.start("main")
    run.run(until_s=0.5)

    run.replace_code("main", version(2))
    run.run()

    assert run.output() == 1
    assert run.told("task_cross_wired")[0].fields["task_id"] == 0


def test_duplicate_completion(simulate: MakeSimulation) -> None:
    run = simulate(calls("echo", "echo"))
    run.start("main")
    run.step()
    (work,) = run.lease()

    assert run.finish(work)
    assert not run.finish(work)
    with run.hub.store.transaction() as transaction:
        event = {"EventType": 5, "EventId": -1, "IsPlayed": False, "Timestamp": "2026-01-01T00:00:01Z"}
        transaction.post("i", {**event, "TaskScheduledId": 0, "Result": '"2"'}, run.clock.now())
    run.run()

    assert run.status() is Status.COMPLETED
    assert run.ids(SCHEDULED) == [0, 1]


def test_duplicate_start(simulate: MakeSimulation) -> None:
    run = simulate(calls("echo"))
    run.start("main")
    start = run.hub.store.read("select event, execution_id from messages").fetchone()
    run.step()
    with run.hub.store.transaction() as transaction:
        transaction.post("i", json.loads(start["event"]), run.clock.now(), start["execution_id"])
    run.run()

    assert len(run.rows(0)) == 1
    assert run.status() is Status.COMPLETED


def test_messages_for_ended_instances_are_dropped(simulate: MakeSimulation) -> None:
    run = simulate(lambda _: 1)
    run.start("main")
    run.run()

    with pytest.raises(Gone):
        run.hub.raise_event("i", "late", "1")
    with run.hub.store.transaction() as transaction:
        transaction.post("i", {"EventType": 15, "Name": "late", "Input": None}, run.clock.now())

    assert not run.step()
    assert run.hub.episodes.waiting() == []
