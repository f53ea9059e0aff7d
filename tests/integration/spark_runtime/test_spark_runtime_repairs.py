"""Rules that repair: the published value, the original beside it, and exact counts, however rows are staged."""

import json
from typing import Any

import pytest

from tests.integration.spark_runtime.workbench import Workbench, counts, rule_counts
from tests.integration.spark_runtime.workbench import rule as any_rule

ROWS = """
    SELECT CAST(id AS int) AS id, code, CAST(amount AS int) AS amount, CAST(day AS date) AS day FROM VALUES
        (1, 'EUR', 10, '2024-01-01'), (2, ' EUR\t', -5, '1970-01-01'), (3, 'Euro "€"', 900, '2024-02-29'),
        (4, CAST(NULL AS string), NULL, NULL), (5, 'it\\'s \\\\ wrong', 20, '2024-03-01')
    AS t(id, code, amount, day)
"""
# Lets every row pass, and forbids a second look.
LOT = any_rule("lot", "expression", expression="rand() >= 0")


def correct(name: str, check: str, repair: Any, **config: Any) -> dict[str, Any]:
    return any_rule(name, check, "correct", repair=repair, **config)


@pytest.fixture
def shop(bench: Workbench) -> Workbench:
    bench.save("orders", ROWS)
    return bench


def corrected(result: dict[str, Any]) -> dict[str, int | None]:
    return {item["name"]: item["rows_corrected"] for item in result["rules"]}


def corrections(shop: Workbench, dataset: str = "built") -> dict[int, list[tuple[str, str, str | None]]]:
    """Return rule, column and original value of every repair, by the row's id."""
    found = {}
    for row, notes in shop.rows(dataset, "id", "_corrections"):
        if notes:
            read = [json.loads(note) for note in notes]
            found[row] = [(note["rule"], note["column"], note["value"]) for note in read]
    return found


@pytest.mark.parametrize(
    ("tested", "column", "values", "refused"),
    [
        (
            correct("r", "accepted_values", "trim", column="code", values=["EUR"]),
            "code",
            {1: "EUR", 2: "EUR", 4: None},
            [3, 5],
        ),
        (
            correct("r", "length", "clamp", column="code", max=3),
            "code",
            {1: "EUR", 2: " EU", 3: "Eur", 4: None, 5: "it'"},
            [],
        ),
        (
            correct("r", "accepted_values", {"replace": {'Euro "€"': "EUR"}}, column="code", values=["EUR"]),
            "code",
            {1: "EUR", 3: "EUR", 4: None},
            [2, 5],
        ),
        (
            correct("r", "not_null", {"default": "it's \\ €"}, columns=["code"]),
            "code",
            {1: "EUR", 2: " EUR\t", 3: 'Euro "€"', 4: "it's \\ €", 5: "it's \\ wrong"},
            [],
        ),
        (
            correct("r", "range", "clamp", column="amount", min=0, max=500),
            "amount",
            {1: 10, 2: 0, 3: 500, 4: None, 5: 20},
            [],
        ),
        (
            correct("r", "range", "clamp", column="amount", min=0),
            "amount",
            {1: 10, 2: 0, 3: 900, 4: None, 5: 20},
            [],
        ),
        (
            correct("r", "range", "to_null", column="amount", max=500, filter="code <> 'EUR'"),
            "amount",
            {1: 10, 2: -5, 3: None, 4: None, 5: 20},
            [],
        ),
        (
            correct("r", "forbidden_values", {"replace": {"-5": 5}}, column="amount", values=[-5, 900]),
            "amount",
            {1: 10, 2: 5, 4: None, 5: 20},
            [3],
        ),
        (
            correct("r", "expression", {"default": 1}, column="amount", expression="amount * 2 < 100"),
            "amount",
            {1: 10, 2: -5, 3: 1, 4: None, 5: 20},
            [],
        ),
        (
            correct("r", "range", "clamp", column="day", min="2024-01-01"),
            "CAST(day AS string)",
            {1: "2024-01-01", 2: "2024-01-01", 3: "2024-02-29", 4: None, 5: "2024-03-01"},
            [],
        ),
    ],
)
def test_what_breaks_a_rule_is_repaired_and_what_no_repair_helps_is_refused(
    shop: Workbench,
    tested: dict[str, Any],
    column: str,
    values: dict[int, Any],
    refused: list[int],
) -> None:
    before = dict(shop.rows("orders", "id", column))

    result = shop.transform(rules=[tested])

    assert result["error"] is None
    assert dict(shop.rows("built", "id", column)) == values
    changed = {at: before[at] for at, value in values.items() if value != before[at]}
    assert {at: notes for at, [(_, _, notes)] in corrections(shop).items()} == {
        at: value if value is None else str(value) for at, value in changed.items()
    }
    assert corrected(result)["r"] == len(changed)
    assert rule_counts(result) == {"r": (3 if tested["filter"] else 5, len(refused))}
    if refused:
        assert [json.loads(row)["id"] for _, _, row in shop.quarantined("built")] == refused


def test_repairs_are_the_same_however_rows_are_staged(shop: Workbench) -> None:
    shop.save(
        "many",
        "SELECT id, concat(' ', id % 7) AS code, CAST(id % 11 - 2 AS int) AS amount FROM range(300)",
    )
    rules = [
        correct("tidy", "accepted_values", "trim", column="code", values=["0", "1", "2", "3", "4"]),
        correct("paid", "range", "clamp", column="amount", min=0, filter="code <> '3'"),
        any_rule("few", "range", "warn", column="amount", max=5),
        any_rule("one_each", "unique", columns=["id"]),
    ]

    sifted = shop.transform(inputs=("many",), rules=rules, dataset="sifted")
    staged = shop.transform(inputs=("many",), rules=[*rules, LOT], dataset="staged")

    assert sifted["error"] is None
    assert counts(sifted) == counts(staged)
    assert rule_counts(sifted) | {"lot": (300, 0)} == rule_counts(staged)
    assert corrected(sifted) | {"lot": None} == corrected(staged)
    assert shop.rows("sifted") == shop.rows("staged")
    assert shop.quarantined("sifted") == shop.quarantined("staged")


def test_a_refused_row_is_told_as_it_came(shop: Workbench) -> None:
    rules = [
        correct("tidy", "accepted_values", "trim", column="code", values=["EUR", 'Euro "€"']),
        any_rule("paid", "range", column="amount", min=0),
    ]

    result = shop.transform(rules=rules)

    assert counts(result) == (5, 3, 2)
    assert rule_counts(result) == {"tidy": (5, 1), "paid": (5, 1)}
    # The second row was repaired in vain.
    assert corrected(result) == {"tidy": 0, "paid": None}
    (_, _, second), (_, reason, _) = shop.quarantined("built")
    assert json.loads(second)["code"] == " EUR\t"
    assert reason == "tidy: code is not an accepted value, and its repair does not help"


def test_repairs_follow_one_another_and_rules_test_what_they_left(shop: Workbench) -> None:
    rules = [
        correct("tidy", "pattern", "trim", column="code", pattern="trimmed"),
        correct("known", "accepted_values", {"replace": {'Euro "€"': "EUR"}}, column="code", values=["EUR"]),
        correct("paid", "not_null", {"default": 0}, columns=["amount"]),
        correct("in_euro", "expression", "to_null", column="amount", expression="code = 'EUR'"),
        any_rule("one_each", "unique", columns=["code", "amount"], severity="warn"),
    ]

    result = shop.transform(rules=rules)

    assert result["error"] is None
    assert corrections(shop) == {
        2: [("tidy", "code", " EUR\t")],
        3: [("known", "code", 'Euro "€"')],
        4: [("paid", "amount", None)],
    }
    assert shop.rows("built", "id", "code", "amount") == [
        (1, "EUR", 10),
        (2, "EUR", -5),
        (3, "EUR", 900),
        (4, None, 0),
    ]
    assert rule_counts(result)["known"] == (5, 1)


def test_an_expression_that_draws_lots_is_asked_once(shop: Workbench) -> None:
    shop.spark.sql("SELECT id, 7L AS amount FROM range(2000)").write.format("delta").save(shop.table("many"))
    lots = correct(
        "lot", "expression", "to_null", column="amount", expression="rand() < 0.5 OR amount IS NULL"
    )

    result = shop.transform(inputs=("many",), rules=[lots])

    # A null passes, and so does a second lot; what is counted is what is in the table.
    published = shop.rows("built", "amount IS NULL", "size(_corrections) = 1")
    assert all(is_null == noted for is_null, noted in published)
    assert corrected(result)["lot"] == sum(noted for _, noted in published)
    assert len(published) == result["rows_published"] == 2000 - result["rows_quarantined"]


def test_what_a_repair_leaves_is_looked_up_and_merged(shop: Workbench) -> None:
    shop.save("currencies", "SELECT 'EUR' AS code")
    rules = [
        correct("tidy", "pattern", "trim", column="code", pattern="trimmed"),
        any_rule("known", "foreign_key", columns=["code"], references="currencies"),
    ]

    result = shop.transform(inputs=("orders", "currencies"), rules=rules, mode="merge", keys=["id"])
    again = shop.transform(inputs=("orders", "currencies"), rules=rules, mode="merge", keys=["id"])

    assert rule_counts(result) == rule_counts(again) == {"tidy": (5, 0), "known": (5, 2)}
    assert corrected(result) == {"tidy": 1, "known": None}
    assert shop.rows("built", "id", "code") == [(1, "EUR"), (2, "EUR"), (4, None)]
    assert corrections(shop) == {2: [("tidy", "code", " EUR\t")]}


def test_landed_rows_are_repaired_before_a_value_must_be_there(bench: Workbench) -> None:
    file = bench.land("a.csv", b"id,code,amount\n1,EUR,5\n2,,7\n3, x ,five\n4,EUR,\n")
    rules = [
        correct("has_code", "not_null", {"default": "?"}, columns=["code"]),
        correct("tidy", "pattern", "trim", column="code", pattern="trimmed"),
        correct("has_amount", "not_null", {"default": 0}, columns=["amount"]),
    ]

    result = bench.ingest("id int; code string not null; amount int not null", file, rules=rules)

    assert counts(result) == (4, 3, 1)
    assert bench.rows("orders", "id", "code", "amount") == [(1, "EUR", 5), (2, "?", 7), (4, "EUR", 0)]
    assert corrections(bench, "orders") == {
        2: [("has_code", "code", None)],
        4: [("has_amount", "amount", None)],
    }
    assert corrected(result) == {"type:amount": None, "has_code": 1, "tidy": 0, "has_amount": 1}
    # What cannot be read reaches no rule, and is told as it stands in the file.
    assert bench.quarantined() == [
        (
            ["type:amount"],
            "type:amount: amount cannot be read as int",
            '{"id":"3","code":" x ","amount":"five"}',
        )
    ]


def test_repaired_rows_count_against_the_limit_of_their_rule(shop: Workbench) -> None:
    limited = correct("r", "range", "clamp", column="amount", min=0, max=500, max_failed_rows=1)

    result = shop.transform(rules=[limited])

    assert result["error"]["code"] == "LF4522"
    assert "r failed for 2 of 5 rows, and 1 may" in result["error"]["message"]


@pytest.mark.parametrize(
    ("tested", "message"),
    [
        (correct("r", "unique", "trim", columns=["code"]), "no single value is wrong"),
        (correct("r", "row_count", "trim", min=1), "no single value is wrong"),
        (correct("r", "not_null", {"default": 2.5}, columns=["amount"]), "2.5 is no value of type int"),
        (correct("r", "range", "trim", column="amount", min=1), "only text is trimmed"),
        (correct("r", "not_null", "clamp", columns=["amount"]), "clamp needs the limits of a range"),
        (correct("r", "not_null", "mend", columns=["amount"]), "repair 'mend' is not trim, clamp"),
        (correct("r", "expression", "to_null", expression="true"), "needs the one column"),
    ],
)
def test_a_repair_that_cannot_be_made_is_refused(
    shop: Workbench, tested: dict[str, Any], message: str
) -> None:
    result = shop.transform(rules=[tested])

    assert result["error"]["code"] == "LF4506"
    assert message in result["error"]["message"]
