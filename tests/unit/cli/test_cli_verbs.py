"""Verbs on a real project and a real database: what they show, where, and with which exit code."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from landfall.cli.main import main
from landfall.landing.intake import take_in
from landfall.metadata.engine import Database
from landfall.metadata.migrations import head
from landfall.runs.ids import RunID
from landfall.runs.states import NodeState
from landfall.runs.verdict import Verdict
from landfall.spec.model import Product
from tests.api_server import NOW
from tests.builders import a_blob_event, a_product, a_transformation
from tests.unit.cli.conftest import Command, apply, close, open_a_run, settle

SOUND = """
api_version: landfall/v1
domain: sales
name: orders
owner: {team: sales-data, email: sales-data@contoso.example}
sources:
  - {name: files, type: file, format: csv}
datasets:
  - name: orders_landed
    source: files
    landing: {path: "orders/*.csv"}
    layer: bronze
    columns: [{name: id, type: int}]
transformations:
  - name: build_orders
    inputs: [orders_landed]
    steps: [{filter: id > 0}]
    output: {dataset: orders, layer: silver}
"""


def _write(project: Path, text: str) -> Path:
    file = project / "data_products" / "sales" / "orders" / "product.yml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


def _product() -> Product:
    return a_product(a_transformation("build_orders"), a_transformation("build_daily", inputs=["orders"]))


def test_validate_counts_what_a_sound_product_declares(project: Path, landfall: Command) -> None:
    _write(project, SOUND)

    answer = landfall("validate", "--output", "json")

    assert answer.code == 0
    assert json.loads(answer.out) == [
        {"product": "sales/orders", "sources": 1, "datasets": 2, "rules": 0, "nodes": 2, "ports": 0}
    ]


def test_validate_takes_a_product_as_other_verbs_do(project: Path, landfall: Command) -> None:
    _write(project, SOUND)

    answer = landfall("validate", "sales/orders", "--output", "json")

    assert [found["product"] for found in json.loads(answer.out)] == ["sales/orders"]


def test_validate_says_where_it_looked_for_what_is_not_there(project: Path, landfall: Command) -> None:
    answer = landfall("validate", "sales/nothing")

    assert answer.code == 2
    assert "sales/nothing does not exist, nor does data_products/sales/nothing" in " ".join(
        answer.err.split()
    )


def test_validate_says_how_to_begin_where_there_is_no_product(
    tmp_path: Path, landfall: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "landfall.yml").write_text("name: shop\n")
    monkeypatch.chdir(tmp_path)

    done = landfall("validate")

    assert done.code == 0
    assert done.err == "No products yet; `landfall init DOMAIN/PRODUCT` starts one.\n"


def test_validate_shows_every_fault_on_stderr_with_file_and_line(project: Path, landfall: Command) -> None:
    _write(project, SOUND.replace("id > 0", "amount > 0").replace("name: sales-data", "nam: x"))

    answer = landfall("validate")

    assert answer.code == 1
    assert answer.out == ""
    assert "data_products/sales/orders/product.yml:17: LF" in answer.err
    assert "amount" in answer.err


def test_validate_gives_programs_the_faults_as_data(project: Path, landfall: Command) -> None:
    file = _write(project, SOUND.replace("id > 0", "amount > 0"))

    answer = landfall("validate", str(file), "--output", "json")

    assert answer.code == 1
    (fault,) = json.loads(answer.out)
    assert set(fault) == {"path", "line", "code", "message", "remedy"}


def test_plan_draws_and_gives_data(project: Path, landfall: Command) -> None:
    _write(project, SOUND)

    assert "build_orders" in landfall("plan", "sales/orders").out
    assert landfall("plan", "sales/orders", "-o", "mermaid").out.startswith("flowchart")
    plan = json.loads(landfall("plan", "sales/orders", "-o", "json").out)
    assert [node["key"] for node in plan["nodes"]] == ["ingest.orders_landed", "build_orders"]
    assert landfall("plan", "sales/order").code == 1


def test_apply_shows_first_writes_second_and_writes_nothing_again(
    project: Path, database: Database, landfall: Command
) -> None:
    _write(project, SOUND)

    dry = landfall("apply", "--dry-run")
    first = landfall("apply")
    second = landfall("apply", "-o", "json")

    assert "new, becomes version 1" in dry.out
    assert "nothing was written" in dry.err
    assert "version 1 is current" in first.err
    assert json.loads(second.out)["products"][0]["status"] == "unchanged"
    assert "nothing was written" in second.err


def test_rollback_brings_back_the_version_before(database: Database, landfall: Command) -> None:
    apply(database, _product())
    apply(database, replace(_product(), description="Orders, newly described."))

    answer = landfall("rollback", "sales/orders", "-o", "json")

    assert json.loads(answer.out) == {"product": "sales/orders", "version": 3, "restores": 1}
    assert landfall("rollback", "sales/orders").code == 1


def test_runs_are_listed_newest_first_with_stable_keys(database: Database, landfall: Command) -> None:
    apply(database, _product())
    _end(database, open_a_run(database, "20260101-120000-aaaa"))
    open_a_run(database, "20260101-130000-bbbb")

    rows = json.loads(landfall("runs", "list", "-o", "json").out)

    assert {row["run_id"]: row["state"] for row in rows} == {
        "20260101-130000-bbbb": "running",
        "20260101-120000-aaaa": "succeeded",
    }
    assert {"product", "trigger", "nodes", "open_nodes", "created_at", "seconds"} <= set(rows[0])


def test_a_run_is_found_by_its_first_characters(database: Database, landfall: Command) -> None:
    apply(database, _product())
    _end(database, open_a_run(database, "20260101-120000-aaaa"))

    shown = json.loads(landfall("runs", "show", "20260101-12", "-o", "json").out)

    assert [node["key"] for node in shown["node_runs"]] == [
        "ingest.orders_landed",
        "build_orders",
        "build_daily",
    ]
    assert shown["node_runs"][0]["job_seconds"] == 1.5
    assert landfall("runs", "show", "@last").code == 0
    assert landfall("runs", "show", "2030").code == 1


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict(NodeState.SUCCEEDED), 0),
        (Verdict(NodeState.FAILED, error_code="LF4571", reason="a cast failed"), 1),
        (Verdict(NodeState.FAILED, error_code="LF4521", reason="rule x refused 3 rows"), 5),
        (Verdict(NodeState.FAILED, error_code="LF4522", reason="3 of 4 rows were refused"), 5),
    ],
)
def test_the_exit_code_of_watch_says_how_the_run_ended(
    database: Database, landfall: Command, verdict: Verdict, code: int
) -> None:
    apply(database, _product())
    run = open_a_run(database, "20260101-120000-aaaa")
    settle(database, run, "ingest.orders_landed", verdict)
    if verdict.state is NodeState.SUCCEEDED:
        settle(database, run, "build_orders", verdict)
        settle(database, run, "build_daily", verdict)
    close(database, run)

    answer = landfall("runs", "watch")

    assert answer.code == code
    assert answer.out == ""


def test_watch_shows_each_change_once_in_its_order(database: Database, landfall: Command) -> None:
    apply(database, _product())
    _end(database, open_a_run(database, "20260101-120000-aaaa"))

    lines = landfall("runs", "watch", "@last").err.splitlines()

    changes = [line.split()[1:3] for line in lines if "ingest.orders_landed" in line]
    assert [state for _, state in changes][-1] == "succeeded"
    assert len(changes) == len({tuple(change) for change in changes})
    assert "10 read, 8 published, 2 quarantined" in "\n".join(lines)


def test_a_wait_that_takes_too_long_ends_with_6(database: Database, landfall: Command) -> None:
    apply(database, _product())
    open_a_run(database, "20260101-120000-aaaa")

    answer = landfall("runs", "watch", "@last", "--timeout", "0.1")

    assert answer.code == 6
    assert "LF6201" in answer.err


def test_files_are_listed_with_what_became_of_them(database: Database, landfall: Command) -> None:
    apply(database, _product())
    for path in ("sales/orders/orders_landed/a.csv", "sales/orders/elsewhere/b.csv"):
        database.transact(lambda c, path=path: take_in(c, a_blob_event(path), now=NOW))  # type: ignore[misc]

    rows = json.loads(landfall("files", "list", "-o", "json").out)
    unmatched = landfall("files", "list", "--state", "unmatched", "-o", "tsv").out.splitlines()

    assert {row["file"]: row["state"] for row in rows} == {"a.csv": "pending", "b.csv": "unmatched"}
    assert len(unmatched) == 2
    assert landfall("files", "list", "--state", "lost").code == 2
    assert (
        json.loads(landfall("files", "show", "orders_landed/a.csv", "-o", "json").out)[0]["event_count"] == 1
    )
    assert landfall("files", "show", "99").code == 1


def test_a_service_that_does_not_answer_ends_with_4(
    database: Database, landfall: Command, tmp_path: Path
) -> None:
    apply(database, _product())
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n")

    run = landfall("run", "sales/orders", "--no-wait")
    preview = landfall("preview", "orders")

    assert (run.code, preview.code) == (4, 4)
    assert run.err.startswith("LF6302 ")
    assert preview.err.startswith("LF4102 ")


def test_land_refuses_before_it_uploads(database: Database, landfall: Command, tmp_path: Path) -> None:
    apply(database, _product())
    file = tmp_path / "a.txt"
    file.write_text("id\n1\n")

    assert landfall("land", "sales/orders", "orders_landed", str(file)).err.startswith("LF3112 ")
    assert landfall("land", "sales/orders", "orders", str(file)).err.startswith("LF3110 ")
    assert landfall("land", "sales/nothing", "orders", str(file)).err.startswith("LF2101 ")
    assert landfall("land", "sales/orders", "orders_landed", str(tmp_path / "none.csv")).code == 2


def test_preview_names_the_nearest_dataset(database: Database, landfall: Command) -> None:
    apply(database, _product())

    answer = landfall("preview", "orderz")

    assert answer.code == 1
    assert "did you mean 'orders'?" in answer.err


def test_preview_asks_which_product_is_meant(database: Database, landfall: Command) -> None:
    apply(database, _product(), replace(_product(), name="returns"))

    answer = landfall("preview", "daily")

    assert answer.code == 1
    assert "sales/orders.daily, sales/returns.daily" in answer.err


def test_db_upgrade_is_repeatable_and_sql_prints_a_script(landfall: Command) -> None:
    assert f"at revision {head()}, was empty" in landfall("db", "upgrade").err
    assert landfall("db", "upgrade").err.endswith(f"at revision {head()}\n")
    assert "CREATE TABLE" in landfall("db", "sql").out
    assert landfall("db", "sql", "--from", "9999").code == 1


def test_a_database_without_tables_says_what_to_do(landfall: Command) -> None:
    answer = landfall("runs", "list")

    assert answer.code == 1
    assert "landfall db upgrade" in answer.err


def test_without_a_project_the_command_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["validate"]) == 1

    assert "landfall init" in capsys.readouterr().err


def test_a_target_the_project_does_not_have_is_refused(landfall: Command) -> None:
    answer = landfall("--target", "prod", "runs", "list")

    assert answer.code == 1
    assert "no target 'prod'; known: laptop" in answer.err


def test_a_target_says_where_everything_is(
    project: Path, database: Database, landfall: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("LANDFALL_DATABASE_URL", "LANDFALL_STORAGE_ACCOUNT", "DATABRICKS_HOST"):
        monkeypatch.delenv(variable, raising=False)
    (project / "landfall.yml").write_text(
        f"""
name: shop
targets:
  laptop: {{}}
  dev:
    database_url: sqlite:///{project}/.landfall/landfall.db
    storage_account: contosodev
    databricks_host: https://adb-1.azuredatabricks.net
"""
    )

    assert landfall("--target", "dev", "runs", "list", "-o", "json").out == "[]\n"


def _end(database: Database, run: RunID) -> None:
    verdict = Verdict(
        NodeState.SUCCEEDED,
        rows_read=10,
        rows_published=8,
        rows_quarantined=2,
        rules=({"name": "id_known", "severity": "quarantine", "rows_checked": 10, "rows_failed": 2},),
        result={"timings_s": {"total": 1.5}},
    )
    for key in ("ingest.orders_landed", "build_orders", "build_daily"):
        settle(database, run, key, verdict)
    close(database, run)
