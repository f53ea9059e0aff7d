"""The quality entries of a contract written by hand become rules, or are refused with their line."""

from typing import Any

import pytest

from landfall.contracts.compatibility import breaking_changes
from landfall.contracts.contract import contracts_of
from landfall.contracts.odcs import to_odcs
from landfall.planning.definition import NodeDefinitions
from landfall.planning.graph import build_graph
from landfall.spec.load import check_products, load_products
from landfall.spec.model import Check, Product, QualityRule, Severity
from landfall.spec.yaml_text import yaml_text
from tests.unit.spec.conftest import PRODUCT, PRODUCT_PATH, WriteProject

CONTRACT_PATH = "data_products/sales/orders/contracts/sales.odcs.yaml"
BY_HAND = PRODUCT.replace(
    "  - {dataset: daily_sales, version: 1}\n",
    "  - {dataset: daily_sales, version: 1, contract: contracts/sales.odcs.yaml}\n",
)
MERGED = ", write: {mode: merge, keys: [placed_on]}"
WHOLE = BY_HAND.replace(MERGED, "")


def contract(of_table: str = "", of_orders: str = "", of_day: str = "") -> str:
    """Return a contract with one entry for the table, or for a property; entries stand in line 4, 6 and 8."""
    return (
        "kind: DataContract\nschema:\n- name: daily_sales\n"
        f"  quality: [{of_table}]\n  properties:\n"
        f"  - {{name: orders, quality: [{of_orders}]}}\n  -\n    {{name: placed_on, quality: [{of_day}]}}\n"
    )


def rules_of(products: tuple[Product, ...]) -> list[QualityRule]:
    (product,) = products
    (dataset,) = (dataset for dataset in product.datasets if dataset.name == "daily_sales")
    return list(dataset.quality)


@pytest.mark.parametrize(
    ("written", "config"),
    [
        (contract("{metric: rowCount, mustBeGreaterThan: 0}"), {"total": "count(*)", "above": 0}),
        (
            contract("{rule: duplicateCount, arguments: {properties: [placed_on, orders]}, mustBe: 0}"),
            {
                "total": "count(CASE WHEN `placed_on` IS NOT NULL AND `orders` IS NOT NULL THEN 1 END)"
                " - count(DISTINCT `placed_on`, `orders`)",
                "min": 0,
                "max": 0,
            },
        ),
        (
            contract(of_orders="{metric: duplicateValues, unit: percent, mustBeLessThan: 1}"),
            {
                "total": "100 * (count(`orders`) - count(DISTINCT `orders`)) / nullif(count(*), 0)",
                "below": 1,
            },
        ),
        (
            contract(of_orders="{type: library, metric: nullValues, mustBeBetween: [0, 2]}"),
            {"total": "count(CASE WHEN `orders` IS NULL THEN 1 END)", "min": 0, "max": 2},
        ),
        (
            contract(of_orders="{metric: nullValues, unit: percent, mustBeLessOrEqualTo: 5}"),
            {"total": "100 * avg(CASE WHEN `orders` IS NULL THEN 1 ELSE 0 END)", "max": 5},
        ),
        (
            contract(of_orders="{metric: missingValues, arguments: {missingValues: [null, -1]}, mustBe: 0}"),
            {"total": "count(CASE WHEN `orders` IS NULL OR `orders` IN (-1) THEN 1 END)", "min": 0, "max": 0},
        ),
        (
            contract(
                of_day="{metric: invalidValues, arguments: {validValues: ['2024-01-31']}, mustNotBe: 1}"
            ),
            {
                "total": "count(CASE WHEN `placed_on` NOT IN (CAST('2024-01-31' AS date)) THEN 1 END)",
                "other_than": 1,
            },
        ),
        (
            contract(of_orders=r"{metric: invalidValues, arguments: {pattern: '^\d+$'}, mustBeLessThan: 1}"),
            {"total": r"count(CASE WHEN NOT `orders` RLIKE '^\\d+$' THEN 1 END)", "below": 1},
        ),
        (
            contract(
                "{type: sql, query: 'select max(o.revenue) from {object} as o', mustNotBeBetween: [0, 1]}"
            ),
            {"total": "MAX(revenue)", "outside": [0, 1]},
        ),
    ],
)
def test_an_entry_becomes_a_rule_on_what_is_published(
    write_project: WriteProject, written: str, config: dict[str, Any]
) -> None:
    (rule,) = rules_of(load_products(write_project({PRODUCT_PATH: WHOLE, CONTRACT_PATH: written})))

    assert (rule.check, rule.severity, dict(rule.config)) == (Check.TOTAL, Severity.FAIL, config)
    assert rule.name.startswith("contract_v1_")


def test_a_query_keeps_its_condition_and_its_name(write_project: WriteProject) -> None:
    written = contract(
        of_orders="{type: sql, name: No odd ones!, severity: warning, mustBe: 0,"
        " query: 'SELECT COUNT(*) FROM daily_sales t WHERE t.${property} % 2 = 1;'}"
    )

    (rule,) = rules_of(load_products(write_project({PRODUCT_PATH: BY_HAND, CONTRACT_PATH: written})))

    assert (rule.name, rule.severity) == ("contract_v1_no_odd_ones", Severity.WARN)
    assert (rule.config["total"], rule.filter) == ("COUNT(*)", "`orders` % 2 = 1")


def test_texts_are_for_people_and_equal_names_are_told_apart(write_project: WriteProject) -> None:
    written = contract(
        "{type: text, description: Looked at.}, {metric: rowCount, mustNotBe: 0}, {metric: rowCount, mustNotBe: 1}"
    )

    rules = rules_of(load_products(write_project({PRODUCT_PATH: WHOLE, CONTRACT_PATH: written})))

    assert [rule.name for rule in rules] == ["contract_v1_row_count", "contract_v1_row_count_2"]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            contract("{metric: rowCnt, mustBe: 1}"),
            "4: LF1062 this entry cannot be checked: no metric 'rowCnt'",
        ),
        (contract("{metric: rowCount}"), "4: LF1062 this entry cannot be checked: the entry has no operator"),
        (contract("{metric: rowCount, mustBeAbove: 1}"), "no operator 'mustBeAbove'"),
        (contract("{metric: rowCount, mustBe: lots}"), "mustBe needs a number"),
        (contract("{metric: rowCount, mustBeBetween: [1]}"), "mustBeBetween needs a list of two numbers"),
        (contract("{metric: rowCount, mustBe: 1, unit: percent}"), "rowCount is a number of rows"),
        (contract("{metric: nullValues, mustBe: 0}"), "nullValues is about a property"),
        (
            contract(of_orders="{metric: rowCount, mustBe: 1}"),
            "6: LF1062 this entry cannot be checked: rowCount",
        ),
        (contract("{metric: duplicateValues, mustBe: 0}"), "needs the properties that tell rows apart"),
        (
            contract(of_day="{metric: invalidValues, mustBe: 0}"),
            "8: LF1062 this entry cannot be checked: invalid",
        ),
        (
            contract(of_day="{metric: invalidValues, arguments: {validValues: [soon]}, mustBe: 0}"),
            "validValues: 'soon' is no value of type date",
        ),
        (contract("{type: custom, engine: soda, implementation: x}"), "it is for the engine 'soda'"),
        (contract("{type: magic, mustBe: 0}"), "type 'magic' is not known"),
        (contract("just text"), "it is no mapping"),
        (contract("{type: sql, mustBe: 0}"), "type: sql needs a query"),
        (
            contract("{type: sql, query: 'select count(*) from other', mustBe: 0}"),
            "the query reads 'other', and the entry is about 'daily_sales'",
        ),
        (
            contract("{type: sql, query: 'select count(*) from {object} group by orders', mustBe: 0}"),
            "the query is more than one aggregate over one table",
        ),
        (contract("{type: sql, query: 'drop table {object}', mustBe: 0}"), "cannot start with 'drop'"),
        (
            contract("{type: sql, query: 'select count(nosuch) from {object}', mustBe: 0}"),
            "4: LF1051 unknown column 'nosuch'",
        ),
        (
            contract("{type: sql, query: 'select orders from {object}', mustBe: 0}"),
            "4: LF1054 column 'orders'",
        ),
        (
            contract("{type: custom, engine: landfall, implementation: {check: range, column: orders}}"),
            "4: LF1029 rule 'rule' has neither min nor max",
        ),
        (
            contract(of_day="{metric: invalidValues, arguments: {pattern: '(?=x)'}, mustBe: 0}"),
            "8: LF1028 pattern '(?=x)'",
        ),
    ],
)
def test_what_cannot_be_checked_is_a_fault_with_its_line(
    write_project: WriteProject, written: str, told: str
) -> None:
    _, faults = check_products(write_project({PRODUCT_PATH: WHOLE, CONTRACT_PATH: written}))

    assert faults
    assert all(fault.path == CONTRACT_PATH for fault in faults)
    assert any(told in str(fault) for fault in faults), faults


APPENDED = BY_HAND.replace(MERGED, ", write: {mode: append}")


@pytest.mark.parametrize(
    ("product", "written", "is_checked"),
    [
        (BY_HAND, contract("{metric: rowCount, mustBeGreaterThan: 0}"), False),
        (BY_HAND, contract(of_orders="{metric: nullValues, mustBe: 0}"), True),
        (BY_HAND, contract(of_orders="{metric: nullValues, mustBeLessThan: 1}"), True),
        (BY_HAND, contract(of_orders="{metric: nullValues, mustBeLessThan: 9}"), False),
        # Rows that merges replace change the share of the others.
        (BY_HAND, contract(of_orders="{metric: nullValues, unit: percent, mustBeLessThan: 9}"), False),
        (APPENDED, contract(of_orders="{metric: nullValues, unit: percent, mustBeLessThan: 9}"), True),
        (APPENDED, contract(of_orders="{metric: nullValues, unit: percent, mustBe: 9}"), False),
        (BY_HAND, contract(of_day="{metric: duplicateValues, mustBe: 0}"), True),
        (BY_HAND, contract(of_orders="{metric: duplicateValues, mustBe: 0}"), False),
        (APPENDED, contract(of_day="{metric: duplicateValues, mustBe: 0}"), False),
    ],
)
def test_numbers_of_a_table_are_promised_only_where_the_rows_of_one_run_tell_them(
    write_project: WriteProject, product: str, written: str, is_checked: bool
) -> None:
    _, faults = check_products(write_project({PRODUCT_PATH: product, CONTRACT_PATH: written}))

    assert [fault.code for fault in faults] == ([] if is_checked else ["LF1062"])


def test_a_contract_as_it_is_printed_adds_nothing(write_project: WriteProject) -> None:
    ruled = PRODUCT.replace(
        "  - name: orders\n    layer: silver\n",
        "  - name: daily_sales\n    layer: gold\n    quality:\n"
        "      - {name: some, check: row_count, min: 1}\n"
        "      - {name: sold, check: range, column: orders, min: 1, severity: correct, repair: clamp}\n"
        "  - name: orders\n    layer: silver\n",
    )
    before = load_products(write_project({PRODUCT_PATH: ruled}))
    (printed,) = contracts_of(before[0], {})

    by_hand = ruled.replace("version: 1}", "version: 1, contract: contracts/sales.odcs.yaml}")
    after = load_products(write_project({PRODUCT_PATH: by_hand, CONTRACT_PATH: yaml_text(to_odcs(printed))}))

    assert rules_of(after) == rules_of(before)


def test_a_rule_in_our_own_words_is_added_where_the_dataset_has_it_not(write_project: WriteProject) -> None:
    written = contract(
        "{type: custom, name: few, engine: landfall, implementation: {check: range, column: orders, max: 9}}"
    )

    (rule,) = rules_of(load_products(write_project({PRODUCT_PATH: BY_HAND, CONTRACT_PATH: written})))

    assert (rule.name, rule.check, rule.severity) == ("contract_v1_few", Check.RANGE, Severity.FAIL)


def test_the_node_is_told_and_a_loosened_entry_breaks_the_contract(write_project: WriteProject) -> None:
    def product_with(most: int) -> Product:
        written = contract(f"{{metric: rowCount, name: size, mustBeLessOrEqualTo: {most}}}")
        (product,) = load_products(write_project({PRODUCT_PATH: WHOLE, CONTRACT_PATH: written}))
        return product

    strict, loose = product_with(10), product_with(20)
    definitions = NodeDefinitions(strict, {})
    (node,) = (node for node in build_graph(strict).nodes if node.output == "daily_sales")
    (pinned,) = definitions.of(node)["rules"]
    changes = breaking_changes(contracts_of(strict, {}), contracts_of(loose, {}))

    assert (pinned["name"], pinned["check"], pinned["severity"]) == ("contract_v1_size", "total", "fail")
    assert [change.change for change in changes] == ["rule_loosened"]
    assert breaking_changes(contracts_of(loose, {}), contracts_of(strict, {})) == ()
