"""`landfall runs node`, `events`, `graph` and `timeline`: one run looked into, as the API's routes show it."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from landfall.cli.examples import examples
from landfall.cli.listing import Cursor, Limit, note_more, one_of
from landfall.cli.output import Output, OutputFormat, note, show_fields, show_json, show_rows
from landfall.cli.project import invocation
from landfall.cli.runs import RunArgument, resolve
from landfall.wording import counted

_EVENT_COLUMNS = ("occurred_at", "key", "before", "after", "actor", "detail")
_EDGE_COLUMNS = ("before", "after")
_TIME_COLUMNS = (
    "key",
    "layer",
    "state",
    "attempt",
    "started_at",
    "finished_at",
    "waited_s",
    "seconds",
    "critical",
)
_ATTEMPT_COLUMNS = (
    "number",
    "state",
    "job_run_id",
    "failure",
    "error_code",
    "submitted_at",
    "finished_at",
    "reason",
)


def register(group: typer.Typer) -> None:
    """Add to `landfall runs` what looks into one run."""
    group.command("node", epilog=examples("landfall runs node @last daily_delays"))(node)
    group.command("events", epilog=examples("landfall runs events @last --node daily_delays"))(events)
    group.command("graph", epilog=examples("landfall runs graph @last --output tsv"))(graph)
    group.command("timeline", epilog=examples("landfall runs timeline @last --rows critical"))(timeline)


def node(
    context: typer.Context,
    run: RunArgument,
    key: Annotated[str, typer.Argument(metavar="NODE", help="Key of the node, as `runs show` lists it.")],
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show one node of a run: its definition, attempts, inputs, result, rules and files."""
    from landfall.api.run_reads import show_node

    database = invocation(context).database()
    found = show_node(database, resolve(database, run), key).body
    if output is not OutputFormat.TABLE:
        show_fields(found, output)
        return
    plain = {
        name: item for name, item in found.items() if not isinstance(item, list | dict) and item is not None
    }
    around = {
        name: ", ".join(other["key"] for other in found[name])
        for name in ("upstream", "downstream", "shares_job_run_with")
        if found[name]
    }
    show_fields({**plain, **around}, output)
    for name, columns in (
        ("attempts", _ATTEMPT_COLUMNS),
        ("rules", ("rule", "severity", "rows_checked", "rows_failed", "detail")),
        ("files", ("file_id", "state", "url", "size_bytes")),
    ):
        if found[name]:
            print()
            show_rows(found[name], columns, output)
    note("--output json has its definition, settings, parameters and result, too")


def events(
    context: typer.Context,
    run: RunArgument = "@last",
    of_node: Annotated[str | None, typer.Option("--node", help="Only those of this node.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """List every change of state of a run and its nodes, the newest first, with who did it."""
    from landfall.api.run_reads import show_events

    database = invocation(context).database()
    found = show_events(database, resolve(database, run), node=of_node, limit=limit, cursor=cursor).body
    show_rows(found["events"], _EVENT_COLUMNS, output)
    note_more(found["following"])


def graph(
    context: typer.Context,
    run: RunArgument = "@last",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Edges of a page.")] = 500,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show which nodes of a run wait for which; as a table, its layers with the states of their nodes first."""
    from landfall.api.run_shape import show_edges, show_graph

    database = invocation(context).database()
    run_id = resolve(database, run)
    found = show_edges(database, run_id, limit=limit, cursor=cursor).body
    if output is OutputFormat.TABLE and cursor is None:
        bands = show_graph(database, run_id).body["bands"]
        show_rows([_band(item) for item in bands], ("layer", "steps", "nodes", "states"), output)
        print()
    show_rows(found["edges"], _EDGE_COLUMNS, output)
    note_more(found["following"])


def timeline(
    context: typer.Context,
    run: RunArgument = "@last",
    rows: Annotated[
        str, typer.Option(help="all by their start, critical for what decided the end, or longest first.")
    ] = "all",
    limit: Annotated[int, typer.Option(min=1, max=500, help="Nodes of a page.")] = 100,
    cursor: Cursor = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Show when the nodes of a run were at work, and which of them decided when it ended."""
    from landfall.api.run_shape import show_timeline
    from landfall.runs.run_timeline import Rows

    database, now = invocation(context).database(), datetime.now(UTC)
    run_id = resolve(database, run)
    wanted = one_of(Rows, rows, "--rows") or Rows.ALL
    found = show_timeline(database, run_id, wanted, limit=limit, cursor=cursor, now=now).body
    if output is OutputFormat.JSON:
        show_json(found)
    else:
        chain = frozenset(found["chain"])
        show_rows(
            [_times(item, now) | {"critical": item["key"] in chain} for item in found["nodes"]],
            _TIME_COLUMNS,
            output,
        )
    if found["chain"]:
        nodes = counted(len(found["chain"]), "node")
        note(f"{nodes} decided when it ended: {found['critical_s']:.1f} s from start to end")
    note_more(found["following"])


def _band(band: dict[str, Any]) -> dict[str, Any]:
    return {
        "layer": band["layer"],
        "steps": f"{band['first_step']}-{band['last_step']}",
        "nodes": band["nodes"],
        "states": ", ".join(f"{count} {state}" for state, count in band["states"].items()),
    }


def _times(item: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return a node with the seconds that it was at work, and that it waited for a place and its turn."""
    started: datetime = item["started_at"]
    ready: datetime | None = item["ready_at"]
    ended: datetime = item["finished_at"] or now
    return {
        **item,
        "waited_s": max((started - ready).total_seconds(), 0.0) if ready is not None else None,
        "seconds": (ended - started).total_seconds(),
    }
