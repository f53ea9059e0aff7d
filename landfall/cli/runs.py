"""`landfall run` and `landfall runs`: start, see, follow, cancel and rerun runs."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.output import Output, OutputFormat, note, show_fields, show_json, show_rows
from landfall.cli.project import invocation

if TYPE_CHECKING:
    from landfall.client import StartedRequest
    from landfall.metadata.engine import Database
    from landfall.runs.ids import RunID
    from landfall.runs.queries import RuleResult, RunDetail

# What the Spark runtime says when a rule of severity `fail` refused rows, and when too many rows were refused.
QUALITY_GATE_CODES = frozenset({"LF4521", "LF4522"})

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run id, its first characters, or @last.")]
Timeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Stop waiting after so long, with exit code 6.")
]

_LIST_COLUMNS = ("run_id", "product", "state", "trigger", "nodes", "open_nodes", "created_at", "seconds")
_NODE_COLUMNS = (
    "key",
    "layer",
    "state",
    "attempt",
    "seconds",
    "job_seconds",
    "rows_read",
    "rows_published",
    "rows_quarantined",
    "reason",
)
_RULE_COLUMNS = ("dataset", "rule", "severity", "rows_checked", "rows_failed", "share", "corrected", "found")


def register(app: typer.Typer) -> None:
    app.command(
        "run",
        epilog=examples(
            "landfall run mobility/flights --full",
            "landfall run mobility/flights --datasets weather --no-wait",
        ),
    )(start)
    group = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Runs: what is going on and what was."
    )
    group.command("list", epilog=examples("landfall runs list --product mobility/flights --output json"))(
        list_runs
    )
    group.command(epilog=examples("landfall runs show @last"))(show)
    group.command(epilog=examples("landfall runs watch @last --timeout 600"))(watch)
    group.command(epilog=examples("landfall runs logs @last daily_delays"))(logs)
    group.command(epilog=examples("landfall runs cancel @last"))(cancel)
    group.command(
        epilog=examples(
            "landfall runs rerun @last --from-failed",
            "landfall runs rerun @last --node daily_delays --only --newest",
        )
    )(rerun)
    group.command(epilog=examples("landfall runs replay @last"))(replay)
    app.add_typer(group, name="runs")


def start(
    context: typer.Context,
    product: Annotated[str, typer.Argument(metavar="PRODUCT", help="domain/product")],
    full: Annotated[bool, typer.Option("--full", help="Build every transformation again.")] = False,
    datasets: Annotated[
        str, typer.Option(metavar="NAME,…", help="Start downstream of these; without it, of what has landed.")
    ] = "",
    wait: Annotated[bool, typer.Option(help="Show progress until the run has ended.")] = True,
    timeout: Timeout = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Start a run of a product and wait for its end."""
    from landfall.cli.products import actor
    from landfall.client import FunctionsClient

    here = invocation(context)
    names = tuple(name.strip() for name in datasets.split(",") if name.strip())
    started = FunctionsClient.connect(here.settings(), actor=actor()).start_run(
        product, datasets=names, full=full
    )
    _follow(here.database(), started, output, wait=wait, timeout=timeout)


def list_runs(
    context: typer.Context,
    product: Annotated[str | None, typer.Option(help="Only runs of this domain/product.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Newest runs to show.")] = 20,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List runs, the newest first."""
    from landfall.runs.pausing import find_pauses
    from landfall.runs.queries import list_runs as read_runs

    database = invocation(context).database()
    found = database.read(lambda connection: read_runs(connection, product=product, limit=limit))
    pauses = database.read(find_pauses)
    rows = []
    for run in found:
        ended = run.finished_at - run.created_at if run.finished_at else None
        rows.append(
            {
                **asdict(run),
                "seconds": ended.total_seconds() if ended else None,
                "product_paused": run.product in pauses,
            }
        )
    show_rows(rows, _LIST_COLUMNS, output)
    for key, pause in pauses.items():
        if product in (None, key):
            why = f": {pause.reason}" if pause.reason else ""
            note(f"{key} is paused since {pause.since:%Y-%m-%d %H:%M:%S}Z by {pause.by}{why}")


def show(context: typer.Context, run: RunArgument, output: Output = OutputFormat.TABLE) -> None:
    """Show one run: its state, its nodes and what the quality rules found."""
    from landfall.runs.queries import get_run

    database = invocation(context).database()
    run_id = _resolve(database, run)
    show_run(database.read(lambda connection: get_run(connection, run_id)), output)


def watch(context: typer.Context, run: RunArgument = "@last", timeout: Timeout = None) -> None:
    """Follow a run until it ends; the exit code says how it ended."""
    database = invocation(context).database()
    detail = _watch(database, _resolve(database, run), timeout)
    note(summary_line(detail))
    raise typer.Exit(exit_code_of_run(detail))


def logs(
    context: typer.Context,
    run: RunArgument,
    node: Annotated[
        str | None, typer.Argument(metavar="NODE", help="Without it, every node with a job.")
    ] = None,
) -> None:
    """Print what the jobs of a run wrote to their output."""
    from landfall.jobs.client import connect
    from landfall.jobs.protocol import JobRunID
    from landfall.runs.queries import get_run

    here = invocation(context)
    database = here.database()
    run_id = _resolve(database, run)
    detail = database.read(lambda connection: get_run(connection, run_id))
    chosen = [found for found in detail.nodes if node in (None, found.key)]
    if not chosen:
        raise typer.BadParameter(f"run {run_id} has no node {node!r}", param_hint="NODE")
    jobs = connect(here.settings(), patience_s=5)
    for found in chosen:
        if found.job_run_id is None:
            note(f"{found.key}: no job was started ({found.state})")
            continue
        print(f"==> {found.key}, attempt {found.attempt}, job run {found.job_run_id}: {found.state} <==")
        told = jobs.output(JobRunID(found.job_run_id))
        for part in (told.logs, told.error, told.error_trace):
            if part:
                print(part.rstrip())


def cancel(context: typer.Context, run: RunArgument) -> None:
    """Cancel a run: nodes at work are stopped, waiting ones never start."""
    from landfall.cli.products import actor
    from landfall.client import FunctionsClient, FunctionsUnreachable
    from landfall.runs.closing import cancel_run

    here = invocation(context)
    database = here.database()
    run_id = _resolve(database, run)
    try:
        FunctionsClient.connect(here.settings(), actor=actor()).cancel_run(run_id)
    except FunctionsUnreachable as error:
        # SQL is the truth: what is on record there takes effect once the app is back.
        now = datetime.now(UTC)
        database.transact(lambda connection: cancel_run(connection, run_id, actor=actor(), now=now))
        note(str(error))
        note(f"run {run_id}: the cancel is on record and takes effect when the function app answers again")
        return
    note(f"run {run_id}: asked to stop; `landfall runs watch {run_id}` shows how it ends")


def rerun(
    context: typer.Context,
    run: RunArgument,
    from_failed: Annotated[
        bool, typer.Option("--from-failed", help="Only what did not succeed, its files included.")
    ] = False,
    node: Annotated[
        str | None, typer.Option(metavar="KEY", help="Only this node and what is downstream of it.")
    ] = None,
    only: Annotated[bool, typer.Option("--only", help="With --node: that node alone.")] = False,
    newest: Annotated[
        bool, typer.Option("--newest", help="On the metadata applied now, not the version the run pinned.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Show progress until the new run has ended.")] = True,
    timeout: Timeout = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Run a former run again, on top of what it has taken in; without options, every transformation."""
    from landfall.cli.products import actor
    from landfall.client import FunctionsClient

    if from_failed and node is not None:
        raise typer.BadParameter("--from-failed and --node exclude each other")
    if only and node is None:
        raise typer.BadParameter("--only goes with --node", param_hint="--only")
    here = invocation(context)
    database = here.database()
    client = FunctionsClient.connect(here.settings(), actor=actor())
    started = client.rerun(
        _resolve(database, run), from_failed=from_failed, node=node, only=only, newest=newest
    )
    _follow(database, started, output, wait=wait, timeout=timeout)


def replay(
    context: typer.Context,
    run: RunArgument,
    wait: Annotated[bool, typer.Option(help="Show progress until the new run has ended.")] = True,
    timeout: Timeout = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Repeat a former run with exactly its files, metadata and configuration; its rows are replaced."""
    from landfall.cli.products import actor
    from landfall.client import FunctionsClient

    here = invocation(context)
    database = here.database()
    client = FunctionsClient.connect(here.settings(), actor=actor())
    started = client.replay_run(_resolve(database, run))
    _follow(database, started, output, wait=wait, timeout=timeout)


def show_run(detail: "RunDetail", output: OutputFormat) -> None:
    """Show one run with its nodes and rules; as TSV the nodes only."""
    nodes = node_rows(detail)
    if output is OutputFormat.JSON:
        show_json(run_object(detail))
        return
    if output is OutputFormat.TSV:
        show_rows(nodes, _NODE_COLUMNS, output)
        return
    fields = {name: value for name, value in asdict(detail.run).items() if value is not None}
    show_fields(fields, output)
    print()
    show_rows(nodes, _NODE_COLUMNS, output)
    told = [_rule_row(rule) for rule in detail.rules if rule.rows_failed or rule.rows_corrected]
    if told:
        print()
        show_rows(told, _RULE_COLUMNS, output)
    for key, reason in detail.left_out.items():
        note(f"left out: {key}: {reason}")


def _rule_row(rule: "RuleResult") -> dict[str, Any]:
    """Return what a table says of a rule; JSON has all of it."""
    return {
        **asdict(rule),
        "share": f"{rule.failed_share:.2%}",
        "corrected": rule.rows_corrected,
        "found": rule.detail or "; ".join(rule.samples),
    }


def run_object(detail: "RunDetail") -> dict[str, Any]:
    """Return a run as the JSON that `runs show` prints."""
    return {
        **asdict(detail.run),
        "node_runs": node_rows(detail),
        "rules": [asdict(rule) for rule in detail.rules],
        "left_out": dict(detail.left_out),
    }


def node_rows(detail: "RunDetail") -> list[dict[str, Any]]:
    """Return a row per node: its fields, its seconds from first start to end, and its job's own seconds."""
    from landfall.cli.progress import node_seconds

    return [
        {**asdict(node), "seconds": node_seconds(node), "job_seconds": node.timings_s.get("total")}
        for node in detail.nodes
    ]


def summary_line(detail: "RunDetail") -> str:
    """Return one sentence on how a run ended."""
    run = detail.run
    seconds = (run.finished_at - run.created_at).total_seconds() if run.finished_at else 0.0
    published = sum(node.rows_published or 0 for node in detail.nodes)
    quarantined = sum(node.rows_quarantined or 0 for node in detail.nodes)
    reason = f" ({run.reason})" if run.reason else ""
    return (
        f"run {run.run_id} {run.state}{reason}: {run.nodes} nodes in {seconds:.1f} s, "
        f"{published:,} rows published, {quarantined:,} quarantined"
    )


def exit_code_of_run(detail: "RunDetail") -> ExitCode:
    """Return the exit code that says how a run ended."""
    from landfall.runs.states import NodeState, RunState

    if detail.run.state is RunState.SUCCEEDED:
        return ExitCode.DONE
    failed = [node for node in detail.nodes if node.state is NodeState.FAILED]
    if failed and all(node.error_code in QUALITY_GATE_CODES for node in failed):
        return ExitCode.QUALITY_GATE
    return ExitCode.REFUSED


def _resolve(database: "Database", text: str) -> "RunID":
    from landfall.runs.queries import resolve_run_id

    return database.read(lambda connection: resolve_run_id(connection, text))


def _follow(
    database: "Database",
    started: "StartedRequest",
    output: OutputFormat,
    *,
    wait: bool,
    timeout: float | None,
) -> None:
    """Follow the run that answers a request to its end, or tell which request it is."""
    if started.product_paused:
        note("the product is paused; the request waits for `landfall resume`")
    if not wait:
        show_fields(asdict(started), output)
        return
    deadline = None if timeout is None else time.monotonic() + timeout
    run_id = _wait_for_run(database, started.request_id, timeout, deadline)
    if run_id is None:
        return
    remaining = None if deadline is None else max(deadline - time.monotonic(), 0.0)
    _finish(_watch(database, run_id, remaining), output)


def _watch(database: "Database", run_id: "RunID", timeout_s: float | None) -> "RunDetail":
    from landfall.cli.progress import watch as watch_run

    try:
        return watch_run(database, run_id, timeout_s=timeout_s)
    except KeyboardInterrupt:
        note(
            f"the run goes on; `landfall runs watch {run_id}` follows it, `landfall runs cancel {run_id}` stops it"
        )
        raise


def _wait_for_run(
    database: "Database", request_id: str, timeout_s: float | None, deadline: float | None
) -> "RunID | None":
    """Return the run that took a request up, ``None`` if there was nothing to run."""
    from landfall.cli.progress import POLL_S, StillRunning
    from landfall.runs.requests import request_status

    while True:
        status = database.read(lambda connection: request_status(connection, request_id))
        if status.run_id is not None:
            return status.run_id
        if status.ended:
            note(f"nothing was run: {status.reason or 'nothing has landed that is not taken in already'}")
            return None
        if deadline is not None and time.monotonic() >= deadline:
            raise StillRunning(f"request {request_id}", timeout_s or 0)
        time.sleep(POLL_S)


def _finish(detail: "RunDetail", output: OutputFormat) -> None:
    note(summary_line(detail))
    if output is not OutputFormat.TABLE:
        show_run(detail, output)
    raise typer.Exit(exit_code_of_run(detail))
