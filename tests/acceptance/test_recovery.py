"""Whatever process dies in mid-run: the run ends well, and every file is taken in exactly once."""

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
LENGTH = 6
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
    before = len(laptop.read("runs", "list"))
    laptop.upload(f"sales/chain/in/{number}.csv", f"id\n{number}\n".encode())
    laptop.wait_for(
        lambda: len(laptop.read("runs", "list")) > before and laptop.last_run()["open_nodes"] <= LENGTH - 2,
        "the middle of the run",
    )
    return before


def _check(laptop: Laptop, before: int, number: int) -> None:
    run = laptop.ended_run(after=before)
    assert run["state"] == "succeeded", run
    assert {node["state"] for node in run["node_runs"]} == {"succeeded"}
    assert laptop.file(f"{number}.csv")["state"] == "done"
    for table in ("bronze/t0", f"silver/t{LENGTH}"):
        ids = [row["id"] for row in laptop.rows(f"sales/chain/{table}")]
        assert ids.count(number) == 1, (table, sorted(ids))


@pytest.mark.parametrize(
    ("number", "service"), [(1, "functions"), (2, "spark"), (3, "azurite"), (4, "jobs"), (5, "events")]
)
def test_a_killed_process_costs_time_and_nothing_else(laptop: Laptop, number: int, service: str) -> None:
    before = _land_and_reach_the_middle(laptop, number)

    killed = laptop.kill(service)

    laptop.wait_for(lambda: laptop.pid(service) not in {None, killed}, f"{service} to come back")
    _check(laptop, before, number)


def test_losing_the_task_hub_loses_no_run(laptop: Laptop) -> None:
    before = _land_and_reach_the_middle(laptop, 6)

    killed = laptop.kill("functions")
    for file in Layout(laptop.project).functions.glob("taskhub.sqlite*"):
        file.unlink(missing_ok=True)

    laptop.wait_for(lambda: laptop.pid("functions") not in {None, killed}, "the host to come back")
    _check(laptop, before, 6)


def test_a_cancelled_run_ends_within_seconds_and_keeps_what_it_finished(laptop: Laptop) -> None:
    before = _land_and_reach_the_middle(laptop, 7)

    laptop.succeed("runs", "cancel", "@last")
    run = laptop.ended_run(after=before)

    assert run["state"] == "cancelled"
    assert {node["state"] for node in run["node_runs"]} <= {"succeeded", "cancelled", "skipped"}
    assert laptop.file("7.csv")["state"] == "done"
