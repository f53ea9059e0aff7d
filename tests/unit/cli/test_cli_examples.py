"""The examples that help texts give: every verb has one, and each is a line that the command takes as it stands."""

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from landfall.cli.main import app

ROOT = typer.main.get_command(app)
Parsed = Callable[[str], tuple[str | None, int]]


def commands(command: Any, *before: str) -> Iterator[tuple[str, Any]]:
    yield " ".join(before), command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *before, name)


def examples() -> Iterator[tuple[str, str]]:
    """Return the verb and the line of each example, without the remark behind it."""
    for verb, command in commands(ROOT):
        for line in (command.epilog or "").splitlines():
            if line.strip().startswith("landfall "):
                yield verb, line.strip().partition("  ")[0]


EXAMPLES = list(examples())


@pytest.fixture
def parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parsed:
    """Return a function that says which verb a line leads to, and how it ended, with verbs that do nothing."""
    reached: list[str] = []
    for verb, command in commands(ROOT):
        if not hasattr(command, "commands"):
            monkeypatch.setattr(command, "callback", lambda verb=verb, **_: reached.append(verb))
    monkeypatch.chdir(tmp_path)

    def read(line: str) -> tuple[str | None, int]:
        reached.clear()
        words = shlex.split(line.partition(" > ")[0])[1:]
        for word in words:
            # Whether the files that examples name are there is not what is tried.
            if Path(word).suffix in {".csv", ".gz", ".yml", ".yaml", ".json", ".parquet"}:
                (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / word).touch()
        try:
            ROOT.main(args=words, prog_name="landfall")
        except SystemExit as end:
            return (reached[0] if reached else None), int(end.code or 0)
        raise AssertionError("the command returned")

    return read


def test_every_verb_has_an_example() -> None:
    verbs = {verb for verb, command in commands(ROOT) if not hasattr(command, "commands")}

    assert verbs - {verb for verb, _ in EXAMPLES} == set()
    assert len(EXAMPLES) > len(verbs)


@pytest.mark.parametrize("line", sorted({line for _, line in EXAMPLES}))
def test_an_example_is_taken_as_it_stands(parsed: Parsed, line: str) -> None:
    reached, code = parsed(line)

    assert (code, reached is None) == (0, False)


def test_a_line_that_the_command_does_not_take_is_told_apart(parsed: Parsed) -> None:
    assert parsed("landfall runs cancel --nonsense") == (None, 2)
    assert parsed("landfall runs nonsense") == (None, 2)
