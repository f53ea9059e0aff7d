"""Every example of docs/product-file.md is sound, and every code it lists is one that is raised."""

import re
import textwrap
from pathlib import Path

import pytest

from landfall.spec.load import check_products, load_products
from landfall.spec.model import Check, StepType
from landfall.spec.product_tests import check_product_tests
from tests.unit.spec.conftest import PRODUCT_PATH, WriteProject

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "product-file.md").read_text(encoding="utf-8")
TESTS: list[str] = []
RULE_SETS: list[str] = []
CONTRACTS: list[str] = []
EXAMPLES: list[str] = []
_KINDS = (("given:", TESTS), ("${param.", RULE_SETS), ("schema:\n", CONTRACTS))
for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
    next((blocks for word, blocks in _KINDS if word in block), EXAMPLES).append(block)

AROUND = """\
api_version: landfall/v1
domain: sales
name: orders
owner: {team: sales-team, email: sales@example.com}
sources: [{name: files, type: file, format: parquet}]
datasets:
  - name: orders_landed
    source: files
    landing: {path: "orders/*.parquet"}
    columns:
      - {name: order_id, type: bigint}
      - {name: customer, type: string}
      - {name: amount, type: "decimal(10,2)"}
      - {name: placed_on, type: date}
      - {name: currency, type: string}
      - {name: note, type: string}
  - name: customers
    source: files
    landing: {path: "customers/*.parquet"}
    columns: [{name: customer, type: string}, {name: country, type: string}]
  - name: returns
    source: files
    landing: {path: "returns/*.parquet"}
    columns: [{name: order_number, type: bigint}, {name: day, type: date}]
RULES
transformations:
  - name: build
    inputs: [orders_landed, customers, returns]
LOAD
    steps:
STEPS
    output:
      dataset: built
      layer: gold
WRITE
"""


def product_with(example: str) -> str:
    """Return a product around an example: a whole product, a list of rules or of steps, or how to load and write."""
    is_write = example.startswith(("load:", "write:"))
    if not example.startswith("- ") and not is_write:
        return example
    is_rules = "check:" in example or "rule_set:" in example
    steps = "- filter: amount > 0\n" if is_rules or is_write else example
    # A rule may look values up elsewhere, and only what is built can do that.
    rules = "  - name: built\n    quality:\n" + textwrap.indent(example, "      ") if is_rules else ""
    load, _, write = example.rpartition("write:") if is_write else ("", "", "")
    text = AROUND.replace("RULES\n", rules).replace("WRITE\n", f"      write: {write}" if write else "")
    text = text.replace("LOAD\n", f"    {load}" if load else "")
    return text.replace("STEPS\n", textwrap.indent(steps, "      "))


FUNCTIONS = "".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example).splitlines()[0])
def test_an_example_is_sound(example: str, write_project: WriteProject) -> None:
    is_project = example.startswith("name:")
    product = {PRODUCT_PATH: product_with(example), "data_products/sales/orders/shaping.py": FUNCTIONS}
    (rule_set,) = RULE_SETS
    root = write_project(
        {"landfall.yml": example} if is_project else {**product, "rule_sets/person.yml": rule_set}
    )

    _, faults = check_products(root)

    assert [str(fault) for fault in faults] == []


def test_the_example_of_a_contract_is_sound(write_project: WriteProject) -> None:
    """It is about the whole product that opens the page, if that writes its table as a whole."""
    (contract,) = CONTRACTS
    port = "{dataset: daily_sales, version: 1"
    product = EXAMPLES[0].replace(port, f"{port}, contract: sales.odcs.yaml")
    product = product.replace(", write: {mode: merge, keys: [placed_on]}", "")
    root = write_project({PRODUCT_PATH: product, "data_products/sales/orders/sales.odcs.yaml": contract})

    (loaded,) = load_products(root)

    (dataset,) = (dataset for dataset in loaded.datasets if dataset.name == "daily_sales")
    assert [rule.name for rule in dataset.quality] == [
        "contract_v1_row_count",
        "contract_v1_duplicate_placed_on",
        "contract_v1_no_losses",
        "contract_v1_null_revenue",
    ]


def test_the_examples_of_tests_are_sound(write_project: WriteProject) -> None:
    """They are about the whole product that opens the page."""
    files = {f"data_products/sales/orders/tests/{at}.yml": text for at, text in enumerate(TESTS)}
    # What tests name as a file is there; what is in it matters to those that are run.
    given = {
        f"data_products/sales/orders/tests/{path}": ""
        for path in re.findall(r"\{file: ([^}]+)\}", "".join(TESTS))
    }
    root = write_project({PRODUCT_PATH: EXAMPLES[0], **files, **given})
    (loaded,) = load_products(root)

    tests, faults = check_product_tests(root, loaded)

    assert [str(fault) for fault in faults] == []
    assert len(tests) >= 3


def test_every_step_and_check_has_an_example() -> None:
    shown = "\n".join(EXAMPLES)

    assert [kind.value for kind in StepType if f"- {kind.value}:" not in shown] == []
    assert [check.value for check in Check if f"check: {check.value}" not in shown] == []


def test_the_list_of_codes_is_complete() -> None:
    listed: set[int] = set()
    for first, last in re.findall(r"^\| LF(\d{4})(?:–LF(\d{4}))? \|", PAGE, re.MULTILINE):
        listed.update(range(int(first), int(last or first) + 1))
    sources = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "landfall" / "spec").glob("*.py")
    )

    assert listed == {int(code) for code in re.findall(r'"LF(1\d{3})"', sources)}
