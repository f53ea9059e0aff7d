"""What a port promises, whether its document is one of the standard, and which changes break it."""

import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from landfall.contracts.compatibility import breaking_changes
from landfall.contracts.contract import Contract, consumers, contracts_of
from landfall.contracts.odcs import to_odcs, unkept_promises
from landfall.spec.model import (
    Check,
    Column,
    DatasetName,
    Port,
    Product,
    QualityRule,
    Severity,
    Step,
    StepType,
    Write,
    WriteMode,
)
from tests.builders import a_built_dataset, a_column, a_product, a_rule, a_transformation

COLUMNS = (Column("id", "int", nullable=False), Column("net", "decimal(10,2)"), Column("paid", "string"))
IN_RANGE = a_rule("in_range", check=Check.RANGE, config={"column": "net", "min": 0, "max": 100})
STATES = a_rule("states", check=Check.ACCEPTED_VALUES, config={"column": "paid", "values": ["yes", "no"]})


def a_port_product(
    *,
    columns: tuple[Column, ...] = COLUMNS,
    rules: tuple[QualityRule, ...] = (IN_RANGE, STATES),
    versions: tuple[int, ...] = (1,),
    keys: tuple[str, ...] = ("id",),
) -> Product:
    write = Write(WriteMode.MERGE, keys) if keys else None
    return a_product(
        a_transformation("build_orders", write=write),
        built=[a_built_dataset("orders", columns=columns, quality=rules)],
        ports=[Port(DatasetName("orders"), version) for version in versions],
    )


def contracts(**changes: Any) -> tuple[Contract, ...]:
    return contracts_of(a_port_product(**changes), {})


def test_what_a_contract_by_hand_requires_is_promised() -> None:
    port = Port(DatasetName("orders"), 1, "c.odcs.yaml", required=("Paid",), key=("net", "id"))
    (before,) = contracts_of(replace(a_port_product(), ports=(port,)), {})
    (after,) = contracts()

    assert [column.name for column in before.columns if column.required] == ["id", "paid"]
    assert before.key == ("net", "id")
    changes = [change.change for change in breaking_changes([before], [after])]
    assert changes == ["column_nullable", "key_changed"]


def test_a_contract_says_what_consumers_may_rely_on() -> None:
    (contract,) = contracts(rules=(IN_RANGE, a_rule("seen", severity=Severity.WARN)))

    assert contract.port == "sales/orders.orders@1"
    assert [(column.name, column.type, column.required) for column in contract.columns] == [
        ("id", "int", True),
        ("net", "decimal(10,2)", False),
        ("paid", "string", False),
    ]
    assert contract.key == ("id",)
    assert [rule.name for rule in contract.rules] == ["in_range"]


def test_a_rule_on_keys_and_nulls_is_part_of_the_contract() -> None:
    rules = (
        a_rule("paid_known", config={"columns": ["paid"]}),
        a_rule("one_row", check=Check.UNIQUE, config={"columns": ["id", "paid"]}),
    )

    (contract,) = contracts(rules=rules, keys=())

    assert contract.key == ("id", "paid")
    assert {column.name for column in contract.columns if column.required} == {"id", "paid"}


def test_the_document_is_one_of_the_standard() -> None:
    schema = json.loads((files("open_data_contract_standard") / "schema.json").read_text())

    document = to_odcs(contracts()[0])

    jsonschema.Draft201909Validator(schema).validate(document)
    (table,) = document["schema"]
    assert table["properties"][0] == {
        "name": "id",
        "logicalType": "integer",
        "physicalType": "int",
        "primaryKey": True,
        "primaryKeyPosition": 1,
        "required": True,
    }
    assert [rule["name"] for rule in table["quality"]] == ["in_range", "states"]


BREAKING: dict[str, tuple[dict[str, Any], set[str]]] = {
    "a column goes": ({"columns": COLUMNS[:2], "rules": (IN_RANGE,)}, {"column_gone", "rule_gone"}),
    "a column changes its type": (
        {"columns": (COLUMNS[0], Column("net", "double"), COLUMNS[2])},
        {"column_retyped"},
    ),
    "a column may be null": ({"columns": (Column("id", "int"), *COLUMNS[1:])}, {"column_nullable"}),
    "the key changes": ({"keys": ("id", "paid")}, {"key_changed"}),
    "the key goes": ({"keys": ()}, {"key_changed"}),
    "a rule goes": ({"rules": (IN_RANGE,)}, {"rule_gone"}),
    "a rule only warns": (
        {
            "rules": (
                IN_RANGE,
                a_rule("states", check=STATES.check, config=dict(STATES.config), severity=Severity.WARN),
            )
        },
        {"rule_gone"},
    ),
    "a range widens": (
        {
            "rules": (
                a_rule("in_range", check=Check.RANGE, config={"column": "net", "min": 0, "max": 200}),
                STATES,
            )
        },
        {"rule_loosened"},
    ),
    "a bound goes": (
        {"rules": (a_rule("in_range", check=Check.RANGE, config={"column": "net", "max": 100}), STATES)},
        {"rule_loosened"},
    ),
    "another value is accepted": (
        {
            "rules": (
                IN_RANGE,
                a_rule(
                    "states", check=STATES.check, config={"column": "paid", "values": ["yes", "no", "part"]}
                ),
            )
        },
        {"rule_loosened"},
    ),
    "a rule tests fewer rows": (
        {
            "rules": (
                a_rule("in_range", check=IN_RANGE.check, config=dict(IN_RANGE.config), filter="id > 5"),
                STATES,
            )
        },
        {"rule_loosened"},
    ),
    "the port goes": ({"versions": ()}, {"port_gone"}),
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_broken_promise_is_named(name: str) -> None:
    changes, expected = BREAKING[name]

    found = breaking_changes(contracts(), contracts(**changes))

    assert {change.change for change in found} == expected
    assert {change.port for change in found} == {"sales/orders.orders@1"}


HARMLESS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a new column": {"columns": (*COLUMNS, a_column("note", "string"))},
    "a new rule": {"rules": (IN_RANGE, STATES, a_rule("more"))},
    "a narrower range": {
        "rules": (
            a_rule("in_range", check=Check.RANGE, config={"column": "net", "min": 1, "max": 50}),
            STATES,
        )
    },
    "fewer values": {
        "rules": (
            IN_RANGE,
            a_rule("states", check=STATES.check, config={"column": "paid", "values": ["yes"]}),
        )
    },
    "a second version beside the first": {"versions": (1, 2)},
    "a higher version in place of the first": {"versions": (2,)},
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_adds_or_tightens_breaks_nothing(name: str) -> None:
    assert breaking_changes(contracts(), contracts(**HARMLESS[name])) == ()


def test_a_retyped_column_is_fine_under_a_higher_version() -> None:
    changed = contracts(columns=(COLUMNS[0], Column("net", "double"), COLUMNS[2]), versions=(2,))

    assert breaking_changes(contracts(), changed) == ()


def test_consumers_of_a_port_are_named() -> None:
    reader = a_product(
        a_transformation("build_t", inputs=["sales/orders.orders@1"], steps=[Step(StepType.SELECT, ["*"])]),
        landed=[],
        name="report",
    )

    assert consumers("sales/orders.orders@1", [a_port_product(), reader]) == ("sales/report.build_t",)
    assert consumers("sales/orders.orders@2", [reader]) == ()


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"schema": [{"name": "orders", "properties": [{"name": "id", "physicalType": "INT"}]}]}, []),
        ({"schema": [{"name": "other"}]}, ["describes no table"]),
        ("no document", ["describes no table"]),
        (
            {
                "schema": [
                    {
                        "name": "orders",
                        "properties": [
                            {"name": "gone"},
                            {"name": "net", "physicalType": "double"},
                        ],
                    }
                ]
            },
            ["'gone' is promised and not there", "promised as double"],
        ),
    ],
)
def test_a_contract_written_by_hand_is_held_against_the_product(document: Any, says: list[str]) -> None:
    found = unkept_promises(document, contracts()[0])

    assert len(found) == len(says)
    assert all(text in fault for text, fault in zip(says, found, strict=True))
