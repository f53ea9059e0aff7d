"""One callback: tell a caller how its run ended, again and again until it is over."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

from orchestrations.context import DurableContext

# Bounds the history of a caller that is away for hours.
_ATTEMPTS_PER_GENERATION = 20


def callback(context: DurableContext) -> Generator[Any, Any, None]:
    """Make one attempt after the other; SQL says when the next one is due and when it is over."""
    work = context.get_input()
    for _ in range(_ATTEMPTS_PER_GENERATION):
        told = yield context.call_activity("deliver_callback", work)
        if told["wait_s"] is None:
            return
        yield context.create_timer(context.current_utc_datetime + timedelta(seconds=told["wait_s"]))
    context.continue_as_new(work)
