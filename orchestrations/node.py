"""One node of a run: submit its job, wait for the end, settle it or try again."""

from collections.abc import Generator, Mapping
from datetime import timedelta
from typing import Any

from landfall.runs.backoff import poll_delay, retry_delay
from landfall.runs.ids import job_finished_event
from landfall.runs.work import JobOutcome, NodeWork
from orchestrations.context import DurableContext

# Bounds the history of a job that runs for hours.
_POLLS_PER_GENERATION = 40


def node(context: DurableContext) -> Generator[Any, Any, None]:
    """Drive one attempt of a node; ``finish_node`` starts the successors or asks for another attempt."""
    work = NodeWork.from_payload(context.get_input())
    outcome = JobOutcome()
    if work.job_run_id is None:
        outcome = JobOutcome.from_payload((yield context.call_activity("submit_job", work.to_payload())))
        if outcome.settled:
            return
        if outcome.wait_s is not None:
            yield context.create_timer(context.current_utc_datetime + timedelta(seconds=outcome.wait_s))
            context.continue_as_new(work.waited(context.current_utc_datetime).to_payload())
            return
        work = work.submitted(outcome, context.current_utc_datetime)
    finished: Mapping[str, Any] | None = None
    if outcome.end is None:
        ended = yield from _wait_for_job(context, work)
        if ended is None:
            return
        outcome, finished = ended
    if finished is None:
        finished = yield context.call_activity(
            "finish_node", {"work": work.to_payload(), "outcome": outcome.to_payload()}
        )
    if finished["retry"]:
        yield context.create_timer(context.current_utc_datetime + _pause(finished, work))
        context.continue_as_new(work.next_attempt().to_payload())


def _pause(finished: Mapping[str, Any], work: NodeWork) -> timedelta:
    """Return the pause before the next attempt."""
    if "delay_s" in finished:
        return timedelta(seconds=finished["delay_s"])
    # An answer recorded before the pause came with it.
    return retry_delay(f"{work.run_id}/{work.key}", work.attempt)


def _wait_for_job(
    context: DurableContext, work: NodeWork
) -> Generator[Any, Any, tuple[JobOutcome, Mapping[str, Any] | None] | None]:
    """Wait for the end of a job run; return ``None`` after handing over to a new generation.

    With the end comes what settling the node has answered, if the look that found the end has done that.

    The job's result file wakes the node, the Jobs API says how the run ended, and polling with back-off is
    for a job that ends without a result.
    """
    woken = context.wait_for_external_event(job_finished_event(work.attempt))
    looks_since_wake = 0
    for look in range(_POLLS_PER_GENERATION):
        polls = looks_since_wake if woken.is_completed else work.polls + look
        timer = context.create_timer(
            context.current_utc_datetime + poll_delay(polls, woken=woken.is_completed)
        )
        if woken.is_completed:
            # The event answers every later wait too, so from now on only the timer paces the looks.
            looks_since_wake += 1
            yield timer
        else:
            yield context.task_any([woken, timer])
            if not timer.is_completed:
                timer.cancel()
        look_at: dict[str, Any] = {
            "run_id": work.run_id,
            "key": work.key,
            "job_run_id": work.job_run_id,
            "expired": work.is_late(context.current_utc_datetime),
        }
        if work.settles:
            look_at["attempt"] = work.attempt
        answer = yield context.call_activity("check_job", look_at)
        outcome = JobOutcome.from_payload(answer)
        if outcome.end is not None:
            return outcome, answer.get("finished")
    context.continue_as_new(work.after(_POLLS_PER_GENERATION).to_payload())
    return None
