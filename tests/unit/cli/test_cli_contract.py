"""`landfall contract` on a project in git: the document of a port, and changes that break its readers."""

import json
import subprocess
from pathlib import Path

import pytest

from landfall.metadata.engine import Database
from tests.unit.cli.conftest import Command
from tests.unit.cli.test_cli_verbs import SOUND, _write

PORT = "ports:\n  - {dataset: orders, version: 1}\n"
READER = """
api_version: landfall/v1
domain: sales
name: report
owner: {team: sales-data, email: sales-data@contoso.example}
transformations:
  - name: build_shown
    inputs: [sales/orders.orders@1]
    steps: [{select: [id]}]
    output: {dataset: shown, layer: gold}
"""


def git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=ada", "-c", "user.email=ada@contoso.example")
    subprocess.run(["git", "-C", str(folder), *author, *arguments], check=True, capture_output=True)


@pytest.fixture
def product_file(project: Path) -> Path:
    """Return the file of a committed product whose port another product reads."""
    file = _write(project, SOUND + PORT)
    reader = project / "data_products" / "sales" / "report" / "product.yml"
    reader.parent.mkdir(parents=True)
    reader.write_text(READER)
    git(project, "init", "-q", "-b", "main")
    git(project, "add", "landfall.yml", "data_products")
    git(project, "commit", "-q", "-m", "First")
    return file


def test_the_contract_of_a_port_is_shown_as_a_document(product_file: Path, landfall: Command) -> None:
    answer = landfall("contract", "show", "sales/orders.orders", "--output", "json")

    assert answer.code == 0
    document = json.loads(answer.out)
    assert document["id"] == "sales/orders.orders@1"
    assert [item["name"] for item in document["schema"][0]["properties"]] == ["id"]


def test_an_unknown_port_is_refused_with_those_there_are(product_file: Path, landfall: Command) -> None:
    answer = landfall("contract", "show", "sales/orders.order")

    assert answer.code == 1
    assert "sales/orders.orders@1" in answer.err


def test_a_change_that_breaks_nobody_passes(product_file: Path, landfall: Command) -> None:
    product_file.write_text(product_file.read_text().replace("id > 0", "id > 1"))

    assert landfall("contract", "check", "--base", "HEAD").code == 0


def test_a_breaking_change_names_who_reads_the_port(product_file: Path, landfall: Command) -> None:
    product_file.write_text(
        product_file.read_text().replace("{name: id, type: int}", "{name: id, type: bigint}")
    )

    answer = landfall("contract", "check", "--base", "HEAD", "--output", "json")

    assert answer.code == 1
    (row,) = json.loads(answer.out)
    assert (row["port"], row["change"]) == ("sales/orders.orders@1", "column_retyped")
    assert row["consumers"] == ["sales/report.build_shown"]


def test_a_contract_file_that_promises_more_is_refused(product_file: Path, landfall: Command) -> None:
    product_file.write_text(
        product_file.read_text().replace("version: 1}", "version: 1, contract: orders.odcs.yaml}")
    )
    missing = landfall("contract", "check", "--base", "HEAD")
    (product_file.parent / "orders.odcs.yaml").write_text(
        "schema:\n  - {name: orders, properties: [{name: id}, {name: total}]}\n"
    )
    promised = landfall("contract", "check", "--base", "HEAD")

    assert (missing.code, promised.code) == (1, 1)
    assert "LF1042 no file 'orders.odcs.yaml'" in missing.err
    assert "'total' is promised and not there" in promised.out
    assert "change one of them" in promised.err
    assert "raise the version" not in promised.err


def test_what_is_applied_is_the_base_unless_one_is_named(
    product_file: Path, database: Database, landfall: Command
) -> None:
    assert landfall("apply").code == 0
    product_file.write_text(product_file.read_text().replace(PORT, ""))
    (product_file.parent.parent / "report" / "product.yml").unlink()

    answer = landfall("contract", "check", "--output", "json")

    assert answer.code == 1
    assert [row["change"] for row in json.loads(answer.out)] == ["port_gone"]


def test_a_revision_that_git_does_not_have_is_named(product_file: Path, landfall: Command) -> None:
    answer = landfall("contract", "check", "--base", "nowhere")

    assert answer.code == 1
    assert "LF6206" in answer.err
