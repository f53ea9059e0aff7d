"""How long to wait: before another attempt, and between two looks at a job run."""

from datetime import timedelta
from hashlib import sha256

_FIRST_RETRY_S = 5.0
_LAST_RETRY_S = 300.0
_FIRST_POLL_S = 2.0
_LAST_POLL_S = 30.0
_FIRST_WAKE_S = 0.1


def retry_delay(
    key: str, attempt: int, *, first_s: float = _FIRST_RETRY_S, cap_s: float = _LAST_RETRY_S
) -> timedelta:
    """Return how long to wait before the attempt that follows a failed one.

    Args:
        key: Identifies the node run; spreads retries of nodes that failed together.
        attempt: Number of the failed attempt, counted from 1.
        first_s: Pause after the first failure, in seconds.
        cap_s: Longest pause, in seconds.

    Returns:
        A delay in [0.8, 1.2) x min(first_s * 2 ** (attempt - 1), cap_s).

    Raises:
        ValueError: ``attempt`` is below 1.
    """
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1, got {attempt}")
    # The spread comes from the key, not from random(): orchestrators replay this call, and a delay
    # that differs on replay no longer matches the recorded history.
    spread = 0.8 + 0.4 * int.from_bytes(sha256(f"{key}/{attempt}".encode()).digest()[:4]) / 2**32
    return timedelta(seconds=spread * min(first_s * 2 ** min(attempt - 1, 32), cap_s))


def poll_delay(polls: int, *, woken: bool) -> timedelta:
    """Return how long to wait before the next look at a job run.

    Args:
        polls: Looks so far, or looks since the wake-up.
        woken: Whether the job has said that it is done: its run then ends within moments.
    """
    first = _FIRST_WAKE_S if woken else _FIRST_POLL_S
    return timedelta(seconds=min(first * 2 ** min(polls, 10), _LAST_POLL_S))
