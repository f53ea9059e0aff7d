"""Why a dataset, a run or a file is as it is: findings from what SQL says, each with what to do about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from landfall.landing.queries import LandedFile
from landfall.planning.plan import NodeKey
from landfall.runs.ids import RunID
from landfall.runs.leases import Lease, LeaseState
from landfall.runs.queries import NodeSummary, RunDetail
from landfall.runs.states import FINAL_RUN_STATES, FileState, NodeState, RunState

# A coordinator that is this late beyond its settle window was lost or cannot work.
_LATE = timedelta(seconds=60)
_MOST_NAMES = 8


class Cause(StrEnum):
    """What a finding is about; kept between versions, for programs that read findings."""

    NEVER_LANDED = "never_landed"
    NEVER_BUILT = "never_built"
    PAUSED = "paused"
    RUN_OPEN = "run_open"
    SETTLING = "settling"
    COORDINATOR_LATE = "coordinator_late"
    NO_TRIGGER = "no_trigger"
    CLAIMED = "claimed"
    REJECTED = "rejected"
    REPLACED = "replaced"
    EMPTY = "empty"
    UNMATCHED = "unmatched"
    NOT_STARTED = "not_started"
    WAITING = "waiting"
    LIMITED = "limited"
    AT_WORK = "at_work"
    FAILED = "failed"
    SKIPPED = "skipped"
    LEFT_OUT = "left_out"
    CANCELLED = "cancelled"
    METADATA_CHANGED = "metadata_changed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause.

    Attributes:
        about: What it is about: a dataset, node, run, file or product.
        says: The cause, in words.
        do: What to do; ``None`` where there is nothing but to wait, or nothing to be done.
        since: When it began, where that is known.
    """

    about: str
    cause: Cause
    says: str
    do: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProductEvidence:
    """What decides whether a product opens a run.

    Attributes:
        open_run: The run that is at work.
    """

    key: str
    settle_s: float
    on_landing: bool
    lease: Lease
    open_run: RunID | None


@dataclass(frozen=True, slots=True)
class FileEvidence:
    """One landed file version.

    Attributes:
        product: The product in whose folder it lies, if that has been applied.
        expected_by: The dataset that expects it by the metadata applied now.
        newer: A later version of the same path.
    """

    file: LandedFile
    product: ProductEvidence | None
    expected_by: str | None
    newer: int | None


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """One run; ``cancelled_by`` is who asked for its end."""

    detail: RunDetail
    max_parallel_nodes: int
    cancelled_by: str | None


@dataclass(frozen=True, slots=True)
class WaitingFiles:
    """Files of a landed dataset that wait for a run; ``since`` is when the oldest of them landed."""

    dataset: str
    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Publication:
    """The newest publication of a dataset."""

    at: datetime
    run_id: str
    metadata_version: int | None


@dataclass(frozen=True, slots=True)
class DatasetEvidence:
    """One dataset of a product.

    Attributes:
        node: The node that builds it; ``None`` if nothing does.
        landing: Landing pattern of a landed dataset.
        version: The metadata version applied now.
        missing: Inputs that have never been published.
        waiting: Files that wait, of this dataset and of those upstream of it.
        rejected: The newest file of a landed dataset, if it was rejected.
        landed: Whether any file ever landed for it.
        unmatched: Files in the product's folder that no dataset expects.
        last: The newest run with its node.
        left_out: A newer run that left its node out, with the reason.
    """

    product: ProductEvidence
    name: str
    node: NodeKey | None
    landing: str | None
    version: int
    published: Publication | None
    missing: tuple[str, ...] = ()
    waiting: tuple[WaitingFiles, ...] = ()
    rejected: LandedFile | None = None
    landed: bool = True
    unmatched: int = 0
    last: RunEvidence | None = None
    left_out: tuple[RunID, str] | None = None

    @property
    def full_name(self) -> str:
        return f"{self.product.key}.{self.name}"


Evidence = FileEvidence | RunEvidence | DatasetEvidence


def explain(evidence: Evidence, *, now: datetime) -> tuple[Finding, ...]:
    """Return what the evidence says, the cause that is nearest to the question first; at least one finding."""
    match evidence:
        case FileEvidence():
            return (_file(evidence, now),)
        case RunEvidence():
            return tuple(_run(evidence))
        case DatasetEvidence():
            return tuple(_dataset(evidence, now))


def _file(evidence: FileEvidence, now: datetime) -> Finding:
    file, product = evidence.file, evidence.product
    about = f"file {file.file_id} ({file.url.rpartition('/')[2]})"
    match file.state:
        case FileState.PENDING if product is not None:
            return _waits(about, product, file.landed_at, now)
        case FileState.CLAIMED:
            return Finding(
                about,
                Cause.CLAIMED,
                f"run {file.run_id} takes it in for {file.dataset}",
                f"`landfall runs watch {file.run_id}` follows it, `landfall why {file.run_id}` says where it is",
            )
        case FileState.DONE:
            return Finding(
                about,
                Cause.DONE,
                f"run {file.run_id} took it in for {file.dataset}",
                since=file.finished_at,
            )
        case FileState.UNMATCHED:
            return _unmatched(about, evidence)
        case _:
            return _rejected(about, evidence)


def _rejected(about: str, evidence: FileEvidence) -> Finding:
    file = evidence.file
    reason = file.reason or "no reason was kept"
    if evidence.newer is not None:
        return Finding(
            about,
            Cause.REPLACED,
            f"{reason}; its path holds a newer version, file {evidence.newer}",
            f"`landfall why {evidence.newer}`",
            file.finished_at,
        )
    if file.size_bytes == 0:
        return Finding(about, Cause.EMPTY, reason, "land it again with its content", file.finished_at)
    again = f"`landfall files replay {file.file_id}`"
    if file.run_id is not None:
        again = f"`landfall runs rerun {file.run_id} --from-failed` or {again}"
    return Finding(about, Cause.REJECTED, reason, f"put the cause right, then {again}", file.finished_at)


def _unmatched(about: str, evidence: FileEvidence) -> Finding:
    replay = f"`landfall files replay {evidence.file.file_id}`"
    reason = evidence.file.reason or "no dataset expected it when it landed"
    if evidence.expected_by is not None:
        return Finding(
            about,
            Cause.UNMATCHED,
            f"{reason}; by now {evidence.expected_by} expects it",
            replay,
            evidence.file.landed_at,
        )
    return Finding(
        about,
        Cause.UNMATCHED,
        reason,
        f"declare a dataset whose landing path it meets, `landfall apply`, then {replay}; or land it elsewhere",
        evidence.file.landed_at,
    )


def _waits(about: str, product: ProductEvidence, since: datetime, now: datetime) -> Finding:
    """Return why something that waits for a run of its product has not got one."""
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
    late = now - since > timedelta(seconds=product.settle_s) + _LATE
    if product.lease.state is LeaseState.IDLE and not product.on_landing:
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


def _run(evidence: RunEvidence) -> Iterable[Finding]:
    run = evidence.detail.run
    about = f"run {run.run_id}"
    if run.state is RunState.PENDING:
        yield Finding(
            about,
            Cause.NOT_STARTED,
            "opened; its orchestration has not begun",
            "the reconcile timer starts a lost one; if this stays, see the function app's log",
            run.created_at,
        )
        return
    if run.state is RunState.SUCCEEDED:
        yield Finding(about, Cause.DONE, "succeeded", since=run.finished_at)
    elif run.state is RunState.CANCELLED or evidence.cancelled_by is not None:
        state = "was cancelled" if run.state in FINAL_RUN_STATES else "is being cancelled"
        yield Finding(
            about,
            Cause.CANCELLED,
            f"{state} by {evidence.cancelled_by}",
            f"`landfall runs rerun {run.run_id} --from-failed` goes on from where it ended"
            if run.state in FINAL_RUN_STATES
            else None,
            run.finished_at,
        )
    by_state: dict[NodeState, list[NodeSummary]] = {}
    for node in evidence.detail.nodes:
        by_state.setdefault(node.state, []).append(node)
    for state in (NodeState.FAILED, NodeState.RUNNING, NodeState.SUBMITTED):
        yield from (_node(node, evidence) for node in by_state.get(state, ()))
    for state in (NodeState.READY, NodeState.WAITING, NodeState.SKIPPED, NodeState.CANCELLED):
        yield from _alike(by_state.get(state, ()), evidence)
    yield from (_left_out(key, run.run_id, reason) for key, reason in evidence.detail.left_out.items())


def _alike(nodes: Sequence[NodeSummary], evidence: RunEvidence) -> Iterable[Finding]:
    """Return one finding for the nodes that share a cause: a failure may skip a thousand of them."""
    groups: dict[tuple[Cause, str], list[Finding]] = {}
    for finding in (_node(node, evidence) for node in nodes):
        # What a node waits for is its own; that nodes wait for others is all there is to say of many.
        says = "" if finding.cause is Cause.WAITING and len(nodes) > _MOST_NAMES else finding.says
        groups.setdefault((finding.cause, says), []).append(finding)
    for (_, says), findings in groups.items():
        names = [finding.about.removeprefix("node ") for finding in findings]
        about = f"node {names[0]}" if len(names) == 1 else f"{len(names)} nodes: {_some(names)}"
        first = findings[0]
        yield Finding(about, first.cause, says or "wait for other nodes", first.do, first.since)


def _node(node: NodeSummary, evidence: RunEvidence) -> Finding:
    run_id = evidence.detail.run.run_id
    about = f"node {node.key}"
    match node.state:
        case NodeState.FAILED:
            code = f"{node.error_code}: " if node.error_code else ""
            return Finding(
                about,
                Cause.FAILED,
                f"failed at attempt {node.attempt} with {code}{node.reason or 'no reason'}",
                f"`landfall runs logs {run_id} {node.key}`; put the cause right, then "
                f"`landfall runs rerun {run_id} --from-failed` (with --newest after an apply)",
                node.finished_at,
            )
        case NodeState.SKIPPED:
            return Finding(
                about,
                Cause.SKIPPED,
                f"skipped, because {node.reason}",
                f"put that right, then `landfall runs rerun {run_id} --from-failed`",
                node.finished_at,
            )
        case NodeState.CANCELLED:
            return Finding(
                about, Cause.CANCELLED, node.reason or "the run was cancelled", since=node.finished_at
            )
        case NodeState.WAITING:
            return Finding(about, Cause.WAITING, f"waits for {_some(_unfinished(node.key, evidence))}")
        case NodeState.READY if node.claimed_at is None:
            return Finding(
                about,
                Cause.LIMITED,
                f"ready; all {evidence.max_parallel_nodes} places of the run are taken",
                "raise run.max_parallel_nodes if the workspace has room for more",
            )
        case NodeState.SUCCEEDED:
            return Finding(about, Cause.DONE, "succeeded", since=node.finished_at)
        case _:
            job = f"job run {node.job_run_id}" if node.job_run_id is not None else "no job run yet"
            return Finding(
                about,
                Cause.AT_WORK,
                f"{node.state} at attempt {node.attempt}, {job}",
                f"`landfall runs logs {run_id} {node.key}`" if node.job_run_id is not None else None,
                node.started_at or node.claimed_at,
            )


def _unfinished(key: NodeKey, evidence: RunEvidence) -> list[str]:
    states = {node.key: node.state for node in evidence.detail.nodes}
    return [
        f"{upstream} ({states[upstream]})"
        for upstream, downstream in evidence.detail.edges
        if downstream == key and states[upstream] is not NodeState.SUCCEEDED
    ]


def _left_out(key: str, run_id: str, reason: str) -> Finding:
    return Finding(
        f"node {key}",
        Cause.LEFT_OUT,
        f"left out of run {run_id}: {reason}",
        "`landfall why` of the dataset it lacks says what that waits for",
    )


def _dataset(evidence: DatasetEvidence, now: datetime) -> Iterable[Finding]:
    found = list(_obstacles(evidence, now))
    published = evidence.published
    if published is not None:
        version = published.metadata_version
        if version is not None and version < evidence.version:
            found.append(
                Finding(
                    evidence.full_name,
                    Cause.METADATA_CHANGED,
                    f"built on version {version} of the metadata; version {evidence.version} is applied",
                    f"`landfall run {evidence.product.key} --full` builds it anew, if the change matters to it",
                )
            )
        found.append(
            Finding(
                evidence.full_name, Cause.DONE, f"published by run {published.run_id}", since=published.at
            )
        )
    elif not found:
        found.append(
            Finding(
                evidence.full_name,
                Cause.NEVER_BUILT,
                "never built: nothing upstream of it has changed since it was applied",
                f"`landfall run {evidence.product.key} --full`",
            )
        )
    return found


def _obstacles(evidence: DatasetEvidence, now: datetime) -> Iterable[Finding]:
    """Return what keeps a dataset from being newer than it is, or from being there at all."""
    for waiting in evidence.waiting:
        about = f"{_counted(waiting.count)} for {waiting.dataset}"
        yield _waits(about, evidence.product, waiting.since, now)
    pause = evidence.product.lease.pause
    if pause is not None and not evidence.waiting:
        why = f": {pause.reason}" if pause.reason else ""
        yield Finding(
            evidence.product.key,
            Cause.PAUSED,
            f"paused by {pause.by}{why}; no new run is opened",
            f"`landfall resume {evidence.product.key}`",
            pause.since,
        )
    if evidence.left_out is not None and evidence.node is not None:
        yield _left_out(evidence.node, *evidence.left_out)
    if evidence.last is not None:
        node = next(node for node in evidence.last.detail.nodes if node.key == evidence.node)
        if node.state is not NodeState.SUCCEEDED:
            yield _node(node, evidence.last)
    if evidence.rejected is not None:
        yield _rejected(
            f"file {evidence.rejected.file_id} ({evidence.rejected.url.rpartition('/')[2]})",
            FileEvidence(evidence.rejected, evidence.product, evidence.name, newer=None),
        )
    if evidence.landing is not None and not evidence.landed:
        yield _never_landed(evidence)
    if evidence.missing and evidence.left_out is None:
        yield Finding(
            evidence.full_name,
            Cause.NEVER_BUILT,
            f"cannot be built: {_some(evidence.missing)} {'was' if len(evidence.missing) == 1 else 'were'} "
            "never published",
            "; ".join(f"`landfall why {_asked(name, evidence)}`" for name in evidence.missing[:_MOST_NAMES]),
        )


def _never_landed(evidence: DatasetEvidence) -> Finding:
    folder = f"landing/{evidence.product.key}/{evidence.landing}"
    strays = ""
    if evidence.unmatched:
        strays = (
            f"; unmatched in the product's folder: {_counted(evidence.unmatched)} "
            f"(`landfall files list --product {evidence.product.key} --state unmatched`)"
        )
    return Finding(
        evidence.full_name,
        Cause.NEVER_LANDED,
        f"no file has landed for it; it expects {folder}{strays}",
        f"`landfall land {evidence.product.key} {evidence.name} FILE`, or see that the source delivers there",
    )


def _asked(name: str, evidence: DatasetEvidence) -> str:
    """Return a dataset as `landfall why` takes it: an own one with its product, a port without its version."""
    return name.rpartition("@")[0] if "@" in name else f"{evidence.product.key}.{name}"


def _counted(files: int) -> str:
    return "1 file" if files == 1 else f"{files:,} files"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
