"""`landfall pause`, `landfall resume` and `landfall why`: what operators do to a product, and ask of it."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from landfall.cli.completing import complete_product, complete_subject
from landfall.cli.examples import examples
from landfall.cli.output import Output, OutputFormat, note, show_fields, show_rows
from landfall.cli.project import invocation

_COLUMNS = ("about", "cause", "says", "do", "since")

ProductArgument = Annotated[
    str, typer.Argument(metavar="PRODUCT", help="domain/product", autocompletion=complete_product)
]


def register(app: typer.Typer) -> None:
    app.command(epilog=examples('landfall pause mobility/flights --reason "source sends doubles"'))(pause)
    app.command(epilog=examples("landfall resume mobility/flights"))(resume)
    app.command(
        epilog=examples(
            "landfall why daily_delays              a dataset: why it is not newer, or not there",
            "landfall why @last                     a run: what failed, waits or was left out",
            "landfall why weather/weather.csv       a file: why no run has taken it in",
        )
    )(why)


def pause(
    context: typer.Context,
    product: ProductArgument,
    reason: Annotated[str | None, typer.Option(help="Why, for those who ask `landfall why`.")] = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Let a product open no new run; what lands and what is asked for waits, an open run goes on."""
    from landfall.accounts import actor
    from landfall.client import FunctionsClient

    client = FunctionsClient.connect(invocation(context).settings(), actor=actor())
    show_fields(client.pause(product, reason=reason), output)
    note(f"`landfall resume {product}` ends the pause")


def resume(context: typer.Context, product: ProductArgument, output: Output = OutputFormat.TABLE) -> None:
    """Let a paused product open runs again; what has waited starts one at once."""
    from landfall.accounts import actor
    from landfall.client import FunctionsClient

    client = FunctionsClient.connect(invocation(context).settings(), actor=actor())
    show_fields(client.resume(product), output)


def why(
    context: typer.Context,
    subject: Annotated[
        str,
        typer.Argument(
            metavar="DATASET|RUN|FILE",
            help="dataset or domain/product.dataset; a run id, its first characters or @last; a file's id or the "
            "end of its address.",
            autocompletion=complete_subject,
        ),
    ],
    output: Output = OutputFormat.TABLE,
) -> None:
    """Say why a dataset, run or file is as it is, and what to do about it."""
    from landfall.runs.evidence import find_evidence
    from landfall.runs.why.explaining import explain

    now = datetime.now(UTC)
    evidence = (
        invocation(context).database().read(lambda connection: find_evidence(connection, subject, now=now))
    )
    findings = explain(evidence, now=now)
    if output is not OutputFormat.TABLE:
        show_rows([asdict(finding) for finding in findings], _COLUMNS, output)
        return
    # Sentences do not fit into columns.
    for finding in findings:
        since = f" (since {finding.since:%Y-%m-%d %H:%M:%S}Z)" if finding.since else ""
        print(f"{finding.about}: {finding.says}{since}")
        if finding.do is not None:
            print(f"    -> {finding.do}")
