"""What the orchestrators decide, on the real SDK with a clock that jumps."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from landfall.local.functions_host.decisions import Status
from landfall.runs.ids import RunID, run_instance
from landfall.runs.work import JobEnd, JobOutcome, NodeWork, ProductWork
from orchestrations.coordinator import product_coordinator
from orchestrations.node import node
from orchestrations.run import run
from tests.contract.functions_host.simulation import Activity, Simulation

Answers = dict[str, Callable[[Any], Any]]
GOING_ON = JobOutcome(job_run_id=7).to_payload()
SUCCEEDED = JobOutcome(end=JobEnd.SUCCEEDED, job_run_id=7).to_payload()
SUBMITTED = JobOutcome(job_run_id=7, timeout_s=3600).to_payload()
WORK = NodeWork(RunID("r1"), key="orders").to_payload()  # type: ignore[arg-type]


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[Callable[[Answers], Simulation]]:
    made: list[Simulation] = []

    def make(answers: Answers) -> Simulation:
        simulation = Simulation(
            tmp_path / "hub",
            {"product_coordinator": product_coordinator, "run": run, "node": node},
            {name: Activity(answer, takes_s=0.01) for name, answer in answers.items()},
        )
        made.append(simulation)
        return simulation

    yield make
    for simulation in made:
        assert simulation.told("task_cross_wired") == []
        assert simulation.told("head_of_line_blocking") == []
        simulation.hub.store.close()


def test_a_result_wakes_the_node_at_once(simulate: Callable[[Answers], Simulation]) -> None:
    looks = iter([GOING_ON, SUCCEEDED])
    simulation = simulate(
        {
            "submit_job": lambda _: SUBMITTED,
            "check_job": lambda _: next(looks),
            "finish_node": lambda _: {"retry": False},
        }
    )
    simulation.start("node", WORK)
    simulation.run(until_s=1)

    simulation.hub.raise_event("i", "job_finished_1", None)
    simulation.run()

    assert simulation.status() is Status.COMPLETED
    assert simulation.ended_s() < 1.5


def test_a_job_without_a_result_is_found_by_polling_ever_less_often(
    simulate: Callable[[Answers], Simulation],
) -> None:
    simulation = simulate(
        {
            "submit_job": lambda _: SUBMITTED,
            "check_job": lambda _: SUCCEEDED if simulation.now_s > 1000 else GOING_ON,
            "finish_node": lambda _: {"retry": False},
        }
    )
    simulation.start("node", WORK)
    simulation.run()

    looks = [look.at_s for look in simulation.started if look.name == "check_job"]
    assert simulation.status() is Status.COMPLETED
    assert looks[0] == pytest.approx(2, abs=0.1)
    assert max(later - earlier for earlier, later in pairwise(looks)) < 31
    assert len(looks) < 45


def test_the_history_of_a_long_job_stays_small(simulate: Callable[[Answers], Simulation]) -> None:
    simulation = simulate(
        {
            "submit_job": lambda _: JobOutcome(job_run_id=7, timeout_s=10**6).to_payload(),
            "check_job": lambda _: SUCCEEDED if simulation.now_s > 5000 else GOING_ON,
            "finish_node": lambda _: {"retry": False},
        }
    )
    simulation.start("node", WORK)
    lengths = []
    for until_s in range(1000, 7000, 1000):
        simulation.run(until_s=until_s)
        lengths.append(len(simulation.history()))

    assert simulation.status() is Status.COMPLETED
    assert max(lengths) < 500
    assert [call.name for call in simulation.started].count("submit_job") == 1


def test_a_job_that_takes_too_long_is_reported_as_expired(simulate: Callable[[Answers], Simulation]) -> None:
    failed = JobOutcome(end=JobEnd.FAILED, error_code="LF3307", job_run_id=7).to_payload()
    simulation = simulate(
        {
            "submit_job": lambda _: JobOutcome(job_run_id=7, timeout_s=60).to_payload(),
            "check_job": lambda look: failed if look["expired"] else GOING_ON,
            "finish_node": lambda _: {"retry": False},
        }
    )
    simulation.start("node", WORK)
    simulation.run()

    assert simulation.status() is Status.COMPLETED
    assert 60 <= simulation.ended_s() < 120


def test_a_retry_is_a_new_attempt_after_a_pause(simulate: Callable[[Answers], Simulation]) -> None:
    simulation = simulate(
        {
            "submit_job": lambda _: SUBMITTED,
            "check_job": lambda _: SUCCEEDED,
            "finish_node": lambda message: {"retry": message["work"]["attempt"] == 1},
        }
    )
    simulation.start("node", WORK)
    simulation.run()

    attempts = [call.input["attempt"] for call in simulation.started if call.name == "submit_job"]
    assert attempts == [1, 2]
    assert simulation.status() is Status.COMPLETED


def test_a_retry_waits_for_as_long_as_its_failure_asks(simulate: Callable[[Answers], Simulation]) -> None:
    simulation = simulate(
        {
            "submit_job": lambda _: SUBMITTED,
            "check_job": lambda _: SUCCEEDED,
            "finish_node": lambda message: {"retry": message["work"]["attempt"] == 1, "delay_s": 90.0},
        }
    )
    simulation.start("node", WORK)
    simulation.run()

    assert simulation.status() is Status.COMPLETED
    assert 90 < simulation.ended_s() < 100


def test_a_node_without_its_turn_comes_back_with_the_same_attempt(
    simulate: Callable[[Answers], Simulation],
) -> None:
    simulation = simulate(
        {
            "submit_job": lambda work: (
                SUBMITTED if work.get("waits") == 3 else JobOutcome(wait_s=30).to_payload()
            ),
            "check_job": lambda _: SUCCEEDED,
            "finish_node": lambda _: {"retry": False},
        }
    )
    simulation.start("node", WORK)
    simulation.run()

    tries = [call.input for call in simulation.started if call.name == "submit_job"]
    assert [work["attempt"] for work in tries] == [1, 1, 1, 1]
    assert len({work["waiting_since"] for work in tries[1:]}) == 1
    assert 90 < simulation.ended_s() < 95


def test_a_job_that_was_not_taken_is_settled_without_waiting(
    simulate: Callable[[Answers], Simulation],
) -> None:
    refused = JobOutcome(end=JobEnd.FAILED, error_code="LF4102", reason="no").to_payload()
    simulation = simulate({"submit_job": lambda _: refused, "finish_node": lambda _: {"retry": False}})
    simulation.start("node", WORK)
    simulation.run()

    assert [call.name for call in simulation.started] == ["submit_job", "finish_node"]


def test_a_settled_node_is_left_alone(simulate: Callable[[Answers], Simulation]) -> None:
    simulation = simulate({"submit_job": lambda _: JobOutcome(settled=True).to_payload()})
    simulation.start("node", WORK)
    simulation.run()

    assert simulation.status() is Status.COMPLETED
    assert len(simulation.started) == 1


def test_a_run_closes_when_its_last_node_says_so(simulate: Callable[[Answers], Simulation]) -> None:
    simulation = simulate({"start_run": lambda _: {}, "close_run": lambda _: {"state": "succeeded"}})
    simulation.start("run", {"run_id": "r1"})
    simulation.run(until_s=5)

    simulation.hub.raise_event("i", "run_finished", None)
    simulation.run()

    assert simulation.output() == {"run_id": "r1", "state": "succeeded"}
    assert simulation.ended_s() < 6


def test_a_run_whose_event_is_lost_closes_after_a_minute(simulate: Callable[[Answers], Simulation]) -> None:
    states = iter([None, "failed"])
    simulation = simulate({"start_run": lambda _: {}, "close_run": lambda _: {"state": next(states)}})
    simulation.start("run", {"run_id": "r1"})
    simulation.run()

    assert simulation.output() == {"run_id": "r1", "state": "failed"}
    assert simulation.ended_s() == pytest.approx(120, abs=1)


def test_an_event_that_comes_too_early_does_not_end_the_looking(
    simulate: Callable[[Answers], Simulation],
) -> None:
    states = iter([None, None, "succeeded"])
    simulation = simulate({"start_run": lambda _: {}, "close_run": lambda _: {"state": next(states)}})
    simulation.start("run", {"run_id": "r1"})
    simulation.run(until_s=1)
    simulation.hub.raise_event("i", "run_finished", None)
    simulation.run()

    assert simulation.output() == {"run_id": "r1", "state": "succeeded"}


def test_the_coordinator_runs_one_run_after_the_other_until_nothing_is_left(
    simulate: Callable[[Answers], Simulation],
) -> None:
    opened: list[str] = []

    def open_run(message: dict[str, Any]) -> dict[str, Any]:
        if len(opened) == 2:
            return {"run_id": None}
        opened.append(message["run_id"])
        return {"run_id": message["run_id"]}

    simulation = simulate(
        {
            "open_run": open_run,
            "start_run": lambda _: {},
            "close_run": lambda _: {"state": "succeeded"},
        }
    )
    simulation.start("product_coordinator", ProductWork("sales/orders", settle_s=1).to_payload())
    simulation.run()

    assert simulation.status() is Status.COMPLETED
    assert len(set(opened)) == 2
    for run_id in opened:
        assert simulation.status(run_instance(RunID(run_id))) is Status.COMPLETED


def test_the_coordinator_takes_up_the_run_that_was_left(simulate: Callable[[Answers], Simulation]) -> None:
    answers = iter([{"run_id": "left"}, {"run_id": None}])
    simulation = simulate(
        {
            "open_run": lambda _: next(answers),
            "start_run": lambda _: {},
            "close_run": lambda _: {"state": "succeeded"},
        }
    )
    simulation.start("product_coordinator", ProductWork("sales/orders", settle_s=0).to_payload())
    simulation.run()

    assert simulation.status("run-left") is Status.COMPLETED


def test_the_coordinator_asks_again_while_files_come_in(simulate: Callable[[Answers], Simulation]) -> None:
    looks: list[float] = []

    def open_run(message: dict[str, Any]) -> dict[str, Any]:
        looks.append(simulation.now_s)
        if len(looks) <= 20:
            return {"run_id": None, "wait_s": 3}
        return {"run_id": None, "wait_s": None}

    simulation = simulate({"open_run": open_run})
    simulation.start("product_coordinator", ProductWork("sales/orders", settle_s=1).to_payload())
    simulation.run()

    assert simulation.status() is Status.COMPLETED
    assert looks[0] == pytest.approx(1, abs=0.1)
    assert [later - earlier for earlier, later in pairwise(looks)] == pytest.approx([3] * 20, abs=0.1)
    assert len(simulation.history()) < 15
