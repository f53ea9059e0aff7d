"""Rules on whole tables, limits of rules and the gate of a dataset, on the real engine."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.spark_runtime.workbench import Workbench, counts, rule, rule_counts

SALES = """
    SELECT * FROM VALUES
        (1, 'a', CAST(10.50 AS decimal(10,2)), 9000000000000000000L, 0.5D, DATE'2024-02-29'),
        (2, 'b', CAST(20.00 AS decimal(10,2)), 9000000000000000000L, 1.5D, DATE'2024-01-01'),
        (3, 'b', NULL, NULL, NULL, NULL)
    AS t(id, code, amount, big, ratio, day)
"""


@pytest.fixture
def shop(bench: Workbench) -> Workbench:
    bench.save("orders", SALES)
    return bench


def broken(result: dict[str, Any]) -> str:
    """Return what the one rule of a node says is wrong, empty if nothing is."""
    (found,) = result["rules"]
    assert (found["detail"] is None) == (found["rows_failed"] == 0)
    return found["detail"] or ""


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"column": "amount", "measure": "sum", "min": 30.5, "max": 30.5}, ""),
        ({"column": "amount", "measure": "sum", "min": 30.51}, "sum of amount is 30.50, where 30.51 to any"),
        ({"column": "id", "measure": "avg", "min": 2, "max": 2}, ""),
        ({"column": "id", "measure": "avg", "max": 1.9}, "avg of id is 2.0, where any to 1.9"),
        ({"column": "code", "measure": "distinct", "min": 2, "max": 2}, ""),
        ({"column": "code", "measure": "distinct", "min": 3}, "distinct of code is 2, where 3 to any"),
        ({"column": "day", "measure": "max", "min": "2024-02-29", "max": "2024-02-29"}, ""),
        (
            {"column": "day", "measure": "min", "min": "2024-01-02"},
            "min of day is 2024-01-01, where 2024-01-02",
        ),
        ({"column": "code", "measure": "max", "max": "a"}, "max of code is b"),
        ({"column": "ratio", "measure": "sum", "max": 1.9}, "sum of ratio is 2.0"),
        # Two sums that are beyond 64 bits: they must not wrap around.
        ({"column": "big", "measure": "sum", "min": 18000000000000000000}, ""),
        ({"column": "big", "measure": "sum", "max": 0}, "sum of big is 18000000000000000000"),
    ],
)
def test_bounds_of_an_aggregate(shop: Workbench, config: dict[str, Any], told: str) -> None:
    result = shop.transform(rules=[rule("r", "aggregate", "warn", **config)])

    assert result["error"] is None
    assert counts(result) == (3, 3, 0)
    assert broken(result).startswith(told)
    assert rule_counts(result) == {"r": (3, 3 if told else 0)}


def test_an_aggregate_without_values_passes(shop: Workbench) -> None:
    tested = rule("r", "aggregate", "fail", filter="id = 3", column="amount", measure="sum", min=1)

    result = shop.transform(rules=[tested])

    assert result["error"] is None
    assert rule_counts(result) == {"r": (1, 0)}


@pytest.mark.parametrize("kind", ["timestamp", "timestamp_ntz"])
def test_the_newest_value_must_be_young_enough(bench: Workbench, kind: str) -> None:
    newest = datetime.now(UTC) - timedelta(hours=3)
    texts = [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (newest, newest - timedelta(days=9))]
    rows = bench.spark.createDataFrame([(text,) for text in texts], "text string")
    moments = rows.selectExpr(f"CAST(text AS {kind}) AS at")
    moments.write.format("delta").save(bench.table("orders"))
    rules = [
        rule("young", "freshness", "warn", column="at", max_age_s=4 * 3600),
        rule("younger", "freshness", "fail", column="at", max_age_s=3600),
    ]

    result = bench.transform(rules=rules)

    assert result["error"]["code"] == "LF4521"
    assert "younger: the newest at is 3:00:" in result["error"]["message"]
    assert rule_counts(result) == {"young": (2, 0), "younger": (2, 2)}


def test_a_table_without_moments_is_not_fresh(shop: Workbench) -> None:
    tested = rule("r", "freshness", "fail", filter="id = 3", column="day", max_age_s=1e12)

    assert "r: day has no value" in shop.transform(rules=[tested])["error"]["message"]


@pytest.mark.parametrize(
    ("former", "config", "failed"),
    [
        ([], {"max_change": 0.1}, 0),
        ([3, 3, 90], {"max_change": 0.0001}, 0),
        ([4, 4, 4], {"max_change": 0.25}, 0),
        ([5, 5, 5], {"max_change": 0.25}, 2),
        ([2, 2], {"max_change": 0.4}, 1),
        ([5, 3, 3], {"max_change": 0.1, "former_runs": 1}, 2),
        ([0, 0], {"max_change": 0.1}, 0),
    ],
)
def test_a_count_may_differ_so_much_from_former_runs(
    shop: Workbench, former: list[int], config: dict[str, Any], failed: int
) -> None:
    result = shop.transform(rules=[rule("r", "row_count", "warn", **config)], former_rows=former)

    assert rule_counts(result) == {"r": (3, failed)}


def test_everything_that_stops_a_node_is_named(shop: Workbench) -> None:
    rules = [
        rule("usual", "row_count", "fail", max_change=0.25),
        rule("enough", "row_count", "fail", min=10),
        rule("young", "freshness", "fail", column="at", max_age_s=1),
        rule("paid", "not_null", "fail", columns=["amount"]),
        rule("few", "not_null", "warn", columns=["amount"], max_failed_rows=0),
    ]

    result = shop.transform(
        {"derive": {"at": "timestamp'2020-01-01 00:00:00'"}}, rules=rules, former_rows=[8]
    )

    stops = {stop["rule"]: (stop["setting"], stop["found"], stop["allowed"]) for stop in result["stopped_by"]}
    assert result["error"]["code"] == "LF4521"
    assert stops == {
        "usual": ("max_change", 0.75, 0.25),
        "enough": ("min", 2, 10),
        "young": ("severity", None, None),
        "paid": ("severity", 1, 0),
        "few": ("max_failed_rows", 1, 0),
    }


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"total": "sum(amount)"}, "sum(amount) is 30.50, and 30.40 in before"),
        ({"total": "sum(amount)", "tolerance": 0.1}, ""),
        ({"total": "sum(amount)", "of": "sum(amount) + max(bonus)"}, ""),
        ({"total": "count(*)", "of": "max(rows)"}, ""),
        ({"total": "count(*)"}, "count(*) is 3, and 2 in before"),
        ({"total": "count(distinct code)"}, ""),
    ],
)
def test_totals_must_be_those_of_another_table(shop: Workbench, config: dict[str, Any], told: str) -> None:
    shop.save(
        "before",
        """SELECT * FROM VALUES
            ('a', CAST(30.40 AS decimal(10,2)), CAST(0.10 AS decimal(10,2)), 3), ('c', NULL, NULL, 2)
        AS t(code, amount, bonus, rows)""",
    )
    tested = rule("r", "equal_totals", "warn", references="before", **config)

    assert broken(shop.transform(rules=[tested], inputs=("orders", "before"))) == told


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"total": "count(*)", "min": 3, "max": 3}, ""),
        ({"total": "count(*)", "above": 3}, "count(*) is 3, where more than 3 is expected"),
        ({"total": "count(*)", "below": 3}, "count(*) is 3, where less than 3"),
        ({"total": "count(*)", "other_than": 3}, "count(*) is 3, where anything but 3"),
        ({"total": "count(*)", "outside": [1, 3]}, "count(*) is 3, where less than 1 or more than 3"),
        ({"total": "count(*)", "outside": [4, 9]}, ""),
        ({"total": "sum(amount)", "min": 30.5, "max": 30.5}, ""),
        ({"total": "sum(amount)", "below": 30.5}, "sum(amount) is 30.50, where less than 30.5"),
        ({"total": "sum(ratio)", "min": 2, "max": 2}, ""),
        # Without a value there is nothing to be outside of the limits.
        ({"total": "sum(amount)", "min": 1000, "filter": "id = 3"}, ""),
        ({"total": "count(CASE WHEN amount IS NULL THEN 1 END)", "min": 0, "max": 0}, "is 1, where 0 is"),
        ({"total": "100 * avg(CASE WHEN amount IS NULL THEN 1 ELSE 0 END)", "below": 33}, "is 33.3333"),
        ({"total": "100 * avg(CASE WHEN amount IS NULL THEN 1 ELSE 0 END)", "below": 34}, ""),
        ({"total": "count(code) - count(DISTINCT code)", "max": 0}, "is 1, where at most 0"),
        ({"total": "100 * (count(code) - count(DISTINCT code)) / nullif(count(*), 0)", "max": 34}, ""),
        (
            {
                "total": "count(CASE WHEN code IS NOT NULL AND day IS NOT NULL THEN 1 END)"
                " - count(DISTINCT code, day)",
                "max": 0,
            },
            "",
        ),
    ],
)
def test_a_total_is_held_against_its_limits(shop: Workbench, config: dict[str, Any], told: str) -> None:
    said = broken(shop.transform(rules=[rule("r", "total", "warn", **config)]))

    assert told in said
    assert bool(said) == bool(told)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"total": "max(code)", "max": 1}, "rule 'r': max(code) is no number"),
        ({"total": "count(*)"}, "rule 'r': total needs min, max"),
        ({"total": "count(*)", "outside": [1]}, "rule 'r': total needs min, max"),
        ({"max": 1}, "rule 'r': total needs an aggregate"),
    ],
)
def test_a_total_that_is_no_number_or_has_no_limit_is_refused(
    shop: Workbench, config: dict[str, Any], told: str
) -> None:
    result = shop.transform(rules=[rule("r", "total", "warn", **config)])

    assert told in result["error"]["message"]
    assert result["output"] is None


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"columns": {"id": "int", "Amount": "decimal(10,2)"}}, ""),
        (
            {"columns": {"id": "bigint", "nosuch": "int"}},
            "there is no column 'nosuch'; 'id' is int, not bigint",
        ),
        ({"columns": {"id": "int"}, "extra": False}, "'code' is not expected"),
    ],
)
def test_a_schema_lists_columns_and_types(shop: Workbench, config: dict[str, Any], told: str) -> None:
    assert broken(shop.transform(rules=[rule("r", "schema", "warn", **config)])).startswith(told)


@pytest.mark.parametrize(
    ("limits", "stopped"),
    [
        ({"max_failed_rows": 1}, ""),
        ({"max_failed_rows": 0}, "r failed for 1 of 3 rows, and 0 may"),
        ({"max_failed_share": 0.34}, ""),
        ({"max_failed_share": 0.33}, "r failed for 1 of 3 rows (33.33%), and 33.00% may"),
    ],
)
@pytest.mark.parametrize("severity", ["warn", "quarantine"])
def test_a_rule_may_fail_so_often(
    shop: Workbench, severity: str, limits: dict[str, Any], stopped: str
) -> None:
    result = shop.transform(rules=[rule("r", "not_null", severity, columns=["amount"], **limits)])

    assert rule_counts(result) == {"r": (3, 1)}
    if not stopped:
        assert result["error"] is None
        return
    assert (result["error"]["code"], result["error"]["kind"]) == ("LF4522", "quality_gate")
    assert stopped in result["error"]["message"]
    ((setting, allowed),) = limits.items()
    found = 1 if setting == "max_failed_rows" else 1 / 3
    assert result["stopped_by"] == [
        {"rule": "r", "setting": setting, "found": found, "allowed": allowed, "message": stopped}
    ]
    assert counts(result) == (3, 0, 0)


@pytest.mark.parametrize(("most", "passes"), [(0.34, True), (0.33, False), (0, False)])
def test_so_much_of_a_dataset_may_be_refused(shop: Workbench, most: float, passes: bool) -> None:
    result = shop.transform(rules=[rule("r", "not_null", columns=["amount"])], max_quarantined_share=most)

    assert (result["error"] is None) == passes
    if not passes:
        assert result["error"]["code"] == "LF4522"
        assert "1 of 3 rows were refused (33.33%)" in result["error"]["message"]
        (stop,) = result["stopped_by"]
        assert (stop["rule"], stop["setting"]) == (None, "max_quarantined_share")
        assert (stop["found"], stop["allowed"]) == (1 / 3, most)


def test_the_gate_counts_what_cannot_be_read(bench: Workbench) -> None:
    file = bench.land("orders.csv", b"id,code\n1,a\nx,b\n3,c,d\n")

    result = bench.ingest("id int; code string", file, max_quarantined_share=0.5)

    assert "2 of 3 rows were refused" in result["error"]["message"]


def test_results_name_keys_and_no_other_values(shop: Workbench) -> None:
    rules = [
        rule("one_each", "unique", columns=["id"]),
        rule("paid", "not_null", columns=["amount"]),
        rule("never", "expression", "warn", expression="code = 'secret'"),
    ]

    found = {item["name"]: item for item in shop.transform(rules=rules)["rules"]}

    assert found["paid"]["samples"] == ["id=3"]
    assert found["never"]["samples"] == ["id=1", "id=2", "id=3"]
    assert found["one_each"]["samples"] == []
    assert all(len(item["version"]) == 12 and item["seconds"] > 0 for item in found.values())
    assert len({item["version"] for item in found.values()}) == 3


def test_samples_are_few_however_many_rows_fail(bench: Workbench) -> None:
    bench.save("orders", "SELECT id, 1 AS part FROM range(1000)")
    rules = [rule("few", "range", column="id", max=-1), rule("key", "unique", columns=["part", "id"])]

    result = bench.transform(rules=rules)

    assert counts(result) == (1000, 0, 1000)
    assert len(result["rules"][0]["samples"]) == 5
    assert all(text.startswith("part=1, id=") for text in result["rules"][0]["samples"])
