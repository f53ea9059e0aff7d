"""Opening a run: what waits is claimed, the metadata pinned and the plan written, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from landfall.landing.awaited import awaited_files
from landfall.landing.ledger import (
    Gathering,
    PendingFile,
    claim_files,
    gathering_files,
    pending_files,
    put_back,
    reject_files,
)
from landfall.landing.run_files import put_back_ended
from landfall.metadata.acts import Act, FileAct, record_file_acts, record_product_act
from landfall.metadata.catalog import CurrentProduct, get_current_product
from landfall.metadata.effective import configured_run
from landfall.metadata.inserting import insert_rows
from landfall.metadata.tables import packs, run_requests, runs
from landfall.planning.plan import Plan
from landfall.planning.ranking import ranks
from landfall.planning.select import make_plan
from landfall.runs.backfills import Chunk, begin_chunk, chunk_of, files_of_chunk, skip_chunk
from landfall.runs.durations import former_durations
from landfall.runs.ids import RequestID, RunID
from landfall.runs.journal import write_event
from landfall.runs.leases import LeaseState, lock_lease, set_lease
from landfall.runs.packing import pack_rows, packs_of_plan
from landfall.runs.plans import write_plan
from landfall.runs.policy import RunPolicy
from landfall.runs.published import foreign_ports, port_versions, published_datasets
from landfall.runs.quarantining import HeldAct, HeldOrder, plan_held
from landfall.runs.replaying import FilesGone, pin_as_before, plan_replay
from landfall.runs.requests import RequestState, Trigger
from landfall.runs.rerunning import Rerun, plan_rerun
from landfall.runs.states import OPEN_RUN_STATES, FileState, PackState, RunState
from landfall.runs.upstream import ports_with_news
from landfall.spec.model import OnFailure, RunSettings
from landfall.wording import counted

# Event Grid delivers within seconds; whoever names a file that never lands is told so after this.
_EVENTS_COME_WITHIN: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """What the coordinator has to do next: see a run to its end, or ask again later, or end.

    Attributes:
        run_id: The run; ``None`` if there is none to open now.
        wait_s: Seconds after which to ask again, for files still come in; ``None`` if nothing is left to do.
    """

    run_id: RunID | None
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Request:
    request_id: RequestID
    trigger: Trigger
    datasets: tuple[str, ...]
    full: bool
    requested_by: str
    on_failure: OnFailure | None
    rerun: Rerun | None
    replay: RunID | None = None
    chunk: Chunk | None = None
    held: HeldOrder | None = None


def open_run(
    connection: sa.Connection, product_key: str, run_id: RunID, *, now: datetime, settles: bool = False
) -> OpenedRun:
    """Open the next run of a product, or give its lease back if nothing is pending or the product is paused.

    A run of the product that is still open comes first: it is returned instead of a new one. So a repeated
    delivery gets the run it opened before, and a coordinator that was started anew takes up the run that
    its predecessor left.

    Args:
        settles: Whether files that have just landed wait for those that come with them.
    """
    current = get_current_product(connection, product_key)
    lease = lock_lease(connection, current.product_id, now)
    if _exists(connection, run_id):
        return OpenedRun(run_id)
    unfinished = _unfinished_run(connection, current.product_id)
    if unfinished is not None:
        return OpenedRun(unfinished)
    if lease.pause is not None:
        # What waits goes on waiting; resuming takes the lease again.
        set_lease(connection, current.product_id, LeaseState.IDLE, now)
        return OpenedRun(None)
    while True:
        requests = _pending_requests(connection, current.product_id, now)
        gathering = gathering_files(connection, current.product_id)
        lands = gathering is not None and current.product.run.on_landing
        alone = _request_of_its_own(requests, files_first=lands)
        if alone is not None:
            if _open_alone(connection, current, run_id, alone, now):
                return OpenedRun(run_id)
            continue
        requests = tuple(request for request in requests if request.chunk is None)
        if gathering is None and not requests:
            set_lease(connection, current.product_id, LeaseState.IDLE, now)
            return OpenedRun(None)
        settings = configured_run(connection, current, at=now)[0]
        if settles and gathering is not None and not requests:
            wait_s = settle_wait_s(gathering, settings, now=now)
            if wait_s > 0:
                return OpenedRun(None, wait_s)
        # What is left starts the next run at once.
        files = pending_files(connection, current.product_id, limit=settings.max_files)
        files = _known_files(connection, current, files, now)
        plan = _plan(connection, current, files, requests)
        if plan.nodes:
            _write_run(connection, current, run_id, plan, files, requests, now)
            return OpenedRun(run_id)
        _answer(connection, requests, _why_nothing_runs(plan), now)


def settle_wait_s(gathering: Gathering, settings: RunSettings, *, now: datetime) -> float:
    """Return how many seconds files that have landed wait for others; 0 if they may run.

    Files run once none has come for the settle window, or the first has waited as long as it may, or there are as
    many as one run takes.
    """
    if gathering.count >= settings.max_files:
        return 0
    quiet_at = gathering.last_at + timedelta(seconds=settings.settle_s)
    latest_at = gathering.first_at + timedelta(seconds=settings.max_wait_s)
    left_s = (min(quiet_at, latest_at) - now).total_seconds()
    # A clock that was set back must not make files wait any longer than they would have.
    return max(0.0, min(left_s, settings.settle_s))


def _request_of_its_own(requests: Sequence[_Request], *, files_first: bool) -> _Request | None:
    """Return the next request that gets a run by itself, since it may pin another version or only some files.

    A chunk of a backfill comes behind everything else that waits.
    """
    for request in requests:
        if request.rerun is not None or request.replay is not None or request.held is not None:
            return request
    chunks = [request for request in requests if request.chunk is not None]
    return chunks[0] if chunks and len(chunks) == len(requests) and not files_first else None


def _open_alone(
    connection: sa.Connection, current: CurrentProduct, run_id: RunID, request: _Request, now: datetime
) -> bool:
    """Write the run of a request that gets one by itself; return ``False`` if nothing of it can run."""
    if request.rerun is not None:
        return _open_rerun(connection, current, run_id, request, now)
    if request.replay is not None:
        return _open_replay(connection, current, run_id, request, now)
    if request.held is not None:
        return _open_held(connection, current, run_id, request, now)
    return _open_chunk(connection, current, run_id, request, now)


def _open_rerun(
    connection: sa.Connection, current: CurrentProduct, run_id: RunID, request: _Request, now: datetime
) -> bool:
    """Write the run that a rerun asks for; return ``False`` if nothing of it can run."""
    if request.rerun is None:
        return False
    planned = plan_rerun(connection, current, request.rerun)
    if not planned.plan.nodes:
        _answer(connection, [request], _why_nothing_runs(planned.plan), now)
        return False
    put_back(connection, planned.files)
    acts = [
        FileAct(file.file_id, current.product_id, FileState.REJECTED, f"taken along by run {run_id}")
        for file in planned.files
    ]
    record_file_acts(connection, Act.RERUN, acts, actor=request.requested_by, now=now)
    _write_run(connection, planned.current, run_id, planned.plan, planned.files, [request], now)
    return True


def _open_replay(
    connection: sa.Connection, current: CurrentProduct, run_id: RunID, request: _Request, now: datetime
) -> bool:
    """Write the run that repeats a former one; return ``False`` if that is not possible any more."""
    if request.replay is None:
        return False
    try:
        planned = plan_replay(connection, current, request.replay)
    except FilesGone as error:
        _answer(connection, [request], str(error), now)
        return False
    _take_again(connection, current, planned.files, Act.REPLAY, request.requested_by, run_id, now)
    _write_run(connection, planned.current, run_id, planned.plan, planned.files, [request], now)
    pin_as_before(connection, run_id, planned)
    return True


def _open_held(
    connection: sa.Connection, current: CurrentProduct, run_id: RunID, request: _Request, now: datetime
) -> bool:
    """Write the run that acts on rows in quarantine; return ``False`` if nothing of it can run."""
    if request.held is None:
        return False
    plan = plan_held(connection, current, request.held, actor=request.requested_by)
    if not plan.nodes:
        _answer(connection, [request], _why_nothing_runs(plan), now)
        return False
    record_product_act(
        connection,
        Act.DISCARD if request.held.act is HeldAct.DISCARD else Act.REPLAY,
        current.product_id,
        actor=request.requested_by,
        now=now,
        detail=f"{request.held.in_words} (run {run_id})",
    )
    _write_run(connection, current, run_id, plan, (), [request], now)
    return True


def _open_chunk(
    connection: sa.Connection, current: CurrentProduct, run_id: RunID, request: _Request, now: datetime
) -> bool:
    """Write the run that takes in a chunk of a backfill; return ``False`` if nothing of it can run."""
    if request.chunk is None:
        return False
    landed = {dataset.name for dataset in current.product.datasets if dataset.landing is not None}
    files = [file for file in files_of_chunk(connection, request.chunk) if file.dataset in landed]
    plan = _plan(connection, current, files, ())
    if not plan.nodes:
        reason = _why_nothing_runs(plan)
        _answer(connection, [request], reason, now)
        skip_chunk(connection, request.chunk, reason, now=now)
        return False
    _take_again(connection, current, files, Act.BACKFILL, request.requested_by, run_id, now)
    _write_run(connection, current, run_id, plan, files, [request], now)
    begin_chunk(connection, request.chunk, run_id)
    return True


def _take_again(
    connection: sa.Connection,
    current: CurrentProduct,
    files: Sequence[PendingFile],
    act: Act,
    actor: str,
    run_id: RunID,
    now: datetime,
) -> None:
    """Put files that have ended back to pending, and write who wanted that."""
    before = put_back_ended(connection, files)
    acts = [
        FileAct(file_id, current.product_id, state, f"taken in again by run {run_id}")
        for file_id, state in before.items()
    ]
    record_file_acts(connection, act, acts, actor=actor, now=now)


def _exists(connection: sa.Connection, run_id: RunID) -> bool:
    return connection.execute(sa.select(runs.c.RunID).where(runs.c.RunID == run_id)).first() is not None


def _unfinished_run(connection: sa.Connection, product_id: int) -> RunID | None:
    """Return the oldest open run; ordered here, since an order in SQL has it read all runs of the product."""
    opened = connection.execute(
        sa.select(runs.c.CreatedAt, runs.c.RunID).where(
            runs.c.DataProductID == product_id, runs.c.State.in_(OPEN_RUN_STATES)
        )
    ).all()
    return RunID(min(opened).RunID) if opened else None


def _pending_requests(connection: sa.Connection, product_id: int, now: datetime) -> tuple[_Request, ...]:
    """Return the requests that a run may take up: not those whose files are still on their way."""
    rows = connection.execute(
        sa.select(run_requests)
        .where(run_requests.c.DataProductID == product_id, run_requests.c.State == RequestState.PENDING)
        .order_by(run_requests.c.RequestedAt)
    )
    return tuple(
        _Request(
            request_id=RequestID(row.RequestID),
            trigger=Trigger(row.Trigger),
            datasets=tuple(row.DataSets),
            full=bool(row.Parameters.get("full")),
            requested_by=row.RequestedBy,
            # Requests that were stored before there was a choice have none.
            on_failure=OnFailure(row.Parameters["on_failure"]) if row.Parameters.get("on_failure") else None,
            # Parameters are the caller's; only a rerun's are ours.
            rerun=Rerun.from_payload(row.Parameters["rerun"]) if row.Trigger == Trigger.RERUN else None,
            replay=RunID(row.Parameters["replay"]) if row.Trigger == Trigger.REPLAY else None,
            chunk=chunk_of(row.Parameters) if row.Trigger == Trigger.BACKFILL else None,
            held=HeldOrder.from_payload(row.Parameters["quarantine"])
            if row.Trigger == Trigger.QUARANTINE
            else None,
        )
        for row in rows
        if not _waits_for_files(connection, product_id, row, now)
    )


def _waits_for_files(connection: sa.Connection, product_id: int, row: sa.Row[Any], now: datetime) -> bool:
    """Return whether a file that a request names has not landed yet; the timer asks again until it has."""
    paths = row.Parameters.get("files") or []
    if not paths or now - row.RequestedAt > _EVENTS_COME_WITHIN:
        return False
    return len(awaited_files(connection, product_id, paths, asked_at=row.RequestedAt)) < len(set(paths))


def _known_files(
    connection: sa.Connection, current: CurrentProduct, files: Sequence[PendingFile], now: datetime
) -> tuple[PendingFile, ...]:
    """Return the files whose dataset still exists; the metadata may have changed while they waited."""
    landed = {dataset.name for dataset in current.product.datasets if dataset.landing is not None}
    orphans = [file for file in files if file.dataset not in landed]
    reject_files(connection, orphans, "its dataset is no longer part of the product", now)
    return tuple(file for file in files if file.dataset in landed)


def _plan(
    connection: sa.Connection,
    current: CurrentProduct,
    files: Sequence[PendingFile],
    requests: Sequence[_Request],
) -> Plan:
    landed = {file.dataset for file in files}
    built = {dataset.name for dataset in current.product.datasets if dataset.landing is None}
    asked = {name for request in requests for name in request.datasets}
    # Whoever asks for no dataset asks for all that is new, in the landing zone and in the ports of others.
    anything = any(not request.datasets for request in requests)
    news = ports_with_news(connection, current) if anything else frozenset[str]()
    foreign = foreign_ports(connection, current)
    own = published_datasets(connection, current.product_id)
    return make_plan(
        current.product,
        metadata_version=current.version,
        # A landed dataset without new files has no ingest node to run: what it feeds is rebuilt by `full`.
        changed=landed | (asked & built) | news,
        published={*own, *foreign},
        rebuild=any(request.full for request in requests),
        full=any(request.full for request in requests),
        port_layers=foreign,
    )


def _write_run(
    connection: sa.Connection,
    current: CurrentProduct,
    run_id: RunID,
    plan: Plan,
    files: Sequence[PendingFile],
    requests: Sequence[_Request],
    now: datetime,
) -> None:
    plan = plan.with_ports_at(port_versions(connection, plan))
    settings, configured = configured_run(connection, current, at=now)
    settings = replace(settings, on_failure=_on_failure(requests, settings))
    trigger = requests[0].trigger if requests else Trigger.LANDING
    durations = former_durations(connection, current.product_id)
    rank_of = ranks(plan, durations)
    members = packs_of_plan(plan, settings, durations)
    rows, pack_of = pack_rows(run_id, plan, members, rank_of)
    connection.execute(
        sa.insert(runs).values(
            RunID=run_id,
            DataProductID=current.product_id,
            MetadataVersion=current.version,
            Trigger=trigger,
            State=RunState.PENDING,
            NodeCount=len(plan.nodes),
            OpenNodes=len(plan.nodes),
            ActiveNodes=0,
            MaxParallelNodes=settings.max_parallel_nodes,
            PackNodes=settings.pack_nodes if members else None,
            ReadyNodes=sum(row["State"] == PackState.READY for row in rows)
            if members
            else sum(1 for node in plan.nodes if not node.depends_on),
            Settings={**RunPolicy.of(settings, configured).to_payload(), "configuration": configured},
            RerunOf=requests[0].rerun.run_id if requests and requests[0].rerun else None,
            CreatedAt=now,
        )
    )
    write_plan(connection, run_id, current.product_id, plan, pack_of, rank_of)
    insert_rows(connection, packs, rows)
    write_event(
        connection,
        run_id,
        None,
        None,
        RunState.PENDING,
        now=now,
        actor=requests[0].requested_by if requests else "landing",
        detail=f"{counted(len(plan.nodes), 'node')}, {counted(len(files), 'file')}",
    )
    claim_files(connection, files, run_id, now)
    for request in requests:
        connection.execute(
            sa.update(run_requests)
            .where(run_requests.c.RequestID == request.request_id)
            .values(State=RequestState.CLAIMED, RunID=run_id)
        )


def _on_failure(requests: Sequence[_Request], settings: RunSettings) -> OnFailure:
    """Return what a run does after a failed node: of requests that say different things, the careful one counts."""
    asked = {request.on_failure for request in requests} - {None}
    if OnFailure.FAIL_FAST in asked:
        return OnFailure.FAIL_FAST
    return OnFailure.CONTINUE if asked else settings.on_failure


def _answer(connection: sa.Connection, requests: Sequence[_Request], reason: str, now: datetime) -> None:
    for request in requests:
        connection.execute(
            sa.update(run_requests)
            .where(run_requests.c.RequestID == request.request_id)
            .values(State=RequestState.DONE, Reason=f"{reason} ({now:%Y-%m-%d %H:%M:%S} UTC)")
        )


def _why_nothing_runs(plan: Plan) -> str:
    if plan.left_out:
        waits = "; ".join(f"{key}: {reason}" for key, reason in sorted(plan.left_out.items()))
        return f"nothing could run: {waits}"
    return "nothing had to run: no new files, and no transformation downstream of what was asked for"
