"""Why a product opens no run for what waits."""

from datetime import datetime, timedelta

from landfall.runs.leases import LeaseState
from landfall.runs.why.values import Cause, Finding, ProductEvidence

# A coordinator that is this late beyond its settle window was lost or cannot work.
_LATE = timedelta(seconds=60)


def waits(about: str, product: ProductEvidence, since: datetime, now: datetime) -> Finding:
    """Return why something that waits for a run of its product has not got one."""
    pause = product.lease.pause
    if pause is not None:
        why = f": {pause.reason}" if pause.reason else ""
        return Finding(
            about,
            Cause.PAUSED,
            f"waits, because {product.key} is paused by {pause.by}{why}",
            f"`landfall resume {product.key}`",
            pause.since,
        )
    if product.open_run is not None:
        return Finding(
            about,
            Cause.RUN_OPEN,
            f"waits for the end of run {product.open_run}: {product.key} runs one at a time",
            f"`landfall runs watch {product.open_run}`; `landfall why {product.open_run}` if it takes too long",
            since,
        )
    late = now - since > timedelta(seconds=product.settle_s) + _LATE
    if product.lease.state is LeaseState.IDLE and not product.on_landing:
        return Finding(
            about,
            Cause.NO_TRIGGER,
            f"waits for a run to be asked for: landed files start none of {product.key}",
            f"`landfall run {product.key}`",
            since,
        )
    if not late:
        return Finding(
            about,
            Cause.SETTLING,
            f"waits in the settle window of {product.settle_s:g} s, which gathers files into one run",
            since=since,
        )
    return Finding(
        about,
        Cause.COORDINATOR_LATE,
        f"waits for the coordinator of {product.key}, which should have opened a run",
        "the reconcile timer starts a lost one within a minute; if this stays, see the function app's log "
        "(on a laptop `landfall doctor`)",
        since,
    )
