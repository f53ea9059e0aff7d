"""Tests of a product are checked against it: each mistake names its file and line."""

from pathlib import Path

import pytest

from landfall.spec.load import load_products
from landfall.spec.product_test_model import Expectation, GivenFile
from landfall.spec.product_tests import check_product_tests
from landfall.spec.scaffold import scaffold
from tests.unit.spec.conftest import PRODUCT, PRODUCT_PATH, WriteProject

FILE = "data_products/sales/orders/tests/orders.yml"
SOUND = """\
- name: negative_amounts_are_refused
  dataset: orders_landed
  given:
    orders_landed:
      - {order_id: 1, customer: ann, amount: 5}
      - {order_id: 2, customer: null, amount: -5}
  expect:
    rows: [{order_id: 1}]
    refused: [{row: {order_id: 2}, rules: [amount_not_negative]}]
- name: days_add_up
  transformation: daily_sales
  given:
    orders: [{order_id: 1, placed_on: "2024-01-01", amount: 2}]
    daily_sales: [{placed_on: "2023-12-31", orders: 3}]
  expect:
    rows: [{placed_on: "2024-01-01", orders: 1}, {placed_on: "2023-12-31", orders: 3}]
"""


def faults(root: Path) -> list[str]:
    (product,) = load_products(root)
    return [str(fault).removeprefix(f"{FILE}:") for fault in check_product_tests(root, product)[1]]


def spoilt(text: str, sound: str, broken: str) -> str:
    """Return a text with one mistake in it."""
    found = text.replace(sound, broken, 1)
    assert found != text
    return found


def test_sound_tests_are_read_with_their_places(write_project: WriteProject) -> None:
    root = write_project({FILE: SOUND})
    (product,) = load_products(root)

    tests, found = check_product_tests(root, product)

    assert found == ()
    assert [(test.name, test.subject, test.path, test.line) for test in tests] == [
        ("negative_amounts_are_refused", "orders_landed", FILE, 1),
        ("days_add_up", "daily_sales", FILE, 10),
    ]
    (batch,) = tests[0].batches
    assert batch.given == {
        "orders_landed": (
            {"order_id": 1, "customer": "ann", "amount": 5},
            {"order_id": 2, "customer": None, "amount": -5},
        )
    }


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- {name: a, dataset: orders_landed}", "1: LF1021 key 'expect' is missing; add expect:"),
        (
            "- {name: a, dataset: orders_landed, batches: [{expect: {rows: []}}, {given: {}}]}",
            "1: LF1021 the last batch expects nothing; add expect: to it",
        ),
        (
            "- {name: a, dataset: orders_landed, batches: [{expect: {rows: []}}], expect: {rows: []}}",
            "1: LF1030 test 'a' has batches, and given or expect beside them; write given: and expect: in each batch",
        ),
        (
            "- name: a\n  dataset: orders_landed\n  batches:\n    - expect: {rows: []}\n"
            "    - given: {orders_landed: [{order_idd: 1}]}\n      expect: {rows: [{order_id: null}]}",
            "5: LF1051 unknown column 'order_idd'; did you mean 'order_id'?",
        ),
        (
            "- name: a\n  transformation: daily_sales\n  batches:\n    - given: {daily_sales: [{orders: 1}]}\n"
            "    - given: {daily_sales: [{orders: 1}]}\n      expect: {rows: []}",
            "5: LF1030 'daily_sales' is what the batches before have built; give it in the first batch",
        ),
    ],
    ids=["nothing", "no end", "both", "column", "output"],
)
def test_batches_are_checked_where_they_stand(text: str, fault: str, write_project: WriteProject) -> None:
    assert faults(write_project({FILE: text + "\n"})) == [fault]


def test_a_product_without_tests_has_none(write_project: WriteProject) -> None:
    root = write_project({})
    (product,) = load_products(root)

    assert check_product_tests(root, product) == ((), ())


@pytest.mark.parametrize(
    ("sound", "broken", "fault"),
    [
        (
            "dataset: orders_landed",
            "dataset: orders_lande",
            "2: LF1042 no landed dataset 'orders_lande'; did you",
        ),
        (
            "dataset: orders_landed",
            "dataset: orders",
            "2: LF1042 no landed dataset 'orders'; write transformation: ",
        ),
        (
            "transformation: daily_sales",
            "transformation: daily",
            "11: LF1042 no transformation 'daily'; did you",
        ),
        ("  dataset: orders_landed\n", "", "1: LF1030 test 'negative_amounts_are_refused' must name either"),
        (
            "    orders: [{",
            "    order: [{",
            "13: LF1042 'daily_sales' does not read 'order'; did you mean 'orders'?",
        ),
        ("amount: -5", "amout: -5", "6: LF1051 unknown column 'amout'; did you mean 'amount'?"),
        ("[{order_id: 1}]", "[{order: 1}]", "8: LF1051 unknown column 'order'"),
        ("rules: [amount_not_negative]", "rules: [amount]", "9: LF1042 no rule 'amount' refuses rows of"),
        (
            "rules: [amount_not_negative]",
            'rules: ["type:amuont"]',
            "9: LF1042 no rule 'type:amuont' refuses rows of 'orders_landed'; did you mean 'type:amount'?",
        ),
        (
            "rules: [amount_not_negative]",
            'rules: ["not_null:nothing"]',
            "9: LF1042 no rule 'not_null:nothing'",
        ),
        ("    rows: [{order_id: 1}]\n", "", "7: LF1021 expect: has no rows"),
        ("expect:\n    rows: [{p", "expct:\n    rows: [{p", "15: LF1020 unknown key 'expct'; did you mean"),
        ("days_add_up", "negative_amounts_are_refused", "10: LF1041 test 'negative_amounts_are_refused' is"),
        (
            "    rows: [{order_id: 1}]\n",
            "    stopped_by: [x]\n",
            "LF1030 a node that is stopped by a rule publishes",
        ),
        (
            'orders: [{order_id: 1, placed_on: "2024-01-01", amount: 2}]',
            "orders: x",
            "13: LF1021 'orders' is a table",
        ),
    ],
)
def test_a_mistake_is_found_where_it_stands(
    sound: str, broken: str, fault: str, write_project: WriteProject
) -> None:
    text = spoilt(SOUND, sound, broken)
    root = write_project({FILE: text})

    assert [found for found in faults(root) if fault in found] != [], faults(root)


def test_a_refused_row_has_the_names_of_the_dataset(write_project: WriteProject) -> None:
    renamed = PRODUCT.replace("{name: order_id, type", '{name: order_id, from: "Order No.", type')
    text = spoilt(SOUND, "{row: {order_id: 2}", '{row: {"Order No.": 2}')
    root = write_project({PRODUCT_PATH: renamed, FILE: text})

    assert any(
        "LF1051 'Order No.' is what files call the column 'order_id'; write order_id" in found
        for found in faults(root)
    ), faults(root)


FILE_TEST = """\
- name: broken
  dataset: orders_landed
  given:
    orders_landed: {file: broken.csv}
  expect: {rejected: cut off}
"""


def test_a_file_of_the_tests_lands_as_it_is(write_project: WriteProject) -> None:
    root = write_project({FILE: FILE_TEST, "data_products/sales/orders/tests/broken.csv": "x"})
    (product,) = load_products(root)

    ((test,), found) = check_product_tests(root, product)

    assert found == ()
    (batch,) = test.batches
    assert batch.given == {"orders_landed": GivenFile(root / "data_products/sales/orders/tests/broken.csv")}
    assert batch.lines == {"orders_landed": (4,)}
    assert batch.expect == Expectation(rejected="cut off")


@pytest.mark.parametrize(
    ("sound", "broken", "fault"),
    [
        ("file: broken.csv", "file: other.csv", "4: LF1042 no file 'other.csv'; put it below tests/ of the"),
        ("file: broken.csv", "file: ../product.yml", "4: LF1030 '../product.yml' lies outside of tests/"),
        ("file: broken.csv", "file: link.csv", "4: LF1030 'link.csv' lies outside of tests/"),
        ("file: broken.csv", "file: /etc/hostname", "4: LF1030 '/etc/hostname' lies outside of tests/"),
        ("file: broken.csv", 'file: "a\\0b"', "4: LF1021 'a\0b' is no path"),
        ("file: broken.csv", "file: .", "4: LF1030 '.' lies outside of tests/"),
        ("file: broken.csv", "file: broken.csv, text: x", "4: LF1020 unknown key 'text'"),
        ("file: broken.csv", "path: broken.csv", "4: LF1021"),
        (
            "rejected: cut off",
            "rejected: cut off, rows: []",
            "LF1030 nothing comes of a file that is rejected",
        ),
        ("rejected: cut off", 'rejected: ""', "LF1021"),
        (
            "dataset: orders_landed\n  given:\n    orders_landed",
            "transformation: clean_orders\n  given:\n    orders_landed",
            "4: LF1021 'orders_landed' is a table here, so it is given as rows",
        ),
        (
            "dataset: orders_landed\n  given:\n    orders_landed: {file: broken.csv}",
            "transformation: clean_orders\n  given: {}",
            "4: LF1030 'clean_orders' reads no files that could be rejected; remove rejected:",
        ),
    ],
    ids=[
        "missing",
        "above",
        "link",
        "root",
        "no path",
        "folder",
        "key",
        "no key",
        "rows",
        "empty",
        "table",
        "none",
    ],
)
def test_a_file_that_cannot_land_is_found_where_it_is_named(
    sound: str, broken: str, fault: str, write_project: WriteProject
) -> None:
    text = spoilt(FILE_TEST, sound, broken)
    folder = "data_products/sales/orders/tests"
    root = write_project({FILE: text, f"{folder}/broken.csv": "x"})
    (root / folder / "link.csv").unlink(missing_ok=True)
    (root / folder / "link.csv").symlink_to(root / "data_products/sales/orders/product.yml")

    assert [found for found in faults(root) if fault in found] != [], faults(root)


def test_only_a_gate_can_stop_a_node(write_project: WriteProject) -> None:
    gate = PRODUCT.replace("columns: [order_id]}", "columns: [order_id], severity: fail}")
    test = "- {name: a, transformation: clean_orders, expect: {stopped_by: [one_row_per_order]}}\n"

    limit = PRODUCT.replace("columns: [order_id]}", "columns: [order_id], max_failed_rows: 3}")
    assert faults(write_project({FILE: test, PRODUCT_PATH: gate})) == []
    assert faults(write_project({FILE: test, PRODUCT_PATH: limit})) == []
    (found,) = faults(write_project({FILE: test, PRODUCT_PATH: PRODUCT}))
    assert found.startswith(
        "1: LF1042 'orders' has no rule 'one_row_per_order' of severity fail or with a limit"
    )


def test_what_is_no_test_is_said(write_project: WriteProject) -> None:
    assert faults(write_project({FILE: "- just text\n"})) == [
        "1: LF1021 a test is a mapping, not text; start with '- name:'"
    ]


def test_the_tests_of_a_new_product_are_sound(tmp_path: Path) -> None:
    scaffold(tmp_path, "sales/orders")
    (product,) = load_products(tmp_path)

    tests, found = check_product_tests(tmp_path, product)

    assert found == ()
    assert {test.subject for test in tests} == {"orders_landed", "clean_orders", "daily_sales"}
