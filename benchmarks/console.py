"""How long the lists of operators and the pages of the console take: ``python benchmarks/console.py --help``.

Writes a database with so many node runs and one run of 10,000 nodes (minutes; kept for the next time), reads every
list with its filters and orders, first page and a page far behind, then asks the application for the pages of the
console, and prints the 50th and 95th percentile of each. Ends with 1 if one of the latter is above a second.
"""

import os
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles
from typing import Any

import sqlalchemy as sa
from operators_store import DOMAINS, NOW, PRODUCTS, open_store, product_key, store_parser, store_path

from landfall.landing.dead_letters import LetterFilter, LetterState, list_dead_letters
from landfall.landing.queries import FileFilter, get_file, list_files
from landfall.metadata.catalog import find_names, find_product_id
from landfall.metadata.effective import settings_of
from landfall.metadata.engine import Database
from landfall.metadata.paging import Page
from landfall.metadata.scope import Scope
from landfall.metadata.tables import runs
from landfall.metadata.versions import get_version_change, list_versions
from landfall.planning.plan import NodeKey
from landfall.runs.attention import attention
from landfall.runs.backfill_list import list_backfills
from landfall.runs.dataset_history import build_history, quality_history
from landfall.runs.dataset_list import DatasetFilter, list_datasets
from landfall.runs.file_history import file_history
from landfall.runs.ids import RunID
from landfall.runs.product_list import ProductFilter, ProductOrder, find_products
from landfall.runs.refused_list import list_refused
from landfall.runs.run_graph import last_event, run_outline, states_by_band
from landfall.runs.run_list import OPEN_STATES, RunFilter, RunOrder, count_runs, find_runs
from landfall.runs.run_nodes import NodeFilter, find_events, find_nodes, get_node
from landfall.runs.states import FileState, RunState

# The application is served as the tests of the console do it.
sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.console.large_run import FAILED, write_large_run
from tests.console.serving import serving

REPEATS = 20
MOST_S = 1.0
LARGE = RunID("20261101-115900-ffffffff")
_DATASETS = ("orders_landed", "items_landed", "customers", "lines")

Read = Callable[[sa.Connection], Any]


@dataclass(frozen=True, slots=True)
class Measured:
    name: str
    seconds: list[float]

    @property
    def p50_s(self) -> float:
        return quantiles(self.seconds, n=20)[9]

    @property
    def p95_s(self) -> float:
        return quantiles(self.seconds, n=20)[18]


def open_database(path: Path, node_runs: int) -> Database:
    """Return the database at a path, written now with so many node runs and one large run unless it is there."""
    database: Database = open_store(path, node_runs)

    def add_large(connection: sa.Connection) -> None:
        if connection.execute(sa.select(runs.c.RunID).where(runs.c.RunID == LARGE)).first() is None:
            write_large_run(connection, LARGE, product_id=1, now=NOW)

    database.transact(add_large)
    return database


def far(database: Database, read: Callable[..., Page[Any]], pages: int = 10) -> str | None:
    """Return the cursor of a page far behind the first."""
    cursor = None
    for _ in range(pages):
        following = database.read(partial(read, cursor=cursor)).following
        if following is None:
            break
        cursor = following
    return cursor


def reads_of_lists(database: Database) -> Iterator[tuple[str, list[Read]]]:
    """Yield every list with the calls by which it is measured; several where they differ by product."""
    keys = [product_key(number) for number in range(0, PRODUCTS, 7)]
    one_domain = Scope(frozenset(DOMAINS[:1]))
    yield "needs me", [partial(attention, now=NOW)]
    yield "needs me, one domain", [partial(attention, now=NOW, scope=one_domain)]
    for order in ProductOrder:
        yield f"products by {order}", [partial(find_products, order=order)]
    yield (
        "products, last run failed",
        [partial(find_products, wanted=ProductFilter(last_state=RunState.FAILED))],
    )
    lists: dict[str, Callable[..., Page[Any]]] = {
        "files": list_files,
        "files, oldest first": partial(list_files, oldest_first=True),
        "files of one domain": partial(list_files, scope=one_domain),
        "datasets": list_datasets,
        "datasets, broken": partial(list_datasets, wanted=DatasetFilter(broken=True)),
        "refused rows": partial(list_refused, since=NOW - timedelta(days=30)),
        "dead letters": list_dead_letters,
        "backfills": list_backfills,
        "metadata versions": list_versions,
    }
    for state in (FileState.DONE, FileState.REJECTED, FileState.UNMATCHED):
        lists[f"files, {state}"] = partial(list_files, wanted=FileFilter(state=state))
    lists["files by a common name"] = partial(list_files, wanted=FileFilter(name="orders"))
    for name, read in lists.items():
        yield name, [read]
        yield f"{name}, far behind", [partial(read, cursor=far(database, read))]
    yield from reads_of_runs(database, keys, one_domain)
    yield "files of a product", [partial(list_files, wanted=FileFilter(product=key)) for key in keys]
    yield (
        "files of a product, rejected",
        [partial(list_files, wanted=FileFilter(product=key, state=FileState.REJECTED)) for key in keys],
    )
    yield (
        "files of a dataset",
        [partial(list_files, wanted=FileFilter(product=key, dataset="items_landed")) for key in keys],
    )
    files = database.read(far_files).items
    yield "files by name", [partial(list_files, wanted=FileFilter(name=file.name)) for file in files]
    yield "a file by its path", [partial(get_file, text=file.url.split("/landing/")[1]) for file in files]
    yield "a file's history", [partial(file_history, file_id=file.file_id) for file in files]
    found = [database.read(partial(find_product_id, key=key)) for key in keys]
    ids = [number for number in found if number is not None]
    yield (
        "quality of a dataset",
        [
            partial(quality_history, product_id=number, dataset=dataset)
            for number, dataset in zip(ids, cycle(_DATASETS))
        ],
    )
    yield (
        "builds of a dataset",
        [partial(build_history, product_id=number, node=NodeKey("build_report")) for number in ids],
    )
    yield "letters, discarded", [partial(list_dead_letters, wanted=LetterFilter(LetterState.DISCARDED))]
    yield "what a version changed", [partial(get_version_change, product=key, number=1) for key in keys]
    yield "settings of a product", [partial(settings_of, product=key, at=NOW) for key in keys]


def reads_of_runs(database: Database, keys: list[str], one_domain: Scope) -> Iterator[tuple[str, list[Read]]]:
    lists: dict[str, Callable[..., Page[Any]]] = {
        f"runs, {order}": partial(find_runs, wanted=RunFilter(), order=order) for order in RunOrder
    }
    lists["runs, failed"] = partial(find_runs, wanted=RunFilter(states=frozenset({RunState.FAILED})))
    lists["runs, open"] = partial(find_runs, wanted=RunFilter(states=OPEN_STATES))
    lists["runs of one domain"] = partial(find_runs, wanted=RunFilter(), scope=one_domain)
    lists["runs by the beginning of their id"] = partial(find_runs, wanted=RunFilter(begins="r"))
    lists["runs by a rerun"] = partial(find_runs, wanted=RunFilter(trigger="rerun"))
    for name, read in lists.items():
        yield name, [read]
        yield f"{name}, far behind", [partial(read, cursor=far(database, read))]
    yield "runs of a product", [partial(find_runs, wanted=RunFilter(product=key)) for key in keys]
    yield "runs counted", [partial(count_runs, wanted=RunFilter(), scope=one_domain)]
    yield "names", [partial(find_names, text=key[:6], limit=6) for key in keys]
    found = database.read(partial(find_runs, wanted=RunFilter(), limit=20)).items
    yield "one run's graph", [partial(run_outline, run_id=run.run_id) for run in found]
    yield "one run's states", [partial(states_by_band, run_id=run.run_id) for run in found]
    yield "whether a run has changed", [partial(last_event, run_id=run.run_id) for run in found]
    yield "nodes of a run", [partial(find_nodes, run_id=run.run_id, wanted=NodeFilter()) for run in found]
    yield "one node", [partial(get_node, run_id=run.run_id, key=NodeKey("build_report")) for run in found]
    yield "changes of a run", [partial(find_events, run_id=run.run_id) for run in found]


def far_files(connection: sa.Connection) -> Page[Any]:
    return list_files(connection, FileFilter(name="customers-2026-10"), limit=20)


def pages(database: Database) -> dict[str, list[str]]:
    """Return the addresses of pages below ``/console``, several where they differ by product."""
    keys = [product_key(number) for number in range(0, PRODUCTS, 15)]
    newest = database.read(partial(list_files, limit=20)).items
    of_files = [f"/files/{file.file_id}" for file in newest if file.product]
    return {
        "page: needs me": [""],
        "page: products": ["/products"],
        "page: a product": [f"/products/{key}" for key in keys],
        "page: quality": ["/datasets"],
        "page: a dataset": [f"/datasets/{key}/orders_landed" for key in keys],
        "page: files": ["/files"],
        "page: files by name": [f"/files?q={file.name}" for file in newest],
        "page: a file": of_files,
        "page: quarantine": ["/quarantine"],
        "page: lineage": [f"/lineage?of={key}.lines&depth=2" for key in keys],
        "page: backfills": ["/backfills"],
        "page: dead events": ["/dead-events"],
        "page: configuration": ["/configuration"],
        "page: changes": ["/changes"],
        "page: runs": ["/runs"],
        "page: runs of a product": [f"/runs?product={key}" for key in keys],
        "large run: graph": [f"/runs/{LARGE}"],
        "large run: a layer open": [f"/runs/{LARGE}?open=silver"],
        "large run: a node in its band": [f"/runs/{LARGE}?node={FAILED}"],
        "large run: timeline": [f"/runs/{LARGE}?view=timeline"],
        "large run: timeline by start": [f"/runs/{LARGE}?view=timeline&rows=all"],
        "large run: timeline, longest": [f"/runs/{LARGE}?view=timeline&rows=longest"],
        "large run: nodes": [f"/runs/{LARGE}?view=nodes"],
        "large run: nodes of a layer": [f"/runs/{LARGE}?view=nodes&layer=gold"],
        "large run: changes": [f"/runs/{LARGE}?view=events"],
    }


def measure(database: Database, name: str, reads: list[Read], repeats: int) -> Measured:
    return Measured(name, [_seconds(lambda: database.read(read)) for read in islice(cycle(reads), repeats)])  # noqa: B023 called at once


def measure_page(url: str, name: str, paths: list[str], repeats: int) -> Measured:
    def get(path: str) -> None:
        with urllib.request.urlopen(f"{url}/console{path}") as answer:
            answer.read()

    # The first one compiles the template, once for the life of the app.
    get(paths[0])
    return Measured(name, [_seconds(partial(get, path)) for path in islice(cycle(paths), repeats)])


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = store_parser(__doc__.splitlines()[0].partition(":")[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="only rows with this in their name")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="reads of each (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the table to this file too")
    arguments = parser.parse_args()
    node_runs = arguments.node_runs
    store = store_path(arguments)
    database = open_database(store, node_runs)
    lines = [
        f"{node_runs:,} node runs, {arguments.repeats} reads each, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f} before; milliseconds",
        "",
        "| what | p50 | p95 |",
        "|---|---:|---:|",
    ]
    print("\n".join(lines))
    slow = []
    for measured in _all(database, arguments.only, arguments.repeats):
        lines.append(f"| {measured.name} | {measured.p50_s * 1000:.0f} | {measured.p95_s * 1000:.0f} |")
        print(lines[-1], flush=True)
        if measured.p95_s > MOST_S:
            slow.append(measured.name)
    database.close()
    lines += ["", f"Load after: {os.getloadavg()[0]:.1f}."]
    print("\n".join(lines[-2:]))
    if arguments.output:
        arguments.output.write_text("\n".join(lines) + "\n")
    if slow:
        sys.exit(f"above {MOST_S:g} s: {', '.join(slow)}")


def _all(database: Database, only: str, repeats: int) -> Iterator[Measured]:
    for name, reads in reads_of_lists(database):
        if only in name:
            yield measure(database, name, reads, repeats)
    with serving(database, now=lambda: NOW) as served:
        for name, paths in pages(database).items():
            if only in name:
                yield measure_page(served.url, name, paths, repeats)


if __name__ == "__main__":
    main()
