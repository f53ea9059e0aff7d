"""Examples of steps, rules and writes on docs/product-file.md run on the engine; being sound is not enough."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from landfall.spec.load import load_products
from landfall.spec.model import TABLE_CHECKS, Severity
from landfall.spec.product_tests import check_product_tests
from landfall.testing.run import Bench, ProductTestResult
from tests.unit.spec.conftest import PRODUCT_PATH
from tests.unit.spec.test_spec_documentation import EXAMPLES, FUNCTIONS, RULE_SETS, product_with

FOLDER = Path(PRODUCT_PATH).parent
PARTS = [example for example in EXAMPLES if example.startswith(("- ", "write:", "load:"))]
# Of these few rows they may leave none.
MAY_BE_EMPTY = ("- sample:", "- intersect:", "- except:")
TEST = """\
- name: the_example
  transformation: build
  given:
    orders_landed:
      - {order_id: 1, customer: C000001, amount: 5.00, placed_on: "2024-03-01", currency: EUR, note: "first|a"}
      - {order_id: 2, customer: C000002, amount: 7.50, placed_on: "2024-03-02", currency: USD, note: "01.02.2024"}
      - {order_id: 3, customer: C000002, amount: 9.00, placed_on: "2024-04-02", currency: EUR}
      - {order_id: 4, amount: -1, placed_on: "2024-04-03", currency: Euro, note: ""}
    customers:
      - {customer: C000001, country: NZ}
      - {customer: C000002, country: AU}
    returns:
      - {order_number: 1, day: "2024-03-05"}
"""


@pytest.mark.parametrize("example", PARTS, ids=lambda example: str(example).splitlines()[0])
def test_an_example_runs(example: str, session: SparkSession, tmp_path: Path) -> None:
    stopping = _table_rules(example, tmp_path / "rules")
    expect = f"stopped_by: [{', '.join(stopping)}]" if stopping else "rows: []"

    result = _run(example, f"{TEST}  expect: {{{expect}}}\n", session, tmp_path)

    difference = result.difference
    # No row is expected, so those that come are unexpected; an error of the engine is a reason with a code.
    assert not difference.reason.startswith("LF"), difference.reason
    if not stopping:
        assert difference.reason == ""
        assert difference.unexpected or any(step in example for step in MAY_BE_EMPTY)


def _table_rules(example: str, root: Path) -> list[str]:
    """Return the rules on the whole table that stop a node: a test tests them only where it names them."""
    if "check:" not in example:
        return []
    _write(example, "", root)
    (product,) = load_products(root)
    return [
        rule.name
        for dataset in product.datasets
        for rule in dataset.quality
        if rule.check in TABLE_CHECKS and rule.severity is Severity.FAIL
    ]


def _run(example: str, test: str, session: SparkSession, folder: Path) -> ProductTestResult:
    root = folder / "project"
    _write(example, test, root)
    products = load_products(root)
    tests, faults = check_product_tests(root, products[0])
    assert [str(fault) for fault in faults] == []
    tables = folder / "tables"
    tables.mkdir()
    return Bench(session, products, tables).run(products[0].key, tests[0])


def _write(example: str, test: str, root: Path) -> None:
    files = {"landfall.yml": "name: shop\n", PRODUCT_PATH: product_with(example)}
    files |= {f"{FOLDER}/shaping.py": FUNCTIONS, f"{FOLDER}/tests/example.yml": test or "[]\n"}
    files["rule_sets/person.yml"] = RULE_SETS[0]
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
