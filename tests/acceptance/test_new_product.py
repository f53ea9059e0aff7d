"""The way of the README: from nothing to a table of one's own."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from landfall.local.layout import Ports
from tests.acceptance.laptop import Laptop

pytestmark = pytest.mark.stack

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    (tmp_path / "landfall.yml").write_text("name: new\ndefault_target: laptop\ntargets:\n  laptop: {}\n")
    laptop = Laptop(tmp_path, Ports.free())
    yield laptop
    laptop.stop()


def _ten_lines() -> list[list[str]]:
    """Return the commands of the README's section about a product of one's own."""
    section = README.read_text(encoding="utf-8").partition("## Add a product")[2]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block is not None
    lines = [shlex.split(line, comments=True) for line in block[1].splitlines()]
    return [line[1:] for line in lines if line[0] == "landfall"]


def test_the_ten_lines_lead_to_a_table(laptop: Laptop) -> None:
    answers = {}
    for command in _ten_lines():
        match command:
            case ["up"]:
                laptop.up()
            case ["land", product, dataset, file, *options]:
                laptop.succeed("land", product, dataset, str(laptop.project / file), *options)
            case [verb, *_]:
                answers[verb] = laptop.succeed(*command)

    assert [run.state for run in laptop.runs()] == ["succeeded"]
    assert "daily_sales" in answers["plan"]
    assert len(answers["preview"].splitlines()) > 1
