"""The installed command as a process of its own: codes, streams, signals, and what it does not load."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from landfall.cli.main import app
from landfall.metadata.engine import Database
from tests.builders import a_product, a_transformation
from tests.loopback import PATIENCE_S
from tests.unit.cli.conftest import apply, open_a_run

ROOT = Path(__file__).parents[3]
LANDFALL = (sys.executable, "-c", "from landfall.cli.main import run; run()")


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LANDFALL, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, **environment},
    )


def test_help_is_data_and_every_verb_has_an_example() -> None:
    def verbs(app: typer.Typer, *before: str) -> Iterator[tuple[tuple[str, ...], str]]:
        for command in app.registered_commands:
            assert command.callback is not None
            yield (*before, command.name or command.callback.__name__), command.epilog or ""
        for group in app.registered_groups:
            assert group.typer_instance is not None
            yield from verbs(group.typer_instance, *before, str(group.name))

    without = [" ".join(name) for name, epilog in verbs(app) if f"landfall {' '.join(name)}" not in epilog]

    assert without == ["db upgrade"]  # its example names a target first
    done = _run("--help")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [("nonsense",), ("runs", "show"), ("validate", "--output", "xml")])
def test_wrong_usage_ends_with_2_and_says_so_on_stderr(arguments: tuple[str, ...]) -> None:
    done = _run(*arguments)

    assert done.returncode == 2
    assert done.stdout == ""
    assert "Try 'landfall" in done.stderr


def test_a_refusal_is_one_line_with_its_code(tmp_path: Path) -> None:
    done = _run("--project", str(tmp_path), "runs", "list")

    assert done.returncode == 1
    assert done.stderr.startswith("LF1001 ")
    assert len(done.stderr.splitlines()) == 1


def test_a_name_that_the_terminal_cannot_write_is_told_all_the_same(
    project: Path, database: Database
) -> None:
    apply(database, a_product(a_transformation()))
    open_a_run(database, "20260101-120000-aaaa", path="sales/orders/orders_landed/zo%C3%AB.csv")

    done = _run("--project", str(project), "files", "list", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert (done.returncode, done.stderr) == (0, "")
    assert r"zo\xeb.csv" in done.stdout


def test_a_defect_ends_with_3_and_shows_its_traceback_when_asked(project: Path) -> None:
    # Nobody thought of a folder in the place of this file.
    env = project / ".landfall" / "laptop.env"
    env.unlink()
    env.mkdir()

    quiet = _run("--project", str(project), "runs", "list")
    loud = _run("--debug", "--project", str(project), "runs", "list")

    assert (quiet.returncode, loud.returncode) == (3, 3)
    assert quiet.stderr.startswith("LF6000 internal error")
    assert "Traceback" not in quiet.stderr
    assert "Traceback" in loud.stderr


def test_an_interrupted_wait_ends_with_130_and_says_that_the_run_goes_on(
    project: Path, database: Database
) -> None:
    apply(database, a_product(a_transformation()))
    run = open_a_run(database, "20260101-120000-aaaa")
    python, option, program = LANDFALL
    # What is started in the background of a script is born deaf to the signal, and so are its children.
    hearing = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {program}"
    watching = subprocess.Popen(
        [python, option, hearing, "--project", str(project), "runs", "watch"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stderr is not None
    # The first change it shows says that it waits.
    first = watching.stderr.readline()

    watching.send_signal(signal.SIGINT)
    rest = watching.stderr.read()

    assert watching.wait(timeout=PATIENCE_S) == 130
    watching.stderr.close()
    assert "run" in first
    assert f"landfall runs watch {run}" in rest


def test_what_is_piped_holds_no_colour_and_nothing_but_data(project: Path, database: Database) -> None:
    apply(database, a_product(a_transformation()))
    open_a_run(database, "20260101-120000-aaaa")

    done = _run("--project", str(project), "runs", "list", "-o", "json", FORCE_COLOR="1")

    assert done.returncode == 0
    assert [row["product"] for row in json.loads(done.stdout)] == ["sales/orders"]
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        (
            "landfall.cli.main",
            ("sqlalchemy", "pydantic", "rich", "azure", "deltalake", "databricks", "sqlglot", "ruamel"),
        ),
        # Everything else of the stack waits for it.
        ("landfall.local.supervisor", ("aiohttp", "sqlalchemy", "azure", "databricks")),
        # A function app that wakes up keeps its first event waiting for as long as it takes to load.
        (
            "function_app",
            (
                "databricks",
                "sqlglot",
                "ruamel",
                "pydantic",
                "fastapi",
                "deltalake",
                "pyarrow",
                "alembic",
                "openlineage",
            ),
        ),
    ],
)
def test_a_program_starts_without_what_only_some_of_its_calls_need(
    module: str, heavy: tuple[str, ...]
) -> None:
    probe = f"import {module}, sys; print([name for name in {heavy!r} if name in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
        cwd=ROOT,
    )

    assert done.stdout == "[]\n"
