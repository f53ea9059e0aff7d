"""`landfall runs`: see and follow runs."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landfall.cli.completing import complete_product, complete_request_state, complete_run, complete_run_state
from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.listing import Cursor, Limit, Since, instant_of, note_following, one_of
from landfall.cli.output import Output, OutputFormat, note, show_fields, show_json, show_rows
from landfall.cli.project import invocation
from landfall.concealing import conceal
from landfall.wording import counted

if TYPE_CHECKING:
    from landfall.metadata.engine import Database
    from landfall.runs.ids import RunID
    from landfall.runs.queries import RuleResult, RunDetail
    from landfall.runs.states import RunState

_LOG_COLUMNS = ("run_id", "key", "attempt", "job_run_id", "state", "logs", "error", "error_trace")

RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run id, its first characters, or @last.", autocompletion=complete_run
    ),
]
ProductOption = Annotated[
    str | None, typer.Option(help="Only those of this domain/product.", autocompletion=complete_product)
]
Timeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Stop waiting after so long, with exit code 6.")
]

_LIST_COLUMNS = ("run_id", "product", "state", "trigger", "nodes", "open_nodes", "created_at", "seconds")
_REQUEST_COLUMNS = (
    "request_id",
    "product",
    "trigger",
    "state",
    "requested_at",
    "requested_by",
    "run_id",
    "run_state",
    "reason",
)
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
    "job_run_id",
    "pack",
    "reason",
)
_EDGE_COLUMNS = ("node", "source", "source_version", "target", "target_version")
_STOP_COLUMNS = ("node", "rule", "setting", "found", "allowed")
_RULE_COLUMNS = ("dataset", "rule", "severity", "rows_checked", "rows_failed", "share", "corrected", "found")


def register(app: typer.Typer) -> typer.Typer:
    """Add `landfall runs` and return it, for what acts on runs."""
    group = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Runs: what is going on and what was."
    )
    group.command(
        "list",
        epilog=examples(
            "landfall runs list --product mobility/flights --output json",
            "landfall runs list --state open --state failed --since 24h",
        ),
    )(list_runs)
    group.command("requests", epilog=examples("landfall runs requests --state pending"))(list_requests)
    group.command(epilog=examples("landfall runs show @last"))(show)
    group.command(epilog=examples("landfall runs watch @last --timeout 600"))(watch)
    group.command(epilog=examples("landfall runs logs @last daily_delays"))(logs)
    group.command(epilog=examples("landfall runs trace @last"))(trace)
    group.command(epilog=examples("landfall runs lineage @last"))(lineage)
    app.add_typer(group, name="runs")
    return group


def list_runs(
    context: typer.Context,
    product: ProductOption = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Only runs in this state; give it again for another. `open` is every one that goes on.",
            autocompletion=complete_run_state,
        ),
    ] = None,
    trigger: Annotated[
        str | None, typer.Option(help="Only what this started: landing, http, schedule, rerun and so on.")
    ] = None,
    since: Since = None,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only created before then; told as for --since.")
    ] = None,
    begins: Annotated[str | None, typer.Option(metavar="ID", help="First characters of the id.")] = None,
    order: Annotated[str, typer.Option(help="newest, oldest or last_ended first.")] = "newest",
    limit: Limit = 20,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List runs that meet every filter given, the newest first."""
    from landfall.runs.pausing import find_pauses
    from landfall.runs.requests import Trigger
    from landfall.runs.run_list import RunFilter, RunOrder, find_runs

    wanted = RunFilter(
        product=product,
        states=_states(state or ()),
        trigger=one_of(Trigger, trigger, "--trigger"),
        since=instant_of(since, "--since"),
        until=instant_of(until, "--until"),
        begins=begins,
    )
    ordered = one_of(RunOrder, order, "--order") or RunOrder.NEWEST
    database = invocation(context).database()
    found = database.read(
        lambda connection: find_runs(connection, wanted, order=ordered, limit=limit, cursor=cursor)
    )
    pauses = database.read(find_pauses)
    rows = []
    for run in found.items:
        ended = run.finished_at - run.created_at if run.finished_at else None
        rows.append(
            {
                **asdict(run),
                "seconds": ended.total_seconds() if ended else None,
                "product_paused": run.product in pauses,
            }
        )
    show_rows(rows, _LIST_COLUMNS, output)
    note_following(found)
    for key, pause in pauses.items():
        if product in (None, key):
            why = f": {pause.reason}" if pause.reason else ""
            note(f"{key} is paused since {pause.since:%Y-%m-%d %H:%M:%S}Z by {pause.by}{why}")


def _states(texts: Iterable[str]) -> "frozenset[RunState]":
    from landfall.runs.run_list import OPEN_STATES
    from landfall.runs.states import RunState

    found: set[RunState] = set()
    for text in texts:
        if text == "open":
            found |= OPEN_STATES
        elif word := one_of(RunState, text, "--state"):
            found.add(word)
    return frozenset(found)


def list_requests(
    context: typer.Context,
    product: ProductOption = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="Only requests that are pending, claimed by a run, or done.",
            autocompletion=complete_request_state,
        ),
    ] = None,
    trigger: Annotated[
        str | None, typer.Option(help="Only what this asked for: http, schedule, rerun and so on.")
    ] = None,
    since: Since = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List what was asked to run, the newest first, with what became of it."""
    from landfall.runs.request_list import RequestFilter
    from landfall.runs.request_list import list_requests as read_requests
    from landfall.runs.requests import RequestState, Trigger

    wanted = RequestFilter(
        product=product,
        state=one_of(RequestState, state, "--state"),
        trigger=one_of(Trigger, trigger, "--trigger"),
        since=instant_of(since, "--since"),
    )
    database = invocation(context).database()
    found = database.read(lambda connection: read_requests(connection, wanted, limit=limit, cursor=cursor))
    show_rows([asdict(request) for request in found.items], _REQUEST_COLUMNS, output)
    note_following(found)


def show(context: typer.Context, run: RunArgument, output: Output = OutputFormat.TABLE) -> None:
    """Show one run: its state, its nodes and what the quality rules found."""
    from landfall.runs.queries import get_run

    database = invocation(context).database()
    run_id = resolve(database, run)
    show_run(database.read(lambda connection: get_run(connection, run_id)), output)


def lineage(
    context: typer.Context,
    run: RunArgument = "@last",
    limit: Limit = 100,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show which datasets a run read and wrote, in which versions; it is known when the run has ended."""
    from landfall.runs.run_lineage import find_run_lineage

    database = invocation(context).database()
    run_id = resolve(database, run)
    found = database.read(lambda connection: find_run_lineage(connection, run_id, limit=limit, cursor=cursor))
    show_rows([asdict(edge) for edge in found.items], _EDGE_COLUMNS, output)
    note_following(found)


def watch(context: typer.Context, run: RunArgument = "@last", timeout: Timeout = None) -> None:
    """Follow a run until it ends; the exit code says how it ended."""
    database = invocation(context).database()
    detail = watch_to_end(database, resolve(database, run), timeout)
    note(summary_line(detail))
    raise typer.Exit(exit_code_of_run(detail))


def logs(
    context: typer.Context,
    run: RunArgument,
    node: Annotated[
        str | None, typer.Argument(metavar="NODE", help="Without it, every node with a job.")
    ] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Print what the jobs of a run wrote to their output."""
    from landfall.jobs.client import connect
    from landfall.jobs.protocol import JobRunID
    from landfall.runs.queries import get_run
    from landfall.runs.run_nodes import NodeNotInRun

    here = invocation(context)
    database = here.database()
    run_id = resolve(database, run)
    detail = database.read(lambda connection: get_run(connection, run_id))
    chosen = [found for found in detail.nodes if node in (None, found.key)]
    if not chosen:
        raise NodeNotInRun(run_id, str(node))
    jobs = connect(here.settings(), patience_s=5)
    rows = []
    for found in chosen:
        if found.job_run_id is None:
            note(f"{found.key}: no job was started ({found.state})")
            continue
        told = jobs.output(JobRunID(found.job_run_id))
        rows.append(
            {
                "run_id": run_id,
                "key": found.key,
                "attempt": found.attempt,
                "job_run_id": found.job_run_id,
                "state": found.state,
                "logs": told.logs,
                "error": told.error,
                "error_trace": told.error_trace,
            }
        )
        if output is OutputFormat.TABLE:
            # What was printed is no column: it is shown as it is, node by node as it comes.
            print(f"==> {found.key}, attempt {found.attempt}, job run {found.job_run_id}: {found.state} <==")
            for part in (told.logs, told.error, told.error_trace):
                if part:
                    print(conceal(part).rstrip())
    if output is not OutputFormat.TABLE:
        show_rows(rows, _LOG_COLUMNS, output)


def trace(
    context: typer.Context,
    run: RunArgument = "@last",
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="LANDFALL_TELEMETRY_FILE",
            help="Where spans are written, one per line.",
        ),
    ] = None,
) -> None:
    """Print the trace of a run as a tree: what began when and took how long, in milliseconds.

    The spans come from the file that LANDFALL_TELEMETRY_FILE named when the stack was started.
    """
    from landfall.telemetry import run_span
    from landfall.trace_tree import read_spans, tree_lines

    run_id = resolve(invocation(context).database(), run)
    if file is None or not file.exists():
        raise typer.BadParameter(
            "no spans were written. Set LANDFALL_TELEMETRY_FILE, start the stack anew and run again.",
            param_hint="--file",
        )
    spans = read_spans(file, run_span(run_id).trace)
    if not spans:
        note(f"{file} has no span of run {run_id}: it was traced elsewhere, or goes on")
        raise typer.Exit(ExitCode.REFUSED)
    for line in tree_lines(spans):
        print(line)


def show_run(detail: "RunDetail", output: OutputFormat) -> None:
    """Show one run with its nodes and rules; as TSV the nodes only."""
    nodes = node_rows(detail)
    if output is OutputFormat.JSON:
        show_json(run_object(detail))
        return
    if output is OutputFormat.TSV:
        show_rows(nodes, _NODE_COLUMNS, output)
        return
    fields = {**asdict(detail.run), **_costs(detail)}
    show_fields({name: value for name, value in fields.items() if value is not None}, output)
    print()
    packed = any(node.pack is not None for node in detail.nodes)
    show_rows(nodes, [name for name in _NODE_COLUMNS if packed or name != "pack"], output)
    told = [_rule_row(rule) for rule in detail.rules if rule.rows_failed or rule.rows_corrected]
    if told:
        print()
        show_rows(told, _RULE_COLUMNS, output)
    stops = [{"node": node.key, **asdict(stop)} for node in detail.nodes for stop in node.stopped_by]
    if stops:
        print()
        show_rows(stops, _STOP_COLUMNS, output)
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
        **_costs(detail),
        "node_runs": node_rows(detail),
        "rules": [asdict(rule) for rule in detail.rules],
        "left_out": dict(detail.left_out),
    }


def _costs(detail: "RunDetail") -> dict[str, Any]:
    """Return the seconds of all jobs, what they cost where a price is set, and where to find the run's trace."""
    from landfall.telemetry import run_span

    return {
        "job_seconds": round(detail.costs.total_s, 3),
        "cost_estimate": detail.costs.total,
        "trace_id": run_span(detail.run.run_id).trace,
    }


def node_rows(detail: "RunDetail") -> list[dict[str, Any]]:
    """Return a row per node: its fields, its seconds from first start to end, its job's own seconds, its cost."""
    from landfall.cli.progress import node_seconds

    return [
        {
            **asdict(node),
            "seconds": node_seconds(node),
            "job_seconds": node.timings_s.get("total"),
            "cost_estimate": detail.costs.of_node(node.key),
        }
        for node in detail.nodes
    ]


def summary_line(detail: "RunDetail") -> str:
    """Return one sentence on how a run ended."""
    run = detail.run
    seconds = (run.finished_at - run.created_at).total_seconds() if run.finished_at else 0.0
    read = sum(node.rows_read or 0 for node in detail.nodes)
    published = sum(node.rows_published or 0 for node in detail.nodes)
    quarantined = sum(node.rows_quarantined or 0 for node in detail.nodes)
    reason = f" ({run.reason})" if run.reason else ""
    return (
        f"run {run.run_id} {run.state}{reason}: {counted(run.nodes, 'node')} in {seconds:.1f} s, "
        f"{counted(read, 'row')} read, {published:,} published, {quarantined:,} quarantined"
    )


def exit_code_of_run(detail: "RunDetail") -> ExitCode:
    """Return the exit code that says how a run ended."""
    from landfall.runs.states import NodeState, RunState
    from landfall.runs.verdict import QUALITY_GATE_CODES

    if detail.run.state is RunState.SUCCEEDED:
        return ExitCode.DONE
    failed = [node for node in detail.nodes if node.state is NodeState.FAILED]
    if failed and all(node.error_code in QUALITY_GATE_CODES for node in failed):
        return ExitCode.QUALITY_GATE
    return ExitCode.REFUSED


def resolve(database: "Database", text: str) -> "RunID":
    """Return the run that somebody means."""
    from landfall.runs.queries import resolve_run_id

    return database.read(lambda connection: resolve_run_id(connection, text))


def watch_to_end(database: "Database", run_id: "RunID", timeout_s: float | None) -> "RunDetail":
    """Show a run until it ends, and return how it ended."""
    from landfall.cli.progress import watch as watch_run

    try:
        return watch_run(database, run_id, timeout_s=timeout_s)
    except KeyboardInterrupt:
        note(
            f"the run goes on; `landfall runs watch {run_id}` follows it, `landfall runs cancel {run_id}` stops it"
        )
        raise
