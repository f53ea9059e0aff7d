"""Every rule and severity on the real engine, with exact counts."""

from typing import Any

import pytest

from tests.integration.spark_runtime.workbench import Workbench, counts, rule, rule_counts

ROWS = """
    SELECT * FROM VALUES
        (1, 'a', 10, 'x'), (2, 'b', 20, 'x'), (3, 'b', 30, 'y'), (4, CAST(NULL AS string), NULL, 'y'),
        (5, "it's \\\\d", -1, 'z')
    AS t(id, code, amount, region)
"""


@pytest.fixture
def shop(bench: Workbench) -> Workbench:
    bench.save("orders", ROWS)
    return bench


@pytest.mark.parametrize(
    ("tested", "checked", "refused"),
    [
        (rule("r", "not_null", columns=["code", "amount"]), 5, [4]),
        (rule("r", "unique", columns=["code"]), 5, [2, 3]),
        (rule("r", "unique", columns=["code"], keep="first", order_by="amount desc"), 5, [2]),
        (rule("r", "unique", columns=["region", "code"]), 5, []),
        (rule("r", "unique", columns=["region"], filter="id < 4"), 3, [1, 2]),
        (rule("r", "range", column="amount", min=0, max=20), 5, [3, 5]),
        (rule("r", "range", column="amount", min=10.5), 5, [1, 5]),
        (rule("r", "range", column="code", max="a"), 5, [2, 3, 5]),
        (rule("r", "accepted_values", column="code", values=["a", "it's \\d"]), 5, [2, 3]),
        (rule("r", "regex", column="code", pattern="[a-z]"), 5, [5]),
        (rule("r", "regex", column="code", pattern=r"it's \\d|a|b"), 5, []),
        (rule("r", "forbidden_values", column="code", values=["a", "it's \\d"]), 5, [1, 5]),
        (rule("r", "forbidden_values", column="amount", values=[10, -1]), 5, [1, 5]),
        (rule("r", "parseable", column="code", type="int"), 5, [1, 2, 3, 5]),
        (rule("r", "parseable", column="code", type="date", format="dd.MM.yyyy"), 5, [1, 2, 3, 5]),
        (rule("r", "parseable", column="code", type="int", filter="id = 1"), 1, [1]),
        (rule("r", "length", column="code", min=2), 5, [1, 2, 3]),
        (rule("r", "length", column="code", min=1, max=6), 5, [5]),
        (rule("r", "expression", expression="amount % 20 = 10"), 5, [2, 5]),
        (rule("r", "expression", expression="amount > 10", filter="region = 'x'"), 2, [1]),
    ],
)
def test_a_rule_refuses_exactly_its_rows(
    shop: Workbench, tested: dict[str, Any], checked: int, refused: list[int]
) -> None:
    result = shop.transform(rules=[tested])

    assert result["error"] is None
    assert counts(result) == (5, 5 - len(refused), len(refused))
    assert rule_counts(result) == {"r": (checked, len(refused))}
    assert [row[0] for row in shop.rows("built", "id")] == [at for at in range(1, 6) if at not in refused]
    if refused:
        assert all(rules == ["r"] for rules, _, _ in shop.quarantined("built"))
        assert [
            f'"id":{at}' in row for at, (_, _, row) in zip(refused, shop.quarantined("built"), strict=True)
        ]


def test_a_row_names_all_its_rules_and_is_quarantined_once(shop: Workbench) -> None:
    rules = [
        rule("known", "not_null", columns=["code"]),
        rule("has_amount", "not_null", columns=["amount"]),
        rule("few", "unique", columns=["code"]),
        rule("positive", "range", column="amount", min=0),
    ]

    result = shop.transform(rules=rules)

    assert counts(result) == (5, 1, 4)
    assert [rules for rules, _, _ in shop.quarantined("built")] == [
        ["few"],
        ["few"],
        ["known", "has_amount"],
        ["positive"],
    ]
    reasons = {reason for _, reason, _ in shop.quarantined("built")}
    assert "known: code is null; has_amount: amount is null" in reasons
    assert "positive: amount is not at least 0" in reasons


def test_warnings_flag_rows_and_publish_them(shop: Workbench) -> None:
    rules = [
        rule("known", "not_null", "warn", columns=["code"]),
        rule("few", "unique", "warn", columns=["code"]),
        rule("positive", "range", column="amount", min=0),
    ]

    result = shop.transform(rules=rules)

    assert counts(result) == (5, 4, 1)
    assert rule_counts(result) == {"known": (5, 1), "few": (5, 2), "positive": (5, 1)}
    assert shop.rows("built", "id", "_warnings") == [(1, []), (2, ["few"]), (3, ["few"]), (4, ["known"])]


def test_a_quarantined_row_keeps_every_rule_with_its_version(bench: Workbench) -> None:
    file = bench.land("a.csv", b"id,code\n1,a\n2,\nx,c\n")
    known = rule("known", "not_null", columns=["code"])
    rules = [known, rule("low", "range", "warn", column="id", max=1), rule("few", "unique", columns=["id"])]

    result = bench.ingest("id int; code string", file, rules=rules, run_id="r7")

    version = next(item["version"] for item in result["rules"] if item["name"] == "known")
    assert bench.rows(
        "quarantine/orders", "_rules", "_rule_versions", "_warnings", "_line", "_run_id", "_source_file"
    ) == [
        (["known"], [version], ["low"], 3, "r7", file["uri"]),
        (["type:id"], [""], [], 4, "r7", file["uri"]),
    ]


def test_what_no_rule_refused_has_no_version(bench: Workbench) -> None:
    bench.ingest("id int; code string", bench.land("a.csv", b"id,code\n1,a\nx,c\n"))

    assert bench.rows("quarantine/orders", "_rules", "_rule_versions") == [(["type:id"], [""])]


def test_rules_that_mark_rows_may_come_and_go(bench: Workbench) -> None:
    warns = rule("low", "range", "warn", column="id", max=1)
    repairs = rule("high", "range", "correct", column="id", min=0, repair="clamp")

    def ingest(number: int, *rules: dict[str, Any]) -> None:
        file = bench.land(f"{number}.csv", f"id\n{number}\n".encode())
        result = bench.ingest("id int", file, run_id=f"r{number}", rules=rules)
        assert result["error"] is None

    ingest(1)
    ingest(2, warns)
    ingest(3)
    ingest(-4, warns, repairs)

    assert bench.rows("orders", "id", "_warnings", "_corrections") == [
        (0, [], ['{"rule":"high","column":"id","value":"-4"}']),
        (1, None, None),
        (2, ["low"], None),
        (3, [], None),
    ]


def test_a_failing_gate_publishes_nothing(shop: Workbench) -> None:
    shop.transform({"filter": "id = 1"})

    result = shop.transform(
        rules=[rule("few", "unique", "fail", columns=["code"]), rule("known", "not_null", columns=["code"])],
        run_id="r2",
    )

    assert result["status"] == "failed"
    assert (result["error"]["code"], result["error"]["kind"]) == ("LF4521", "quality_gate")
    assert "few refused 2 of 5 rows" in result["error"]["message"]
    assert rule_counts(result) == {"few": (5, 2), "known": (5, 1)}
    assert counts(result) == (5, 0, 0)
    assert shop.rows("built", "id") == [(1,)]


def test_random_verdicts_put_each_row_in_one_place(shop: Workbench) -> None:
    """The expression answers differently each time; the row still goes to exactly one table."""
    shop.spark.range(2000).write.format("delta").mode("overwrite").save(shop.table("many"))

    result = shop.transform(inputs=("many",), rules=[rule("coin", "expression", expression="rand() < 0.5")])

    read, published, quarantined = counts(result)
    assert read == 2000 == published + quarantined
    assert 0 < published < 2000
    kept = {str(row[0]) for row in shop.rows("built")}
    refused = {row.partition(":")[2].rstrip("}") for _, _, row in shop.quarantined("built")}
    assert len(kept) + len(refused) == len(kept | refused) == 2000


def test_more_rules_than_a_number_has_bits(shop: Workbench) -> None:
    rules = [rule(f"not_{number}", "expression", expression=f"amount <> {number}") for number in range(150)]
    rules += [
        rule("again", "expression", expression="amount <> 30"),
        rule("late", "range", column="amount", min=0),
    ]

    result = shop.transform(rules=rules)

    assert counts(result) == (5, 1, 4)
    assert [names for names, _, _ in shop.quarantined("built")] == [
        ["not_10"],
        ["not_20"],
        ["not_30", "again"],
        ["late"],
    ]


def test_wrong_rules_are_all_named(shop: Workbench) -> None:
    rules = [rule("a", "not_null", columns=["nosuch"]), rule("b", "range", column="amount")]

    result = shop.transform(rules=rules)

    assert result["error"]["kind"] == "definition"
    assert "rule 'a': there is no column 'nosuch'" in result["error"]["message"]
    assert "rule 'b': a range needs min, max or both" in result["error"]["message"]


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (
            "email",
            ["a.b+c@x-y.example", "ann@example.com"],
            ["a@b", "a b@c.de", "@c.de", "a@-c.de", "a@c.de\n"],
        ),
        (
            "url",
            ["https://a.example/x?y=1#z", "HTTP://localhost:8080"],
            ["ftp://a.b", "http://", "http://a b", "x"],
        ),
        ("uuid", ["123e4567-e89b-12d3-a456-42661417400F"], ["123e4567e89b12d3a456426614174000", ""]),
        (
            "iso_date",
            ["2024-02-29", "2000-02-29", "1999-12-31"],
            ["2023-02-29", "1900-02-29", "2024-04-31", "24-1-1"],
        ),
        (
            "iso_timestamp",
            ["2024-01-31T23:59:59.5Z", "2024-01-31T00:00+02:00"],
            ["2024-01-31 10:00", "2024-01-31T24:00"],
        ),
        (
            "iban",
            ["DE89370400440532013000"],
            ["DE89 3704 0044 0532 0130 00", "de89370400440532013000", "DE8937"],
        ),
        ("bic", ["DEUTDEFF", "DEUTDEFF500"], ["DEUTDEF", "DEUTDEFF5"]),
        ("ipv4", ["10.0.0.1", "255.10.1.99"], ["256.1.1.1", "1.2.3", "01.2.3.4", "\u0661.2.3.4"]),
        ("phone", ["+4930123456"], ["004930123456", "+0123456789", "+49 30 123456"]),
    ],
)
def test_a_named_pattern_takes_its_form_and_no_other(
    bench: Workbench, pattern: str, good: list[str], bad: list[str]
) -> None:
    bench.spark.createDataFrame([(text,) for text in [*good, *bad, None]], "t string").write.format(
        "delta"
    ).save(bench.table("orders"))

    result = bench.transform(rules=[rule("r", "pattern", column="t", pattern=pattern)])

    assert result["error"] is None
    assert {row[0] for row in bench.rows("built", "t")} == {*good, None}


def test_blank_texts_are_empty_and_null_is_not(bench: Workbench) -> None:
    texts = ["", " ", "\t\n\r \x0b\x0c", "x", " x ", "\u00a0", None, "\x01", "!", " !"]
    rows = [(at, text, "y" if at else None) for at, text in enumerate(texts)]
    bench.spark.createDataFrame(rows, "id int, t string, u string").write.format("delta").save(
        bench.table("orders")
    )

    result = bench.transform(rules=[rule("r", "not_empty", columns=["t", "u"])])

    assert result["error"] is None
    assert [row[0] for row in bench.rows("built", "id")] == [3, 4, 5, 6, 7, 8, 9]


def test_lengths_count_characters(bench: Workbench) -> None:
    texts = ["", "ab", "\U0001f600\U0001f600", "abc", "e\u0301e\u0301", None]
    rows = list(enumerate(texts))
    bench.spark.createDataFrame(rows, "id int, t string").write.format("delta").save(bench.table("orders"))

    bench.transform(rules=[rule("r", "length", column="t", min=1, max=2)])

    assert [row[0] for row in bench.rows("built", "id")] == [1, 2, 5]


def test_rules_about_text_refuse_other_columns(shop: Workbench) -> None:
    result = shop.transform(rules=[rule("r", "length", column="amount", min=1)])

    assert "rule 'r': column 'amount' is int, and length is about text" in result["error"]["message"]


@pytest.mark.parametrize(
    ("tested", "checked", "refused"),
    [
        (rule("r", "foreign_key", columns=["code"], references="codes"), 5, [5]),
        (rule("r", "foreign_key", columns=["region"], references="codes", to=["area"]), 5, [5]),
        (
            rule("r", "foreign_key", columns=["code", "region"], references="codes", to=["code", "area"]),
            5,
            [3, 5],
        ),
        (rule("r", "foreign_key", columns=["id"], references="codes", to=["number"]), 5, [3, 4, 5]),
        (rule("r", "accepted_values", column="code", references="codes"), 5, [5]),
        (rule("r", "accepted_values", column="region", references="codes", to="area"), 5, [5]),
        (rule("r", "forbidden_values", column="code", references="codes"), 5, [1, 2, 3]),
        (rule("r", "forbidden_values", column="id", references="codes", to="number"), 5, [1, 2]),
        (
            rule("r", "foreign_key", filter="id < 5", columns=["region"], references="codes", to=["area"]),
            4,
            [],
        ),
    ],
)
def test_a_foreign_key_refuses_what_the_other_table_has_not(
    shop: Workbench, tested: dict[str, Any], checked: int, refused: list[int]
) -> None:
    """Keys repeat and are null over there; a null here passes."""
    shop.save(
        "codes",
        """SELECT * FROM VALUES ('a', 'x', 1L), ('b', 'x', 2L), ('b', 'x', 2L), ('c', 'y', NULL), (NULL, NULL, NULL)
        AS t(code, area, number)""",
    )

    result = shop.transform(rules=[tested], inputs=("orders", "codes"))

    assert result["error"] is None
    assert counts(result) == (5, 5 - len(refused), len(refused))
    assert rule_counts(result) == {"r": (checked, len(refused))}
    assert [row[0] for row in shop.rows("built", "id")] == [at for at in range(1, 6) if at not in refused]


def test_foreign_keys_stand_beside_other_rules(shop: Workbench) -> None:
    shop.save("codes", "SELECT * FROM VALUES ('a', 'z') AS t(code, area)")
    rules = [
        rule("area", "foreign_key", "warn", columns=["region"], references="codes", to=["area"]),
        rule("few", "unique", columns=["code"]),
        rule("code", "foreign_key", columns=["code"], references="codes"),
        rule("positive", "range", column="amount", min=0),
    ]

    result = shop.transform(rules=rules, inputs=("orders", "codes"))

    assert rule_counts(result) == {"area": (5, 4), "few": (5, 2), "code": (5, 3), "positive": (5, 1)}
    assert shop.rows("built", "id", "_warnings") == [(1, ["area"]), (4, ["area"])]
    reasons = {reason for _, reason, _ in shop.quarantined("built")}
    assert "positive: amount is not at least 0; code: code not found in codes" in reasons


def test_a_foreign_key_on_a_computed_and_converted_column(shop: Workbench) -> None:
    shop.save("numbers", "SELECT * FROM VALUES (10), (30) AS t(amount)")

    result = shop.transform(
        {"derive": {"amount": "cast(amount as string)"}},
        columns="id int; code string; amount int; region string",
        rules=[rule("r", "foreign_key", columns=["amount"], references="numbers")],
        inputs=("orders", "numbers"),
    )

    assert result["error"] is None
    assert [row[0] for row in shop.rows("built", "id")] == [1, 3, 4]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"references": "nosuch"}, "there is no input 'nosuch'"),
        ({"references": "codes", "to": ["nosuch"]}, "there is no column 'nosuch' in codes"),
        ({"references": "codes", "to": ["number"]}, "column 'code' is string and 'number' of codes is int"),
        (
            {"columns": ["id"], "references": "codes", "to": ["day"]},
            "column 'id' is int and 'day' of codes is date",
        ),
    ],
)
def test_a_foreign_key_that_leads_nowhere_is_refused(
    shop: Workbench, config: dict[str, Any], message: str
) -> None:
    shop.save("codes", "SELECT 'a' AS code, 1 AS number, date'1970-01-02' AS day")

    result = shop.transform(
        rules=[rule("r", "foreign_key", **{"columns": ["code"], **config})], inputs=("orders", "codes")
    )

    assert result["error"]["kind"] == "definition"
    assert message in result["error"]["message"]


@pytest.mark.parametrize(
    ("tested", "checked", "failed", "reason"),
    [
        (rule("r", "row_count", "fail", min=5, max=5), 5, 0, ""),
        (rule("r", "row_count", "fail", min=8), 5, 3, "r: 5 rows, where 8 to any are expected"),
        (rule("r", "row_count", "fail", max=4), 5, 1, "r: 5 rows, where 0 to 4 are expected"),
        (
            rule("r", "row_count", "fail", "region = 'y'", min=3),
            2,
            1,
            "r: 2 rows, where 3 to any are expected",
        ),
        (rule("r", "null_share", "fail", column="code", max=0.2), 5, 0, ""),
        (
            rule("r", "null_share", "fail", column="code", max=0.1),
            5,
            1,
            "r: code is null in 20.00% of 5 rows",
        ),
        (rule("r", "null_share", "fail", "region = 'q'", column="code", max=0), 0, 0, ""),
    ],
)
def test_a_rule_on_the_table_lets_all_rows_pass_or_none(
    shop: Workbench, tested: dict[str, Any], checked: int, failed: int, reason: str
) -> None:
    result = shop.transform(rules=[tested])

    assert rule_counts(result) == {"r": (checked, failed)}
    if not failed:
        assert result["error"] is None
        assert counts(result) == (5, 5, 0)
        return
    assert result["error"]["code"] == "LF4521"
    assert reason in result["error"]["message"]
    assert counts(result) == (5, 0, 0)


def test_a_rule_on_the_table_counts_what_is_published(shop: Workbench) -> None:
    rules = [
        rule("known", "not_null", columns=["code"]),
        rule("enough", "row_count", "warn", min=5),
        rule("filled", "null_share", "warn", column="amount", max=0),
    ]

    result = shop.transform(rules=rules)

    assert result["error"] is None
    assert rule_counts(result) == {"known": (5, 1), "enough": (4, 1), "filled": (4, 0)}
    assert counts(result) == (5, 4, 1)


def test_a_landed_table_is_counted_too(bench: Workbench) -> None:
    file = bench.land("orders.csv", b"id,code\n1,a\nx,b\n3,\n")

    result = bench.ingest("id int; code string", file, rules=[rule("r", "row_count", "fail", min=3)])

    assert result["error"]["code"] == "LF4521"
    assert rule_counts(result)["r"] == (2, 1)


def test_a_rule_on_the_table_cannot_quarantine(shop: Workbench) -> None:
    rules = [rule("a", "row_count", min=1), rule("b", "null_share", "warn", column="nosuch", max=0)]

    result = shop.transform(rules=rules)

    assert "rule 'a': row_count is about all rows; its severity is warn or fail" in result["error"]["message"]
    assert "rule 'b': there is no column 'nosuch'" in result["error"]["message"]


def test_a_foreign_key_to_a_table_that_the_steps_join(shop: Workbench) -> None:
    shop.save("codes", "SELECT * FROM VALUES ('a', 'x', 1), ('b', 'q', 2) AS t(code, region, rank)")

    result = shop.transform(
        {"join": {"with": "codes", "on": ["code"], "how": "left", "columns": ["rank"]}},
        rules=[rule("r", "foreign_key", columns=["region", "code"], references="codes")],
        inputs=("orders", "codes"),
    )

    assert result["error"] is None
    assert shop.rows("built", "id", "rank") == [(1, 1), (4, None)]


@pytest.mark.parametrize(
    ("tested", "refused"),
    [
        (rule("r", "range", column="price", min=-5, max=100000), [3, 5]),
        (rule("r", "range", column="price", min=-5.0, max=99999.5), [2, 3, 5]),
        (rule("r", "range", column="narrow", min=-100000, max=1000000000000), []),
        (rule("r", "range", column="wide", min=-10000000000000000000, max=10000000000000000000), [3, 5]),
        (rule("r", "range", column="wide", max=999999999999999999), [2, 3]),
        (rule("r", "accepted_values", column="price", values=[-5, 100000, 0.01, -5.01]), [3]),
    ],
    ids=["whole", "fraction", "wider than the column", "beyond 64 bits", "all of 18 digits", "listed"],
)
def test_bounds_of_decimals_hold_to_the_last_digit(
    bench: Workbench, tested: dict[str, Any], refused: list[int]
) -> None:
    bench.save(
        "prices",
        """SELECT id, CAST(price AS decimal(12,2)) AS price, CAST(id - 3 AS decimal(4,2)) AS narrow,
            CAST(wide AS decimal(38,2)) AS wide
        FROM VALUES (1, '-5.00', '-10000000000000000000.00'), (2, '100000.00', '10000000000000000000.00'),
            (3, '100000.01', '10000000000000000000.01'), (4, '0.01', '999999999999999999.00'),
            (5, '-5.01', '-10000000000000000000.01') AS t(id, price, wide)""",
    )

    result = bench.transform(rules=[tested], inputs=("prices",))

    assert result["error"] is None
    assert rule_counts(result) == {"r": (5, len(refused))}
    assert [row[0] for row in bench.rows("built", "id")] == [at for at in range(1, 6) if at not in refused]


@pytest.mark.parametrize(
    "wrong",
    [
        rule("r", "range", column="day", min=5),
        rule("r", "range", column="day", min="2023-02-29"),
        rule("r", "range", column="code", min=5),
        rule("r", "range", column="flag", max=1),
        rule("r", "accepted_values", column="code", values=[1, 2]),
        rule("r", "accepted_values", column="id", values=["EUR"]),
        rule("r", "accepted_values", column="tags", values=["a"]),
        rule("r", "aggregate", "fail", column="code", measure="max", max=5),
        rule("r", "aggregate", "fail", column="tags", measure="distinct", max=5),
        rule("r", "unique", columns=["tags"]),
        rule("r", "unique", columns=["id"], keep="first", order_by=["day"]),
    ],
    ids=str,
)
def test_what_engines_compare_differently_is_refused(bench: Workbench, wrong: dict[str, Any]) -> None:
    bench.save(
        "orders", "SELECT 1 AS id, 'a' AS code, date'2024-01-01' AS day, true AS flag, map('a', 1) AS tags"
    )

    result = bench.transform(rules=[wrong])

    assert result["error"]["code"] == "LF4506"


def test_a_limit_of_a_decimal_that_is_written_as_text_keeps_its_digits(bench: Workbench) -> None:
    bench.save("orders", "SELECT CAST(x AS decimal(4,2)) AS x FROM VALUES (10.56), (10.57) AS t(x)")

    result = bench.transform(rules=[rule("r", "range", column="x", max="10.567")])

    assert counts(result) == (2, 1, 1)
