"""Sets of rules: in place of their use, with its values, and with faults that name both lines."""

import pytest

from landfall.spec.load import check_products, load_products
from landfall.spec.model import QualityRule
from tests.unit.spec.conftest import PRODUCT, PRODUCT_PATH, WriteProject

SET_PATH = "rule_sets/money.yml"
SET = """\
description: What holds for amounts.
parameters: [column]
defaults: {most: 1000, severity: quarantine}
rules:
  - {name: "${param.column}_there", check: not_null, columns: ["${param.column}"]}
  - name: ${param.column}_sane
    check: range
    column: ${param.column}
    max: ${param.most}
    severity: ${param.severity}
    filter: "customer <> '${var.tester}' and customer <> '$${x}'"
"""
OWN = "      - {name: one_row_per_order, check: unique, columns: [order_id]}\n"
PROJECT = "name: shop\nvariables: {tester: test}\n"


def used(*uses: str) -> dict[str, str]:
    """Return a project in which the dataset ``orders``, from line 28 on, names a set before its own rule."""
    lines = "".join(f"      - {use}\n" for use in uses)
    return {"landfall.yml": PROJECT, SET_PATH: SET, PRODUCT_PATH: PRODUCT.replace(OWN, lines + OWN)}


def rules_of(write_project: WriteProject, files: dict[str, str]) -> dict[str, QualityRule]:
    (product,) = load_products(write_project(files))
    (orders,) = (dataset for dataset in product.datasets if dataset.name == "orders")
    return {rule.name: rule for rule in orders.quality}


def faults_of(write_project: WriteProject, files: dict[str, str]) -> list[str]:
    return [str(fault) for fault in check_products(write_project(files))[1]]


def test_a_set_takes_its_place_with_the_values_of_the_use(write_project: WriteProject) -> None:
    rules = rules_of(write_project, used("{rule_set: money, with: {column: amount, most: 2.5}}"))

    assert list(rules) == ["amount_there", "amount_sane", "one_row_per_order"]
    assert rules["amount_sane"].config == {"column": "amount", "max": 2.5}
    assert rules["amount_sane"].severity.value == "quarantine"
    assert rules["amount_sane"].filter == "customer <> 'test' and customer <> '${x}'"


def test_a_set_may_be_used_twice_and_in_a_file_of_rules(write_project: WriteProject) -> None:
    files = used("{rule_set: money, with: {column: amount}}")
    files["data_products/sales/orders/rules/orders.yml"] = (
        "orders: [{rule_set: money, with: {column: order_id}}]\n"
    )

    rules = rules_of(write_project, files)

    assert [name for name in rules if name.endswith("_sane")] == ["amount_sane", "order_id_sane"]


def test_an_alias_of_rules_is_taken_apart_in_both_places(write_project: WriteProject) -> None:
    text = PRODUCT.replace(
        "    quality:\n" + OWN,
        "    quality: &shared\n      - {rule_set: money, with: {column: amount}}\n" + OWN,
    )
    text = text.replace(
        "  - name: orders\n",
        "  - {name: daily_sales, layer: gold}\n  - name: orders\n",
    )
    again = text.replace(
        "transformations:\n", "  - {name: copy, layer: silver, quality: *shared}\ntransformations:\n"
    )
    again = again.replace(
        "ports:\n",
        "  - name: copy_orders\n    inputs: [orders]\n    steps: [{filter: amount > 0}]\n"
        "    output: {dataset: copy, layer: silver}\nports:\n",
    )

    (product,) = load_products(write_project({"landfall.yml": PROJECT, SET_PATH: SET, PRODUCT_PATH: again}))

    names = {str(item.name): [rule.name for rule in item.quality] for item in product.datasets}
    assert names["orders"] == names["copy"] == ["amount_there", "amount_sane", "one_row_per_order"]


@pytest.mark.parametrize(
    ("use", "fault"),
    [
        (
            "{rule_set: mony, with: {column: amount}}",
            f"{PRODUCT_PATH}:28: LF1042 no rule set 'mony'; did you mean 'money'?",
        ),
        (
            "{rule_set: money}",
            f"{PRODUCT_PATH}:28: LF1021 rule set 'money' needs a value for column; add with: {{column: ...}}",
        ),
        (
            "{rule_set: money, with: {column: amount, mst: 1}}",
            f"{PRODUCT_PATH}:28: LF1020 rule set 'money' has no parameter 'mst'; did you mean 'most'?",
        ),
        (
            "{rule_set: money, wiht: {column: amount}}",
            f"{PRODUCT_PATH}:28: LF1020 unknown key 'wiht'; did you mean 'with'?",
        ),
        (
            "{rule_set: money, with: {column: amont}}",
            f"{SET_PATH}:5: LF1051 unknown column 'amont' (used at {PRODUCT_PATH}:28); did you mean 'amount'?",
        ),
        (
            "{rule_set: money, with: {column: amount, severity: wran}}",
            f"{SET_PATH}:10: LF1021 severity cannot be 'wran' (used at {PRODUCT_PATH}:28); did you mean 'warn'?",
        ),
    ],
)
def test_a_fault_names_the_line_in_the_set_and_that_of_the_use(
    use: str, fault: str, write_project: WriteProject
) -> None:
    assert fault in faults_of(write_project, used(use))


def test_rules_of_the_same_name_are_told_apart(write_project: WriteProject) -> None:
    use = "{rule_set: money, with: {column: amount}}"

    found = faults_of(write_project, used(use, use))

    assert len(found) == 2
    assert (
        f"{SET_PATH}:5: LF1041 'orders' has two rules 'amount_there' (used at {PRODUCT_PATH}:29)" in found[0]
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[]\n", f"{SET_PATH}:1: LF1021 a rule set is a mapping, not a list"),
        ("parameters: [column]\n", f"{SET_PATH}:1: LF1021 key 'rules' is missing; add rules:"),
        ("rules: [{rule_set: other}]\n", f"{SET_PATH}:1: LF1029 a rule set holds rules and no other sets"),
        ("ruls: [{name: a}]\n", f"{SET_PATH}:1: LF1020 unknown key 'ruls'; did you mean 'rules'?"),
    ],
)
def test_a_faulty_set_is_told_once_and_its_uses_are_not(
    text: str, fault: str, write_project: WriteProject
) -> None:
    files = used("{rule_set: money, with: {column: amount}}") | {SET_PATH: text}

    (found,) = faults_of(write_project, files)

    assert found.startswith(fault)


def test_an_unknown_parameter_is_told_in_the_set(write_project: WriteProject) -> None:
    files = used("{rule_set: money, with: {column: customer}}")
    files[SET_PATH] = SET.replace("${param.most}", "${param.msot}")

    assert faults_of(write_project, files) == [
        f"{SET_PATH}:9: LF1013 unknown parameter 'msot' (used at {PRODUCT_PATH}:28); did you mean 'most'?"
    ]
