"""One run: start the first nodes, wait until the last one has ended, close."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

from landfall.runs.ids import RUN_FINISHED_EVENT
from orchestrations.context import DurableContext

# The last node raises the event; the timer is for an event that never comes.
_SAFETY_S = 60
# Bounds the history of a run that goes on for days.
_LOOKS_PER_GENERATION = 50


def run(context: DurableContext) -> Generator[Any, Any, dict[str, Any] | None]:
    """See one run through and return its final state.

    Nodes are started by their predecessors, so the history stays the same whatever the size of the graph.
    """
    work = context.get_input()
    yield context.call_activity("start_run", work)
    finished = context.wait_for_external_event(RUN_FINISHED_EVENT)
    for _ in range(_LOOKS_PER_GENERATION):
        timer = context.create_timer(context.current_utc_datetime + timedelta(seconds=_SAFETY_S))
        # An event that came answers every later wait: from then on only the timer paces the looks.
        yield timer if finished.is_completed else context.task_any([finished, timer])
        if not timer.is_completed:
            timer.cancel()
        closed = yield context.call_activity("close_run", work)
        if closed["state"] is not None:
            return {"run_id": work["run_id"], "state": closed["state"]}
    context.continue_as_new(work)
    return None
