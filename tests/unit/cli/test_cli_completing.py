"""What a shell is told to complete: verbs, products, datasets and run ids."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer._completion_classes import BashComplete

from landfall.cli.main import app
from landfall.metadata.engine import Database
from tests.builders import a_product, a_transformation
from tests.loopback import PATIENCE_S
from tests.unit.cli.conftest import apply, open_a_run

PROGRAM = "import sys; from landfall.cli.main import run; sys.argv[0] = 'landfall'; run()"


def completed(project: Path, *words: str) -> list[str]:
    """Return what is offered for the last of some words."""
    shell = BashComplete(typer.main.get_command(app), {}, "landfall", "_LANDFALL_COMPLETE")
    offered = shell.get_completions(["--project", str(project), *words[:-1]], words[-1])
    return [item.value for item in offered]


def test_names_and_ids_are_completed_as_the_database_has_them(project: Path, database: Database) -> None:
    apply(database, a_product(a_transformation()), a_product(a_transformation(), name="returns"))
    open_a_run(database, "20260101-120000-aaaa")

    assert completed(project, "pause", "sales/r") == ["sales/returns"]
    assert completed(project, "preview", "orders_l") == ["orders_landed"]
    assert completed(project, "preview", "sales/orders.o") == [
        "sales/orders.orders",
        "sales/orders.orders_landed",
    ]
    assert completed(project, "runs", "show", "2026") == ["20260101-120000-aaaa"]
    assert completed(project, "runs", "show", "@") == ["@last"]


@pytest.mark.parametrize(
    ("verb", "begun", "offered"),
    [
        ("runs list", "", ["pending", "running", "succeeded", "failed", "cancelled", "open"]),
        ("runs cancel", "p", ["pending"]),
        ("runs requests", "c", ["claimed"]),
        ("files list", "un", ["unmatched"]),
        ("files replay", "re", ["rejected"]),
        ("dead-letters list", "a", ["all"]),
        ("quarantine show", "h", ["held"]),
        ("backfills list", "pa", ["paused"]),
    ],
)
def test_states_are_completed_without_a_database(
    verb: str, begun: str, offered: list[str], tmp_path: Path
) -> None:
    assert completed(tmp_path, *verb.split(), "--state", begun) == offered


def test_without_a_database_a_shell_is_told_nothing_and_no_error(tmp_path: Path) -> None:
    assert completed(tmp_path, "pause", "sales") == []


@pytest.mark.parametrize(
    ("shell", "asked", "answered"),
    [
        ("bash", {"COMP_WORDS": "landfall --project {} quarantine sh", "COMP_CWORD": "4"}, "show"),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "landfall --project {} quarantine sh"}, '"show"'),
        (
            "fish",
            {
                "_TYPER_COMPLETE_ARGS": "landfall --project {} quarantine sh",
                "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            },
            "show",
        ),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_shell_is_answered_in_its_own_form(
    tmp_path: Path, shell: str, asked: dict[str, str], answered: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={
            **os.environ,
            "_LANDFALL_COMPLETE": f"complete_{shell}",
            **{name: text.format(tmp_path) for name, text in asked.items()},
        },
    )

    assert (answered in done.stdout, "replay" in done.stdout, done.stderr) == (True, False, "")
