"""What the documents say is true: links lead somewhere, commands and targets exist, cited tests are there."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.error_codes import PAGE, error_codes, page

ROOT = Path(__file__).parents[2]
DOCUMENTS = tuple(sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]))

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CITED_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
# A command stands in a shell block or between backticks; what follows `#` or an ellipsis is for the reader.
SHELL_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
INLINE_COMMAND = re.compile(r"`((?:make|landfall) [^`]+|make)`")


def each_document() -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in DOCUMENTS]


def commands_in(text: str) -> Iterator[str]:
    """Yield every command line of a document, without comments, assignments and pipes."""
    lines = [line for block in SHELL_BLOCK.findall(text) for line in block.splitlines()]
    for line in [*lines, *INLINE_COMMAND.findall(text)]:
        words = shlex.split(line.split("…")[0].split(">")[0].split("|")[0], comments=True)
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words = words[1:]
        if words:
            yield shlex.join(words)


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def is_understood(words: list[str]) -> bool:
    """Return whether the command knows the verb and every option of a line; nothing is run."""
    from landfall.cli.main import main

    # Options are parsed before the one for help is acted on, so a wrong one still counts as wrong usage.
    return main([*words, "--help"]) == 0


def test_there_are_documents() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= {path.name for path in DOCUMENTS}


@pytest.mark.parametrize("path", each_document())
def test_every_link_leads_somewhere(path: Path) -> None:
    targets = [target for target in LINK.findall(path.read_text(encoding="utf-8")) if "://" not in target]

    assert [target for target in targets if not (path.parent / target.partition("#")[0]).exists()] == []


@pytest.mark.parametrize("path", each_document())
def test_every_command_exists(path: Path) -> None:
    wrong = []
    for line in commands_in(path.read_text(encoding="utf-8")):
        program, *words = shlex.split(line)
        if program == "make":
            wrong += [line for word in words if "=" not in word and word not in make_targets()]
        elif program == "landfall" and not is_understood(words):
            wrong.append(line)

    assert wrong == []


@pytest.mark.parametrize("path", each_document())
def test_every_cited_test_is_there(path: Path) -> None:
    missing = []
    for file, name in CITED_TEST.findall(path.read_text(encoding="utf-8")):
        source = ROOT / file
        if not source.exists() or (name and name not in _functions(source)):
            missing.append(f"{file}::{name}" if name else file)

    assert missing == []


def test_the_page_of_error_codes_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_error_code_belongs_to_one_error_and_says_what_it_means() -> None:
    codes = error_codes()

    assert [item.code for item in codes if not item.meaning] == []
    assert len({item.code for item in codes}) == len(codes)


def test_every_decision_is_in_the_table_of_contents() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    assert [path.name for path in decisions if f"(decisions/{path.name})" not in index] == []


@pytest.mark.parametrize(
    "line", ["landfall nonsense", "landfall runs nonsense", "landfall validate --nonsense"]
)
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    assert not is_understood(shlex.split(line)[1:])


def test_commands_are_read_as_a_reader_would_type_them() -> None:
    text = "```sh\nKEEP=1 make demo   # why\nlandfall db sql > x.sql\n```\nSay `landfall files list --state done`."

    assert list(commands_in(text)) == ["make demo", "landfall db sql", "landfall files list --state done"]


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
