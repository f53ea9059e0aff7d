"""Acts on rows in quarantine: a run of their own judges rows again or gives them up, and rebuilds what reads them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

import sqlalchemy as sa

from landfall.errors import LandfallError
from landfall.landing.ledger import batches
from landfall.metadata.catalog import CurrentProduct, get_current_product
from landfall.metadata.tables import node_run_edges, node_runs, runs
from landfall.planning.graph import ingest_key
from landfall.planning.plan import NodeKey, Plan, PlanNode
from landfall.planning.rerun import rerun_plan, with_descendants
from landfall.planning.select import make_plan
from landfall.runs.ids import RequestID, RunID
from landfall.runs.published import foreign_ports, published_datasets
from landfall.runs.requests import Requested, RunRequest, Trigger, UnknownDataset, request_run
from landfall.runs.states import NodeState
from landfall.spec.model import Product, Write, WriteMode


class ReasonNeeded(LandfallError):
    """Rows are not given up without a word."""

    code = "LF3221"

    def __init__(self, dataset: str) -> None:
        super().__init__(f"Giving rows of {dataset} up needs a reason, for those who ask where they are.")


class BuiltAsAWhole(LandfallError):
    """Some refused rows of a table were to be published that runs do not only add rows to."""

    code = "LF3222"

    def __init__(self, dataset: str, mode: str) -> None:
        super().__init__(
            f"The table of {dataset} is written with mode {mode}, so its refused rows are judged again only all "
            "together, by building it from its inputs: leave rules, runs and files out."
        )


class NothingIsRefused(LandfallError):
    """A dataset has no node, so nothing of it can be in quarantine."""

    code = "LF3223"

    def __init__(self, dataset: str) -> None:
        super().__init__(
            f"Neither files nor a transformation fill {dataset}, so none of its rows was refused."
        )


class HeldAct(StrEnum):
    """What is done with rows in quarantine."""

    REPLAY = "replay"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True)
class HeldRows:
    """The refused rows of a dataset that an act is about: all that are held, or those that meet every filter.

    Attributes:
        rules: Refused by one of these rules.
        runs: Refused in one of these runs.
        files: Of one of these files: addresses, or ends of addresses that begin with a name.
    """

    dataset: str
    rules: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def filtered(self) -> bool:
        return bool(self.rules or self.runs or self.files)


@dataclass(frozen=True, slots=True)
class HeldOrder:
    """What somebody wants done with rows in quarantine, and why."""

    act: HeldAct
    rows: HeldRows
    reason: str | None = None

    def to_payload(self) -> dict[str, Any]:
        rows = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self.rows).items()
        }
        return {"act": str(self.act), "rows": rows, "reason": self.reason}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        rows = payload["rows"]
        return cls(
            HeldAct(payload["act"]),
            HeldRows(rows["dataset"], tuple(rows["rules"]), tuple(rows["runs"]), tuple(rows["files"])),
            payload["reason"],
        )

    @property
    def in_words(self) -> str:
        """What is done to which rows, for the record."""
        rows = self.rows
        parts = [f"quarantined rows of {rows.dataset}"]
        for what, names in (("rule", rows.rules), ("run", rows.runs), ("file", rows.files)):
            if names:
                parts.append(f"{what} {', '.join(names)}")
        return "; ".join([*parts, *([self.reason] if self.reason else [])])


def request_held(
    connection: sa.Connection,
    product: str,
    order: HeldOrder,
    *,
    request_id: RequestID,
    actor: str,
    now: datetime,
    idempotency_key: str | None = None,
) -> Requested:
    """Ask for an act on rows in quarantine: a request like any other, which the product's coordinator answers.

    Raises:
        UnknownProduct: No such product has been applied.
        UnknownDataset, NothingIsRefused, BuiltAsAWhole, ReasonNeeded: As for ``check_order``.
        IdempotencyKeyReused: The key stands for a request of something else.
    """
    check_order(get_current_product(connection, product).product, order)
    request = RunRequest(
        product=product,
        trigger=Trigger.QUARANTINE,
        requested_by=actor,
        datasets=(order.rows.dataset,),
        parameters={"quarantine": order.to_payload()},
        idempotency_key=idempotency_key,
    )
    return request_run(connection, request, request_id=request_id, now=now)


def check_order(product: Product, order: HeldOrder) -> None:
    """Refuse what cannot be done, as far as the product's metadata says it.

    Raises:
        UnknownDataset: The dataset is not the product's.
        NothingIsRefused: It has no node.
        BuiltAsAWhole: Its refused rows can only be judged again all together.
        ReasonNeeded: Rows are to be given up without a reason.
    """
    dataset = order.rows.dataset
    known = [item.name for item in product.datasets]
    if dataset not in known:
        raise UnknownDataset(product.key, [dataset], known)
    node = _node_of(product, dataset)
    if node is None:
        raise NothingIsRefused(dataset)
    _, write = node
    if order.act is HeldAct.DISCARD and not (order.reason or "").strip():
        raise ReasonNeeded(dataset)
    if order.act is HeldAct.REPLAY and order.rows.filtered and not adds_rows(write):
        raise BuiltAsAWhole(dataset, write.mode)


def acts_in_vain(connection: sa.Connection, product_id: int) -> tuple[RunID, ...]:
    """Return the runs whose acts on rows in quarantine do not count, for they did not succeed, or not yet."""
    rows: Iterable[str] = connection.execute(
        sa.select(runs.c.RunID)
        .select_from(runs.join(node_runs, node_runs.c.RunID == runs.c.RunID))
        .where(
            runs.c.DataProductID == product_id,
            runs.c.Trigger == Trigger.QUARANTINE,
            node_runs.c.State != NodeState.SUCCEEDED,
            # The node that acts is the first of its plan, and no other node of the run waits for nothing.
            ~sa.exists().where(
                node_run_edges.c.RunID == node_runs.c.RunID, node_run_edges.c.ToNode == node_runs.c.NodeKey
            ),
        )
        .order_by(runs.c.RunID)
    ).scalars()
    return tuple(map(RunID, rows))


def rows_read(connection: sa.Connection, keys: Collection[tuple[str, str]]) -> int:
    """Return how many rows nodes have read in runs, those that are still on record.

    Args:
        keys: Pairs of run id and node key.
    """
    total = 0
    by_node: dict[str, list[str]] = {}
    for run_id, key in sorted(set(keys)):
        by_node.setdefault(key, []).append(run_id)
    for key, run_ids in by_node.items():
        for batch in batches(run_ids):
            total += (
                connection.execute(
                    sa.select(sa.func.sum(node_runs.c.RowsRead)).where(
                        node_runs.c.NodeKey == key, node_runs.c.RunID.in_(batch)
                    )
                ).scalar_one()
                or 0
            )
    return total


def adds_rows(write: Write) -> bool:
    """Whether runs only add rows to a table, so that single rows can come after the others."""
    return write.mode is WriteMode.APPEND


def plan_held(connection: sa.Connection, current: CurrentProduct, order: HeldOrder, *, actor: str) -> Plan:
    """Return what an act executes, by the metadata and tables of now; nothing is written.

    The dataset's own node comes first, and does the act. What is downstream of it follows, unless rows are only
    given up.
    """
    product, dataset = current.product, order.rows.dataset
    node_of = _node_of(product, dataset)
    if node_of is None:
        # It went while the request waited.
        return make_plan(product, metadata_version=current.version, changed=(dataset,), published=())
    key, write = node_of
    foreign = foreign_ports(connection, current)
    published = {*published_datasets(connection, current.product_id), *foreign}
    base = make_plan(
        product,
        metadata_version=current.version,
        changed={dataset} if key == ingest_key(dataset) else (),
        published=published,
        rebuild=True,
        port_layers=foreign,
    )
    chosen = with_descendants(base, {key}) if order.act is HeldAct.REPLAY else frozenset({key})
    plan = rerun_plan(base, chosen=chosen, available=published)

    def acting(node: PlanNode) -> PlanNode:
        definition = _definition(node.definition, order, write, actor)
        return replace(node, pinned=lambda _: definition)

    return replace(
        plan,
        changed=(dataset,),
        nodes=tuple(acting(node) if node.key == key else node for node in plan.nodes),
    )


def _node_of(product: Product, dataset: str) -> tuple[NodeKey, Write] | None:
    """Return the node that fills a dataset, and how it writes; ``None`` if there is none."""
    for item in product.transformations:
        if item.output.dataset == dataset:
            return NodeKey(item.name), item.output.write
    if any(item.name == dataset and item.landing is not None for item in product.datasets):
        return ingest_key(dataset), Write(WriteMode.APPEND)
    return None


def _definition(definition: Mapping[str, Any], order: HeldOrder, write: Write, actor: str) -> dict[str, Any]:
    """Return a node's definition with what it does about rows in quarantine."""
    rows = order.rows
    act: dict[str, Any] = {
        "act": "discard",
        "rules": list(rows.rules),
        "runs": list(rows.runs),
        "files": list(rows.files),
        "by": actor,
        "reason": order.reason,
    }
    if order.act is HeldAct.REPLAY and not adds_rows(write):
        load = definition["load"] and {**definition["load"], "full": True}
        return {**definition, "load": load, "quarantine": {**act, "act": "rebuild"}}
    if order.act is HeldAct.REPLAY:
        act["act"] = "release"
    # Its inputs stay: rules may look values up in them.
    return {**definition, "steps": [], "load": None, "quarantine": act}
