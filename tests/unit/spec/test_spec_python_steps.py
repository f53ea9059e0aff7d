"""Functions of Python steps are read and never run: what is wrong with them is told before anything starts."""

import hashlib

import pytest

from landfall.spec.load import check_products, load_products
from landfall.spec.model import StepType
from landfall.spec.payload import product_from_payload, product_to_payload
from tests.unit.spec.conftest import PRODUCT, PRODUCT_PATH, WriteProject

STEP = '- python: {function: "shaping:shape", columns: {order_id: bigint, country: string}}'
BEFORE = "- filter: amount is not null\n      - join: {with: customers_landed, on: [customer], how: left}"
AGGREGATE = "aggregate: {by: [placed_on], measures: {orders: count(*), revenue: sum(amount)}}"
TEXT = PRODUCT.replace(BEFORE, STEP).replace(AGGREGATE, "filter: order_id > 0")
TEXT = TEXT.replace(", write: {mode: merge, keys: [placed_on]}", "")
FILE = "data_products/sales/orders/shaping.py"
SOUND = "import pandas\n\ndef shape(orders, customers_landed):\n    return orders\n"


def test_the_source_and_its_hash_are_part_of_the_product(write_project: WriteProject) -> None:
    (product,) = load_products(write_project({PRODUCT_PATH: TEXT, FILE: SOUND}))

    step = product.transformations[0].steps[0]

    assert (step.type, step.config["source"]) == (StepType.PYTHON, SOUND)
    assert step.config["sha256"] == hashlib.sha256(SOUND.encode()).hexdigest()
    assert product_from_payload(product_to_payload(product)) == product


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (None, "there is no file 'shaping.py'"),
        ("def shap(orders): ...", "has no function 'shape'; did you mean 'shap'?"),
        ("def shape(): ...", "'shape' takes nothing"),
        ("def shape(orders, customers): ...", "behind the first; did you mean 'customers_landed'?"),
        ("def shape(orders:\n", "line 1, is not Python"),
        ("from . import other\ndef shape(orders): ...", "line 1, imports '.'"),
        ("import shaping\ndef shape(orders): ...", "imports 'shaping', which no job gets"),
        ("#" * 70_000, "and a job gets at most 65536"),
        ("raise SystemExit\ndef shape(orders): ...", ""),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(source: str | None, fault: str, write_project: WriteProject) -> None:
    files = {PRODUCT_PATH: TEXT} | ({} if source is None else {FILE: source})

    _, faults = check_products(write_project(files))

    if fault:
        (only,) = faults
        assert (only.line, only.code) == (33, "LF1059")
        assert fault in str(only)
    else:
        assert faults == (), "nothing of it was run"


TARGETS = """\
name: shop
targets:
  laptop: {}
  bare: {databricks_host: "https://adb-1.2.azuredatabricks.net"}
  equipped: {databricks_host: "https://adb-1.2.azuredatabricks.net", job_packages: [Scikit-Learn, dateutil, sklearn]}
"""
IMPORTS = """\
import collections.abc, sklearn.tree
from pyspark.sql import functions
try:
    import polars
except ImportError:
    polars = None

def shape(orders, customers_landed):
    import dateutil.parser
    return orders
"""


@pytest.mark.parametrize(
    ("target", "missing"), [("laptop", []), ("bare", ["sklearn", "dateutil"]), ("equipped", [])]
)
def test_packages_that_jobs_of_a_target_lack_are_told(
    target: str, missing: list[str], write_project: WriteProject
) -> None:
    root = write_project({"landfall.yml": TARGETS, PRODUCT_PATH: TEXT, FILE: IMPORTS})

    _, faults = check_products(root, target=target)

    assert [(fault.line, fault.code) for fault in faults] == [(33, "LF1060")] * len(missing)
    told = " ".join(map(str, faults))
    assert all(f"imports {package}, and nothing says" in told for package in missing)
