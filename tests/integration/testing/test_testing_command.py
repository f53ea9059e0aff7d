"""`landfall test` as people run it: answers, exit codes, and no engine left behind."""

import json
from pathlib import Path

import pytest

from landfall.cli.main import main
from landfall.spec.scaffold import scaffold

TESTS = "data_products/sales/orders/tests/orders.yml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    scaffold(tmp_path, "sales/orders")
    return tmp_path


def test_a_new_product_passes_its_tests(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--project", str(project), "test", "sales/orders", "--output", "json"]) == 0

    said = capsys.readouterr()
    answer = json.loads(said.out)
    assert [(item["subject"], item["passed"], item["path"]) for item in answer] == [
        ("orders_landed", True, TESTS),
        ("clean_orders", True, TESTS),
        ("daily_sales", True, TESTS),
    ]
    assert "3 passed, 0 failed" in said.err


def test_a_failing_test_shows_the_rows_and_exits_with_1(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project / TESTS
    file.write_text(file.read_text().replace("revenue: 57.50", "revenue: 57.60"))

    assert main(["--project", str(project), "test"]) == 1

    said = capsys.readouterr()
    lines = [line.strip() for line in said.out.splitlines()]
    at = next(number for number, line in enumerate(lines) if line.startswith("FAIL"))
    assert "sales/orders daily_sales: customers_are_counted_once_a_day" in lines[at]
    assert lines[at + 1].startswith(f"{TESTS}:")
    assert lines[at + 2] == "rows: 1 expected and not found, 1 found and not expected"
    assert lines[at + 4].split() == ["expected", "2024-03-02", "2", "1", "57.60"]
    assert lines[at + 5].split() == ["found", "2024-03-02", "2", "1", "57.50"]
    assert "2 passed, 1 failed" in said.err


def test_a_mistake_in_a_test_is_told_before_anything_runs(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project / TESTS
    file.write_text(file.read_text().replace("orders: 2,", "order: 2,"))

    assert main(["--project", str(project), "test"]) == 1
    assert main(["--project", str(project), "validate"]) == 1

    assert (
        capsys.readouterr().err.count(f"{TESTS}:46: LF1051 unknown column 'order'; did you mean 'orders'?")
        == 2
    )


def test_a_product_without_tests_is_no_failure(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / TESTS).unlink()

    assert main(["--project", str(project), "test"]) == 0

    assert "no tests found" in capsys.readouterr().err


def test_the_examples_pass_their_tests(capsys: pytest.CaptureFixture[str]) -> None:
    repository = Path(__file__).parents[3]

    assert main(["--project", str(repository), "test", "mobility/fleet", "--output", "json"]) == 0

    tested = {item["subject"] for item in json.loads(capsys.readouterr().out)}
    assert tested == {"aircraft_landed", "latest_aircraft", "latest_models", "fleet_by_manufacturer"}
