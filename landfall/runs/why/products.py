"""Why a product opens no run for what waits."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from landfall.runs.leases import LeaseState
from landfall.runs.why.values import Cause, Finding, OpenSet, ProductEvidence
from landfall.wording import counted

# A coordinator that is this late beyond its settle window was lost or cannot work.
_LATE = timedelta(seconds=60)


def set_incomplete(about: str, found: OpenSet, now: datetime) -> Finding:
    """Return what a set of landed files waits for."""
    name = f"{found.dataset} {found.key}".strip()
    if found.deadline_at is None:
        deadline = "it has no deadline"
    else:
        verb = "has passed:" if now >= found.deadline_at else "is"
        deadline = f"its deadline {verb} {found.deadline_at:%Y-%m-%d %H:%M:%S} UTC"
    if found.missing is None:
        return Finding(
            about,
            Cause.SET_INCOMPLETE,
            f"the set {name} is kept open until its deadline, {_waiting(found.files)}; {deadline}",
            "the reconcile timer closes it; `landfall files replay --state waiting` runs what is there at once",
            found.opened_at,
        )
    return Finding(
        about,
        Cause.SET_INCOMPLETE,
        f"the set {name} is not complete: {found.missing} did not come yet, {_waiting(found.files)}; {deadline}",
        "land what is missing, or run what is there with `landfall files replay --state waiting`",
        found.opened_at,
    )


def _waiting(files: int) -> str:
    return counted(files, "file waits", "files wait")


def scheduled(product: ProductEvidence, now: datetime) -> Iterable[Finding]:
    """Return when the next scheduled run of a product is due, or that it is overdue; nothing without a schedule."""
    for due in product.schedules[:1]:
        at = f"{due.at:%Y-%m-%d %H:%M:%S} UTC"
        if now - due.at > _LATE:
            yield Finding(
                product.key,
                Cause.SCHEDULE_LATE,
                f"the {due} was due at {at} and has asked for no run yet",
                "the reconcile timer asks for it; if this stays, see the function app's log "
                "(on a laptop `landfall doctor`)",
                due.at,
            )
        else:
            paused = ", when it is resumed" if product.lease.pause is not None else ""
            yield Finding(product.key, Cause.SCHEDULED, f"the {due} asks for its next run at {at}{paused}")


def waits(
    about: str, product: ProductEvidence, since: datetime, now: datetime, *, settles: bool = True
) -> Finding:
    """Return why something that waits for a run of its product has not got one.

    Args:
        settles: Whether it waits for others like it, as files do and requests do not.
    """
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
    window_s = max(product.settle_s, product.max_wait_s) if settles else 0
    late = now - since > timedelta(seconds=window_s) + _LATE
    if not settles and not late:
        return Finding(
            about, Cause.WAITING, "waits for the coordinator, which opens a run at once", since=since
        )
    starts_by_itself = product.on_landing or not settles
    if product.lease.state is LeaseState.IDLE and not starts_by_itself and product.schedules:
        due = product.schedules[0]
        return Finding(
            about,
            Cause.SCHEDULED,
            f"waits for the {due} of {product.key}, due at {due.at:%Y-%m-%d %H:%M:%S} UTC: "
            "landed files start no run of it",
            f"`landfall run {product.key}` does not wait",
            since,
        )
    if product.lease.state is LeaseState.IDLE and not starts_by_itself:
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
