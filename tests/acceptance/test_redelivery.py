"""Every activity may be delivered twice, also long after it was done: the effect stays that of once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from landfall.local.laptop_env import read_environment
from landfall.local.layout import Layout
from tests.acceptance.chain import PRODUCT, PRODUCT_KEY, SLOW_FILE, check_run
from tests.acceptance.laptop import Laptop
from tests.loopback import PATIENCE_S, wait_for_port

pytestmark = pytest.mark.stack

SHARE_DELIVERED_TWICE = "0.5"


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """A stack whose function host is started beside it, as Core Tools would be, and delivers activities twice."""
    laptop = Laptop.start(
        tmp_path_factory.mktemp("twice"), PRODUCT_KEY, PRODUCT, "--no-host", files=SLOW_FILE
    )
    layout = Layout(laptop.project)
    options = {
        "--app": layout.app,
        "--port": laptop.ports.functions,
        "--data": layout.functions,
        "--keys": layout.functions_keys,
        "--redeliver": SHARE_DELIVERED_TWICE,
    }
    command = [sys.executable, "-m", "landfall.local.functions_host"]
    with _log(laptop.project).open("wb") as log:
        host = subprocess.Popen(
            [*command, *(str(text) for option in options.items() for text in option)],
            stdout=log,
            stderr=log,
            env=os.environ | read_environment(layout.env_file),
        )
    try:
        wait_for_port(laptop.ports.functions)
        yield laptop
    finally:
        host.terminate()
        host.wait(PATIENCE_S)
        laptop.stop()


def _log(project: Path) -> Path:
    return project / "host.log"


def test_activities_delivered_twice_have_the_effect_of_once(laptop: Laptop) -> None:
    for number in (1, 2, 3):
        before = len(laptop.runs())
        laptop.upload(f"{PRODUCT_KEY}/in/{number}.csv", f"id\n{number}\n".encode())
        check_run(laptop, before, number)

    assert len(laptop.runs()) == 3
    assert "activity_delivered_twice" in _log(laptop.project).read_text()
