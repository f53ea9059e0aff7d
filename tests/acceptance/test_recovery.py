"""Whatever process dies in mid-run: the run ends well, and every file is taken in exactly once."""

import signal
from collections.abc import Iterator

import pytest

from landfall.client import FunctionsClient
from landfall.local.layout import Layout
from tests.acceptance.chain import PRODUCT, PRODUCT_KEY, SLOW_FILE, check_run, land_and_reach_the_middle
from tests.acceptance.laptop import Laptop

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    laptop = Laptop.start(tmp_path_factory.mktemp("recovery"), PRODUCT_KEY, PRODUCT, files=SLOW_FILE)
    yield laptop
    laptop.stop()


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
    before = land_and_reach_the_middle(laptop, number)

    killed = laptop.kill(service, how)

    laptop.wait_for(lambda: laptop.pid(service) not in {None, killed}, f"{service} to come back")
    check_run(laptop, before, number)


def test_losing_the_task_hub_loses_no_run(laptop: Laptop) -> None:
    before = land_and_reach_the_middle(laptop, 6)

    killed = laptop.kill("functions", signal.SIGKILL)
    for file in Layout(laptop.project).functions.glob("taskhub.sqlite*"):
        file.unlink(missing_ok=True)

    laptop.wait_for(lambda: laptop.pid("functions") not in {None, killed}, "the host to come back")
    check_run(laptop, before, 6)


def test_a_cancelled_run_ends_within_seconds_and_keeps_what_it_finished(laptop: Laptop) -> None:
    # Not through the command, which takes longer to start than the run may last.
    client = FunctionsClient.connect(laptop.settings)
    before = land_and_reach_the_middle(laptop, 7)

    client.cancel_run(laptop.runs()[0].run_id)
    detail = laptop.ended_run(after=before)

    assert detail.run.state == "cancelled"
    assert {node.state for node in detail.nodes} <= {"succeeded", "cancelled", "skipped"}
    assert laptop.file("7.csv").state == "done"
