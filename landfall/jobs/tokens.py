"""The token that makes submitting the same attempt twice have the effect of once."""

from hashlib import sha256

from landfall.jobs.protocol import IdempotencyToken


def idempotency_token(run_id: str, node: str, attempt: int) -> IdempotencyToken:
    """Return 64 hexadecimal digits, as long as the Jobs API takes; another attempt has another token."""
    return IdempotencyToken(sha256(f"{run_id}/{node}/{attempt}".encode()).hexdigest())
