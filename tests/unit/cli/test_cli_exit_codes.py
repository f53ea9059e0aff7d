"""The exit codes of every verb, as a table: who adds a verb says here how it ends."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

from landfall.cli.main import app, main
from landfall.metadata.engine import Database, create_engine
from landfall.metadata.migrations import upgrade
from landfall.runs.ids import RunID
from landfall.runs.opening import open_run
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from tests.api_server import NOW
from tests.builders import a_product, a_transformation
from tests.unit.cli.conftest import Command, apply, close, open_a_run, settle, write_project

RUN, FAILED_RUN = "20260101-120000-aaaa", "20260101-110000-bbbb"
GATED_RUN = "20260101-100000-cccc"
WRONG_USAGE = 2
# They read nothing of the store, or what they show is no answer but goes on: all others answer in every format.
WITHOUT_OUTPUT = {
    "db sql",
    "db upgrade",
    "demo",
    "down",
    "import database",
    "init",
    "runs trace",
    "runs watch",
}
# What has to be said beside a run.
BESIDE_A_RUN: Mapping[str, str] = {
    "files list": "--run {run}",
    "quarantine discard": "orders_landed --reason why --yes --run {run}",
    "quarantine replay": "orders_landed --yes --run {run}",
    "quarantine show": "orders_landed --run {run}",
    "runs cancel": "{run}",
    "runs events": "{run}",
    "runs graph": "{run}",
    "runs lineage": "{run}",
    "runs logs": "{run}",
    "runs node": "{run} build_orders",
    "runs replay": "{run}",
    "runs rerun": "{run}",
    "runs show": "{run}",
    "runs timeline": "{run}",
    "runs trace": "{run}",
    "runs watch": "{run} --timeout 0.1",
}

# By verb the arguments with which it ends with a code: in a project whose database holds one open run, one that
# failed and one that a rule stopped, and with no service that answers. Codes 5 and 6 are where something is waited for.
TABLE: Mapping[str, Mapping[int, str]] = {
    "alarms": {0: ""},
    "apply": {0: "--dry-run"},
    "attention": {0: ""},
    "audit": {0: ""},
    "backfill": {4: "sales/orders --from 2026-01-01 --to 2026-02-01"},
    "backfills cancel": {4: "3f2a"},
    "backfills list": {0: ""},
    "backfills pause": {4: "3f2a"},
    "backfills resume": {4: "3f2a"},
    "backfills show": {1: "3f2a"},
    "catalog export": {},
    "config get": {0: ""},
    "config history": {0: "retention.runs", 1: "no.such"},
    "config rollback": {1: "retention.runs"},
    "config set": {0: "retention.runs 30d", 1: "retention.runs never"},
    "contract check": {0: ""},
    "contract show": {1: "sales/orders.nothing"},
    "copy": {1: "sales/nothing"},
    "datasets builds": {0: "orders", 1: "nothing"},
    "datasets list": {0: "", 2: "--layer lead"},
    "datasets quality": {0: "orders", 1: "nothing"},
    "datasets show": {0: "orders_landed", 1: "nothing"},
    "db sql": {0: ""},
    "db upgrade": {0: "", 1: "no-such-revision"},
    "dead-letters discard": {4: "1"},
    "dead-letters list": {0: ""},
    "dead-letters replay": {4: "1"},
    "dead-letters show": {1: "1"},
    "demo": {},
    "doctor": {},
    "down": {0: ""},
    "files list": {0: ""},
    "files replay": {4: "1"},
    "files show": {0: "a.csv", 1: "no-such.csv"},
    "find": {0: "orders"},
    "import database": {},
    "init": {0: "sales/returns", 1: "Sales/returns"},
    "land": {1: "sales/orders nothing {file}", 4: "sales/orders orders_landed {file}"},
    "lineage": {0: "orders_landed", 1: "nothing"},
    "pause": {4: "sales/orders"},
    "plan": {1: "sales/nothing"},
    "preview": {1: "nothing", 4: "orders"},
    "products list": {0: "", 1: "--cursor x"},
    "products show": {0: "sales/orders", 1: "sales/nothing"},
    "profile": {1: "nothing", 4: "orders"},
    "purge": {4: "--dry-run"},
    "quarantine datasets": {0: "", 1: "--cursor x"},
    "quarantine discard": {1: "nothing --reason why --yes", 4: "orders_landed --reason why --yes"},
    "quarantine list": {1: "--product sales/nothing", 4: ""},
    "quarantine replay": {1: "nothing --yes", 4: "orders_landed --yes"},
    "quarantine show": {1: "nothing", 4: "orders_landed"},
    "resume": {4: "sales/orders"},
    "rollback": {1: "sales/orders"},
    "run": {4: "sales/orders"},
    "runs cancel": {0: "@last", 1: "2030"},
    "runs events": {0: "@last", 1: "2030"},
    "runs graph": {0: "@last", 1: "2030"},
    "runs lineage": {0: FAILED_RUN, 1: "2030"},
    "runs list": {0: ""},
    "runs logs": {1: "@last nothing", 4: "20260101-11"},
    "runs node": {0: "@last build_orders", 1: "@last nothing"},
    "runs replay": {1: "2030", 4: "20260101-11"},
    "runs rerun": {1: "2030", 4: "20260101-11"},
    "runs requests": {0: "", 1: "--cursor x"},
    "runs show": {0: "20260101-12", 1: "2030"},
    "runs timeline": {0: "@last", 1: "2030", 2: "@last --rows short"},
    "runs trace": {1: "2030"},
    "runs watch": {1: FAILED_RUN, 5: GATED_RUN, 6: "@last --timeout 0.1"},
    "slo": {0: ""},
    "status": {1: ""},
    "test": {0: ""},
    "up": {},
    "validate": {0: "", 1: "{folder}"},
    "versions list": {0: ""},
    "versions show": {0: "sales/orders 1", 1: "sales/orders 9"},
    "why": {0: "@last", 1: "nothing"},
}
# Whoever starts something can wait for its end or not, and for how long.
WAITING = (
    "run",
    "runs rerun",
    "runs replay",
    "quarantine replay",
    "quarantine discard",
    "land",
    "backfill",
    "copy",
)


def verbs(typer_app: typer.Typer, *before: str) -> Iterator[str]:
    for command in typer_app.registered_commands:
        assert command.callback is not None
        yield " ".join((*before, command.name or command.callback.__name__.replace("_", "-")))
    for group in typer_app.registered_groups:
        assert group.typer_instance is not None
        yield from verbs(group.typer_instance, *before, str(group.name))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product with an open run, one that failed and one that a rule stopped; its table is read from top to bottom."""
    folder = write_project(tmp_path_factory.mktemp("codes") / "project")
    database = Database(create_engine(f"sqlite:///{folder}/.landfall/landfall.db"))
    upgrade(database)
    apply(database, a_product(a_transformation()))
    for run_id, code in ((GATED_RUN, "LF4521"), (FAILED_RUN, "LF4571")):
        run = open_a_run(database, run_id)
        settle(
            database, run, "ingest.orders_landed", Verdict(NodeState.FAILED, error_code=code, reason="bad")
        )
        close(database, run)
        # The coordinator finds nothing, so that the lease is idle again.
        database.transact(lambda c: open_run(c, "sales/orders", RunID("none"), now=NOW))
    open_a_run(database, RUN)
    database.close()
    return folder


def test_the_table_names_every_verb() -> None:
    assert sorted(TABLE) == sorted(verbs(app))


@pytest.mark.parametrize(
    ("verb", "code"), [(verb, code) for verb, codes in TABLE.items() for code in codes], ids=str
)
def test_a_verb_ends_with_its_code(
    shop: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: str, code: int
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n")
    arguments = TABLE[verb][code].format(file=file, folder=tmp_path)

    ended = main(["--project", str(shop), *verb.split(), *arguments.split()])

    assert ended == code, capsys.readouterr()


@pytest.mark.parametrize("verb", sorted(TABLE))
def test_a_verb_refuses_an_option_that_it_does_not_know(landfall: Command, verb: str) -> None:
    assert landfall(*verb.split(), "--nonsense").code == WRONG_USAGE


@pytest.mark.parametrize("verb", WAITING)
def test_whoever_starts_something_may_wait_or_not_and_for_how_long(landfall: Command, verb: str) -> None:
    told = landfall(*verb.split(), "--help").out

    assert all(option in told for option in ("--wait", "--timeout"))


def parameters() -> Iterator[tuple[str, set[str]]]:
    """Return what each verb takes: the names of its parameters."""

    def below(group: Any, *before: str) -> Iterator[tuple[str, set[str]]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from below(command, *before, name)
            else:
                yield " ".join((*before, name)), {str(item.name) for item in command.params}

    return below(typer.main.get_command(app))


def test_every_verb_that_answers_does_so_in_every_format() -> None:
    assert {verb for verb, names in parameters() if "output" not in names} == WITHOUT_OUTPUT


def test_every_verb_that_takes_a_run_is_tried() -> None:
    assert {verb for verb, names in parameters() if names & {"run", "run_id"}} == set(BESIDE_A_RUN)


@pytest.mark.parametrize("verb", sorted(BESIDE_A_RUN))
def test_a_run_is_meant_by_last_and_by_its_first_characters(
    shop: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    def said(run: str) -> tuple[int, str]:
        arguments = BESIDE_A_RUN[verb].format(run=run)
        return main(["--project", str(shop), *verb.split(), *arguments.split()]), capsys.readouterr().err

    assert "LF3203" not in said("@last")[1]
    assert "LF3203" not in said(FAILED_RUN[:11])[1]
    code, told = said("2030")
    assert (code, told.split()[0]) == (1, "LF3203")


@pytest.mark.parametrize(
    "verb", sorted(verb for verb in TABLE if 0 in TABLE[verb] and verb not in WITHOUT_OUTPUT)
)
def test_programs_are_answered_in_json_and_tsv(
    shop: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    def said(output: str) -> str:
        main(["--project", str(shop), *verb.split(), *TABLE[verb][0].split(), "--output", output])
        return capsys.readouterr().out

    capsys.readouterr()
    as_json, as_tsv = said("json"), said("tsv")

    if as_json:
        json.loads(as_json)
    columns = [len(line.split("\t")) for line in as_tsv.splitlines()]
    assert len(set(columns)) <= 1, as_tsv
    assert (as_json == "") == (as_tsv == "")
