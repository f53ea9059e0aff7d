"""The gate: one row that whoever gives places or turns holds, so that what limits all is decided by one at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from landfall.known_settings import Value, defaults, find
from landfall.metadata.configuration import values_in_effect
from landfall.metadata.tables import node_gate, node_runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.sharing import hour_bucket, second_bucket, turns


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """The limits that count at once for every run, by ``category.key`` or ``category.key@product_id``."""

    values: Mapping[str, Value]

    @property
    def nodes(self) -> int:
        return int(self.values["limits.nodes"])

    def nodes_of(self, product_id: int) -> int:
        """Return how many nodes of a product may be at work, over all its runs."""
        own = self.values.get(f"limits.nodes_per_product@{product_id}")
        return int(self.values["limits.nodes_per_product"] if own is None else own)


def hold_gate(connection: sa.Connection, now: datetime) -> None:
    """Hold the gate until the transaction ends.

    Whoever frees a place or makes a node ready takes it first and looks for places behind it. So of two that
    do so at the same time the second one sees what the first one did, and no node waits beside a free place.
    """
    connection.execute(sa.update(node_gate).values(ChangedAt=now))


def live_limits(connection: sa.Connection, now: datetime) -> LiveLimits:
    """Return the limits in effect."""
    stored = values_in_effect(connection, ("limits", "jobs"), at=now)
    given = {
        name: find(name.partition("@")[0]).parse(text) for name, text in stored.items() if text is not None
    }
    return LiveLimits({**defaults("limits"), **defaults("jobs"), **given})


def take_turns(connection: sa.Connection, count: int, limits: LiveLimits, *, now: datetime) -> list[datetime]:
    """Return when each of ``count`` nodes may call the Jobs API; the caller holds the gate."""
    row = connection.execute(sa.select(node_gate)).one()
    start = max(now, row.HeldUntil) if row.HeldUntil is not None else now
    buckets = (
        second_bucket(float(limits.values["jobs.submissions_per_second"]), row.SecondFullAt),
        hour_bucket(int(limits.values["jobs.submissions_per_hour"]), row.HourFullAt),
    )
    found, (second, hour) = turns(buckets, count, start)
    connection.execute(sa.update(node_gate).values(SecondFullAt=second.full_at, HourFullAt=hour.full_at))
    return found


def hold_node(
    connection: sa.Connection,
    run_id: RunID,
    key: NodeKey,
    *,
    reason: str,
    hold_all_s: float,
    now: datetime,
) -> datetime:
    """Give a node another turn after the Jobs API did not take it, and return when that is.

    Args:
        hold_all_s: For how long the Jobs API asked everybody to wait; 0 if it asked for nothing.
    """
    hold_gate(connection, now)
    if hold_all_s > 0:
        until = now + timedelta(seconds=hold_all_s)
        connection.execute(
            sa.update(node_gate)
            .where(node_gate.c.HeldUntil.is_(None) | (node_gate.c.HeldUntil < until))
            .values(HeldUntil=until, HoldReason=reason)
        )
    turn = take_turns(connection, 1, live_limits(connection, now), now=now)[0]
    connection.execute(
        sa.update(node_runs)
        .where(node_runs.c.RunID == run_id, node_runs.c.NodeKey == key)
        .values(SubmitAt=turn, HoldReason=reason)
    )
    return turn
