"""`landfall up`, `down`, `status`, `doctor`: the laptop stack."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.output import Output, OutputFormat, note, show_rows
from landfall.cli.project import invocation

if TYPE_CHECKING:
    from landfall.local.stack import ServiceInfo, StackInfo

_STATUS_COLUMNS = ("name", "title", "state", "port", "pid", "uptime_s", "memory_mb", "restarts", "fault")
_CHECK_COLUMNS = ("check", "ok", "found", "remedy")


def register(app: typer.Typer) -> None:
    app.command(epilog=examples("landfall up", "landfall up --no-host    and then: func start"))(up)
    app.command(epilog=examples("landfall down"))(down)
    app.command(epilog=examples("landfall status --output json"))(status)
    app.command(epilog=examples("landfall doctor", "landfall --target prod doctor"))(doctor)


def up(
    context: typer.Context,
    host: Annotated[
        bool, typer.Option(help="Start the local function host; --no-host leaves its port to `func start`.")
    ] = True,
    events: Annotated[
        str,
        typer.Option(
            help="How storage events reach the function host: webhook, or queue as in a private network."
        ),
    ] = "webhook",
    blob_port: Annotated[int | None, typer.Option(help="Port of the storage emulator.")] = None,
    spark_port: Annotated[int | None, typer.Option(help="Port of the Spark Connect server.")] = None,
    jobs_port: Annotated[int | None, typer.Option(help="Port of the jobs server.")] = None,
    functions_port: Annotated[int | None, typer.Option(help="Port of the function host.")] = None,
    queue_port: Annotated[int | None, typer.Option(help="Port of queues, where they are served.")] = None,
    table_port: Annotated[int | None, typer.Option(help="Port of tables, where they are served.")] = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Give up after so long.")] = 60.0,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Start the laptop stack.

    Storage, storage events, Spark, the jobs server and the function host, each on loopback. What runs
    already stays as it is.
    """
    from landfall.local import stack
    from landfall.local.services import HOST

    if events not in list(stack.EventsBy):
        raise typer.BadParameter(f"{events!r} is none of {', '.join(stack.EventsBy)}", param_hint="--events")
    given = {
        "blob": blob_port,
        "spark": spark_port,
        "jobs": jobs_port,
        "functions": functions_port,
        "queue": queue_port,
        "table": table_port,
    }
    ports = stack.Ports(**{name: port for name, port in given.items() if port is not None})
    info = stack.start(
        invocation(context).folder(),
        with_host=host,
        events=stack.EventsBy(events),
        ports=ports,
        on_progress=report,
        timeout_s=timeout,
    )
    show_rows(service_rows(info), _STATUS_COLUMNS, output)
    note("it ran already" if info.already_running else f"ready; variables are in {_shown(info.env_file)}")
    for service in info.services:
        if service.name == HOST and service.port is not None:
            note(f"the console is at http://127.0.0.1:{service.port}/console")


def down(context: typer.Context) -> None:
    """Stop the laptop stack; its data stays below .landfall/."""
    from landfall.local import stack

    ran = stack.stop(invocation(context).folder())
    note(
        "the laptop stack is stopped; its data stays in .landfall/" if ran else "the laptop stack did not run"
    )


def status(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """Show what of the laptop stack runs, and where.

    Exit code 1 means that it does not run, or not all of it.
    """
    from landfall.local import stack

    info = stack.status(invocation(context).folder())
    show_rows(service_rows(info) if info else [], _STATUS_COLUMNS, output)
    if info is None:
        note("the laptop stack does not run; `landfall up` starts it")
    if info is None or info.phase is not stack.StackPhase.READY:
        raise typer.Exit(ExitCode.REFUSED)


def doctor(context: typer.Context, output: Output = OutputFormat.TABLE) -> None:
    """Check this machine, this project and the services of the target, and say what to do.

    Database, storage, Databricks and the function app are asked where they are known: on a laptop once the stack
    was started. Exit code 1 means that something is missing or wrong.
    """
    from landfall.checking import Finding, check_services
    from landfall.errors import LandfallError
    from landfall.local.doctor import examine
    from landfall.local.stack import status as stack_status
    from landfall.spec.faults import InvalidSpec

    here = invocation(context)
    findings = examine(here.folder())
    try:
        # What was never started needs not answer.
        if not here.is_laptop() or stack_status(here.folder()) is not None:
            findings = (
                *(finding for finding in findings if finding.check != "database"),
                *check_services(here.settings()),
            )
    except InvalidSpec:
        # The check of the project has told it.
        pass
    except LandfallError as error:
        remedy = "set it in landfall.yml under the target, or in the environment"
        findings = (*findings, Finding("settings", False, f"{error.code} {error}", remedy))
    show_rows([asdict(finding) for finding in findings], _CHECK_COLUMNS, output)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(ExitCode.REFUSED)


def report(service: "ServiceInfo") -> None:
    """Tell that a service became ready, or why it did not."""
    from landfall.local.stack import ServiceState

    if service.state is ServiceState.READY:
        place = f" on port {service.port}" if service.port is not None else ""
        note(f"  {service.title} is ready{place}")
    elif service.fault:
        note(f"  {service.title}: {service.fault}")


def service_rows(info: "StackInfo") -> list[dict[str, object]]:
    """Return a row per service, its memory in MB and its uptime in whole seconds."""
    return [
        {
            **asdict(service),
            "uptime_s": None if service.uptime_s is None else round(service.uptime_s),
            "memory_mb": None if service.memory_bytes is None else round(service.memory_bytes / 1e6),
        }
        for service in info.services
    ]


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
