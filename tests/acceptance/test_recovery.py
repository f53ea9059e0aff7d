"""Whatever process dies in mid-run: the run ends well, and every file is taken in exactly once."""

import signal
from collections.abc import Iterator

import pytest

from landfall.local.layout import Layout
from tests.acceptance.laptop import Laptop

pytestmark = pytest.mark.stack

HEAD = """\
api_version: landfall/v1
domain: sales
name: chain
owner: {team: sales-data, email: sales-data@contoso.example}
description: A chain of nodes that takes long enough to be disturbed.
sources:
  - {name: shop, type: file, format: csv, options: {header: true}}
datasets:
  - name: t0
    source: shop
    landing: {path: "in/*.csv"}
    layer: bronze
    columns: [{name: id, type: int, nullable: false}]
run: {settle: 100ms, retries: 3}
transformations:
"""
LENGTH = 8
PRODUCT = HEAD + "".join(
    f"  - {{name: build_t{index}, inputs: [t{index - 1}], steps: [{{select: [id]}}, {{dedupe: {{keys: [id]}}}}], "
    f"output: {{dataset: t{index}, layer: silver}}}}\n"
    for index in range(1, LENGTH + 1)
)


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    laptop = Laptop.start(tmp_path_factory.mktemp("recovery"), "sales/chain", PRODUCT)
    yield laptop
    laptop.stop()


def _land_and_reach_the_middle(laptop: Laptop, number: int) -> int:
    """Land one file with one new id, and return the number of runs before it once its run is half done."""
    before = len(laptop.runs())
    laptop.upload(f"sales/chain/in/{number}.csv", f"id\n{number}\n".encode())
    laptop.wait_for(
        lambda: len(laptop.runs()) > before and laptop.runs()[0].open_nodes <= LENGTH - 1,
        "the middle of the run",
    )
    return before


def _check(laptop: Laptop, before: int, number: int) -> None:
    detail = laptop.ended_run(after=before)
    assert detail.run.state == "succeeded", [
        (node.key, node.error_code, node.reason) for node in detail.nodes
    ]
    assert {node.state for node in detail.nodes} == {"succeeded"}
    assert laptop.file(f"{number}.csv").state == "done"
    for table in ("bronze/t0", f"silver/t{LENGTH}"):
        ids = [row["id"] for row in laptop.rows(f"sales/chain/{table}")]
        assert ids.count(number) == 1, (table, sorted(ids))


@pytest.mark.parametrize(
    ("number", "service", "how"),
    [
        (1, "functions", signal.SIGKILL),
        (2, "spark", signal.SIGKILL),
        # The emulator, unlike Azure Storage, forgets what it confirmed in the last moment before it is killed.
        (3, "azurite", signal.SIGTERM),
        (4, "jobs", signal.SIGKILL),
        (5, "events", signal.SIGKILL),
    ],
)
def test_a_dying_process_costs_time_and_nothing_else(
    laptop: Laptop, number: int, service: str, how: signal.Signals
) -> None:
    before = _land_and_reach_the_middle(laptop, number)

    killed = laptop.kill(service, how)

    laptop.wait_for(lambda: laptop.pid(service) not in {None, killed}, f"{service} to come back")
    _check(laptop, before, number)


def test_losing_the_task_hub_loses_no_run(laptop: Laptop) -> None:
    before = _land_and_reach_the_middle(laptop, 6)

    killed = laptop.kill("functions", signal.SIGKILL)
    for file in Layout(laptop.project).functions.glob("taskhub.sqlite*"):
        file.unlink(missing_ok=True)

    laptop.wait_for(lambda: laptop.pid("functions") not in {None, killed}, "the host to come back")
    _check(laptop, before, 6)


def test_a_cancelled_run_ends_within_seconds_and_keeps_what_it_finished(laptop: Laptop) -> None:
    before = _land_and_reach_the_middle(laptop, 7)

    laptop.succeed("runs", "cancel", "@last")
    detail = laptop.ended_run(after=before)

    assert detail.run.state == "cancelled"
    assert {node.state for node in detail.nodes} <= {"succeeded", "cancelled", "skipped"}
    assert laptop.file("7.csv").state == "done"
