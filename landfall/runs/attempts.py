"""Attempts of a node: what starting one needs, its job run, its end, and the attempt that follows it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from landfall.landing.ledger import ClaimedFile, claimed_files
from landfall.landing.run_files import former_runs_of_files
from landfall.metadata.tables import (
    data_products,
    node_attempts,
    node_gate,
    node_runs,
    published_data_sets,
    runs,
)
from landfall.planning.increments import load_of
from landfall.planning.plan import NodeKey, NodeKind
from landfall.runs.backoff import retry_delay
from landfall.runs.ids import QUARANTINE, RunID
from landfall.runs.increments import DISCARDED_RUNS, discarded_runs, find_built_from
from landfall.runs.journal import change_node, move_node, write_event
from landfall.runs.policy import RunPolicy
from landfall.runs.published import TABLE_VERSIONS
from landfall.runs.repeats import repeated_runs
from landfall.runs.states import FINAL_NODE_STATES, OPEN_NODE_STATES, NodeState
from landfall.runs.submissions import close_submission
from landfall.runs.verdict import Verdict

# How many former runs a rule on the row count looks at, unless it says otherwise.
FORMER_RUNS = 5


@dataclass(frozen=True, slots=True)
class Attempt:
    """What starting one attempt of a node needs.

    Attributes:
        number: The attempt the node is at, counted from 1.
        final: The node has reached a final state; nothing may be started.
        cancelled: Somebody asked to cancel the run.
        files: The files an ingest node takes in.
        submit_at: The node's turn at the Jobs API; ``None`` means now.
        held_until: Until when the Jobs API asked everybody to wait, for ``hold_reason``.
        patience_s: How long the attempt waits for a Jobs API that does not answer.
        replaces: Rows of former runs that this one writes again: addresses of files by run, none for all of a run's.
        former_rows: Rows that former runs of the node published, the newest first, where a rule asks for them.
        versions: The version of each input that is to be read, by the input's name; of some it is not known.
        load: How an incremental node reads, as the node spec has it.
        discard_runs: Runs in which the node did not succeed although its job may have written rows.
        run_date: The date on which the run was opened (UTC).
    """

    product: str
    kind: NodeKind
    definition: Mapping[str, Any]
    number: int
    timeout_s: int
    final: bool
    cancelled: bool
    files: tuple[ClaimedFile, ...]
    replaces: Mapping[str, tuple[str, ...]]
    versions: Mapping[str, int | None]
    load: Mapping[str, Any] | None
    discard_runs: tuple[str, ...]
    run_date: date
    patience_s: float
    submit_at: datetime | None = None
    held_until: datetime | None = None
    hold_reason: str | None = None
    former_rows: tuple[int, ...] = ()


_ATTEMPTS = (
    sa.select(
        node_runs.c.NodeKey,
        node_runs.c.Kind,
        node_runs.c.State,
        node_runs.c.Attempt,
        node_runs.c.Definition,
        node_runs.c.SubmitAt,
        runs.c.RunID,
        runs.c.Settings,
        runs.c.CancelRequestedAt,
        runs.c.Trigger,
        runs.c.RerunOf,
        runs.c.CreatedAt,
        runs.c.DataProductID,
        data_products.c.Domain,
        data_products.c.Name,
        node_gate.c.HeldUntil,
        node_gate.c.HoldReason.label("GateReason"),
    )
    .select_from(
        node_runs.join(runs, runs.c.RunID == node_runs.c.RunID)
        .join(data_products, data_products.c.DataProductID == runs.c.DataProductID)
        # One row: so no node asks for it by itself.
        .join(node_gate, sa.true())
    )
    .where(node_runs.c.RunID == sa.bindparam("run_id"))
)
_ATTEMPT = _ATTEMPTS.where(node_runs.c.NodeKey == sa.bindparam("key"))
_OF_PACK = _ATTEMPTS.where(
    node_runs.c.PackKey == sa.bindparam("pack"), node_runs.c.State.in_(OPEN_NODE_STATES)
)


def read_attempt(connection: sa.Connection, run_id: RunID, key: NodeKey) -> Attempt:
    """Return what starting an attempt of the node needs."""
    row = connection.execute(_ATTEMPT, {"run_id": run_id, "key": key}).one()
    own, discarded = _versions_and_discarded(connection, row.DataProductID, run_id, key, _reads(row))
    return _attempt(connection, row, own, discarded, _repeated(connection, row))


def read_attempts(connection: sa.Connection, run_id: RunID, pack: NodeKey) -> Mapping[NodeKey, Attempt]:
    """Return what starting the attempts of a pack needs, of each of its nodes that has not ended.

    The queries are as many whatever the size of the pack, but for those of nodes that take in files, load what is
    new, or have a rule on their former rows. Of datasets that the pack itself builds no version is given.
    """
    rows = connection.execute(_OF_PACK, {"run_id": run_id, "pack": pack}).all()
    if not rows:
        return {}
    builds = {row.Definition["output"]["dataset"] for row in rows}
    reads = sorted({name for row in rows for name in _reads(row)} - builds)
    product_id = rows[0].DataProductID
    versions = connection.execute(
        TABLE_VERSIONS.where(
            published_data_sets.c.DataSetName.in_(sa.bindparam("reads", (), expanding=True))
        ),
        {"product_id": product_id, "reads": reads},
    )
    own = {row.DataSetName: row.TableVersion for row in versions}
    discarded = discarded_runs(connection, product_id, run_id, [row.NodeKey for row in rows])
    repeated = _repeated(connection, rows[0])
    return {
        NodeKey(row.NodeKey): _attempt(connection, row, own, discarded.get(row.NodeKey, ()), repeated)
        for row in rows
    }


def _repeated(connection: sa.Connection, row: sa.Row[Any]) -> tuple[RunID, ...]:
    return repeated_runs(connection, row.DataProductID, RunID(row.RunID), row.Trigger, row.RerunOf)


def _reads(row: sa.Row[Any]) -> list[str]:
    # The product's own tables change only by nodes of this run, and those that this node reads are done.
    product = f"{row.Domain}/{row.Name}"
    return [item["dataset"] for item in row.Definition["inputs"] if item["product"] == product]


def _attempt(
    connection: sa.Connection,
    row: sa.Row[Any],
    own: Mapping[str, int | None],
    discarded: tuple[str, ...],
    repeated: tuple[RunID, ...],
) -> Attempt:
    """Return the attempt of a node.

    Args:
        own: Versions of the product's own tables.
        discarded: Runs whose rows it takes away.
        repeated: Runs that its run stands for.
    """
    run_id, key = RunID(row.RunID), NodeKey(row.NodeKey)
    kind = NodeKind(row.Kind)
    policy = RunPolicy.from_payload(row.Settings)
    files: tuple[ClaimedFile, ...] = ()
    replaces: Mapping[str, tuple[str, ...]] = {}
    if kind is NodeKind.INGEST:
        files = claimed_files(connection, run_id, row.Definition["output"]["dataset"])
        replaces = former_runs_of_files(connection, run_id, row.Definition["output"]["dataset"])
    else:
        replaces = dict.fromkeys(repeated, ())
    product = f"{row.Domain}/{row.Name}"
    versions = {
        item["name"]: own.get(item["dataset"]) if item["product"] == product else item["version"]
        for item in row.Definition["inputs"]
    }
    built_from = None
    if row.Definition["load"] is not None:
        built_from = find_built_from(connection, row.DataProductID, key)
    return Attempt(
        product=product,
        kind=kind,
        definition=row.Definition,
        number=row.Attempt,
        timeout_s=policy.timeout_s(row.Definition),
        submit_at=row.SubmitAt,
        held_until=row.HeldUntil,
        hold_reason=row.GateReason,
        patience_s=policy.patience_s,
        final=NodeState(row.State) in FINAL_NODE_STATES,
        cancelled=row.CancelRequestedAt is not None,
        files=files,
        replaces=replaces,
        former_rows=_former_rows(connection, row.DataProductID, run_id, key, row.Definition["rules"]),
        versions=versions,
        load=load_of(row.Definition, versions, built_from),
        discard_runs=discarded,
        run_date=row.CreatedAt.date(),
    )


def _select_versions_and_discarded() -> sa.CompoundSelect[Any]:
    versions = TABLE_VERSIONS.where(
        published_data_sets.c.DataSetName.in_(sa.bindparam("reads", (), expanding=True))
    ).subquery("version")
    discarded = DISCARDED_RUNS.subquery("discarded")
    return sa.union_all(
        sa.select(sa.literal("version").label("What"), versions.c.DataSetName, versions.c.TableVersion),
        sa.select(sa.literal("discarded"), discarded.c.RunID, sa.cast(sa.null(), sa.BigInteger)),
    )


_VERSIONS_AND_DISCARDED = _select_versions_and_discarded()


def _versions_and_discarded(
    connection: sa.Connection, product_id: int, run_id: RunID, key: NodeKey, reads: Sequence[str]
) -> tuple[Mapping[str, int | None], tuple[str, ...]]:
    """Return the versions of the datasets that a node reads, and the runs whose rows it takes away; in one query."""
    rows = connection.execute(
        _VERSIONS_AND_DISCARDED, {"product_id": product_id, "run_id": run_id, "key": key, "reads": reads}
    ).all()
    return (
        {row.DataSetName: row.TableVersion for row in rows if row.What == "version"},
        tuple(sorted((row.DataSetName for row in rows if row.What == "discarded"), reverse=True)),
    )


def _former_rows(
    connection: sa.Connection,
    product_id: int,
    run_id: RunID,
    key: NodeKey,
    rules: Sequence[Mapping[str, Any]],
) -> tuple[int, ...]:
    """Return what the node published in runs before this one, as far back as a rule on the count looks."""
    asked = [rule["config"] for rule in rules if "max_change" in rule["config"]]
    if not asked:
        return ()
    rows: Iterable[int] = connection.execute(
        sa.select(node_runs.c.RowsPublished)
        .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
        .where(
            runs.c.DataProductID == product_id,
            node_runs.c.NodeKey == key,
            node_runs.c.RunID != run_id,
            # Rows that were released are no delivery.
            runs.c.Trigger != QUARANTINE,
            node_runs.c.State == NodeState.SUCCEEDED,
            node_runs.c.RowsPublished.is_not(None),
        )
        .order_by(node_runs.c.FinishedAt.desc(), node_runs.c.NodeRunID.desc())
        .limit(max(config.get("former_runs", FORMER_RUNS) for config in asked))
    ).scalars()
    return tuple(rows)


def product_of_run(connection: sa.Connection, run_id: RunID) -> str:
    """Return the product of a run as ``domain/name``."""
    row = connection.execute(
        sa.select(data_products.c.Domain, data_products.c.Name)
        .select_from(runs.join(data_products, data_products.c.DataProductID == runs.c.DataProductID))
        .where(runs.c.RunID == run_id)
    ).one()
    return f"{row.Domain}/{row.Name}"


# Statements of every attempt are made once: making one costs more than sending it.
WRITE_ATTEMPT = sa.insert(node_attempts)
_THIS = (
    node_attempts.c.RunID == sa.bindparam("run_id"),
    node_attempts.c.NodeKey == sa.bindparam("key"),
    node_attempts.c.Attempt == sa.bindparam("attempt"),
)
END_ATTEMPT = (
    sa.update(node_attempts)
    .where(*_THIS, node_attempts.c.FinishedAt.is_(None))
    .values(
        {
            name: sa.bindparam(f"new_{name}")
            for name in ("State", "Failure", "ErrorCode", "Reason", "FinishedAt")
        }
    )
)


def record_submission(
    connection: sa.Connection,
    run_id: RunID,
    key: NodeKey,
    attempt: int,
    *,
    job_run_id: int,
    job_run_url: str | None,
    token: str,
    now: datetime,
) -> bool:
    """Write that a job run has taken an attempt; return ``False`` if the node has left that attempt behind."""
    job_run = {"JobRunID": job_run_id, "JobRunUrl": job_run_url}
    submitted = move_node(
        connection,
        run_id,
        key,
        NodeState.READY,
        NodeState.SUBMITTED,
        attempt=attempt,
        now=now,
        detail=f"attempt {attempt}, job run {job_run_id}",
        values={**job_run, "HoldReason": None},
        once={"StartedAt": now},
    )
    if not submitted and not _takes_another(connection, run_id, key, attempt, job_run):
        return False
    if submitted:
        connection.execute(
            WRITE_ATTEMPT,
            {
                "RunID": run_id,
                "NodeKey": key,
                "Attempt": attempt,
                "IdempotencyKey": token,
                "JobRunID": job_run_id,
                "State": NodeState.SUBMITTED,
                "SubmittedAt": now,
            },
        )
    close_submission(connection, run_id, key, attempt)
    return True


def _takes_another(
    connection: sa.Connection, run_id: RunID, key: NodeKey, attempt: int, job_run: Mapping[str, Any]
) -> bool:
    """Write the job run of an attempt that had one before; return ``False`` if the node has left that attempt."""
    row = connection.execute(
        sa.select(node_runs.c.State, node_runs.c.Attempt, node_runs.c.JobRunID).where(
            node_runs.c.RunID == run_id, node_runs.c.NodeKey == key
        )
    ).one()
    if NodeState(row.State) in FINAL_NODE_STATES or row.Attempt != attempt:
        return False
    if row.JobRunID != job_run["JobRunID"]:
        # The platform has forgotten the former job run of this attempt and started another one.
        for table, values in ((node_runs, job_run), (node_attempts, {"JobRunID": job_run["JobRunID"]})):
            connection.execute(
                sa.update(table)
                .where(table.c.RunID == run_id, table.c.NodeKey == key, table.c.Attempt == attempt)
                .values(values)
            )
    return True


def record_running(connection: sa.Connection, run_id: RunID, key: NodeKey, *, now: datetime) -> None:
    """Write that a node's job has begun to work."""
    move_node(connection, run_id, key, NodeState.SUBMITTED, NodeState.RUNNING, now=now)


def end_attempt(
    connection: sa.Connection,
    run_id: RunID,
    key: NodeKey,
    attempt: int,
    verdict: Verdict,
    *,
    token: str,
    now: datetime,
) -> None:
    """Keep how an attempt ended, one that never got a job run included; repeating it changes nothing."""
    ended = {
        "State": verdict.state,
        "Failure": verdict.failure if verdict.state is NodeState.FAILED else None,
        "ErrorCode": verdict.error_code,
        "Reason": verdict.reason,
        "FinishedAt": now,
    }
    here = {"run_id": run_id, "key": key, "attempt": attempt}
    new = {f"new_{name}": value for name, value in ended.items()}
    if connection.execute(END_ATTEMPT, {**here, **new}).rowcount:
        return
    if connection.execute(sa.select(node_attempts.c.NodeAttemptID).where(*_THIS), here).one_or_none() is None:
        connection.execute(
            sa.insert(node_attempts).values(
                RunID=run_id, NodeKey=key, Attempt=attempt, IdempotencyKey=token, SubmittedAt=now, **ended
            )
        )


def begin_retry(
    connection: sa.Connection, run_id: RunID, key: NodeKey, attempt: int, verdict: Verdict, *, now: datetime
) -> float | None:
    """Give a node another attempt after a failed one if it has one left for failures of that class.

    A repeated call finds the next attempt begun and returns the same.

    Returns:
        Seconds until the next attempt; ``None`` if there is none.
    """
    row = connection.execute(
        sa.select(
            node_runs.c.State,
            node_runs.c.Attempt,
            node_runs.c.Definition,
            runs.c.Settings,
            runs.c.CancelRequestedAt,
        )
        .select_from(node_runs.join(runs, runs.c.RunID == node_runs.c.RunID))
        .where(node_runs.c.RunID == run_id, node_runs.c.NodeKey == key)
    ).one()
    if NodeState(row.State) in FINAL_NODE_STATES or row.CancelRequestedAt is not None:
        return None
    failures: int = connection.execute(
        sa.select(sa.func.count())
        .select_from(node_attempts)
        .where(
            node_attempts.c.RunID == run_id,
            node_attempts.c.NodeKey == key,
            node_attempts.c.Attempt <= attempt,
            node_attempts.c.Failure == verdict.failure,
        )
    ).scalar_one()
    retries = RunPolicy.from_payload(row.Settings).retries_after(verdict.failure, row.Definition)
    if failures > retries.most:
        return None
    delay_s = retry_delay(
        f"{run_id}/{key}", failures, first_s=retries.first_s, cap_s=retries.cap_s
    ).total_seconds()
    if row.Attempt > attempt:
        return delay_s
    values = {
        "Attempt": attempt + 1,
        "JobRunID": None,
        "JobRunUrl": None,
        "SubmitAt": now + timedelta(seconds=delay_s),
        "HoldReason": _retry_detail(attempt, verdict),
    }
    if row.State == NodeState.READY:
        # The attempt never got a job run, so the state stays and only the number moves.
        connection.execute(
            sa.update(node_runs).where(node_runs.c.RunID == run_id, node_runs.c.NodeKey == key).values(values)
        )
        write_event(
            connection, run_id, key, row.State, row.State, now=now, detail=_retry_detail(attempt, verdict)
        )
        return delay_s
    moved = change_node(
        connection,
        run_id,
        key,
        NodeState.READY,
        now=now,
        detail=_retry_detail(attempt, verdict),
        values=values,
    )
    return delay_s if moved else None


def _retry_detail(attempt: int, verdict: Verdict) -> str:
    return f"attempt {attempt} failed and is tried again: {verdict.reason}"
