"""Retry policies of ``…_with_retry`` calls, with the task ids that the durable core spends on them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from landfall.local.functions_host.promises import OrchestrationRefused, Promise, Steps, TaskFailed

_LONGEST_DELAY = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often to try a call and how long to wait in between.

    Attributes:
        first_delay: Wait after the first failure.
        attempts: Number of tries, at least 1.
        backoff: Factor from one wait to the next.
        longest_delay: Cap of a single wait.
    """

    first_delay: timedelta
    attempts: int
    backoff: float
    longest_delay: timedelta

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Return the policy for an action's ``retryOptions``.

        Raises:
            OrchestrationRefused: The options make no sense.
        """
        attempts = int(options["maxNumberOfAttempts"])
        first_delay = timedelta(milliseconds=float(options["firstRetryIntervalInMilliseconds"]))
        if attempts < 1 or first_delay <= timedelta(0):
            raise OrchestrationRefused(
                f"Retry options need at least one attempt and an interval above zero, got {attempts} attempts "
                f"and {first_delay.total_seconds():g} s."
            )
        longest_ms = options.get("maxRetryIntervalInMilliseconds")
        return cls(
            first_delay=first_delay,
            attempts=attempts,
            backoff=float(options.get("backoffCoefficient") or 1),
            longest_delay=min(timedelta(milliseconds=float(longest_ms)), _LONGEST_DELAY)
            if longest_ms
            else _LONGEST_DELAY,
        )

    def delay_after(self, attempt: int) -> timedelta:
        """Return the wait after failed attempt number ``attempt``, counted from 1."""
        return min(self.first_delay * self.backoff ** (attempt - 1), self.longest_delay)


def retried(
    call: Callable[[], Promise],
    sleep_until: Callable[[datetime], Promise],
    now: Callable[[], datetime],
    policy: RetryPolicy,
) -> Steps:
    """Yield the promises of a call that is tried again after each failure; return its first success.

    Raises:
        TaskFailed: The last attempt failed; the error is that attempt's.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return (yield call())
        except TaskFailed as error:
            last_error = error
        if attempt == policy.attempts:
            # The durable core makes one more timer after the last attempt, and the SDK waits for it before it
            # raises. Without it every later task id would be off by one.
            yield sleep_until(now())
            raise last_error
        yield sleep_until(now() + policy.delay_after(attempt))
