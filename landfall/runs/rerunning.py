"""Reruns: a new run that executes a part of a former one again and reuses what succeeded."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.landing.ledger import PendingFile, files_to_take_again
from landfall.landing.run_files import cannot_be_taken_again
from landfall.metadata.catalog import CurrentProduct, get_product_version
from landfall.planning.graph import ingest_key
from landfall.planning.plan import NodeKey, NodeKind, Plan
from landfall.planning.rerun import rerun_plan, with_descendants
from landfall.planning.select import make_plan
from landfall.runs.former import ActedOnQuarantine, FormerRun, get_ended_run, get_former_run, succeeded_nodes
from landfall.runs.ids import RequestID, RunID
from landfall.runs.published import foreign_ports, published_datasets
from landfall.runs.requests import Requested, RunRequest, Trigger, request_run
from landfall.spec.model import OnFailure


class UnknownNode(LandfallError):
    """A run has no such node."""

    code = "LF3207"

    def __init__(self, run_id: str, key: str, known: Sequence[str]) -> None:
        super().__init__(f"Run {run_id} has no node {key!r}. Its nodes are {', '.join(known)}.")
        self.key = key


class NothingFailed(LandfallError):
    """Every node of the run succeeded, so there is nothing to go on from."""

    code = "LF3208"

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"Every node of run {run_id} succeeded. Without --from-failed its transformations run again."
        )
        self.run_id = run_id


class TakenInAlready(LandfallError):
    """An ingest node that succeeded is not run again: a rerun builds on what was taken in."""

    code = "LF3209"

    def __init__(self, run_id: str, key: str) -> None:
        super().__init__(
            f"{key} of run {run_id} has taken its files in, and a rerun builds on them. To take them in once more, use "
            f"`landfall runs replay {run_id}` or, file by file, `landfall files replay`."
        )
        self.key = key


@dataclass(frozen=True, slots=True)
class Rerun:
    """Which part of a former run is executed again.

    Without ``from_failed`` and ``node``, all of it: every transformation, and the ingest nodes that did not
    succeed. An ingest node that succeeded is always reused.

    Attributes:
        from_failed: Only what did not succeed.
        node: Only this node and what is downstream of it.
        only: With ``node``: not what is downstream of it.
        newest: On the metadata applied now; otherwise on the version that the former run pinned.
    """

    run_id: RunID
    from_failed: bool = False
    node: NodeKey | None = None
    only: bool = False
    newest: bool = False

    def to_payload(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        return cls(
            run_id=RunID(payload["run_id"]),
            from_failed=payload["from_failed"],
            node=NodeKey(payload["node"]) if payload["node"] else None,
            only=payload["only"],
            newest=payload["newest"],
        )


@dataclass(frozen=True, slots=True)
class PlannedRerun:
    """What a rerun executes.

    Attributes:
        current: The product in the version that it pins.
        files: Rejected files of the former run that it takes in again.
    """

    current: CurrentProduct
    plan: Plan
    files: tuple[PendingFile, ...]


def request_rerun(
    connection: sa.Connection,
    rerun: Rerun,
    *,
    request_id: RequestID,
    actor: str,
    now: datetime,
    idempotency_key: str | None = None,
    on_failure: OnFailure | None = None,
) -> Requested:
    """Ask for a rerun: a request like any other, which the product's coordinator answers.

    Raises:
        UnknownRun: There is no such run.
        RunGoesOn: It has not ended.
        UnknownNode: It has no such node.
        NothingFailed: ``from_failed``, and every node succeeded.
        TakenInAlready: The node is an ingest node that succeeded.
        ActedOnQuarantine: What would run again acts on rows in quarantine.
    """
    former = check_rerun(connection, rerun)
    request = RunRequest(
        product=former.product,
        trigger=Trigger.RERUN,
        requested_by=actor,
        parameters={"rerun": rerun.to_payload()},
        idempotency_key=idempotency_key,
        on_failure=on_failure,
    )
    return request_run(connection, request, request_id=request_id, now=now)


def check_rerun(connection: sa.Connection, rerun: Rerun) -> FormerRun:
    """Return the former run if a part of it can be executed again; nothing is written.

    Raises:
        UnknownRun, RunGoesOn, UnknownNode, NothingFailed, TakenInAlready, ActedOnQuarantine: As for ``request_rerun``.
    """
    former = get_ended_run(connection, rerun.run_id)
    succeeded = succeeded_nodes(connection, rerun.run_id)
    kinds = {node.key: node.kind for node in former.plan.nodes}
    if rerun.from_failed and succeeded == kinds.keys():
        raise NothingFailed(rerun.run_id)
    if rerun.node is not None and rerun.node not in kinds:
        raise UnknownNode(rerun.run_id, rerun.node, tuple(kinds))
    if rerun.node in succeeded and kinds[rerun.node] is NodeKind.INGEST:
        raise TakenInAlready(rerun.run_id, rerun.node)
    if former.acts_on_quarantine(_roots(former, succeeded, rerun)):
        raise ActedOnQuarantine(rerun.run_id)
    return former


def plan_rerun(connection: sa.Connection, current: CurrentProduct, rerun: Rerun) -> PlannedRerun:
    """Return what a rerun executes, by what is published and what waits now; nothing is written.

    Args:
        current: The product as it is applied now.
    """
    former = get_former_run(connection, rerun.run_id)
    if not rerun.newest:
        pinned = get_product_version(connection, current.product_id, former.version)
        current = CurrentProduct(current.product_id, former.version, pinned)
    published = published_datasets(connection, current.product_id)
    foreign = foreign_ports(connection, current)
    roots = _roots(former, succeeded_nodes(connection, rerun.run_id), rerun)
    landed = {dataset.name for dataset in current.product.datasets if dataset.landing is not None}
    wanted = [
        node.output
        for node in former.plan.nodes
        if node.key in roots and node.kind is NodeKind.INGEST and node.output in landed
    ]
    rejected = files_to_take_again(connection, rerun.run_id, wanted)
    gone = cannot_be_taken_again(connection, rejected)
    files = tuple(file for file in rejected if file.file_id not in gone)
    base = former.plan
    if rerun.newest:
        base = make_plan(
            current.product,
            metadata_version=current.version,
            changed={file.dataset for file in files},
            published={*published, *foreign},
            rebuild=True,
            port_layers=foreign,
        )
        if rerun.node is None:
            # What the new version adds has never been built, so it did not succeed either.
            roots |= {node.key for node in base.nodes if node.output not in published}
    chosen = roots if rerun.only else with_descendants(base, roots)
    without_files: dict[str, str] = {
        ingest_key(name): f"none of the files that run {rerun.run_id} had for it is left to take in"
        for name in wanted
        if name not in {file.dataset for file in files}
    }
    # A table that the former run was to bring up to date is built upon only if some run has done so.
    brought = {node.output for node in former.plan.nodes}
    plan = rerun_plan(
        base,
        chosen=chosen - without_files.keys(),
        available={
            *foreign,
            *(name for name, at in published.items() if name not in brought or at >= former.created_at),
        },
    )
    taken = {node.output for node in plan.nodes if node.kind is NodeKind.INGEST}
    return PlannedRerun(
        current=current,
        plan=replace(plan, left_out={**plan.left_out, **without_files}),
        files=tuple(file for file in files if file.dataset in taken),
    )


def _roots(former: FormerRun, succeeded: Collection[NodeKey], rerun: Rerun) -> frozenset[NodeKey]:
    """Return the nodes of the former run that are executed again for their own sake."""
    if rerun.node is not None:
        return frozenset({rerun.node})
    return frozenset(
        node.key
        for node in former.plan.nodes
        if node.key not in succeeded or not (rerun.from_failed or node.kind is NodeKind.INGEST)
    )
