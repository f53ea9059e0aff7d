"""The gate: one row that whoever gives places or turns holds, so that what limits all is decided by one at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from landfall.known_settings import Value, defaults, find
from landfall.metadata.configuration import select_in_effect
from landfall.metadata.tables import node_gate, node_runs, packs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID, is_pack
from landfall.runs.sharing import hour_bucket, second_bucket, turns

# Category, key and value of the settings behind the limits, in effect ``at`` an instant.
SELECT_LIMITS = select_in_effect(("limits", "jobs"))

# Statements of every settlement are made once: making one costs more than sending it.
_HOLD = (
    sa.update(node_gate)
    .values(ChangedAt=sa.bindparam("now"))
    .returning(node_gate.c.SecondFullAt, node_gate.c.HourFullAt, node_gate.c.HeldUntil)
)
_TAKE = sa.update(node_gate).values(SecondFullAt=sa.bindparam("second"), HourFullAt=sa.bindparam("hour"))


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


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate as whoever holds it finds it: when its two buckets are full, and until when all have to wait."""

    second_full_at: datetime
    hour_full_at: datetime
    held_until: datetime | None


def hold_gate(connection: sa.Connection, now: datetime) -> Gate:
    """Hold the gate until the transaction ends, and return how it stands.

    Whoever frees a place or makes a node ready takes it first and looks for places behind it. So of two that
    do so at the same time the second one sees what the first one did, and no node waits beside a free place.
    All wait for whoever holds it, so what has nothing to do with places is done before.
    """
    row = connection.execute(_HOLD, {"now": now}).one()
    return Gate(row.SecondFullAt, row.HourFullAt, row.HeldUntil)


def live_limits(connection: sa.Connection, now: datetime) -> LiveLimits:
    """Return the limits in effect."""
    rows = connection.execute(SELECT_LIMITS, {"at": now})
    return limits_of({f"{row.CategoryName}.{row.ItemKey}": row.ItemValue for row in rows})


def limits_of(stored: Mapping[str, str | None]) -> LiveLimits:
    """Return the limits that settings by ``category.key`` make, with the defaults of those not given."""
    given = {
        name: find(name.partition("@")[0]).parse(text) for name, text in stored.items() if text is not None
    }
    return LiveLimits({**defaults("limits"), **defaults("jobs"), **given})


def take_turns(
    connection: sa.Connection, gate: Gate, count: int, limits: LiveLimits, *, now: datetime
) -> list[datetime]:
    """Return when each of ``count`` nodes may call the Jobs API; the caller holds the gate."""
    start = max(now, gate.held_until) if gate.held_until is not None else now
    buckets = (
        second_bucket(float(limits.values["jobs.submissions_per_second"]), gate.second_full_at),
        hour_bucket(int(limits.values["jobs.submissions_per_hour"]), gate.hour_full_at),
    )
    found, (second, hour) = turns(buckets, count, start)
    connection.execute(_TAKE, {"second": second.full_at, "hour": hour.full_at})
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
    """Give a node or a pack another turn after the Jobs API did not take it, and return when that is.

    Args:
        hold_all_s: For how long the Jobs API asked everybody to wait; 0 if it asked for nothing.
    """
    gate = hold_gate(connection, now)
    until = now + timedelta(seconds=hold_all_s)
    if hold_all_s > 0 and (gate.held_until is None or gate.held_until < until):
        connection.execute(sa.update(node_gate).values(HeldUntil=until, HoldReason=reason))
        gate = replace(gate, held_until=until)
    turn = take_turns(connection, gate, 1, live_limits(connection, now), now=now)[0]
    table, name = (packs, packs.c.PackKey) if is_pack(key) else (node_runs, node_runs.c.NodeKey)
    connection.execute(
        sa.update(table).where(table.c.RunID == run_id, name == key).values(SubmitAt=turn, HoldReason=reason)
    )
    return turn
