"""What the scripts of `infra/azure-pipelines` run: commands that exist, with options that they take, on files."""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
import typer.main

from landfall.cli.main import app
from tests.infra.test_azure_pipelines import FILES, ROOT, SOURCE, nested, read

pytestmark = pytest.mark.infra

MAKE = re.compile(r"^([a-z-]+):", re.MULTILINE)
# What an expression or a variable of the platform stands for is not known here; any word does.
UNKNOWN = re.compile(r"\$\{\{.*?\}\}|\$\([A-Za-z.]+\)")
# Made by what runs before.
MADE = ("infra/adf/ArmTemplate/", ".venv/")
PATHS = re.compile(
    r"(?<![\w/$-])((?:infra|\.ci|landfall|spark_runtime|orchestrations|activities)/[\w./-]+|requirements\.txt|host\.json|function_app\.py)"
)


def scripts(path: Path) -> Iterator[str]:
    for item in nested(read(path)):
        inputs: Mapping[str, Any] = item.get("inputs", {})
        for text in (item.get("bash"), inputs.get("inlineScript"), inputs.get("scriptPath")):
            if isinstance(text, str):
                yield text


def faults_of_command(words: list[str]) -> Iterator[str]:
    """Yield what the command line says against its arguments, without doing anything."""
    command: Any = typer.main.get_command(app)
    name = "landfall"
    try:
        context = command.make_context(name, words)
        while hasattr(command, "resolve_command"):
            # Of a group the first word is the command, the others are its own.
            rest = [*context._protected_args, *context.args]
            name, command, rest = command.resolve_command(context, rest)
            context = command.make_context(name, rest, parent=context)
    except Exception as error:  # whatever typer calls a wrong use
        yield f"landfall {' '.join(words)}: {error}"


def commands(script: str) -> Iterator[list[str]]:
    for line in script.splitlines():
        for part in re.split(
            r"\|\||&&|[|;]",
            UNKNOWN.sub("", re.sub(r"\$\(environment\)|\$\{\{ parameters\.environment \}\}", "dev", line)),
        ):
            words = shlex.split(part, comments=True)
            if words and Path(words[0]).name == "landfall":
                yield words[1:]


def faults(path: Path) -> Iterator[str]:
    targets = set(MAKE.findall((ROOT / "Makefile").read_text()))
    for script in scripts(path):
        for words in commands(script):
            yield from faults_of_command(words)
        for target in re.findall(r"(?:^|\s)make(?: -s)? ([a-z-]+)", script):
            if target not in targets:
                yield f"make has no target '{target}'"
        for name in PATHS.findall(UNKNOWN.sub("*", script)):
            if not name.startswith(MADE) and "*" not in name and not (ROOT / name.rstrip("./")).exists():
                yield f"there is no {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_what_scripts_run_is_there(path: Path) -> None:
    assert list(faults(path)) == []


def test_the_commands_of_the_command_line_are_found() -> None:
    found = {" ".join(words) for path in FILES for script in scripts(path) for words in commands(script)}

    assert found == {"--target dev validate", "--target dev apply", "--target dev db upgrade"}


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("templates/steps-metadata.yml", "}} validate", "}} validat", "validat"),
        ("templates/steps-sql.yml", "db upgrade", "db upgrade --yess", "--yess"),
        ("templates/steps-sql.yml", "db upgrade", "db upgrad", "upgrad"),
        ("templates/steps-python.yml", "make setup", "make setupp", "no target 'setupp'"),
        (
            "templates/steps-git-folder.yml",
            "git_folder.py",
            "git_folders.py",
            "there is no infra/azure-pipelines/git_folders",
        ),
        (
            "templates/steps-smoke.yml",
            "azure-pipelines/smoke-test",
            "azure-pipelines/smoke",
            "there is no infra",
        ),
        ("ci.yml", "bash: .ci/run", "bash: .ci/runs", "there is no .ci/runs"),
    ],
)
def test_what_is_not_there_is_refused(file: str, old: str, new: str, fault: str, tmp_path: Path) -> None:
    text = (SOURCE / file).read_text()
    assert old in text
    (tmp_path / "x.yml").write_text(text.replace(old, new, 1))

    assert fault in "\n".join(faults(tmp_path / "x.yml"))


class Workspace:
    """Git folders of a workspace, in memory: the calls that `git_folder.py` makes of the SDK."""

    def __init__(self, *paths: str) -> None:
        self.folders = [SimpleNamespace(id=number, path=path) for number, path in enumerate(paths, 1)]
        self.branches: dict[int, str] = {}
        self.repos = self

    def list(self, *, path_prefix: str) -> list[SimpleNamespace]:
        return [folder for folder in self.folders if folder.path.startswith(path_prefix)]

    def update(self, repo_id: int, *, branch: str) -> None:
        self.branches[repo_id] = branch


def test_the_git_folder_that_is_named_is_moved_and_no_other() -> None:
    script: dict[str, Any] = {"__name__": "git_folder"}
    exec((SOURCE / "git_folder.py").read_text(), script)  # noqa: S102 - no package of ours
    workspace = Workspace("/Repos/a/b-old", "/Repos/a/b")

    moved = script["move"](workspace, "/Repos/a/b", "main")
    missing = script["move"](workspace, "/Repos/a/c", "main")

    assert (moved, workspace.branches) == ("/Repos/a/b is at the head of main", {2: "main"})
    assert "there is no Git folder /Repos/a/c" in missing
