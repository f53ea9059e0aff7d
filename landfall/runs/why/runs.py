"""Why a run and its nodes are as they are."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from landfall.planning.plan import NodeKey
from landfall.runs.queries import NodeSummary
from landfall.runs.states import FINAL_RUN_STATES, NodeState, RunState
from landfall.runs.verdict import QUALITY_GATE_CODES
from landfall.runs.why.values import MOST_NAMES, Cause, Finding, RunEvidence, some


def explain_run(evidence: RunEvidence, now: datetime) -> Iterable[Finding]:
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
        yield from (explain_node(node, evidence, now) for node in by_state.get(state, ()))
    for state in (NodeState.READY, NodeState.WAITING, NodeState.SKIPPED, NodeState.CANCELLED):
        yield from _alike(by_state.get(state, ()), evidence, now)
    yield from (left_out(key, run.run_id, reason) for key, reason in evidence.detail.left_out.items())


def _alike(nodes: Sequence[NodeSummary], evidence: RunEvidence, now: datetime) -> Iterable[Finding]:
    """Return one finding for the nodes that share a cause: a failure may skip a thousand of them."""
    groups: dict[tuple[Cause, str], list[Finding]] = {}
    for finding in (explain_node(node, evidence, now) for node in nodes):
        # What a node waits for is its own; that nodes wait for others is all there is to say of many.
        says = "" if finding.cause is Cause.WAITING and len(nodes) > MOST_NAMES else finding.says
        groups.setdefault((finding.cause, says), []).append(finding)
    for (_, says), findings in groups.items():
        names = [finding.about.removeprefix("node ") for finding in findings]
        about = f"node {names[0]}" if len(names) == 1 else f"{len(names)} nodes: {some(names)}"
        first = findings[0]
        yield Finding(about, first.cause, says or "wait for other nodes", first.do, first.since)


def explain_node(node: NodeSummary, evidence: RunEvidence, now: datetime) -> Finding:
    run_id = evidence.detail.run.run_id
    about = f"node {node.key}"
    match node.state:
        case NodeState.FAILED:
            is_gate = bool(node.stopped_by) or node.error_code in QUALITY_GATE_CODES
            by = some([str(stop) for stop in node.stopped_by]) if node.stopped_by else "its quality gate"
            stopped = f"stopped by {by}; " if is_gate else ""
            code = f"{node.error_code}: " if node.error_code else ""
            look = (
                "correct the data, the rule or its limit"
                if is_gate
                else f"`landfall runs logs {run_id} {node.key}`; put the cause right"
            )
            return Finding(
                about,
                Cause.QUALITY_GATE if is_gate else Cause.FAILED,
                f"{stopped}failed at attempt {node.attempt} with {code}{node.reason or 'no reason'}",
                f"{look}, then `landfall runs rerun {run_id} --from-failed` (with --newest after an apply)",
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
            waits = f"waits for {some(_unfinished(node.key, evidence))}"
            if node.job_run_id is None:
                return Finding(about, Cause.WAITING, waits)
            return Finding(about, Cause.WAITING, f"{waits}, in {_job_run(node, evidence)}")
        case NodeState.READY if node.claimed_at is None:
            return _without_place(about, evidence)
        case NodeState.READY if (held := _held(about, node, evidence, now)) is not None:
            return held
        case NodeState.SUCCEEDED:
            return Finding(about, Cause.DONE, "succeeded", since=node.finished_at)
        case _:
            job = _job_run(node, evidence) if node.job_run_id is not None else "no job run yet"
            return Finding(
                about,
                Cause.AT_WORK,
                f"{node.state} at attempt {node.attempt}, {job}",
                f"`landfall runs logs {run_id} {node.key}`" if node.job_run_id is not None else None,
                node.started_at or node.claimed_at,
            )


def _job_run(node: NodeSummary, evidence: RunEvidence) -> str:
    """Return which job run a node has, and with which nodes it shares it."""
    job_run = f"job run {node.job_run_id}"
    sharing = [
        one.key
        for one in evidence.detail.nodes
        if node.pack is not None and (one.pack, one.job_run_id) == (node.pack, node.job_run_id)
    ]
    if len(sharing) < 2:
        return job_run
    return f"{job_run}, which the {len(sharing)} nodes of {node.pack} share ({some(sharing)})"


def _without_place(about: str, evidence: RunEvidence) -> Finding:
    """Return which limit keeps a ready node from a place; the narrowest that is reached is the one to raise."""
    run, product, every = evidence.of_run, evidence.of_product, evidence.of_all
    key = evidence.detail.run.product
    if run.is_reached:
        return Finding(
            about,
            Cause.LIMITED,
            f"ready; all {run.places} places of the run are taken ({run.name})",
            f"if the workspace has room for more, `landfall config set {run.name} N --product {key}`, "
            "from the next run on",
        )
    if product.is_reached:
        return Finding(
            about,
            Cause.LIMITED,
            f"ready; all {product.places} places of {key} are taken by its runs ({product.name})",
            f"`landfall config set {product.name} N --product {key}` raises the limit at once",
        )
    if every.is_reached:
        return Finding(
            about,
            Cause.LIMITED,
            f"ready; all {every.places} places of the installation are taken ({every.name})",
            f"`landfall config set {every.name} N` raises the limit at once; products share what there is fairly",
        )
    return Finding(
        about,
        Cause.WAITING,
        f"ready; {every.taken} of {every.places} places of the installation are taken: the next node that ends "
        "gives it one, the reconcile timer within half a minute",
    )


def _held(about: str, node: NodeSummary, evidence: RunEvidence, now: datetime) -> Finding | None:
    """Return why a node that holds a place has no job run yet; ``None`` if that is only a matter of moments."""
    gate = evidence.gate
    turn = node.submit_at
    waits = turn is not None and turn > now
    until = f"{turn:%Y-%m-%d %H:%M:%S} UTC" if turn is not None else ""
    if waits and node.attempt > 1 and (node.hold_reason or "").startswith("attempt "):
        return Finding(
            about, Cause.RETRYING, f"waits until {until} for attempt {node.attempt}: {node.hold_reason}"
        )
    if gate.held_until is not None and gate.held_until > now:
        return Finding(
            about,
            Cause.THROTTLED,
            f"the Jobs API asked everybody to wait until {gate.held_until:%Y-%m-%d %H:%M:%S} UTC: {gate.hold_reason}",
            "it goes on by itself; if this repeats, lower jobs.submissions_per_second or limits.nodes",
        )
    if node.hold_reason is not None and not node.hold_reason.startswith("attempt "):
        return Finding(
            about,
            Cause.THROTTLED,
            f"the Jobs API did not take it ({node.hold_reason}); "
            + (f"its next turn is at {until}" if waits else "it is tried again"),
            "it goes on by itself once the workspace answers; see its state if this stays",
        )
    if waits:
        return Finding(
            about,
            Cause.THROTTLED,
            f"its turn at the Jobs API is at {until}: {gate.per_second:g} job runs a second and "
            f"{gate.per_hour:,} an hour are started at most",
            "`landfall config set jobs.submissions_per_second N` raises the pace, up to what the workspace takes",
        )
    return None


def _unfinished(key: NodeKey, evidence: RunEvidence) -> list[str]:
    states = {node.key: node.state for node in evidence.detail.nodes}
    return [
        f"{upstream} ({states[upstream]})"
        for upstream, downstream in evidence.detail.edges
        if downstream == key and states[upstream] is not NodeState.SUCCEEDED
    ]


def left_out(key: str, run_id: str, reason: str) -> Finding:
    return Finding(
        f"node {key}",
        Cause.LEFT_OUT,
        f"left out of run {run_id}: {reason}",
        "`landfall why` of the dataset it lacks says what that waits for",
    )
