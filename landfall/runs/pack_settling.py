"""Settling a pack: the ends of its nodes and what follows from them, in one transaction.

The statements are as many for a pack of two as for one of two hundred, but for nodes that failed.
"""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from landfall.metadata.tables import node_runs, packs
from landfall.planning.plan import NodeKey
from landfall.runs.attempts import END_ATTEMPT, WRITE_ATTEMPT
from landfall.runs.claiming import Counts, claim_places, claimed_not_started
from landfall.runs.gate import Gate, hold_gate
from landfall.runs.ids import RunID
from landfall.runs.journal import write_events
from landfall.runs.pack_changes import WRITTEN, PackChanges
from landfall.runs.pack_nodes import PackNodes, read_pack_nodes
from landfall.runs.pack_verdicts import PackEnd, Sorted, sort_out
from landfall.runs.packing import next_pack_number, packs_of, refresh_packs
from landfall.runs.publishing import write_results
from landfall.runs.settling import Settled, end_unstarted, open_nodes, settled, skip_descendants
from landfall.runs.states import NodeState, PackState
from landfall.runs.verdict import Verdict
from landfall.spec.model import OnFailure


def settle_pack(
    connection: sa.Connection,
    run_id: RunID,
    pack: NodeKey,
    end: PackEnd,
    *,
    tokens: Mapping[tuple[NodeKey, int], str],
    now: datetime,
) -> Settled:
    """Write how each node of a pack ended, and all that follows; what is left undone goes into further packs.

    A repeated call finds the pack ended and returns the same answer as long as what it claimed was not started.

    Args:
        tokens: Token of each attempt, by node and number.
    """
    gate = hold_gate(connection, now)
    ended = connection.execute(
        sa.update(packs)
        .where(packs.c.RunID == run_id, packs.c.PackKey == pack, packs.c.State != PackState.ENDED)
        .values(State=PackState.ENDED, FinishedAt=now)
    ).rowcount
    if not ended:
        return _as_before(connection, run_id, pack)
    nodes = read_pack_nodes(connection, run_id, pack)
    counts = Counts(freed=1)
    if nodes.policy is None:
        # All its nodes ended before it did; its place is to be given back all the same.
        return _claim(connection, gate, nodes, counts, now)
    found = sort_out(run_id, nodes.members(), end, nodes.policy, cancelled=nodes.cancelled)
    first_new = next_pack_number(connection, run_id) if found.groups else 1
    changes = PackChanges(nodes, found, end.times, now, first_new)
    touched = _write(connection, changes, tokens)
    counts += changes.counts()
    for key in changes.failed:
        skipped = skip_descendants(connection, run_id, key, now)
        counts += Counts(closed=len(skipped))
        touched |= packs_of(connection, run_id, skipped)
    if found.skipped:
        # They were in the job run, which did not come to them.
        connection.execute(_NEVER_BEGAN, {"run_id": run_id, "pack": pack})
    fatal = [key for key in changes.failed if found.ended[key].state is NodeState.FAILED]
    if fatal and nodes.policy.on_failure is OnFailure.FAIL_FAST:
        reason = f"{changes.failed[0]} failed, and the run is to fail fast"
        counts += end_unstarted(connection, run_id, NodeState.SKIPPED, reason, now=now)
    counts += Counts(ready=refresh_packs(connection, run_id, touched))
    return _claim(connection, gate, nodes, counts, now)


def settle_finished(
    connection: sa.Connection,
    run_id: RunID,
    pack: NodeKey,
    results: Mapping[NodeKey, Verdict],
    *,
    times: Mapping[NodeKey, tuple[datetime, datetime]],
    now: datetime,
) -> Settled:
    """Write the nodes that the job of a pack has built while it goes on with others, and all that follows.

    Failures wait for its end, which says what becomes of those behind them. A repeated call changes nothing and
    returns what was claimed and not started.

    Args:
        results: Verdicts on nodes with a result so far, by node.
        times: When the job began and ended each of them.
    """
    gate = hold_gate(connection, now)
    nodes = read_pack_nodes(connection, run_id, pack)
    submitted = connection.execute(_IS_SUBMITTED, {"run_id": run_id, "pack": pack}).first() is not None
    ended = {
        key: results[key]
        for key in nodes.rows
        if key in results and results[key].state is NodeState.SUCCEEDED
    }
    begun = _at_work(nodes, results)
    changes = PackChanges(nodes, Sorted(ended, {}, {}, ()), times, now, begun=begun)
    if not submitted or not (ended or changes.counted_down()):
        return _as_before(connection, run_id, pack)
    touched = _write(connection, changes, {})
    if not ended:
        return Settled()
    counts = changes.counts() + Counts(ready=refresh_packs(connection, run_id, touched))
    return _claim(connection, gate, nodes, counts, now)


def _at_work(nodes: PackNodes, results: Mapping[NodeKey, Verdict]) -> NodeKey | None:
    """Return the node that the job of a pack is at, as far as the results tell that it has kept."""
    built = {key for key, verdict in results.items() if verdict.state is NodeState.SUCCEEDED}
    return next(
        (
            member.key
            for member in nodes.members()
            if member.key not in results and built.issuperset(member.after)
        ),
        None,
    )


def _as_before(connection: sa.Connection, run_id: RunID, pack: NodeKey) -> Settled:
    claimed = claimed_not_started(connection, run_id, claimed_by=pack)
    return settled(run_id, claimed, open_nodes(connection, run_id))


def _write(
    connection: sa.Connection, changes: PackChanges, tokens: Mapping[tuple[NodeKey, int], str]
) -> frozenset[NodeKey]:
    """Write the nodes of a pack and count down those behind them; return the packs that may have become ready."""
    updates, inserts = changes.attempts(tokens)
    for statement, rows in (
        (END_ATTEMPT, updates),
        (WRITE_ATTEMPT, inserts),
        (sa.insert(packs), changes.new_packs()),
        (_WRITE_NODE, changes.written()),
        (_COUNT_DOWN, changes.counted_down()),
    ):
        if rows:
            connection.execute(statement, rows)
    # Before what follows for other nodes: changes stand in the order in which they happened.
    write_events(connection, changes.events())
    write_results(connection, changes.nodes.run_id, changes.results(), changes.now)
    return changes.touched()


def _claim(connection: sa.Connection, gate: Gate, nodes: PackNodes, counts: Counts, now: datetime) -> Settled:
    claims = claim_places(connection, gate, own_run=nodes.run_id, claimed_by=nodes.pack, now=now, own=counts)
    return settled(nodes.run_id, claims.nodes, claims.open_nodes)


_HERE = (node_runs.c.RunID == sa.bindparam("run_id"), node_runs.c.NodeKey == sa.bindparam("key"))
_WRITE_NODE = (
    sa.update(node_runs)
    .where(*_HERE)
    .values({name: sa.bindparam(f"new_{name}", type_=node_runs.c[name].type) for name in WRITTEN})
)
_COUNT_DOWN = (
    sa.update(node_runs)
    .where(*_HERE)
    .values({name: sa.bindparam(f"new_{name}") for name in ("State", "WaitingFor", "WaitedFor")})
)
_NEVER_BEGAN = (
    sa.update(node_runs)
    .where(
        node_runs.c.RunID == sa.bindparam("run_id"),
        node_runs.c.PackKey == sa.bindparam("pack"),
        node_runs.c.State == NodeState.SKIPPED,
    )
    .values(StartedAt=None, JobRunID=None)
)
_IS_SUBMITTED = sa.select(packs.c.PackID).where(
    packs.c.RunID == sa.bindparam("run_id"),
    packs.c.PackKey == sa.bindparam("pack"),
    packs.c.State == PackState.SUBMITTED,
)
