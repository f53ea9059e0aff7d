"""`landfall run` and what acts on runs: start, cancel, rerun and replay, one run or all that meet a filter."""

import time
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landfall.cli.bulk import BulkAct, DryRun, Yes, act_on_all, given
from landfall.cli.completing import complete_product, complete_run, complete_run_state
from landfall.cli.examples import examples
from landfall.cli.listing import Since
from landfall.cli.output import Output, OutputFormat, note, show_fields
from landfall.cli.project import invocation
from landfall.cli.runs import (
    RunArgument,
    Timeout,
    exit_code_of_run,
    resolve,
    show_run,
    summary_line,
    watch_to_end,
)

if TYPE_CHECKING:
    from landfall.client import StartedRequest
    from landfall.metadata.engine import Database
    from landfall.runs.ids import RunID
    from landfall.runs.queries import RunDetail

RunOrNone = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="A run id, its first characters, or @last; or a filter instead.",
        autocompletion=complete_run,
    ),
]
OfProduct = Annotated[
    str | None,
    typer.Option(
        help="All runs of this domain/product, instead of one RUN.", autocompletion=complete_product
    ),
]
AllRuns = Annotated[bool, typer.Option("--all", help="All runs, where no other filter is given.")]
OnFailureOption = Annotated[
    str | None,
    typer.Option(
        metavar="continue|fail_fast",
        help="After a failed node: run what does not depend on it, or start nothing more; "
        "without it, what the product's settings say.",
    ),
]


def register(app: typer.Typer, group: typer.Typer) -> None:
    """Add `landfall run`, and to `landfall runs` what acts on them."""
    app.command(
        "run",
        epilog=examples(
            "landfall run mobility/flights --full",
            "landfall run mobility/flights --datasets weather --no-wait",
        ),
    )(start)
    group.command(
        epilog=examples(
            "landfall runs cancel @last",
            "landfall runs cancel --product mobility/flights --dry-run",
        )
    )(cancel)
    group.command(
        epilog=examples(
            "landfall runs rerun @last --from-failed",
            "landfall runs rerun @last --node daily_delays --only --newest",
            "landfall runs rerun --from-failed --state failed --since 12h --yes",
        )
    )(rerun)
    group.command(epilog=examples("landfall runs replay @last"))(replay)


def start(
    context: typer.Context,
    product: Annotated[
        str, typer.Argument(metavar="PRODUCT", help="domain/product", autocompletion=complete_product)
    ],
    full: Annotated[bool, typer.Option("--full", help="Build every transformation again.")] = False,
    datasets: Annotated[
        str, typer.Option(metavar="NAME,…", help="Start downstream of these; without it, of what has landed.")
    ] = "",
    on_failure: OnFailureOption = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="The same key again follows the run that the first one started."),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Show progress until the run has ended.")] = True,
    timeout: Timeout = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Start a run of a product and wait for its end."""
    from landfall.accounts import actor
    from landfall.client import FunctionsClient

    _check_on_failure(on_failure)
    here = invocation(context)
    names = tuple(name.strip() for name in datasets.split(",") if name.strip())
    started = FunctionsClient.connect(here.settings(), actor=actor()).start_run(
        product, datasets=names, full=full, on_failure=on_failure, idempotency_key=idempotency_key
    )
    follow(here.database(), started, output, wait=wait, timeout=timeout)


def cancel(
    context: typer.Context,
    run: RunOrNone = None,
    product: OfProduct = None,
    state: Annotated[
        str | None,
        typer.Option(help="Only runs that are pending or running.", autocompletion=complete_run_state),
    ] = None,
    since: Since = None,
    everything: AllRuns = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Cancel a run, or all that meet a filter: nodes at work are stopped, waiting ones never start."""
    from landfall.accounts import actor
    from landfall.client import FunctionsClient, FunctionsUnreachable
    from landfall.runs.bulk import CANCELLABLE
    from landfall.runs.closing import cancel_run

    here = invocation(context)
    choice = _choice(run, CANCELLABLE, product=product, state=state, since=since, everything=everything)
    if choice is not None or run is None:
        _act_on_runs(context, "cancel", choice or {}, dry_run=dry_run, yes=yes, output=output)
        return
    _refuse_for_one(dry_run=dry_run)
    database = here.database()
    run_id = resolve(database, run)
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
    run: RunOrNone = None,
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
    on_failure: OnFailureOption = None,
    product: OfProduct = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="Only runs that failed, cancelled or succeeded; without it the first two.",
            autocompletion=complete_run_state,
        ),
    ] = None,
    since: Since = None,
    everything: AllRuns = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    wait: Annotated[bool, typer.Option(help="Show progress until the new run has ended.")] = True,
    timeout: Timeout = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Run a former run, or all that meet a filter, again on top of what was taken in; all of it unless told a part."""
    from landfall.accounts import actor
    from landfall.client import FunctionsClient
    from landfall.runs.bulk import RERUNNABLE

    if from_failed and node is not None:
        raise typer.BadParameter("--from-failed and --node exclude each other")
    if only and node is None:
        raise typer.BadParameter("--only goes with --node", param_hint="--only")
    _check_on_failure(on_failure)
    here = invocation(context)
    choice = _choice(run, RERUNNABLE, product=product, state=state, since=since, everything=everything)
    if choice is not None or run is None:
        if node is not None:
            raise typer.BadParameter("--node goes with one RUN", param_hint="--node")
        choice = {**(choice or {}), **given(from_failed=from_failed, newest=newest, on_failure=on_failure)}
        _act_on_runs(context, "rerun", choice, dry_run=dry_run, yes=yes, output=output)
        return
    _refuse_for_one(dry_run=dry_run)
    database = here.database()
    client = FunctionsClient.connect(here.settings(), actor=actor())
    started = client.rerun(
        resolve(database, run),
        from_failed=from_failed,
        node=node,
        only=only,
        newest=newest,
        on_failure=on_failure,
    )
    follow(database, started, output, wait=wait, timeout=timeout)


def replay(
    context: typer.Context,
    run: RunArgument,
    wait: Annotated[bool, typer.Option(help="Show progress until the new run has ended.")] = True,
    timeout: Timeout = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Repeat a former run with exactly its files, metadata and configuration; its rows are replaced."""
    from landfall.accounts import actor
    from landfall.client import FunctionsClient

    here = invocation(context)
    database = here.database()
    client = FunctionsClient.connect(here.settings(), actor=actor())
    started = client.replay_run(resolve(database, run))
    follow(database, started, output, wait=wait, timeout=timeout)


def _choice(
    run: str | None,
    states: Collection[str],
    *,
    product: str | None,
    state: str | None,
    since: str | None,
    everything: bool,
) -> dict[str, Any] | None:
    """Return the filter that somebody gave instead of a run; ``None`` where they named one."""
    choice = given(product=product, state=state, since=since, all=everything)
    if (run is None) == (not choice):
        raise typer.BadParameter("name a RUN, or give --product, --state, --since or --all; one of the two")
    if state is not None and state not in states:
        raise typer.BadParameter(f"{state!r} is none of {', '.join(sorted(states))}", param_hint="--state")
    return choice or None


def _check_on_failure(text: str | None) -> None:
    from landfall.spec.model import OnFailure

    if text is not None and text not in list(OnFailure):
        raise typer.BadParameter(f"{text!r} is none of {', '.join(OnFailure)}", param_hint="--on-failure")


def _refuse_for_one(*, dry_run: bool) -> None:
    if dry_run:
        raise typer.BadParameter("--dry-run goes with a filter, not with one RUN", param_hint="--dry-run")


def _act_on_runs(
    context: typer.Context,
    verb: str,
    choice: Mapping[str, Any],
    *,
    dry_run: bool,
    yes: bool,
    output: OutputFormat,
) -> None:
    """Cancel or rerun all runs of a filter; each that is left as it is says why."""
    from landfall.accounts import actor
    from landfall.client import FunctionsClient

    client = FunctionsClient.connect(invocation(context).settings(), actor=actor())
    act = BulkAct(
        call=partial(client.act_on_runs, verb),
        rows=itemgetter("runs"),
        columns=("run_id", "product", "state", "outcome", "reason"),
        verb=verb,
        noun=("run", "runs"),
    )
    act_on_all(act, choice, dry_run=dry_run, yes=yes, output=output)


def follow(
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
    _finish(watch_to_end(database, run_id, remaining), output)


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
