"""The run that a rerun or a replay goes by: what it pinned, and that it has ended."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.metadata.tables import data_products, node_runs, runs
from landfall.planning.plan import NodeKey, Plan
from landfall.runs.closing import UnknownRun
from landfall.runs.ids import RunID
from landfall.runs.plans import read_plan
from landfall.runs.states import FINAL_RUN_STATES, NodeState, RunState


class RunGoesOn(LandfallError):
    """A run that has not ended cannot be run again."""

    code = "LF3206"

    def __init__(self, run_id: str, state: RunState) -> None:
        super().__init__(
            f"Run {run_id} is {state}. Wait for its end (`landfall runs watch {run_id}`) or cancel it first."
        )
        self.run_id = run_id


class ActedOnQuarantine(LandfallError):
    """A run that acted on rows in quarantine is not run again: it is asked for again."""

    code = "LF3224"

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"Run {run_id} acted on rows in quarantine. What it left undone waits there: ask for it again "
            "(`landfall quarantine replay`, `landfall quarantine discard`)."
        )
        self.run_id = run_id


@dataclass(frozen=True, slots=True)
class FormerRun:
    """A run as it was opened.

    Attributes:
        version: The metadata version that it pinned.
        plan: What it pinned of its nodes is read when it is asked for, through the same connection.
        settings: The columns of Runs that hold what it pinned of its configuration.
    """

    run_id: RunID
    product: str
    state: RunState
    version: int
    created_at: datetime
    plan: Plan
    settings: Mapping[str, Any]

    def acts_on_quarantine(self, keys: Collection[NodeKey]) -> bool:
        """Return whether one of the nodes acts on rows in quarantine."""
        return any(node.definition.get("quarantine") for node in self.plan.nodes if node.key in keys)


def get_former_run(connection: sa.Connection, run_id: RunID) -> FormerRun:
    """Return a run that may go on.

    Raises:
        UnknownRun: There is no such run.
    """
    row = connection.execute(
        sa.select(runs, data_products.c.Domain, data_products.c.Name)
        .join_from(runs, data_products, data_products.c.DataProductID == runs.c.DataProductID)
        .where(runs.c.RunID == run_id)
    ).one_or_none()
    if row is None:
        raise UnknownRun(run_id)
    return FormerRun(
        run_id=run_id,
        product=f"{row.Domain}/{row.Name}",
        state=RunState(row.State),
        version=row.MetadataVersion,
        created_at=row.CreatedAt,
        plan=read_plan(connection, run_id),
        settings={"Settings": row.Settings, "MaxParallelNodes": row.MaxParallelNodes},
    )


def get_ended_run(connection: sa.Connection, run_id: RunID) -> FormerRun:
    """Return a run that has ended.

    Raises:
        UnknownRun: There is no such run.
        RunGoesOn: It has not ended.
    """
    former = get_former_run(connection, run_id)
    if former.state not in FINAL_RUN_STATES:
        raise RunGoesOn(run_id, former.state)
    return former


def succeeded_nodes(connection: sa.Connection, run_id: RunID) -> frozenset[NodeKey]:
    """Return the nodes of a run that succeeded."""
    found: Iterable[str] = connection.execute(
        sa.select(node_runs.c.NodeKey).where(
            node_runs.c.RunID == run_id, node_runs.c.State == NodeState.SUCCEEDED
        )
    ).scalars()
    return frozenset(map(NodeKey, found))
