"""What each orchestrator may meet, as scenarios on a clock that jumps; together they reach every line of every one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landfall.local.functions_host.decisions import Ending, fingerprint
from landfall.local.functions_host.episode import run_episode
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RUN_FINISHED_EVENT, RunID, job_finished_event
from landfall.runs.work import JobEnd, JobOutcome, NodeWork, ProductWork
from orchestrations.callback import callback
from orchestrations.coordinator import product_coordinator
from orchestrations.node import node
from orchestrations.run import run
from tests.contract.functions_host.simulation import Activity, Simulation

ORCHESTRATORS: Mapping[str, Callable[[Any], Any]] = {
    "product_coordinator": product_coordinator,
    "run": run,
    "node": node,
    "callback": callback,
}

GOING_ON = JobOutcome(job_run_id=7).to_payload()
SUCCEEDED = JobOutcome(end=JobEnd.SUCCEEDED, job_run_id=7).to_payload()
FAILED = JobOutcome(end=JobEnd.FAILED, error_code="LF3307", job_run_id=7).to_payload()
SUBMITTED = JobOutcome(job_run_id=7, timeout_s=36_000).to_payload()
SUBMITTED_FOR_A_MINUTE = JobOutcome(job_run_id=7, timeout_s=60).to_payload()
WITHOUT_ITS_TURN = JobOutcome(wait_s=30).to_payload()
REFUSED = JobOutcome(end=JobEnd.FAILED, error_code="LF4102", reason="no").to_payload()
SETTLED = JobOutcome(settled=True).to_payload()
WORK = NodeWork(RunID("r1"), NodeKey("orders")).to_payload()
# As nodes are started today: the look that finds the end settles the node.
SETTLING_WORK = NodeWork(RunID("r1"), NodeKey("orders"), settles=True).to_payload()
DONE = {**SUCCEEDED, "finished": {"retry": False}}
TO_BE_TRIED_AGAIN = {**FAILED, "finished": {"retry": True, "delay_s": 90.0}}
PRODUCT = ProductWork("sales/orders", settle_s=5).to_payload()


@dataclass(frozen=True)
class Scenario:
    """One instance, what its activities answer, and the events it gets.

    Attributes:
        answers: For each activity its answers in order; the last one stays.
        events: Seconds after the start, and the name of the event.
    """

    orchestrator: str
    work: Mapping[str, Any]
    answers: Mapping[str, Sequence[Any]]
    events: Sequence[tuple[float, str]] = ()

    def play(self, folder: Path, code: Mapping[str, Callable[[Any], Any]]) -> "Play":
        """Play it on orchestrators, each activity taking a tenth of a second."""
        play = Play(folder, code, {name: _activity(given) for name, given in self.answers.items()})
        play.start(self.orchestrator, self.work)
        for at_s, event in self.events:
            play.run(until_s=at_s)
            play.hub.raise_event("i", event, "null")
        play.run()
        play.hub.store.close()
        return play


@dataclass(frozen=True)
class Generation:
    """The history of one execution of one instance, and the fingerprints of what it decided, in order."""

    orchestrator: str
    instance_id: str
    raw_input: str | None
    rows: list[tuple[Mapping[str, Any], str | None]]
    decided: list[str]


@dataclass
class Play(Simulation):
    """A simulation that keeps every generation of every instance, as the store does not."""

    generations: dict[str, Generation] = field(default_factory=dict)

    def step(self, instance_id: str = "i") -> bool:
        ticket = self.hub.episodes.take(instance_id)
        if ticket is None:
            return False
        instance = ticket.instance
        result = run_episode(ticket.given, self._handles.get(instance.name.lower()), self)
        self.findings.extend(result.found)
        kept = self.generations.setdefault(
            instance.execution_id, Generation(instance.name, instance_id, instance.input, [], [])
        )
        kept.rows.extend((row.event, row.fingerprint) for row in result.rows)
        kept.decided.extend(fingerprint(decision) for decision in result.decisions)
        if result.ending is not None:
            kept.decided.append(_ending(result.ending))
        assert self.hub.episodes.commit(ticket, result)
        return True


def _ending(ending: Ending) -> str:
    return f"{ending.status}: {ending.result}"


def _activity(answers: Iterable[Any]) -> Activity:
    left = list(answers)
    return Activity(lambda _: left.pop(0) if len(left) > 1 else left[0], takes_s=0.1)


def _node(
    submit: Any, *looks: Any, finish: Sequence[Any] = ({"retry": False},), events: Any = ()
) -> Scenario:
    answers: dict[str, Sequence[Any]] = {
        "submit_job": [submit],
        "check_job": looks or [SUCCEEDED],
        "finish_node": finish,
    }
    return Scenario("node", WORK, answers, events)


def _settling_node(submit: Any, *looks: Any, events: Any = ()) -> Scenario:
    answers: dict[str, Sequence[Any]] = {
        "submit_job": [submit],
        "check_job": looks or [DONE],
        "finish_node": [{"retry": False}],
    }
    return Scenario("node", SETTLING_WORK, answers, events)


def _run(*states: str | None, events: Sequence[tuple[float, str]] = ()) -> Scenario:
    answers: dict[str, Sequence[Any]] = {
        "start_run": [{"started": 1}],
        "close_run": [{"state": state} for state in states],
    }
    return Scenario("run", {"run_id": "r1"}, answers, events)


SCENARIOS: Mapping[str, Scenario] = {
    "node_woken": _node(SUBMITTED, SUCCEEDED, events=[(1, job_finished_event(1))]),
    "node_woken_too_early": _node(
        SUBMITTED, GOING_ON, GOING_ON, SUCCEEDED, events=[(1, job_finished_event(1))]
    ),
    "node_polled": _node(SUBMITTED, *[GOING_ON] * 6, SUCCEEDED),
    "node_polled_for_generations": _node(SUBMITTED, *[GOING_ON] * 45, SUCCEEDED),
    "node_too_late": _node(SUBMITTED_FOR_A_MINUTE, *[GOING_ON] * 6, FAILED),
    "node_not_taken": _node(REFUSED),
    "node_settled_before": _node(SETTLED),
    "node_without_its_turn": Scenario(
        "node",
        WORK,
        {
            "submit_job": [WITHOUT_ITS_TURN, SUBMITTED],
            "check_job": [SUCCEEDED],
            "finish_node": [{"retry": False}],
        },
        (),
    ),
    "node_tried_again_after_its_pause": _node(
        SUBMITTED, FAILED, SUCCEEDED, finish=[{"retry": True, "delay_s": 90.0}, {"retry": False}]
    ),
    "node_tried_again": _node(SUBMITTED, FAILED, SUCCEEDED, finish=[{"retry": True}, {"retry": False}]),
    "node_settled_by_the_look": _settling_node(
        SUBMITTED, GOING_ON, DONE, events=[(1, job_finished_event(1))]
    ),
    "node_settled_by_the_look_for_generations": _settling_node(SUBMITTED, *[GOING_ON] * 45, DONE),
    "node_tried_again_after_the_look": _settling_node(SUBMITTED, TO_BE_TRIED_AGAIN, DONE),
    "node_refused_and_settled": _settling_node(REFUSED),
    "run_finished": _run("succeeded", events=[(5, RUN_FINISHED_EVENT)]),
    "run_finished_too_early": _run(None, None, "failed", events=[(5, RUN_FINISHED_EVENT)]),
    "run_looked_after_for_generations": _run(*[None] * 55, "succeeded"),
    "coordinator_two_runs": Scenario(
        "product_coordinator",
        PRODUCT,
        {
            "open_run": [{"run_id": "r1"}, {"run_id": "r2"}, {"run_id": None}],
            "start_run": [{"started": 1}],
            "close_run": [{"state": "succeeded"}],
        },
    ),
    "coordinator_settles_longer": Scenario(
        "product_coordinator",
        PRODUCT,
        {"open_run": [{"run_id": None, "wait_s": 3.0}, {"run_id": None}]},
    ),
    "coordinator_nothing_to_do": Scenario(
        "product_coordinator", {**PRODUCT, "settle_s": 0}, {"open_run": [{"run_id": None}]}
    ),
    "callback_refused": Scenario(
        "callback", {"callback_id": "c1"}, {"deliver_callback": [{"wait_s": 10}, {"wait_s": None}]}
    ),
    "callback_refused_for_generations": Scenario(
        "callback", {"callback_id": "c1"}, {"deliver_callback": [*[{"wait_s": 10}] * 22, {"wait_s": None}]}
    ),
}
