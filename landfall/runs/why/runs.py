"""Why a run and its nodes are as they are."""

from collections.abc import Iterable, Sequence

from landfall.planning.plan import NodeKey
from landfall.runs.queries import NodeSummary
from landfall.runs.states import FINAL_RUN_STATES, NodeState, RunState
from landfall.runs.why.values import MOST_NAMES, Cause, Finding, RunEvidence, some


def explain_run(evidence: RunEvidence) -> Iterable[Finding]:
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
        yield from (explain_node(node, evidence) for node in by_state.get(state, ()))
    for state in (NodeState.READY, NodeState.WAITING, NodeState.SKIPPED, NodeState.CANCELLED):
        yield from _alike(by_state.get(state, ()), evidence)
    yield from (left_out(key, run.run_id, reason) for key, reason in evidence.detail.left_out.items())


def _alike(nodes: Sequence[NodeSummary], evidence: RunEvidence) -> Iterable[Finding]:
    """Return one finding for the nodes that share a cause: a failure may skip a thousand of them."""
    groups: dict[tuple[Cause, str], list[Finding]] = {}
    for finding in (explain_node(node, evidence) for node in nodes):
        # What a node waits for is its own; that nodes wait for others is all there is to say of many.
        says = "" if finding.cause is Cause.WAITING and len(nodes) > MOST_NAMES else finding.says
        groups.setdefault((finding.cause, says), []).append(finding)
    for (_, says), findings in groups.items():
        names = [finding.about.removeprefix("node ") for finding in findings]
        about = f"node {names[0]}" if len(names) == 1 else f"{len(names)} nodes: {some(names)}"
        first = findings[0]
        yield Finding(about, first.cause, says or "wait for other nodes", first.do, first.since)


def explain_node(node: NodeSummary, evidence: RunEvidence) -> Finding:
    run_id = evidence.detail.run.run_id
    about = f"node {node.key}"
    match node.state:
        case NodeState.FAILED:
            code = f"{node.error_code}: " if node.error_code else ""
            stopped = f"stopped by {some([str(stop) for stop in node.stopped_by])}; " * bool(node.stopped_by)
            look = (
                "correct the data, the rule or its limit"
                if node.stopped_by
                else f"`landfall runs logs {run_id} {node.key}`; put the cause right"
            )
            return Finding(
                about,
                Cause.FAILED,
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
            return Finding(about, Cause.WAITING, f"waits for {some(_unfinished(node.key, evidence))}")
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


def left_out(key: str, run_id: str, reason: str) -> Finding:
    return Finding(
        f"node {key}",
        Cause.LEFT_OUT,
        f"left out of run {run_id}: {reason}",
        "`landfall why` of the dataset it lacks says what that waits for",
    )
