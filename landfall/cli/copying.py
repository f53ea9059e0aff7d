"""`landfall copy`: databases, APIs and file servers into the landing zone, where there is no Data Factory."""

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landfall.cli.examples import examples
from landfall.cli.output import Output, OutputFormat, Row, note, show_rows
from landfall.cli.project import invocation
from landfall.cli.runs import Timeout
from landfall.wording import counted

if TYPE_CHECKING:
    from pathlib import Path

    from landfall.copying.execute import Copied, Upload
    from landfall.copying.plan import CopyItem, CopyPlan
    from landfall.lake import Lake
    from landfall.spec.model import Product

_COLUMNS = ("dataset", "mode", "state", "rows", "file", "watermark_from", "watermark_to", "seconds", "reason")
_PLAN_COLUMNS = ("dataset", "mode", "state", "source", "file", "watermark_from", "reason")
_PROGRESS_EVERY_S = 1.0


def register(app: typer.Typer) -> None:
    app.command(
        epilog=examples(
            "landfall copy mobility/fleet",
            "landfall copy mobility/fleet aircraft_landed --wait",
            "landfall copy mobility/fleet --full --dry-run",
        )
    )(copy)


def copy(
    context: typer.Context,
    product: Annotated[str, typer.Argument(metavar="PRODUCT", help="domain/product")],
    datasets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DATASET…]", help="Datasets with copy:; without any, all of them."),
    ] = None,
    full: Annotated[
        bool, typer.Option(help="Copy everything once more, not only what is new since the last copy.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be copied, and ask no source.")
    ] = False,
    wait: Annotated[
        bool, typer.Option(help="Show the run that takes the files in until it has ended.")
    ] = False,
    timeout: Timeout = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Copy tables, answers of APIs and files of servers into the landing zone; a run starts by itself.

    What Data Factory does in Azure, by the same plan. This machine reaches a database by the variable
    LANDFALL_CONNECTION_<SOURCE>, an SQLAlchemy URL, and a share by file:///FOLDER. Of an API or SFTP server the
    variable stands in for the address of the product file, and LANDFALL_SECRET_<SOURCE> is what signs in. A watermark
    moves once a run has published what was copied.
    """
    from landfall.landing.copy_plans import current_copy_plan
    from landfall.metadata.catalog import get_current_product

    here = invocation(context)
    database = here.database()
    plan = database.read(
        lambda connection: current_copy_plan(
            connection, product, key=None, now=datetime.now(UTC), datasets=datasets or (), full=full
        )
    )
    if dry_run:
        show_rows([*map(_planned_row, plan.items), *_waiting_rows(plan)], _PLAN_COLUMNS, output)
        return
    current = database.read(lambda connection: get_current_product(connection, product)).product
    from landfall.lake import Lake

    rows, etags = _copy_all(current, plan, Lake.connect(here.settings()))
    show_rows(rows, _COLUMNS, output)
    if not etags:
        return
    if not wait:
        note(
            "a run takes them in; `landfall files list` shows how far it is, `landfall copy --wait` waits for it"
        )
        return
    from landfall.cli.landing import exit_code_of_files

    raise typer.Exit(exit_code_of_files(database, product, etags, timeout_s=timeout))


def _copy_all(product: "Product", plan: "CopyPlan", lake: "Lake") -> tuple[list[Row], list[str]]:
    """Copy the items of a plan; return a row for each, and the entity tags of the files."""
    from landfall.copying.execute import copy_from
    from landfall.copying.reaching import reach
    from landfall.settings import find_source_connection, source_connection, source_secret

    wanted = {item.source for item in plan.items}
    # All of them first: whoever forgot one variable learns of it before an hour of copying.
    sources = {
        declared.name: reach(
            declared,
            connection=find_source_connection,
            needed_connection=source_connection,
            needed_secret=source_secret,
        )
        for declared in product.sources
        if declared.name in wanted
    }
    rows: list[Row] = []
    etags: list[str] = []
    for item in plan.items:
        began = monotonic()
        copied = copy_from(product, item, sources[item.source], _upload(product, lake), progress=_Progress())
        seconds = monotonic() - began
        rows += [_copied_row(one, seconds) for one in copied]
        etags += [one.etag for one in copied if one.etag is not None]
    return [*rows, *_waiting_rows(plan)], etags


def _upload(product: "Product", lake: "Lake") -> "Upload":
    def upload(path: str, file: "Path") -> str:
        below = path.removeprefix(f"{product.key}/")
        return lake.upload_landing(product.domain, product.name, below, file).etag

    return upload


class _Progress:
    """Tells the person at a terminal how many rows were read, about once a second."""

    def __init__(self) -> None:
        self._next_at = monotonic() + _PROGRESS_EVERY_S

    def __call__(self, dataset: str, rows: int) -> None:
        if sys.stderr.isatty() and monotonic() >= self._next_at:
            self._next_at = monotonic() + _PROGRESS_EVERY_S
            note(f"{dataset}: {counted(rows, 'row')}")


def _copied_row(copied: "Copied", seconds: float) -> dict[str, Any]:
    new = copied.path is not None
    return {
        **asdict(copied),
        "file": copied.path.rpartition("/")[2] if copied.path else None,
        "state": "copied" if new else "unchanged",
        "reason": None if new else "nothing is new at the source",
        "seconds": round(seconds, 2),
    }


def _planned_row(item: "CopyItem") -> dict[str, Any]:
    return {**asdict(item), "state": "due", "reason": None}


def _waiting_rows(plan: "CopyPlan") -> list[Row]:
    return [{"dataset": item.dataset, "state": "waits", "reason": item.reason} for item in plan.waiting]
