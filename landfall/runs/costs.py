"""What the jobs of a run took and what they may have cost: seconds of every attempt, at the price the run pinned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from landfall.metadata.tables import node_attempts, runs
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID

PRICE = "jobs.price_per_hour"
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class RunCosts:
    """What the jobs of one run took.

    Attributes:
        price_per_hour: Of a job, in the currency of whoever set it; 0 where nobody did.
        job_s: Seconds from submission to end, over all ended attempts, by node.
    """

    price_per_hour: float
    job_s: Mapping[NodeKey, float]

    @property
    def total_s(self) -> float:
        return sum(self.job_s.values())

    @property
    def total(self) -> float | None:
        return estimate(self.total_s, self.price_per_hour)

    def of_node(self, key: NodeKey) -> float | None:
        """Return the estimate for one node, ``None`` where no price is set or no attempt has ended."""
        return estimate(self.job_s[key], self.price_per_hour) if key in self.job_s else None


def run_costs(connection: sa.Connection, run_id: RunID) -> RunCosts:
    """Return what the jobs of a run took so far."""
    settings: Mapping[str, Any] = connection.execute(
        sa.select(runs.c.Settings).where(runs.c.RunID == run_id)
    ).scalar_one()
    attempts = node_attempts.c
    job_s: dict[NodeKey, float] = {}
    for row in connection.execute(
        sa.select(attempts.NodeKey, attempts.SubmittedAt, attempts.FinishedAt)
        .where(attempts.RunID == run_id, attempts.FinishedAt.is_not(None), attempts.JobRunID.is_not(None))
        .order_by(attempts.NodeAttemptID)
    ):
        key = NodeKey(row.NodeKey)
        job_s[key] = job_s.get(key, 0.0) + (row.FinishedAt - row.SubmittedAt).total_seconds()
    return RunCosts(price_of(settings), job_s)


def price_of(settings: Mapping[str, Any]) -> float:
    """Return the price of an hour that a run pinned with its settings, 0 for none."""
    return float(settings["configuration"].get(PRICE, 0))


def estimate(job_s: float, price_per_hour: float) -> float | None:
    """Return what some seconds of jobs cost, ``None`` where no price is set."""
    return job_s / _HOUR_S * price_per_hour if price_per_hour > 0 else None
